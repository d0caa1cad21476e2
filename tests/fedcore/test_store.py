"""One promise, two keepers: every test runs in memory and on the embedded database."""

import threading
from functools import partial
from itertools import count
from typing import Any

import pytest
from pymongo import MongoClient, monitoring

from fedcore.documents import Enrolments, Experiment, ExperimentState
from fedcore.errors import DatabaseUnavailable
from fedcore.settings import ExperimentSettings
from fedcore.store import mongo
from fedcore.store.memory import MemoryDatabase
from fedcore.store.mongo import MongoDatabase
from fedcore.store.store import Store
from fedwhisk.local.database import EmbeddedDatabase
from tests.fedcore.counting import Counting, client_document

pytestmark = pytest.mark.e2e

names = (f"contract{number}" for number in count())


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("database")
    with EmbeddedDatabase(folder / "data", folder / "log") as running:
        yield running.url


@pytest.fixture(params=["memory", "mongo"])
def database(request):
    if request.param == "memory":
        yield MemoryDatabase()
        return
    found = MongoDatabase(request.getfixturevalue("server"), next(names))
    found.prepare()
    yield found
    found.close()


def test_reads_see_only_what_no_failover_can_undo(server, monkeypatch) -> None:
    sent: list[Any] = []

    class Listener(monitoring.CommandListener):
        def started(self, event):
            sent.append(event.command)

        def succeeded(self, event):
            pass

        def failed(self, event):
            pass

    listening = partial(MongoClient, event_listeners=[Listener()])
    monkeypatch.setattr(mongo, "MongoClient", listening)
    database = MongoDatabase(server, next(names))
    database.insert("experiments", {"_id": "e", "name": "e", "state": "running"})
    assert database.find("experiments", {"_id": "e"})[0]["state"] == "running"
    assert database.count("experiments", {}) == 1
    database.close()
    reads = [each for each in sent if {"find", "aggregate"} & each.keys()]
    assert [each["readConcern"] for each in reads] == [{"level": "majority"}] * 2


def test_a_key_is_taken_once(database) -> None:
    assert database.insert("models", {"_id": "a", "data": b"first"})
    assert not database.insert("models", {"_id": "a", "data": b"second"})
    assert [bytes(found["data"]) for found in database.find("models", {})] == [b"first"]


@pytest.mark.parametrize(
    ("collection", "one", "other"),
    [
        ("experiments", {"name": "x"}, {"name": "x"}),
        ("clients", {"experiment": "e", "name": "n"}, {"experiment": "e", "name": "n"}),
    ],
)
def test_names_are_taken_once_too(database, collection, one, other) -> None:
    database.prepare()
    assert database.insert(collection, {"_id": "1"} | one)
    assert not database.insert(collection, {"_id": "2"} | other)
    assert database.count(collection, {}) == 1


def test_the_same_client_name_is_free_in_another_experiment(database) -> None:
    assert database.insert("clients", {"_id": "1", "experiment": "e", "name": "n"})
    assert database.insert("clients", {"_id": "2", "experiment": "f", "name": "n"})


DOCUMENT = {
    "_id": "d",
    "state": "running",
    "live": {
        "number": 3,
        "cohort": [1, 5],
        "accepted": {"1": "u"},
        "refused": {},
        "deadline": 9.5,
    },
    "result": None,
}


@pytest.mark.parametrize(
    ("where", "matches"),
    [
        ({}, True),
        ({"state": "running", "live.number": 3}, True),
        ({"live.number": 4}, False),
        ({"live.cohort": 5}, True),
        ({"live.cohort": 2}, False),
        ({"live.cohort": {"$ne": 2}}, True),
        ({"live.cohort": {"$ne": 5}}, False),
        ({"live.accepted": {"1": "u"}}, True),
        ({"live.accepted": {"1": "v"}}, False),
        ({"live.accepted": {}}, False),
        ({"live.refused": {}}, True),
        ({"live.accepted.1": {"$exists": True}}, True),
        ({"live.accepted.2": {"$exists": False}}, True),
        ({"live.accepted.1": {"$exists": False}}, False),
        ({"live.deadline": {"$lte": 9.5}}, True),
        ({"live.deadline": {"$lt": 9.5}}, False),
        ({"live.deadline": {"$gte": 9, "$lt": 10}}, True),
        ({"live.deadline": {"$gt": 9.5}}, False),
        ({"live.missing": {"$lt": 1}}, False),
        ({"state": {"$in": ["failed", "running"]}}, True),
        ({"state": {"$in": []}}, False),
        ({"state": {"$ne": "failed"}}, True),
        ({"missing": {"$ne": True}}, True),
        ({"result": None}, True),
        ({"missing": None}, True),
        ({"state": None}, False),
    ],
)
def test_filters_mean_the_same_to_both(database, where, matches) -> None:
    database.insert("things", DOCUMENT)
    assert database.count("things", where) == matches
    assert bool(database.find("things", where)) is matches


def test_a_change_applies_whole_and_returns_what_it_made(database) -> None:
    database.insert("things", DOCUMENT)
    after = database.update(
        "things",
        {"_id": "d", "live.accepted.5": {"$exists": False}},
        {
            "$set": {"live.accepted.5": "v", "live.state": "frozen"},
            "$inc": {"live.count": 1},
            "$unset": {"live.accepted.1": ""},
            "$addToSet": {"late": 7},
        },
    )
    assert after["live"]["accepted"] == {"5": "v"}
    assert (after["live"]["count"], after["live"]["state"]) == (1, "frozen")
    assert after["late"] == [7]
    assert database.find("things", {})[0] == after


