"""A step's two points, and what a transaction without a step may do: what tests of recovery stand on."""

import signal
import subprocess
import sys

import psycopg
import pytest

from contracts import crash_points
from origin.db import Database
from origin.errors import Unavailable

NOTE = "UPDATE shop SET description = %s WHERE store_id = %s"


@pytest.fixture(autouse=True)
def unarmed_in_the_end():
    yield
    crash_points.arm("")


@pytest.fixture
async def strict(database):
    """As a program opens it: with one connection, so that one in a doubtful state would be met again."""
    opened = Database(database.app, database.router, connections=1)
    await opened.open()
    yield opened
    await opened.close()


async def describe(db, shop, text):
    async with db.tenant(shop.id, step="store.status") as tx:
        await tx.execute(NOTE, [text, shop.id])


async def description(db, shop):
    async with db.tenant(shop.id) as tx:
        return (await (await tx.execute("SELECT description FROM shop")).fetchone())["description"]


async def test_without_a_step_nothing_can_be_written(strict, acorn):
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        async with strict.tenant(acorn.id) as tx:
            await tx.execute(NOTE, ["new", acorn.id])
    assert await description(strict, acorn) == ""


async def test_a_line_that_breaks_before_the_commit_leaves_nothing(strict, acorn, birch):
    crash_points.arm("store.status.commit:2:disconnect")
    await describe(strict, birch, "first passage")
    with pytest.raises(Unavailable):
        await describe(strict, acorn, "second")
    assert (await description(strict, acorn), await description(strict, birch)) == ("", "first passage")
    await describe(strict, acorn, "third")
    assert await description(strict, acorn) == "third"


async def test_a_line_that_breaks_after_the_commit_loses_the_answer_only(strict, acorn):
    crash_points.arm("store.status.committed:1:disconnect")
    with pytest.raises(Unavailable):
        await describe(strict, acorn, "kept")
    assert await description(strict, acorn) == "kept"


def test_a_point_that_is_not_armed_does_nothing():
    crash_points.arm("mail.sent:1:kill")
    crash_points.reached("job.begun")
    crash_points.arm("")
    crash_points.reached("mail.sent")
    with pytest.raises(ValueError, match="there is no crash point"):
        crash_points.arm("mail.lost:1:kill")


def test_passages_are_counted_in_children_too():
    program = (
        "import os; from contracts import crash_points; crash_points.arm('job.begun:2:disconnect')\n"
        "if os.fork() == 0: crash_points.reached('job.begun'); os._exit(0)\n"
        "os.wait()\n"
        "try: crash_points.reached('job.begun')\n"
        "except ConnectionError as error: print(error)\n"
        "crash_points.reached('job.begun')"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (0, "broken at job.begun\n")


def test_a_killed_program_does_nothing_more():
    program = (
        "from contracts import crash_points; crash_points.arm('job.done:1:kill');"
        "crash_points.reached('job.done'); print('went on')"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (-signal.SIGKILL, "")
    assert ended.stderr == "crash point job.done: kill\n"
