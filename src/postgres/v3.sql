-- Managed keys, of all nodes. Never a key itself: its SHA-256 and a hint. Times are microseconds since 1970 UTC.
CREATE TABLE weir.managed_key (
    id           text PRIMARY KEY,
    version      bigint NOT NULL, -- of the directory, when this was changed last
    digest       bytea NOT NULL UNIQUE,
    hint         text NOT NULL,
    name         text NOT NULL,
    account      text NOT NULL,
    user_name    text,
    plan         text,
    created      bigint NOT NULL,
    expires      bigint,
    disabled     boolean NOT NULL,
    used         bigint, -- to the minute, and late
    former       bytea[] NOT NULL, -- secrets that were replaced and hold on for a while
    former_hint  text[] NOT NULL,
    former_until bigint[] NOT NULL
);
CREATE INDEX managed_key_version ON weir.managed_key (version);

-- One row: what is changed is changed behind its lock, so whoever sees a version sees all that was changed up to it.
CREATE TABLE weir.directory (
    one     boolean PRIMARY KEY DEFAULT true CHECK (one),
    version bigint NOT NULL
);
INSERT INTO weir.directory (version) VALUES (0);
