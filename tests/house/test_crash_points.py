"""Whatever writes has a crash point: a test can end the program before and after it (contracts/crash_points.py).

The database holds the same at run time: a transaction without a step is READ ONLY. Here it is said sooner, and of what
is written elsewhere too.
"""

import ast
import re
from collections import Counter
from functools import cache
from typing import get_args

from contracts.crash_points import Point, Step, names
from tests.crash import stories
from tests.house.sources import ROOT, functions, name, source_files, tree

TESTS_THAT_CRASH = ROOT / "tests/crash/test_crash.py"

SQL_WRITE = re.compile(r"\b(INSERT INTO \w|DELETE FROM \w|UPDATE \w+( AS \w+)? SET\b)", re.IGNORECASE)
STATE_WRITE = re.compile(
    r"_publish|_script|(_state|_redis|connection|pipeline|_?queues?(\[.*\])?)"
    r"\.(set|setex|eval|evalsha|delete|expire|hset|hdel|incr|zadd|zrem|sadd|srem|lpush|rpush|xadd|xtrim|enqueue)"
)
NEED_NONE = {
    "origin/migrate.py": "a migration and the row that says it was applied are one transaction",
    "origin/checkout/line.py:ask": "a place in line lapses by itself; who lost it stands in line again",
    "origin/checkout/line.py:leave": "the same",
    "origin/checkout/line.py:forget": "the same",
    "origin/checkout/line.py:keep": "what was typed while waiting; lost, it is typed again",
    "origin/jobs/worker.py:acquire_maintenance_lock": "a lock that lapses by itself",
}
ITS_CALLER_HAS_ONE = {
    "invalidation/bus.py:publish": "invalidation/relay.py:drain",
    "invalidation/event_queue.py:_enqueue": "invalidation/relay.py:drain",
}


@cache
def programs():
    return [path for path in source_files() if name(path).startswith(("origin/", "invalidation/"))]


def texts(node):
    """Every string in it but docstrings, on one line each; f-strings in one piece."""
    docstrings = {id(part.value) for part in ast.walk(node) if isinstance(part, ast.Expr)}
    for part in ast.walk(node):
        if isinstance(part, ast.JoinedStr):
            yield " ".join("".join(piece.value for piece in part.values if isinstance(piece, ast.Constant)).split())
        elif isinstance(part, ast.Constant) and isinstance(part.value, str | bytes) and id(part) not in docstrings:
            text = part.value if isinstance(part.value, str) else part.value.decode(errors="replace")
            yield " ".join(text.split())


