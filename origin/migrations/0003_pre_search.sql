-- Product search. Full-text operators are not leakproof, so row-level security would keep them off their index; this
-- one function runs as a role that policies do not bind and takes the tenant from app.store_id itself, as a policy would.
CREATE EXTENSION IF NOT EXISTS btree_gin;

CREATE INDEX product_search ON product USING gin (store_id, search_text);

CREATE FUNCTION search_products(words text, row_limit integer)
RETURNS TABLE (product_id bigint, rank real)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $$
    -- Every word must occur; the last one may be the beginning of a word, as it is while somebody types.
    WITH query AS (
        SELECT CASE WHEN numnode(plain) > 0 THEN (plain::text || ':*')::tsquery ELSE plain END AS wanted
        FROM plainto_tsquery('simple', words) AS plain
    )
    SELECT product.id, ts_rank(product.search_text, query.wanted)
    FROM product, query
    WHERE product.store_id = nullif(current_setting('app.store_id', true), '')::bigint
      AND product.search_text @@ query.wanted
      AND product.status = 'active'
      AND product.published_at <= now()
    ORDER BY 2 DESC, 1
    LIMIT least(row_limit, 1000)
$$;
REVOKE ALL ON FUNCTION search_products FROM PUBLIC;
GRANT EXECUTE ON FUNCTION search_products TO stoa_app;
