"""L1: what a purge marks, what the fill guard catches, and who goes when room is needed."""

from hypothesis import given, settings
from hypothesis import strategies as some

from contracts.events import Position, StreamId
from contracts.keys import product_tag, shop_tag
from contracts.tenant import StoreId
from edge_renderer.cache.counters import CacheCounters
from edge_renderer.cache.entry import Entry, build_entry
from edge_renderer.cache.local import STALE_SECONDS, Held, LocalCache
from edge_renderer.cache.weight import weight
from tests.fixtures.bus import ACORN, ACORN_PRODUCT, ACORN_SHOP, BIRCH, BIRCH_PRODUCT

NOW = 1000.0


def at(ms: int, epoch: str = "e1") -> Position:
    return Position(epoch, StreamId(ms, 0))


EARLY = at(10)


def page(
    key: str,
    store_id: StoreId = ACORN,
    *tags: str,
    position: Position | None = EARLY,
    size: int = 100,
    status: int = 200,
    lifetime_ms: int = 60_000,
) -> Entry:
    return build_entry(
        key=key,
        store_id=store_id,
        status=status,
        headers=(),
        body=bytes(size),
        tags=frozenset(tags),
        position=position,
        snapshot_etag="",
        lifetime_ms=lifetime_ms,
    )


def cache(max_bytes: int = 1_000_000, share_bytes: int = 1_000_000, **limits: int) -> LocalCache:
    return LocalCache(max_bytes, share_bytes, CacheCounters(), **limits)


def keep(local: LocalCache, entry: Entry, now: float = NOW) -> Held:
    with local.open_fill() as fill:
        return local.put(entry, fill, now)


def test_a_change_of_acorns_product_makes_acorns_page_stale_and_leaves_birchs_fresh() -> None:
    local = cache()
    acorn = keep(local, page("a", ACORN, ACORN_PRODUCT))
    birch = keep(local, page("b", BIRCH, BIRCH_PRODUCT))
    local.apply((ACORN_PRODUCT,), at(11), NOW + 5)
    assert not acorn.is_fresh
    assert acorn.stale_until == NOW + 5 + STALE_SECONDS
    assert birch.is_fresh
    assert birch.stale_until is None


def test_a_change_of_the_shop_makes_all_of_its_pages_stale_and_only_its() -> None:
    local = cache()
    acorns = [keep(local, page(f"a{n}", ACORN, product_tag(ACORN, n))) for n in range(5)]
    birch = keep(local, page("b", BIRCH, BIRCH_PRODUCT))
    local.apply((ACORN_SHOP,), at(11), NOW)
    assert not any(held.is_fresh for held in acorns)
    assert birch.is_fresh


def test_a_change_from_before_an_entrys_position_does_not_touch_it() -> None:
    local = cache()
    held = keep(local, page("a", ACORN, ACORN_PRODUCT, position=at(20)))
    local.apply((ACORN_PRODUCT,), at(20), NOW)
    assert held.is_fresh
    local.apply((ACORN_PRODUCT,), at(21), NOW)
    assert not held.is_fresh


def test_a_page_gone_stale_twice_keeps_the_earlier_end() -> None:
    local = cache()
    held = keep(local, page("a", ACORN, ACORN_PRODUCT))
    local.apply((ACORN_PRODUCT,), at(11), NOW)
    local.apply((ACORN_PRODUCT,), at(12), NOW + 0.9)
    assert held.stale_until == NOW + STALE_SECONDS


def test_a_fill_that_a_purge_overtook_is_not_stored_as_fresh() -> None:
    local = cache()
    with local.open_fill() as acorn_fill, local.open_fill() as birch_fill:
        local.apply((ACORN_PRODUCT,), at(11), NOW)
        acorn = local.put(page("a", ACORN, ACORN_PRODUCT), acorn_fill, NOW)
        birch = local.put(page("b", BIRCH, BIRCH_PRODUCT), birch_fill, NOW)
    assert not acorn.is_fresh
    assert acorn.stale_until == NOW + STALE_SECONDS
    assert birch.is_fresh


