-- How many of a variant one checkout can order; null: as many as there are.
ALTER TABLE variant ADD COLUMN max_per_order bigint;
ALTER TABLE variant ADD CONSTRAINT variant_max_per_order_check CHECK (max_per_order > 0) NOT VALID;
