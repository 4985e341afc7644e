"""The tables of the database and how each is kept apart by tenant.

Row-level security, export, import, erasure and distribution go by this list, and a test compares it with the catalog.
"""

TENANT_TABLES: tuple[str, ...] = (
    # Parents before children: an import fills them in this order, an erasure empties them in reverse.
    "shop",
    "counter",
    "asset",
    "product",
    "product_option",
    "product_image",
    "inventory_item",
    "variant",
    "collection",
    "collect",
    "static_page",
    "location",
    "inventory_level",
    "customer",
    "sales_order",
    "order_line",
    "reservation",
    "checkout_attempt",
    "refund",
    "refund_line",
    "fulfillment",
    "fulfillment_line",
    "payment",
    "notice",
    "product_import",
)

# The directory and the outbox: several roles, each with a policy of its own, written out in 0001_pre_directory.sql.
SHARED_TABLES: tuple[str, ...] = ("store", "host", "access_token", "outbox", "deadline")

CURRENT_STORE = "nullif(current_setting('app.store_id', true), '')::bigint"


def isolation_sql(table: str) -> str:
    """Makes `table` visible to one tenant at a time, its owner included. Can be run again."""
    return f"""
        ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
        ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
        DROP POLICY IF EXISTS tenant ON {table};
        CREATE POLICY tenant ON {table}
            USING (store_id = {CURRENT_STORE}) WITH CHECK (store_id = {CURRENT_STORE});
        GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO stoa_app;
    """