def test_a_fill_that_was_overtaken_twice_is_stale_since_the_first_time() -> None:
    local = cache()
    with local.open_fill() as fill:
        local.apply((ACORN_PRODUCT,), at(20), NOW)
        local.apply((ACORN_PRODUCT,), at(30), NOW + 2)
        held = local.put(page("a", ACORN, ACORN_PRODUCT), fill, NOW + 2.5)
        untouched = local.put(page("b", BIRCH, BIRCH_PRODUCT), fill, NOW + 2.5)
    assert held.stale_until == NOW + STALE_SECONDS
    assert untouched.is_fresh


def test_a_fill_by_an_edge_that_was_ahead_is_not_overtaken_by_what_it_knew() -> None:
    local = cache()
    with local.open_fill() as fill:
        local.apply((ACORN_PRODUCT,), at(11), NOW)
        held = local.put(page("a", ACORN, ACORN_PRODUCT, position=at(11)), fill, NOW)
    assert held.is_fresh


def test_what_was_applied_before_a_fill_opened_does_not_touch_it() -> None:
    local = cache()
    local.apply((ACORN_PRODUCT,), at(11), NOW)
    assert keep(local, page("a", ACORN, ACORN_PRODUCT, position=at(11))).is_fresh


def test_after_distrust_everything_held_and_everything_being_made_is_unproven() -> None:
    local = cache()
    held = keep(local, page("a"))
    with local.open_fill() as fill:
        local.distrust()
        made = local.put(page("b"), fill, NOW)
    assert not held.is_fresh
    assert not made.is_fresh
    assert local.get("a", NOW) is held, "it is kept for the day the origin cannot be asked"
    assert keep(local, page("c")).is_fresh


def test_what_was_unproven_may_not_be_served_for_a_moment_when_a_change_of_it_is_heard() -> None:
    """1. The bus loses a change of the page; 2. everything is distrusted; 3. another change of the page is heard."""
    local = cache()
    distrusted = keep(local, page("a", ACORN, ACORN_PRODUCT))
    local.distrust()
    with local.open_fill() as fill:
        unproven = local.put(page("b", ACORN, ACORN_PRODUCT), fill, NOW, is_proven=False)
    local.apply((ACORN_PRODUCT,), at(11), NOW)
    assert (distrusted.stale_until, unproven.stale_until) == (None, None)


def test_an_entry_without_a_position_is_never_fresh() -> None:
    assert not keep(cache(), page("a", position=None)).is_fresh


def test_an_entry_ends_with_its_lifetime() -> None:
    local = cache()
    held = keep(local, page("a", lifetime_ms=1000))
    assert local.get("a", NOW + 0.999) is held
    assert local.get("a", NOW + 1.0) is None
    assert local.held_bytes == 0


def test_a_replaced_or_dropped_entry_is_not_fresh_for_those_who_remember_it() -> None:
    local = cache()
    first = keep(local, page("a"))
    second = keep(local, page("a"))
    assert not first.is_fresh
    assert second.is_fresh
    local.drop("a")
    assert not second.is_fresh
    assert local.get("a", NOW) is None


def test_the_visited_stay_and_the_unvisited_go() -> None:
    size = weight(page("x"))
    local = cache(max_bytes=3 * size)
    for key in "abc":
        keep(local, page(key))
    local.get("a", NOW)
    keep(local, page("d"))
    assert [key for key in "abcd" if local.get(key, NOW)] == ["a", "c", "d"]


def test_a_flood_of_one_shops_pages_evicts_only_that_shops() -> None:
    size = weight(page("a000"))
    local = cache(max_bytes=20 * size, share_bytes=5 * size)
    birch = [keep(local, page(f"b{n:03}", BIRCH)) for n in range(5)]
    for number in range(500):
        keep(local, page(f"a{number:03}", ACORN))
    assert all(held.is_fresh for held in birch)
    assert local.held_bytes == 10 * size


def test_one_shops_404s_are_few_and_push_out_only_each_other() -> None:
    local = cache(most_missing=3)
    good = keep(local, page("good"))
    birch = keep(local, page("b", BIRCH, status=404))
    for number in range(10):
        keep(local, page(f"gone{number}", status=404))
    assert [n for n in range(10) if local.get(f"gone{n}", NOW)] == [7, 8, 9]
    assert good.is_fresh
    assert birch.is_fresh


