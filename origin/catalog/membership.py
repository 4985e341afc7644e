"""Which products are in which collections. A smart collection's members are rows too, made here from its rules.

Product changes hold the shop's rules shared and rule changes hold them alone, until the transaction ends: 1. A retags
a product under the old rules; 2. B changes the rules over the old tags; 3. neither sees the other, and the product is
left out of a collection whose rules it satisfies.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from contracts.tenant import StoreId
from origin.db import Tx

# Facts are what rules are about, one row each; a product has several of some kinds (tags, variants). A rule holds if
# one fact satisfies it; its negation, if none does. Texts compare without regard to case.
# Of a big shop among small ones PostgreSQL expects a row or two, and would read all its rows again for each product: so
# each table is narrowed to the products by itself and not only by the join, and sets are compared by grouping them.
_FACTS = """
    SELECT id AS product_id, 'title' AS name, lower(title) AS text, NULL::numeric AS number FROM chosen
    UNION ALL SELECT id, 'type', lower(product_type), NULL FROM chosen
    UNION ALL SELECT id, 'vendor', lower(vendor), NULL FROM chosen
    UNION ALL SELECT id, 'tag', lower(tag), NULL FROM chosen, unnest(tags) AS tag
    UNION ALL SELECT variant.product_id, fact.name, lower(fact.text), fact.number
    FROM variant
    CROSS JOIN LATERAL (
        VALUES ('variant_title', variant.title, NULL::numeric),
               ('variant_price', NULL, variant.price_minor),
               ('variant_compare_at_price', NULL, variant.compare_at_minor),
               ('variant_weight', NULL, variant.grams),
               ('variant_inventory', NULL, (
                   SELECT coalesce(sum(available), 0) FROM inventory_level AS level
                   WHERE level.store_id = %(store_id)s AND level.inventory_item_id = variant.inventory_item_id))
    ) AS fact (name, text, number)
    WHERE variant.store_id = %(store_id)s AND {of_variant}
"""

_VERDICTS = """
    SELECT collection_id, is_disjunctive, product_id, n, is_negated <> bool_or(is_met) AS holds
    FROM (
        SELECT rule.collection_id, is_disjunctive, n, is_negated, chosen.id AS product_id, false AS is_met
        FROM rule CROSS JOIN chosen
        UNION ALL
        SELECT rule.collection_id, is_disjunctive, n, is_negated, fact.product_id, coalesce(
               CASE rule.relation
                   WHEN 'equals' THEN coalesce(fact.number = rule.number, fact.text = rule.text)
                   WHEN 'greater_than' THEN fact.number > rule.number
                   WHEN 'less_than' THEN fact.number < rule.number
                   WHEN 'starts_with' THEN starts_with(fact.text, rule.text)
                   WHEN 'ends_with' THEN right(fact.text, length(rule.text)) = rule.text
                   WHEN 'contains' THEN strpos(fact.text, rule.text) > 0
               END, false)
        FROM rule JOIN fact ON fact.name = rule.name
    ) AS tried
    GROUP BY collection_id, is_disjunctive, product_id, n, is_negated
