"""A program that is killed, or whose line breaks, at any of its crash points: nothing is lost and nothing is doubled.

The suite passes every point once, in a way and at a passage that the seed chooses; STOA_TEST_CRASH=all passes each in
both ways at its first and second passage. STOA_TEST_SEED repeats a choice.
"""

import os
import random
import secrets
import sys

import pytest

from origin.catalog.handles import Handled, unique
from standalone.command import Command, free_port
from standalone.programs import answers
from tests.crash import stories
from tests.crash.programs import Programs, until
from tests.crash.stage import Case, Stage
from tests.fixtures.buying import buy
from tests.fixtures.checkout import rows
from tests.fixtures.servers import running

WAYS = [(passage, mode) for passage in (1, 2) for mode in ("kill", "disconnect")]
SEED = int(os.environ.get("STOA_TEST_SEED") or secrets.randbelow(10**6))


def cases_of(points):
    if os.environ.get("STOA_TEST_CRASH") == "all":
        return [Case(point, *way) for point in points for way in WAYS]
    chosen = random.Random(SEED)
    return [Case(point, *chosen.choice(WAYS)) for point in points]


@pytest.fixture(scope="module")
def mail(tmp_path_factory):
    smtp_port, page_port = free_port(), free_port()
    folder = tmp_path_factory.mktemp("mail")
    argv = (sys.executable, "-m", "standalone.smtp_sink", f"--smtp-port={smtp_port}", f"--page-port={page_port}")
    url = f"http://127.0.0.1:{page_port}"
    with running(Command("smtp", (*argv, f"--folder={folder / 'mail'}")), answers(url + "/health"), folder):
        yield f"smtp://127.0.0.1:{smtp_port}", url


@pytest.fixture
async def stage(till, till_settings, sandbox, database, mail, tmp_path):
    smtp_url, mail_url = mail
    sandbox.knobs.webhooks.url = ""  # whoever recovers has to find out by itself
    programs = Programs(tmp_path, till_settings, database, smtp_url)
    yield Stage(till, sandbox, programs, mail_url, free_port(), random.Random(SEED))
    programs.end_all()


async def judge(stage, cases, *, has_mail):
    await stage.finish(has_mail=has_mail)
    assert await stage.breaks(has_mail=has_mail) == [], f"STOA_TEST_SEED={SEED}"
    points = len({case.point for case in cases})
    print(f"{points} crash points in {len(cases)} cases, 0 breaks (seed {SEED})")


async def end_workers(stage, queue, points, prepare):
    """One worker after the other, each in a shop of its own for which `prepare` has made it some work."""
    cases = cases_of(points)
    stage.programs.relay()
    for case in cases:
        await prepare(case, await stage.shop(case))
        worker = stage.programs.worker(queue, str(case))
        await stage.crash_of(worker, case)
        await worker.stop()  # one whose line broke is at its next job; killed there, it would be a case nobody counts
    return cases


async def test_the_origin_may_end_anywhere(stage):
    told = [(story, case) for story, points in stories.BY_THE_ORIGIN.items() for case in cases_of(points)]
    for story, case in told:
        shop = await stage.shop(case)
        stage.armed = armed = await stage.programs.origin(stage.origin_port, str(case))
        await story(stage, case, shop)
        assert armed.has_crashed, f"{case} was not reached: {armed.said[-3000:]}"
        for origin in (stage.armed, armed):
            origin.end()
            await until(origin.has_ended, "a port for the next origin")
    await judge(stage, [case for _, case in told], has_mail=False)


async def test_whoever_completes_what_others_began_may_end_anywhere(stage):
    told = [(story, case) for story, points in stories.BY_A_TENDER.items() for case in cases_of(points)]
    for story, case in told:
        errands = await story(stage, case, await stage.shop(case))
        tender = stage.programs.tender(*errands, crash_at=str(case))
        await stage.crash_of(tender, case)
        tender.end()
    await judge(stage, [case for _, case in told], has_mail=False)


async def test_the_relay_may_end_anywhere(stage):
    cases = cases_of(stories.BY_THE_RELAY)
    for case in cases:
        shop = await stage.shop(case)
        relay = stage.programs.relay(str(case))
        for _ in range(case.passage):
            email = stage.buyer(case)
            await buy(stage.till, shop, email, email=email)
            await stage.tell(shop)
            await until(lambda relay=relay: stage.is_published_by(relay), "changes on the bus")
        await stage.crash_of(relay, case)
        relay.end()
    await judge(stage, cases, has_mail=True)


async def test_a_worker_may_end_anywhere(stage):
    async def two_buy(case, shop):
        for _ in range(2):
            email = stage.buyer(case)
            await buy(stage.till, shop, email, email=email)

    cases = await end_workers(stage, "events", stories.BY_A_WORKER, two_buy)
    await judge(stage, cases, has_mail=True)


async def test_an_import_may_end_anywhere(stage):
    async def hand_in(_case, shop):
        await stories.hand_in(stage, shop)

    cases = await end_workers(stage, "imports", stories.BY_AN_IMPORT, hand_in)
    await judge_imports(stage, cases)


async def test_an_import_that_gives_up_without_its_database_may_end_anywhere(stage):
    """Its batches wait for a handle that somebody holds, and while they do, their connections end."""
    cases = cases_of(stories.BY_AN_IMPORT_CUT_OFF)
    stage.programs.relay()
    for case in cases:
        shop = await stage.shop(case)
        async with stage.till.db.tenant(shop.id) as tx:
            await unique(tx, shop.id, Handled.PRODUCT, ["bowl"])
            await stories.hand_in(stage, shop)
            worker = stage.programs.worker("imports", str(case))

            async def has_crashed(worker=worker, shop=shop):
                await stories.cut_off_who_waits(stage, shop)
                return worker.has_crashed

            await until(has_crashed, f"{case} is reached", 20)
        worker.end()
    await judge_imports(stage, cases)


async def judge_imports(stage, cases):
    await judge(stage, cases, has_mail=True)
    for shop_id in stage.shops:
        made = await rows(stage.till.db, shop_id, "SELECT 1 FROM product WHERE store_id = %s AND handle LIKE 'bowl%%'")
        assert len(made) == 1, str(stage.cases[shop_id])