@cache
def writing_constants(path):
    return {
        target.id
        for node in tree(path).body
        if isinstance(node, ast.Assign) and any(map(SQL_WRITE.search, texts(node)))
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def writes_sql(path, node):
    named = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
    return any(map(SQL_WRITE.search, texts(node))) or bool(named & writing_constants(path))


def writes_state(node):
    calls = (part for part in ast.walk(node) if isinstance(part, ast.Call))
    return any(STATE_WRITE.fullmatch(ast.unparse(call.func).removeprefix("self.")) for call in calls)


def has_point(node):
    calls = [part for part in ast.walk(node) if isinstance(part, ast.Call)]
    return any(
        ast.unparse(call.func).endswith("reached") and "crash_points" in ast.unparse(call.func) for call in calls
    ) or any(keyword.arg == "step" for call in calls for keyword in call.keywords)


@cache
def mentioned(node):
    return frozenset(part.attr for part in ast.walk(node) if isinstance(part, ast.Attribute)) | frozenset(
        part.id for part in ast.walk(node) if isinstance(part, ast.Name)
    )


def is_under_a_point(path, node):
    """It has one, or someone of its module who calls it has, or someone who calls those."""
    everyone = functions(path)
    above, seen = [node], set()
    while above:
        one = above.pop()
        if has_point(one):
            return True
        if one.name not in seen:
            seen.add(one.name)
            above += [caller for caller in everyone if one.name in mentioned(caller) and caller is not one]
    return False


def is_given_its_transaction(node):
    return any(argument.arg == "tx" for argument in (*node.args.args, *node.args.kwonlyargs))


def test_whatever_writes_runs_under_a_crash_point():
    bare = [
        f"{name(path)}:{function.name}"
        for path in programs()
        if name(path) not in NEED_NONE
        for function in functions(path)
        if writes_state(function) or (writes_sql(path, function) and not is_given_its_transaction(function))
        if f"{name(path)}:{function.name}" not in NEED_NONE | ITS_CALLER_HAS_ONE
        and not is_under_a_point(path, function)
    ]
    assert bare == [], (
        "these write, and no test could end the program there: open their transaction with a step of its own, "
        "db.tenant(store_id, step='noun.verb'), or call crash_points.reached('noun.done') around what they write; "
        "add the name to contracts/crash_points.py and a story that passes it to tests/crash/stories.py"
    )


def test_what_is_said_of_exceptions_is_so():
    known = {f"{name(path)}:{function.name}": function for path in programs() for function in functions(path)}
    files = {name(path) for path in programs()}
    assert [one for one in (*NEED_NONE, *ITS_CALLER_HAS_ONE) if one not in known and one not in files] == []
    assert [caller for caller in ITS_CALLER_HAS_ONE.values() if not has_point(known[caller])] == []


@cache
def imports(path):
    """Local name -> what it stands for, full and dotted."""
    found = {}
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return found


def module_of(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


@cache
def by_full_name():
    return {
        f"{module_of(path)}.{function.name}": (path, function) for path in programs() for function in functions(path)
    }


def called_from(path, nodes):
    """Functions of ours that are named in `nodes`: of the module, imported, or methods of self."""
    for part in (part for node in nodes for part in ast.walk(node)):
        if isinstance(part, ast.Name):
            yield imports(path).get(part.id, f"{module_of(path)}.{part.id}")
        elif isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name):
            owner = module_of(path) if part.value.id == "self" else imports(path).get(part.value.id, "")
            yield f"{owner}.{part.attr}"


def writer_reached_from(path, nodes):
    waiting, seen = [*called_from(path, nodes)], set()
    while waiting:
        full = waiting.pop()
        if full in seen or full not in by_full_name():
            continue
        seen.add(full)
        where, function = by_full_name()[full]
        if writes_sql(where, function):
            return full
        waiting += called_from(where, function.body)
    return None


def is_read_only(item):
    call = item.context_expr
    is_tenant = isinstance(call, ast.Call) and ast.unparse(call.func).endswith("db.tenant")
    return is_tenant and not any(keyword.arg == "step" for keyword in call.keywords)


def read_only_blocks(path):
    return [
        node for node in ast.walk(tree(path)) if isinstance(node, ast.AsyncWith) and any(map(is_read_only, node.items))
    ]


def test_a_transaction_without_a_step_writes_nothing():
    writing = [
        f"{name(path)}:{block.lineno} {writer or 'its own statement'}"
        for path in programs()
        for block in read_only_blocks(path)
        if (writer := writer_reached_from(path, block.body)) or any(writes_sql(path, node) for node in block.body)
    ]
    assert writing == [], (
        "PostgreSQL will refuse these: db.tenant(store_id, step='noun.verb'), see contracts/crash_points.py"
    )


def test_every_point_is_passed_at_one_place_only():
    """So that its name says where the program ended; and the table lists no others."""
    used = Counter(
        text
        for path in programs()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
        for value in (*node.args[:1], *(keyword.value for keyword in node.keywords if keyword.arg == "step"))
        for text in ([value.value] if isinstance(value, ast.Constant) else [])
        if text in {*get_args(Step), *get_args(Point)}
    )
    used["admin.write"] = 1  # every admin route's one transaction, origin/api/admin/merchant.py
    assert used == Counter([*get_args(Step), *get_args(Point)])
    assert len(set(names())) == len(names())


def tables_of_stories():
    """Name -> the points its stories pass."""
    tables = {table: value for table, value in vars(stories).items() if table.startswith("BY_")}
    return {
        table: [point for points in value.values() for point in points] if isinstance(value, dict) else [*value]
        for table, value in tables.items()
    }


def test_every_point_has_a_case():
    """One story, of a table that one test goes through."""
    tests = [function for function in functions(TESTS_THAT_CRASH) if function.name.startswith("test_")]
    tables = tables_of_stories()
    told = Counter(point for test in tests for table in mentioned(test) & set(tables) for point in tables[table])
    assert told == Counter(names()), (
        "a program has to be ended at each named point, and to be seen to recover: give a point that is missing here a "
        "story in a BY_ table of tests/crash/stories.py, and the table a test in tests/crash/test_crash.py"
    )