"""

_EVALUATE = f"""
    WITH chosen AS (
        SELECT id, title, product_type, vendor, tags FROM product WHERE store_id = %(store_id)s AND {{of_product}}
    ),
    rule AS (
        SELECT collection.id AS collection_id, is_disjunctive, written.n, written.rule->>'column' AS name,
               replace(written.rule->>'relation', 'not_', '') AS relation,
               starts_with(written.rule->>'relation', 'not_') AS is_negated,
               lower(written.rule->>'condition') AS text, (written.rule->>'number')::numeric AS number
        FROM collection CROSS JOIN LATERAL jsonb_array_elements(rules) WITH ORDINALITY AS written (rule, n)
        WHERE store_id = %(store_id)s AND kind = 'smart' AND {{of_collection}}
    ),
    fact AS ({_FACTS}),
    verdict AS ({_VERDICTS}),
    wanted AS (
        SELECT collection_id, product_id FROM verdict GROUP BY collection_id, product_id, is_disjunctive
        HAVING CASE WHEN is_disjunctive THEN bool_or(holds) ELSE bool_and(holds) END
    ),
    compared AS (
        SELECT collection_id, product_id, bool_or(is_wanted) AS is_wanted, bool_or(NOT is_wanted) AS is_there,
               array_agg(rule_made_id) FILTER (WHERE rule_made_id IS NOT NULL) AS rule_made_ids
        FROM (
            SELECT collection_id, product_id, true AS is_wanted, NULL::bigint AS rule_made_id FROM wanted
            UNION ALL
            SELECT collection_id, product_id, false, CASE WHEN is_rule_made THEN id END FROM collect
            WHERE store_id = %(store_id)s AND {{of_collect}}
        ) AS memberships
        GROUP BY collection_id, product_id
    ),
    removed AS (
        DELETE FROM collect WHERE store_id = %(store_id)s AND id = ANY(ARRAY(
            SELECT unnest(rule_made_ids) FROM compared WHERE NOT is_wanted))
        RETURNING collection_id, product_id
    ),
    last_position AS (
        SELECT collection_id, max(position) AS position FROM collect
        WHERE store_id = %(store_id)s AND collection_id = ANY(ARRAY(
            SELECT collection_id FROM compared WHERE is_wanted AND NOT is_there GROUP BY collection_id))
        GROUP BY collection_id
    ),
    added AS (
        INSERT INTO collect (store_id, collection_id, product_id, position, is_rule_made)
        SELECT %(store_id)s, compared.collection_id, compared.product_id, coalesce(last_position.position, 0)
               + row_number() OVER (PARTITION BY compared.collection_id ORDER BY compared.product_id), true
        FROM compared LEFT JOIN last_position USING (collection_id)
        WHERE compared.is_wanted AND NOT compared.is_there
        ON CONFLICT (store_id, collection_id, product_id) DO NOTHING
        RETURNING collection_id, product_id
    )
    SELECT collection_id, product_id, true AS is_moved FROM added
    UNION ALL SELECT collection_id, product_id, true FROM removed
"""

OF_PRODUCTS = (
    _EVALUATE.format(
        of_product="id = ANY(%(product_ids)s)",
        of_variant="variant.product_id = ANY(%(product_ids)s)",
        of_collect="product_id = ANY(%(product_ids)s)",
        of_collection="true",
    )
    # This sees the rows as they were before the statement: memberships that ended are among them.
    + "UNION ALL SELECT DISTINCT collection_id, NULL::bigint, false FROM compared WHERE is_there"
)
OF_COLLECTION = _EVALUATE.format(
    of_product="true",
    of_variant="true",
    of_collect="collection_id = %(collection_id)s",
    of_collection="collection.id = %(collection_id)s",
)


@dataclass(frozen=True, slots=True)
class Memberships:
    """What an evaluation met: collections, smart and custom, that had any of the products before or have one after."""

    collection_ids: frozenset[int]
    changed_ids: frozenset[int]  # of these, the ones that a product joined or left
    moved_product_ids: frozenset[int]


async def collections_of(tx: Tx, store_id: StoreId, product_ids: Iterable[int]) -> set[int]:
    """The collections that have any of these products."""
    cursor = await tx.execute(
        "SELECT DISTINCT collection_id FROM collect WHERE store_id = %s AND product_id = ANY(%s)",
        [store_id, sorted(product_ids)],
    )
    return {row["collection_id"] for row in await cursor.fetchall()}


async def hold_rules(tx: Tx, store_id: StoreId) -> None:
    """Until the transaction ends, no rule of this shop changes. Any number of product changes may hold it at once."""
    await tx.execute("SELECT pg_advisory_xact_lock_shared(hashtextextended('collection rules', %s))", [store_id])


async def refresh(tx: Tx, store_id: StoreId, product_ids: Iterable[int]) -> Memberships:
    """Puts these products in and out of the smart collections as the rules say."""
    await hold_rules(tx, store_id)
    return await _evaluate(tx, OF_PRODUCTS, {"store_id": store_id, "product_ids": sorted(product_ids)})


async def refresh_collection(tx: Tx, store_id: StoreId, collection_id: int) -> Memberships:
    """After its rules changed: every product of the shop is in or out anew."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended('collection rules', %s))", [store_id])
    return await _evaluate(tx, OF_COLLECTION, {"store_id": store_id, "collection_id": collection_id})


async def _evaluate(tx: Tx, statement: str, values: Mapping[str, Any]) -> Memberships:
    rows = await (await tx.execute(statement.encode(), values)).fetchall()
    moved = [row for row in rows if row["is_moved"]]
    return Memberships(
        frozenset(row["collection_id"] for row in rows),
        frozenset(row["collection_id"] for row in moved),
        frozenset(row["product_id"] for row in moved),
    )
