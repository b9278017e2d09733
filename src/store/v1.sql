-- Accounts, with the end of each one's record: an entry cut off there is noticed.
CREATE TABLE account (
    id        INTEGER PRIMARY KEY,
    name      TEXT NOT NULL UNIQUE,
    head_seq  INTEGER NOT NULL,
    head_hash BLOB NOT NULL,
    open      INTEGER NOT NULL -- holds that have not ended
) STRICT;

-- The record. Amounts are picodollars: whole numbers, or text of digits beyond 9.2 million USD.
-- The recipe of the hash is in docs/ledger-format.md; prev_hash is the hash of the entry before.
CREATE TABLE entry (
    key     INTEGER PRIMARY KEY, -- account × 2^40 + seq: one tree, in which each account's entries lie together
    account INTEGER GENERATED ALWAYS AS (key >> 40) VIRTUAL,
    seq     INTEGER GENERATED ALWAYS AS (key & 1099511627775) VIRTUAL,
    time    INTEGER NOT NULL, -- microseconds since 1970
    kind    TEXT NOT NULL,
    op_id   TEXT NOT NULL,
    amount  ANY NOT NULL,
    granted ANY NOT NULL,
    settled ANY NOT NULL,
    held    ANY NOT NULL,
    detail  TEXT NOT NULL,
    hash    BLOB NOT NULL
) STRICT;

-- What was done, once each. The id comes first: ids that begin with the time are then appended, whatever the account.
CREATE UNIQUE INDEX entry_done ON entry (op_id, account) WHERE kind NOT IN ('hold', 'extend');

-- Where accounts stood at some entry, to be taken up from there. Derived: it may be deleted at any time.
CREATE TABLE tally (
    account INTEGER PRIMARY KEY,
    seq     INTEGER NOT NULL,
    state   TEXT NOT NULL
) STRICT;

-- For people. Floating point; never for a bill.
CREATE VIEW ledger AS
SELECT account.name AS account, entry.seq, strftime('%Y-%m-%dT%H:%M:%fZ', entry.time / 1e6, 'unixepoch') AS time,
       entry.kind, entry.op_id, entry.amount / 1e12 AS usd, (entry.granted - entry.settled) / 1e12 AS balance_usd,
       (entry.granted - entry.settled - entry.held) / 1e12 AS available_usd, entry.detail
FROM entry JOIN account ON account.id = entry.account;
