-- What all nodes count against limits, and what each of them has of it: a JSON document for each counter. Whoever counts has
-- the row locked.
CREATE TABLE weir.meter (
    name    bytea PRIMARY KEY, -- SHA-256 of whose limit it is
    state   text NOT NULL DEFAULT '',
    idle_at bigint NOT NULL DEFAULT 0 -- from then on it is as good as new; microseconds since 1970 UTC, by this database's clock
) WITH (fillfactor = 50);
