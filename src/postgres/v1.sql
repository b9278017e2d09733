-- Accounts, with the end of each one's record. Whoever writes to a record has this row locked.
CREATE TABLE weir.account (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name      text NOT NULL UNIQUE,
    head_seq  bigint NOT NULL DEFAULT 0,
    head_hash bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex')
) WITH (fillfactor = 60);

-- The record. Rows are only ever added. Amounts are picodollars, times microseconds since 1970 UTC; the recipe of the hash
-- is in docs/ledger-format.md.
CREATE TABLE weir.entry (
    account   bigint NOT NULL,
    seq       bigint NOT NULL,
    time      bigint NOT NULL,
    kind      text NOT NULL,
    op_id     text NOT NULL,
    amount    numeric NOT NULL,
    granted   numeric NOT NULL,
    settled   numeric NOT NULL,
    held      numeric NOT NULL,
    detail    text NOT NULL,
    prev_hash bytea NOT NULL,
    hash      bytea NOT NULL,
    PRIMARY KEY (account, seq)
);

-- Of an id there is one hold and one end at most, whatever anybody believes. Finds an id's entries as well.
CREATE UNIQUE INDEX entry_once ON weir.entry
    (account, op_id, (CASE kind WHEN 'hold' THEN 0 WHEN 'extend' THEN seq ELSE -1 END));

-- Nothing that was written is changed or taken back, by accident at least.
CREATE FUNCTION weir.append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'entries of the ledger are never changed or removed';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON weir.entry
    FOR EACH STATEMENT EXECUTE FUNCTION weir.append_only();

-- Where accounts stood at some entry, to be taken up from there. Derived.
CREATE TABLE weir.tally (
    account bigint PRIMARY KEY,
    seq     bigint NOT NULL,
    state   text NOT NULL
);

-- Holds that have not ended, and the node that answers for each. Derived.
CREATE TABLE weir.open_hold (
    account     bigint NOT NULL,
    op_id       text NOT NULL,
    node        text NOT NULL,
    lease_until bigint NOT NULL,
    PRIMARY KEY (account, op_id)
);
CREATE INDEX open_hold_of ON weir.open_hold (node, lease_until);

-- Nodes, and when each was heard of last, by this database's clock.
CREATE TABLE weir.node (
    id    text PRIMARY KEY,
    heard timestamptz NOT NULL
);

-- Up to which entry of an account the roll-up below is.
CREATE TABLE weir.rolled (
    account bigint PRIMARY KEY,
    seq     bigint NOT NULL
);

-- What was used, by the hour in which it was settled: the lines of ended requests, added up. Derived.
CREATE TABLE weir.usage_hour (
    hour      timestamptz NOT NULL,
    account   bigint NOT NULL,
    provider  text NOT NULL,
    model     text NOT NULL,
    key       text NOT NULL,  -- as budgets name it; empty where no budget of a key applied
    tags      text NOT NULL,  -- canonical JSON, or empty
    tags_hash bytea NOT NULL, -- SHA-256 of it: an index has no room for long ones
    requests  bigint NOT NULL, -- each counted with its last line
    calls     bigint NOT NULL, -- lines
    usage     jsonb NOT NULL,  -- by bucket, those that are not zero
    amount    numeric NOT NULL, -- picodollars
    PRIMARY KEY (hour, account, provider, model, key, tags_hash)
);

-- For people. Never for a bill.
CREATE VIEW weir.ledger AS
SELECT account.name AS account, entry.seq, to_timestamp(entry.time / 1e6) AS time, entry.kind, entry.op_id,
       entry.amount / 1e12 AS usd, (entry.granted - entry.settled) / 1e12 AS balance_usd,
       (entry.granted - entry.settled - entry.held) / 1e12 AS available_usd, entry.detail
FROM weir.entry JOIN weir.account ON account.id = entry.account;
