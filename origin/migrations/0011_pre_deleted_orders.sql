-- A deleted order is not shown to anybody; its number, its units and its payments stay in the books.
ALTER TABLE sales_order ADD COLUMN deleted_at timestamptz;
