-- Keys that were made while weir ran. Of a secret there is its digest and what a person tells it by, nothing else.
CREATE TABLE managed_key (
    id       TEXT PRIMARY KEY,
    digest   BLOB NOT NULL UNIQUE, -- SHA-256
    hint     TEXT NOT NULL,
    name     TEXT NOT NULL,
    account  TEXT NOT NULL,
    user     TEXT,
    plan     TEXT,
    created  INTEGER NOT NULL, -- microseconds since 1970, as all times
    expires  INTEGER,
    disabled INTEGER NOT NULL,
    used     INTEGER -- to the minute, and late
) STRICT, WITHOUT ROWID;

-- Secrets that were replaced and hold on for a while.
CREATE TABLE former_secret (
    digest BLOB PRIMARY KEY,
    key    TEXT NOT NULL,
    hint   TEXT NOT NULL,
    until  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX former_secret_of ON former_secret (key);
