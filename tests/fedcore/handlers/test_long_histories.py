"""What a request costs, and how long its answer is, after a million rounds."""

from typing import Any

import msgspec
import pytest

from fedcore import tokens
from fedcore.adapters import openwhisk, serving
from fedcore.errors import InvalidRequest
from fedcore.handlers import status
from fedcore.messages import Page
from tests.fedcore.counting import (
    Counting,
    client_document,
    long_history,
    round_document,
)
from tests.fedcore.world import OPERATOR, SECRET, Member, World

MOST_BYTES = 1024 * 1024
"""What OpenWhisk carries of an answer."""


def idle(world: World) -> Member:
    """Client 0, which has nothing to do."""
    token = tokens.client_token(SECRET, "id1", 0)
    place = {"index": 0, "experiment": "exp", "token": token, "assignment": {}}
    return Member(world, place)


def told(world: World, **fields: Any) -> dict[str, Any]:
    return world.call(status.ACTION, {"experiment": "exp"} | fields, OPERATOR)


@pytest.mark.parametrize("more", [{}, {"min_clients": 2}, {"public_status": True}])
def test_an_idle_check_in_costs_the_same_whatever_the_size(more) -> None:
    costs = []
    for clients, rounds in ((20, 200), (1_000, 200), (100_000, 1_000_000)):
        world, counting = long_history(clients, rounds, **more)
        assert idle(world).check_in()["kind"] == "wait"
        costs.append((dict(counting.calls), counting.documents))
        assert sum(counting.calls.values()) <= 8
        assert counting.documents <= 10
        assert counting.bytes < 10_000
    assert costs[0] == costs[1] == costs[2]


def test_the_next_version_is_found_without_a_walk_through_the_others() -> None:
    world, counting = long_history(100_000, 1_000_000)
    (last,) = counting.database.find("rounds", {"number": 999_999})
    unscored = round_document(world.services.store.experiment("exp"), 999_999)
    unscored["evaluation"] |= {"result": None, "attempts": 0, "asked": [], "until": 0.0}
    counting.database.delete("rounds", {"_id": last["_id"]})
    counting.database.insert("rounds", unscored)
    change = {"$set": {"unscored_from": 999_999}}
    counting.database.update("experiments", {"name": "exp"}, change)
    # Client 0 has scored the versions before it; it is seconds since the round closed.
    world.now = 1001.0 + 999_999
    assert idle(world).check_in()["kind"] == "wait"
    world.now += 60
    counting.reset()
    assert idle(world).check_in()["version"] == 999_999
    assert counting.documents < 20


def test_status_reads_and_tells_a_part_whatever_the_size() -> None:
    costs = []
    for clients, rounds in ((1_000, 1_000), (100_000, 1_000_000)):
        world, counting = long_history(clients, rounds)
        report = told(world)
        costs.append((dict(counting.calls), counting.documents))
        assert [each["round"] for each in report["rounds"]] == [
            *range(rounds - 20, rounds)
        ]
        assert [each["index"] for each in report["clients"]] == [*range(20)]
        assert (report["enrolled"], report["next_client"]) == (clients, 20)
        assert report["over"] is False
    assert costs[0] == costs[1]


def test_rounds_and_clients_are_told_page_by_page() -> None:
    world, _ = long_history(100_000, 1_000_000)
    page = told(world, since=999_900, limit=60, clients_from=99_999)
    assert [each["round"] for each in page["rounds"]] == [*range(999_900, 999_960)]
    assert page["next_round"] == 999_960
    assert [each["index"] for each in page["clients"]] == [99_999]
    assert page["next_client"] is None
    rest = told(world, since=999_960, limit=60, clients_limit=0)
    assert [each["round"] for each in rest["rounds"]] == [*range(999_960, 1_000_000)]
    assert rest["clients"] == []
    # The live round follows: who goes on asking finds it once it has closed.
    assert told(world, since=1_000_000)["rounds"] == []


