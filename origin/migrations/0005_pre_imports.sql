-- An import that makes its process die each time must end some day: counted when it is taken up, forgotten when it gets on.
ALTER TABLE product_import ADD COLUMN attempts integer NOT NULL DEFAULT 0;

-- A file that is read once, as a whole, and then cleared is not worth compressing row by row.
ALTER TABLE product_import ALTER COLUMN body SET STORAGE EXTERNAL;

-- Known as soon as the file has been read through once, before anything of it is written; progress is measured by it.
ALTER TABLE product_import ADD COLUMN rows_total bigint;
