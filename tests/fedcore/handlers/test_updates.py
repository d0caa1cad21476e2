import math
from typing import Any

import pytest

from fedcore import codec
from fedcore.errors import InvalidRequest, TooLarge, UploadMismatch
from fedcore.store.memory import MemoryDatabase
from tests.fedcore.world import World, finish, members_of, open_round_1, vector


@pytest.fixture
def world() -> World:
    world = World()
    world.start()
    return world


@pytest.fixture
def pair(world):
    """The two clients of round 1's cohort."""
    return members_of(world, open_round_1(world))


def test_the_same_update_twice_counts_once(world, pair) -> None:
    first = pair[0].submit(1, 1.0, 1.0)
    again = pair[0].submit(1, 1.0, 1.0)
    assert first["accepted"] is again["accepted"] is True
    assert first["upload"] == again["upload"]
    assert world.live["accepted"] == [pair[0].index]


def test_a_second_update_is_told_which_one_counts(world, pair) -> None:
    first = pair[0].submit(1, 1.0, 1.0)
    other = pair[0].submit(1, 9.0, 9.0)
    assert (other["accepted"], other["upload"]) == (True, first["upload"])
    pair[1].submit(1, 1.0, 1.0)
    world.advance()
    assert world.model(1) == [1.0, 1.0]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"examples": 0}, "examples: found 0, expected 1 to"),
        ({"examples": -5}, "examples: found -5"),
        ({"examples": 10**12}, "examples: found 1000000000000"),
        ({"layout": [["w", [3]]]}, "layout: differs"),
        ({"layout": [["w", [0]]]}, "layout: differs"),
    ],
)
def test_a_wrong_update_is_refused_with_its_reason(world, pair, change, reason) -> None:
    answer = pair[0].send(pair[0].update(1, 1.0, 1.0) | change)
    assert answer["accepted"] is False
    assert answer["reason"].startswith(reason)
    assert answer["assignment"]["kind"] == "wait"
    assert world.live["refused"] == {str(pair[0].index): answer["reason"]}


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_values_that_are_not_finite_are_refused(pair, bad) -> None:
    answer = pair[0].submit(1, 1.0, bad)
    assert (answer["accepted"], answer["reason"]) == (
        False,
        "chunk 0: value 1 is not finite",
    )


def test_a_model_of_another_length_is_refused(pair) -> None:
    answer = pair[0].submit(1, 1.0, 1.0, 1.0)
    assert answer["reason"] == "chunk 0: found 12 bytes, expected 8"


def test_a_refused_client_may_send_a_better_update(world, pair) -> None:
    pair[0].submit(1, 1.0, math.nan)
    assert pair[0].submit(1, 1.0, 1.0)["accepted"] is True
    assert world.live["refused"] == {}


def test_an_update_too_far_from_where_it_began_is_refused() -> None:
    world = World()
    world.start(max_norm=4.0)
    one, _ = members_of(world, open_round_1(world))  # from (1, 2)
    answer = one.submit(1, 4.0, 6.0)
    assert answer["reason"] == "norm: found 5, expected at most 4"
    assert one.submit(1, 1.0, 6.0)["accepted"] is True


class Counting(MemoryDatabase):
    """Counts the chunks whose bytes are read."""

    reads = 0

    def find(self, collection: str, where: Any, fields: Any = (), **more: Any) -> Any:
        found = super().find(collection, where, fields, **more)
        self.reads += sum("data" in each for each in found)
        return found


def test_no_request_of_a_bounded_update_reads_more_than_a_chunk(monkeypatch) -> None:
    monkeypatch.setattr(codec, "CHUNK_VALUES", 1)
    database = Counting()
    world = World(database)
    world.start(clients=1, per_round=1, rounds=1, max_norm=4.0)
    (member,) = world.enrol_all(1)
    world.advance()
    for number, model in ((0, (0.0, 0.0, 0.0)), (1, (3.0, 4.0, 12.0))):
        for request in member.updates(number, vector(*model)):
            database.reads = 0
            answer = member.send(request)
            assert number == 0 or database.reads <= 1
        if number == 0:
            world.advance()
    assert answer["reason"] == "norm: found 13, expected at most 4"


