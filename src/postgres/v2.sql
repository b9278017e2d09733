-- What was told of accounts, each thing once, whichever node noticed it: its id says what it is. Kept for as long as it could
-- be noticed again. Times are microseconds since 1970 UTC.
CREATE TABLE weir.alert (
    id      text PRIMARY KEY,
    account text NOT NULL,
    made    bigint NOT NULL,
    until   bigint, -- when it cannot be noticed again; NULL: it always can
    body    text NOT NULL -- the JSON that is sent
);

-- Who is to be told, and how that goes.
CREATE TABLE weir.delivery (
    alert text NOT NULL REFERENCES weir.alert (id) ON DELETE CASCADE,
    hook  text NOT NULL, -- its name in the configuration
    tries bigint NOT NULL DEFAULT 0,
    due   bigint, -- when the next try is; NULL: it is over
    ended bigint, -- when it was over
    PRIMARY KEY (alert, hook)
);
CREATE INDEX delivery_due ON weir.delivery (due) WHERE due IS NOT NULL;
