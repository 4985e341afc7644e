-- The freshness meter needs to know how old a change is, at most: a row is no older than its insertion, while now() is
-- when its transaction began.
ALTER TABLE outbox ALTER COLUMN created_at SET DEFAULT clock_timestamp();
