-- What was told of accounts, each thing once: its id says what it is. Kept for as long as it could be noticed again.
CREATE TABLE alert (
    id      TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    made    INTEGER NOT NULL, -- microseconds since 1970, as all times
    until   INTEGER, -- when it cannot be noticed again; NULL: it always can
    body    TEXT NOT NULL -- the JSON that is sent
) STRICT, WITHOUT ROWID;

-- Who is to be told, and how that goes.
CREATE TABLE delivery (
    alert TEXT NOT NULL,
    hook  TEXT NOT NULL, -- its name in the configuration
    tries INTEGER NOT NULL DEFAULT 0,
    due   INTEGER, -- when the next try is; NULL: it is over
    ended INTEGER, -- when it was over
    PRIMARY KEY (alert, hook)
) STRICT, WITHOUT ROWID;
CREATE INDEX delivery_due ON delivery (due) WHERE due IS NOT NULL;
