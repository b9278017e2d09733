-- How far the journal beside the database is folded into it.
CREATE TABLE journal (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    store    INTEGER NOT NULL, -- this database's number, so that its journal is known
    epoch    INTEGER NOT NULL, -- counted up whenever weir opens it; what the journal holds of earlier ones is folded
    position INTEGER NOT NULL, -- how many entries the accounts have together
    open     INTEGER NOT NULL  -- 1 while weir has it: then the journal may hold more
) STRICT;

INSERT INTO journal (id, store, epoch, position, open)
SELECT 1, random(), 0, coalesce(sum(head_seq), 0), 0 FROM account;
