"""What the sandbox remembers of its answers, and that events show what is written."""

import json
from pathlib import Path

from standalone.payment_sandbox.ledger import Ledger
from standalone.payment_sandbox.work import Work


def test_an_answer_is_given_for_as_long_as_it_is_wanted_and_then_replaced(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "payments.sqlite")
    ledger.keep_answer("key", "print", 200, "{}", created=1000.0)
    ledger.keep_answer("other", "print", 200, "{}", created=1030.0)
    assert ledger.answer("key", since=1000.0) == ("print", 200, "{}")
    assert ledger.answer("key", since=1000.5) is None  # not deleted yet
    ledger.keep_answer("key", "another", 402, "[]", created=1031.0)
    assert ledger.answer("key", since=1000.5) == ("another", 402, "[]")
    assert ledger.answer("other", since=1031.0) is None
    assert ledger.answer("other", since=1000.0 + 3600) is None  # deleted: an earlier `since` finds nothing
    assert ledger.answer("other", since=0.0) is None
    ledger.close()


def test_an_event_shows_its_subject_as_it_is_written(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "payments.sqlite")
    work = Work(ledger, 1000.0, "http://127.0.0.1", '"data":{"object":null}')
    intent = {"id": "pi_1", "object": "payment_intent", "status": "new", "metadata": {"a": '"data":{"object":null}'}}
    work.save(intent)
    intent["status"] = "done"
    work.tell("payment_intent.succeeded", intent)
    assert work.load("payment_intent", "pi_1") is intent
    work.write()
    (told,) = map(json.loads, work.events)
    assert told["data"]["object"] == intent == ledger.get("payment_intent", "pi_1")
    assert told["api_version"] == '"data":{"object":null}'
    assert ledger.get("event", told["id"]) == told
    ledger.close()
