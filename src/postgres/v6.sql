-- Slices of the balance that nodes hold requests against without asking: a JSON document, empty for none. Set aside behind the
-- account's lock.
ALTER TABLE weir.account ADD COLUMN slices text NOT NULL DEFAULT '';
