-- Answers under idempotency keys, of all nodes, and who is just making one. Content, not books: it can be emptied at any time, and
-- keys are new then.
CREATE SEQUENCE weir.answer_turn;
CREATE TABLE weir.answer (
    name    bytea PRIMARY KEY, -- SHA-256 of whose key it is and the key
    turn    bigint NOT NULL,   -- of who is making it; then the order in which answers came
    request bytea NOT NULL,    -- SHA-256 of what was asked
    until   timestamptz NOT NULL, -- by this database's clock: then it counts for nothing
    size    bigint NOT NULL DEFAULT 0,
    answer  bytea -- NULL: it is being made
);
CREATE INDEX answer_until ON weir.answer (until);
CREATE INDEX answer_by_turn ON weir.answer (turn, size) WHERE answer IS NOT NULL;
