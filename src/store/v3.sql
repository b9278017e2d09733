-- The record, as pages: so many entries of an account in one row as came together, one behind the other, as they are hashed.
-- docs/ledger-format.md has the layout to the byte. Rows are only ever added.
CREATE TABLE IF NOT EXISTS page (
    key     INTEGER PRIMARY KEY, -- account × 2^40 + seq of the first entry: one tree, each account's pages in order
    time    INTEGER NOT NULL, -- of the first entry, microseconds since 1970
    entries BLOB NOT NULL
) STRICT;

-- Where to look for an id. Derived from the pages.
CREATE TABLE IF NOT EXISTS known (
    key    INTEGER PRIMARY KEY, -- what the id begins with, or its hash
    places BLOB NOT NULL -- for each entry that is not a hold: four bytes of the id, eight of account × 2^40 + seq
) STRICT;

-- Version 2 had a row for each entry.
DROP VIEW ledger;
DROP TABLE entry;