def test_a_change_whose_reason_is_gone_changes_nothing(database) -> None:
    database.insert("things", DOCUMENT)
    where = {"_id": "d", "live.number": 2}
    assert database.update("things", where, {"$set": {"state": "x"}}) is None
    assert not database.change("things", where, {"$set": {"state": "x"}})
    assert database.find("things", {})[0]["state"] == "running"


def test_a_change_tells_whether_there_was_a_document_to_change(database) -> None:
    for key in ("c", "d", "e"):
        database.insert("things", DOCUMENT | {"_id": key})
    where = {"_id": "d", "live.accepted.5": {"$exists": False}}
    change = {
        "$set": {"live.accepted.5": "v"},
        "$inc": {"live.count": 1},
        "$addToSet": {"late": 7},
    }
    assert database.change("things", where, change)
    assert not database.change("things", where, change)
    same = {"$set": {"live.accepted.5": "v"}}
    assert database.change("things", {"_id": "d"}, same)  # though it changes nothing
    assert not database.change("things", {"_id": "f"}, same)
    before, changed, after = database.find("things", {})
    assert before["live"] == after["live"] == DOCUMENT["live"]
    assert changed["live"] | {"accepted": {}} == DOCUMENT["live"] | {
        "accepted": {},
        "count": 1,
    }
    assert changed["live"]["accepted"] == {"1": "u", "5": "v"}
    assert changed["late"] == [7]


def test_a_change_by_a_loose_filter_changes_one_document(database) -> None:
    for key in ("c", "d", "e"):
        database.insert("things", {"_id": key, "count": 0})
    assert database.change("things", {"count": 0}, {"$inc": {"count": 1}})
    assert database.count("things", {"count": 1}) == 1


def test_found_documents_come_in_order_with_the_fields_that_were_asked(database):
    for key in ("b", "a", "c"):
        database.insert("things", {"_id": key, "kept": key, "left": b"x"})
    found = database.find("things", {"_id": {"$gte": "a", "$lt": "c"}}, ("kept",))
    assert found == [{"_id": "a", "kept": "a"}, {"_id": "b", "kept": "b"}]


def test_documents_are_found_by_a_list_of_keys(database) -> None:
    for key in ("b", "a", "c"):
        database.insert("things", {"_id": key})
    where = {"_id": {"$in": ["c", "a", "missing"]}}
    assert database.find("things", where) == [{"_id": "a"}, {"_id": "c"}]


def test_parts_of_documents_are_found_by_their_paths(database) -> None:
    database.insert("things", DOCUMENT)
    (found,) = database.find("things", {}, ("state", "live.number", "live.cohort"))
    assert found == {
        "_id": "d",
        "state": "running",
        "live": {"number": 3, "cohort": [1, 5]},
    }


def test_the_newest_are_found_newest_first(database) -> None:
    for key, created in (("a", 3.0), ("b", 1.0), ("c", 2.0), ("d", 3.0)):
        database.insert("things", {"_id": key, "created": created, "kind": "x"})
    found = database.find("things", {"kind": "x"}, ("created",), newest=3)
    assert [each["_id"] for each in found] == ["d", "a", "c"]


@pytest.mark.parametrize("total", [0, 3, 40, 57, 100])
def test_the_enrolled_are_counted_by_few_looks_around_a_hint(database, total) -> None:
    experiment = Experiment(
        id=f"e{total}",
        name=f"counted-{total}",
        created=0.0,
        state=ExperimentState.RUNNING,
        settings=ExperimentSettings(),
        enrolments=Enrolments(total=total),
    )
    counting = Counting(database)
    store = Store(counting)
    for index in range(40):
        assert store.enrolled(experiment) == index
        database.insert("clients", client_document(experiment, index))
    counting.reset()
    assert store.enrolled(experiment) == 40
    assert counting.calls["count"] <= (2 if total == 40 else 13)
    assert store.free_index(experiment, 40) == 40


def test_a_range_goes_at_once(database) -> None:
    for number in range(5):
        database.insert("things", {"_id": str(number), "round": number})
    assert database.delete("things", {"round": {"$lte": 2}}) == 3
    assert database.count("things", {}) == 2


def test_what_was_given_or_returned_is_a_copy(database) -> None:
    document = {"_id": "d", "list": [1]}
    database.insert("things", document)
    document["list"].append(2)
    database.find("things", {})[0]["list"].append(3)
    assert database.find("things", {})[0]["list"] == [1]


@pytest.mark.parametrize("method", ["update", "change"])
def test_one_of_many_racing_writes_wins(database, method) -> None:
    database.insert("things", {"_id": "d", "count": 0})
    wins = []

    def race(number: int) -> None:
        where = {"_id": "d", "count": 0}
        if getattr(database, method)("things", where, {"$inc": {"count": 1}}):
            wins.append(number)

    threads = [threading.Thread(target=race, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(wins) == 1


def test_a_database_that_is_away_is_named_without_its_address(monkeypatch) -> None:
    monkeypatch.setattr("fedcore.store.mongo.SERVER_SELECTION_MS", 100)
    away = MongoDatabase("mongodb://user:hidden@127.0.0.1:9/", "x")
    with pytest.raises(DatabaseUnavailable, match="did not answer") as caught:
        away.count("things", {})
    assert "hidden" not in str(caught.value)
    assert caught.value.retry_after
    away.close()


def test_a_url_that_cannot_be_read_is_refused_at_once() -> None:
    with pytest.raises(DatabaseUnavailable, match="MONGODB_URL"):
        MongoDatabase("http://no.mongo", "x")
