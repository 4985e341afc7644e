"""Which products are in which collections. A smart collection's members are rows too, made here from its rules.

Product changes hold the shop's rules shared and rule changes hold them alone, until the transaction ends: 1. A retags
a product under the old rules; 2. B changes the rules over the old tags; 3. neither sees the other, and the product is
left out of a collection whose rules it satisfies.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from contracts.tenant import StoreId
from origin.db import Tx

# Facts are what rules are about, one row each; a product has several of some kinds (tags, variants). A rule holds if
# one fact satisfies it; its negation, if none does. Texts compare without regard to case.
_FACTS = """
    SELECT id AS product_id, 'title' AS name, lower(title) AS text, NULL::numeric AS number FROM chosen
    UNION ALL SELECT id, 'type', lower(product_type), NULL FROM chosen
    UNION ALL SELECT id, 'vendor', lower(vendor), NULL FROM chosen
    UNION ALL SELECT id, 'tag', lower(tag), NULL FROM chosen, unnest(tags) AS tag
    UNION ALL SELECT variant.product_id, fact.name, lower(fact.text), fact.number
    FROM chosen
    JOIN variant ON variant.store_id = %(store_id)s AND variant.product_id = chosen.id
    CROSS JOIN LATERAL (
        VALUES ('variant_title', variant.title, NULL::numeric),
               ('variant_price', NULL, variant.price_minor),
               ('variant_compare_at_price', NULL, variant.compare_at_minor),
               ('variant_weight', NULL, variant.grams)
    ) AS fact (name, text, number)
    UNION ALL SELECT variant.product_id, 'variant_inventory', NULL, coalesce(sum(level.available), 0)
    FROM chosen
    JOIN variant ON variant.store_id = %(store_id)s AND variant.product_id = chosen.id
    LEFT JOIN inventory_level AS level
        ON level.store_id = variant.store_id AND level.inventory_item_id = variant.inventory_item_id
    GROUP BY variant.id, variant.product_id
"""

_VERDICTS = """
    SELECT rule.collection_id, rule.is_disjunctive, chosen.id AS product_id, rule.n,
           rule.is_negated <> coalesce(bool_or(
               CASE rule.relation
                   WHEN 'equals' THEN coalesce(fact.number = rule.number, fact.text = rule.text)
                   WHEN 'greater_than' THEN fact.number > rule.number
                   WHEN 'less_than' THEN fact.number < rule.number
                   WHEN 'starts_with' THEN starts_with(fact.text, rule.text)
                   WHEN 'ends_with' THEN right(fact.text, length(rule.text)) = rule.text
                   WHEN 'contains' THEN strpos(fact.text, rule.text) > 0
               END), false) AS holds
    FROM rule CROSS JOIN chosen LEFT JOIN fact ON fact.product_id = chosen.id AND fact.name = rule.name
    GROUP BY rule.collection_id, rule.is_disjunctive, chosen.id, rule.n, rule.is_negated
"""

_EVALUATE = f"""
    WITH chosen AS (
        SELECT id, title, product_type, vendor, tags FROM product
        WHERE store_id = %(store_id)s AND (%(product_ids)s::bigint[] IS NULL OR id = ANY(%(product_ids)s))
    ),
    rule AS (
        SELECT collection.id AS collection_id, is_disjunctive, written.n, written.rule->>'column' AS name,
               replace(written.rule->>'relation', 'not_', '') AS relation,
               starts_with(written.rule->>'relation', 'not_') AS is_negated,
               lower(written.rule->>'condition') AS text, (written.rule->>'number')::numeric AS number
        FROM collection CROSS JOIN LATERAL jsonb_array_elements(rules) WITH ORDINALITY AS written (rule, n)
        WHERE store_id = %(store_id)s AND kind = 'smart'
          AND (%(collection_id)s::bigint IS NULL OR collection.id = %(collection_id)s)
    ),
    fact AS ({_FACTS}),
    verdict AS ({_VERDICTS}),
    wanted AS (
        SELECT collection_id, product_id FROM verdict GROUP BY collection_id, product_id, is_disjunctive
        HAVING CASE WHEN is_disjunctive THEN bool_or(holds) ELSE bool_and(holds) END
    ),
    removed AS (
        DELETE FROM collect USING chosen
        WHERE collect.store_id = %(store_id)s AND collect.product_id = chosen.id AND collect.is_rule_made
          AND (%(collection_id)s::bigint IS NULL OR collect.collection_id = %(collection_id)s)
          AND NOT EXISTS (SELECT FROM wanted
                          WHERE wanted.collection_id = collect.collection_id AND wanted.product_id = collect.product_id)
        RETURNING collect.collection_id, collect.product_id
    ),
    last_position AS (
        SELECT collection_id, max(position) AS position FROM collect
        WHERE store_id = %(store_id)s AND collection_id IN (SELECT collection_id FROM wanted) GROUP BY collection_id
    ),
    added AS (
        INSERT INTO collect (store_id, collection_id, product_id, position, is_rule_made)
        SELECT %(store_id)s, wanted.collection_id, wanted.product_id, true_position, true
        FROM (
            SELECT wanted.collection_id, wanted.product_id, coalesce(last_position.position, 0)
                   + row_number() OVER (PARTITION BY wanted.collection_id ORDER BY wanted.product_id) AS true_position
            FROM wanted LEFT JOIN last_position USING (collection_id)
            WHERE NOT EXISTS (SELECT FROM collect
                              WHERE collect.store_id = %(store_id)s AND collect.collection_id = wanted.collection_id
                                AND collect.product_id = wanted.product_id)
        ) AS wanted
        ON CONFLICT (store_id, collection_id, product_id) DO NOTHING
        RETURNING collection_id, product_id
    )
    SELECT collection_id, product_id, true AS is_moved FROM added
    UNION ALL SELECT collection_id, product_id, true FROM removed
    -- This sees the rows as they were before the statement: memberships that ended are among them.
    UNION ALL SELECT DISTINCT collection_id, NULL::bigint, false FROM collect
              WHERE store_id = %(store_id)s AND product_id = ANY(coalesce(%(product_ids)s::bigint[], '{{}}'))
"""


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
    return await _evaluate(tx, store_id, sorted(product_ids), None)


async def refresh_collection(tx: Tx, store_id: StoreId, collection_id: int) -> Memberships:
    """After its rules changed: every product of the shop is in or out anew."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended('collection rules', %s))", [store_id])
    return await _evaluate(tx, store_id, None, collection_id)


async def _evaluate(tx: Tx, store_id: StoreId, product_ids: list[int] | None, collection_id: int | None) -> Memberships:
    cursor = await tx.execute(
        _EVALUATE.encode(), {"store_id": store_id, "product_ids": product_ids, "collection_id": collection_id}
    )
    rows = await cursor.fetchall()
    moved = [row for row in rows if row["is_moved"]]
    return Memberships(
        frozenset(row["collection_id"] for row in rows),
        frozenset(row["collection_id"] for row in moved),
        frozenset(row["product_id"] for row in moved),
    )