def test_an_entry_larger_than_a_share_is_answered_but_not_kept() -> None:
    local = cache(max_bytes=100_000, share_bytes=10_000)
    held = keep(local, page("big", size=20_000))
    assert held.entry.key == "big"
    assert local.get("big", NOW) is None
    assert local.held_bytes == 0


def test_what_is_hung_on_an_entry_counts_and_pushes_out_others_but_never_itself() -> None:
    size = weight(page("x"))
    local = cache(max_bytes=6 * size, share_bytes=3 * size)
    birch = keep(local, page("b", BIRCH))
    first, second, third = (keep(local, page(key)) for key in "cde")
    assert local.grow(first, size)
    assert [held.node is not None for held in (first, second, third)] == [True, False, True]
    assert first.size_bytes == 2 * size
    assert local.held_bytes == 4 * size
    assert birch.is_fresh
    assert local.grow(first, size)
    assert third.node is None
    assert first.is_fresh


def test_nothing_is_hung_on_an_entry_that_is_gone_or_would_be_over_its_share() -> None:
    size = weight(page("x"))
    local = cache(max_bytes=6 * size, share_bytes=3 * size)
    held = keep(local, page("a"))
    assert not local.grow(held, 2 * size + 1)
    assert held.is_fresh
    local.drop("a")
    assert not local.grow(held, 1)
    assert local.held_bytes == 0


KEYS = [f"{letter}{n}" for letter in "ab" for n in range(8)]
steps = some.lists(
    some.one_of(
        some.tuples(some.just("put"), some.sampled_from(KEYS), some.integers(0, 3000)),
        some.tuples(some.just("get"), some.sampled_from(KEYS), some.just(0)),
        some.tuples(some.just("grow"), some.sampled_from(KEYS), some.integers(0, 5000)),
        some.tuples(some.just("drop"), some.sampled_from(KEYS), some.just(0)),
        some.tuples(some.just("apply"), some.sampled_from(["a", "b"]), some.integers(0, 2)),
        some.tuples(some.just("distrust"), some.just(""), some.just(0)),
    ),
    max_size=60,
)


@settings(max_examples=150)
@given(steps)
def test_whatever_happens_the_limits_hold_and_no_purged_page_is_fresh(history: list[tuple[str, str, int]]) -> None:
    local = cache(max_bytes=16_000, share_bytes=9_000)
    clock, purged_at, made_at, last_distrust = 10, {}, {}, 0
    stores = {"a": ACORN, "b": BIRCH}
    for step, name, number in history:
        clock += 1
        if step == "put":
            store_id = stores[name[0]]
            tag = product_tag(store_id, int(name[1]) % 3)
            keep(local, page(name, store_id, tag, position=at(clock), size=number))
            made_at[name] = clock
        elif step == "get":
            held = local.get(name, NOW)
            if held is not None and held.is_fresh:
                tag = product_tag(stores[name[0]], int(name[1]) % 3)
                assert made_at[name] >= max(purged_at.get(tag, 0), last_distrust)
        elif step == "grow":
            held = local.get(name, NOW)
            if held is not None:
                before = held.size_bytes
                is_room = local.grow(held, number)
                assert held.size_bytes == before + number * is_room
                assert local.get(name, NOW) is held
        elif step == "drop":
            local.drop(name)
        elif step == "apply":
            tag = product_tag(stores[name], number)
            local.apply((tag,), at(clock), NOW)
            purged_at[tag] = clock
        else:
            local.distrust()
            last_distrust = clock
        held_now = [held for key in KEYS if (held := local._held.get(key))]
        assert local.held_bytes == sum(held.size_bytes for held in held_now) <= 16_000
        for store_id in stores.values():
            of_store = [held.size_bytes for held in held_now if held.entry.store_id == store_id]
            assert sum(of_store) <= 9_000
    for key in KEYS:
        local.drop(key)
    assert (local.held_bytes, len(local._by_tag), local._shares) == (0, 0, {})
    assert local._sieve.next_to_go() is None


def test_every_page_of_a_shop_can_be_purged_by_the_shops_tag_alone() -> None:
    local = cache()
    held = keep(local, page("a", ACORN))
    local.apply((shop_tag(ACORN),), at(11), NOW)
    assert not held.is_fresh