@pytest.mark.parametrize(
    ("change", "error", "complaint"),
    [
        ({"hash": "0" * 64}, UploadMismatch, "hash: chunk 0 has"),
        ({"upload": "0" * 64}, UploadMismatch, "upload: its 1 chunks make"),
        ({"chunk": 1}, InvalidRequest, "chunk: found 1, expected 0 to 0"),
        ({"data": "AAAA"}, InvalidRequest, "not a whole number of float32"),
        ({"data": "A" * 800_000}, TooLarge, "at most"),
        ({"surprise": 1}, InvalidRequest, "unknown field `surprise`"),
        ({"round": "1"}, InvalidRequest, "Expected `int`, got `str`"),
        ({"client": {"$ne": None}}, InvalidRequest, "Expected `int`"),
        ({"upload": {"$gt": ""}}, InvalidRequest, "Expected `str`"),
        ({"metrics": {"a b": 1.0}}, InvalidRequest, "matching regex"),
        ({"metrics": {f"m{i}": 0.0 for i in range(33)}}, InvalidRequest, "<= 32"),
    ],
)
def test_a_request_that_makes_no_sense_changes_nothing(
    world, pair, change, error, complaint
) -> None:
    with pytest.raises(error, match=complaint):
        pair[0].send(pair[0].update(1, 1.0, 1.0) | change)
    assert world.live["accepted"] == []


@pytest.mark.parametrize("found", [1.01e9, -1.7e308])
def test_what_no_axis_shows_is_taken_from_nobody(world, pair, found) -> None:
    beyond = pair[0].update(1, 1.0, 1.0) | {"metrics": {"loss": found}}
    answer = pair[0].send(beyond)
    assert answer["reason"] == f"metrics.loss: found {found}, expected -1e+09 to 1e+09"
    score = {"version": 0, "accuracy": 0.5, "loss": found, "examples": 1}
    with pytest.raises(InvalidRequest, match=r"evaluation\.loss|10000"):
        pair[1].check_in(evaluation=score)


def test_updates_for_other_rounds_or_from_outside_do_not_count(world) -> None:
    members = open_round_1(world)
    inside = members_of(world, members)
    (outside,) = [member for member in members if member not in inside]
    future = inside[0].submit(2, 1.0, 1.0)
    assert future["reason"] == "round 2 is not open yet, the live one is 1"
    stranger = outside.submit(1, 1.0, 1.0)
    assert (
        stranger["reason"] == f"client {outside.index} is not in the cohort of round 1"
    )
    assert world.live["accepted"] == []


def test_a_client_may_send_three_uploads_a_round(pair) -> None:
    for value in range(3):
        pair[0].submit(1, float(value), math.nan)
        request = pair[0].update(1, float(value), 5.0) | {"upload": f"{value:064}"}
        with pytest.raises(UploadMismatch):
            pair[0].send(request)
    answer = pair[0].submit(1, 7.0, 7.0)
    assert answer["reason"] == "upload: a client may send 3 uploads a round"


def test_a_model_of_a_million_parameters_travels_in_chunks() -> None:
    world = World()
    world.start(clients=1, per_round=1, rounds=1)
    (member,) = world.enrol_all(1)
    world.advance()
    model = vector(0.25) * 1_000_000
    for number in (0, 1):
        *most, last = member.updates(number, model)
        assert len(most) == 7
        for position, request in enumerate(most):
            answer = member.send(request)
            assert answer["missing"] == list(range(position + 1, 8))
        assert member.send(most[3])["missing"] == [7]  # again: no harm
        assert member.send(last)["accepted"] is True
        world.advance()
    assert world.report()["state"] == "finished"
    assert world.report()["parameters"] == 1_000_000


def test_chunks_of_a_closed_round_are_gone_whoever_wrote_them(world) -> None:
    members = open_round_1(world)
    finish(world, members, lambda index: 1.0)
    members[0].submit(1, 5.0, 5.0)
    database = world.services.store.database
    assert database.count("update_chunks", {}) == 0
    assert database.count("uploads", {}) == 0


def test_all_refused_but_a_quorum_closes_the_round_at_once() -> None:
    world = World()
    world.start(clients=4, per_round=4, quorum=0.5)
    members = open_round_1(world, 4)
    members[0].submit(1, 1.0, math.nan)
    members[1].submit(1, 1.0, math.nan)
    members[2].submit(1, 1.0, 1.0)
    answer = members[3].submit(1, 3.0, 3.0)
    assert answer["assignment"]["kind"] == "advance"
    world.advance()
    assert world.model(1) == [2.0, 2.0]
    assert set(world.report()["rounds"][1]["refused"]) == {"0", "1"}