def worst() -> tuple[World, Counting]:
    """A world whose documents are as large as the bounds allow."""
    text = "\U0001f600" * 1000
    options = {f"{'o' * 60}{number}": text for number in range(64)}
    world, counting = long_history(
        20_000, 500, per_round=10_000, over_select=10_000, task_options=options
    )
    store = world.services.store
    experiment = store.experiment("exp")
    many = [*range(20_000)]
    reasons = {str(index): "\U0001f600" * 200 for index in range(1_000)}
    counting.database.collections["rounds"] = {
        each["_id"]: each
        for number in range(480, 500)
        for each in [
            round_document(
                experiment,
                number,
                cohort=many,
                late=many,
                accepted={str(index): "a" * 64 for index in range(100)},
                refused=reasons,
                distances={str(index): -1.2345e-300 for index in range(100)},
                metrics={f"m{n:039}": -1.797693134862315e308 for n in range(32)},
            )
        ]
    }
    counting.database.collections["clients"] = {
        f"{experiment.id}/{index:07}": client_document(
            experiment, index, "&\U0001f600" * 126 + "&"
        )
        for index in range(20_000)
    }
    whole = {
        "live.cohort": many,
        "live.late": many,
        "live.refused": reasons,
        "reason": "\U0001f600" * 200,
        "metric_names": [f"m{n:039}" for n in range(32)],
    }
    counting.update("experiments", {"_id": experiment.id}, {"$set": whole})
    return world, counting


def test_the_longest_answer_fits_what_a_platform_carries() -> None:
    world, _ = worst()
    for fields in ({}, {"since": 480, "limit": 500}, {"since": 0, "limit": 500}):
        report = told(world, clients_limit=1000, **fields)
        assert len(msgspec.json.encode(report)) < 0.8 * MOST_BYTES
    page = told(world, view="page", limit=500, clients_limit=1000)
    assert len(msgspec.json.encode(page)) < 0.8 * MOST_BYTES
    answer = openwhisk._http(serving.attempt("status", lambda: Page(html=page["html"])))
    assert len(msgspec.json.encode(answer)) < 0.9 * MOST_BYTES


def test_what_does_not_fit_one_answer_is_in_the_next() -> None:
    world, _ = worst()
    numbers, since = [], 480
    while since is not None:
        page = told(world, since=since, limit=500, clients_limit=0)
        numbers += [each["round"] for each in page["rounds"]]
        since = page["next_round"] if page["rounds"] else None
    assert numbers == [*range(480, 500)]
    last = told(world)
    assert last["rounds"][-1]["round"] == 499
    assert last["rounds"][-1]["counts"] == {
        "cohort": 20_000,
        "accepted": 100,
        "refused": 1_000,
        "late": 20_000,
    }
    assert len(last["rounds"][-1]["late"]) == 100
    indexes, first = [], 0
    while first is not None and first < 2_000:
        page = told(world, clients_from=first, clients_limit=1000, limit=1)
        indexes += [each["index"] for each in page["clients"]]
        first = page["next_client"]
    assert indexes == [*range(len(indexes))]


def test_a_list_reads_an_outline_of_each_experiment() -> None:
    world, counting = long_history(20_000, 500, per_round=10_000)
    counting.update(
        "experiments", {"name": "exp"}, {"$set": {"live.cohort": [*range(10_000)]}}
    )
    for number in range(150):
        world.start(f"other-{number}")
    counting.reset()
    found = world.call(status.ACTION, {"view": "list", "limit": 1000 // 2}, OPERATOR)
    assert (len(found["experiments"]), found["total"]) == (100, 151)
    assert counting.bytes < 300_000
    counting.reset()
    told(world, view="list")
    assert sum(counting.calls.values()) <= 3
    assert world.call(status.ACTION, {"view": "list", "limit": 1}, OPERATOR)[
        "experiments"
    ][0]["experiment"].startswith("other-")


@pytest.mark.parametrize(
    "fields", [{"limit": 0}, {"limit": 501}, {"clients_limit": 1001}, {"since": -1}]
)
def test_pages_beyond_bounds_are_refused(fields) -> None:
    world = World()
    world.start()
    with pytest.raises(InvalidRequest):
        told(world, **fields)
