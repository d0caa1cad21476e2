"""The operator brings the initial model: nobody else has a say in it."""

import math

import pytest

from fedcore import codec
from fedcore.errors import (
    ExperimentExists,
    InvalidRequest,
    InvalidSettings,
    UnknownModel,
    UploadMismatch,
)
from fedcore.handlers import get_model, start_experiment
from tests.fedcore.world import OPERATOR, World, finish, vector

MODEL = vector(1.0, 2.0)


def test_training_begins_with_the_model_that_the_operator_has_brought() -> None:
    world = World()
    assert world.pin(MODEL)["awaits_model"] is True
    assert world.put(MODEL)["missing"] == []
    assert world.pin(MODEL)["awaits_model"] is False
    members = world.enrol_all()
    world.advance()
    assert world.live["round"] == 1
    assert world.model(0) == [1.0, 2.0]
    finish(world, members, lambda index: float(index))
    report = world.report()
    assert report["state"] == "finished"
    assert [each["round"] for each in report["rounds"]] == [0, 1, 2]
    assert (report["rounds"][0]["cohort"], report["rounds"][0]["updates"]) == ([], 0)


def test_with_the_model_there_it_still_waits_for_all_its_clients() -> None:
    world = World()
    world.pin(MODEL)
    world.put(MODEL)
    assert [world.enrol(name).assignment["kind"] for name in ("a", "b")] == [
        "wait",
        "wait",
    ]
    assert world.report()["state"] == "enrolling"
    world.enrol("c")
    world.advance()
    assert len(world.live["cohort"]) == 2


def test_a_model_is_handed_out_with_the_hash_of_its_layout() -> None:
    world = World()
    world.pin(MODEL, [["b", [1]], ["a", [1]]], evaluate=True)
    world.put(MODEL)
    members = world.enrol_all()
    world.advance()
    given = [each.check_in() for each in members]
    assert {each["kind"] for each in given} == {"train", "evaluate"}
    (found,) = {each["layout"] for each in given}
    assert found == codec.layout_hash([("b", [1]), ("a", [1])])
    assert found != codec.layout_hash([("a", [1]), ("b", [1])])


def test_version_0_is_scored_like_any_other() -> None:
    world = World()
    world.pin(MODEL, evaluate=True)
    world.put(MODEL)
    members = world.enrol_all()
    world.advance()
    (idle,) = [each for each in members if each.index not in world.live["cohort"]]
    assert idle.check_in()["kind"] == "evaluate"


def test_nothing_begins_before_the_model_is_there() -> None:
    world = World()
    world.pin(MODEL)
    members = world.enrol_all()
    assert [each.check_in()["kind"] for each in members] == ["wait"] * 3
    world.advance()
    assert (world.report()["state"], world.live) == ("enrolling", None)
    world.put(MODEL)
    assert members[0].check_in() == {"kind": "advance", "round": 0}
    world.advance()
    assert world.live["round"] == 1


def test_chunks_may_come_in_any_order_twice_and_late(monkeypatch) -> None:
    monkeypatch.setattr(codec, "CHUNK_VALUES", 2)
    model = vector(1.0, 2.0, 3.0)
    world = World()
    world.pin(model)
    assert world.put(model, 1)["missing"] == [0]
    assert world.put(model, 1)["missing"] == [0]
    assert world.put(model, 0)["missing"] == []
    assert world.report()["version"] == 0
    world.enrol_all()
    world.advance()
    before = world.report()
    assert world.put(model, 0)["missing"] == []  # long after: nothing moves back
    assert world.report() == before


def test_a_write_that_was_lost_after_the_last_chunk_is_made_by_the_next_call() -> None:
    world = World()
    world.pin(MODEL)
    store = world.services.store
    store.publish_chunk(store.experiment("exp"), 0, 0, MODEL)
    assert world.report()["version"] == -1
    world.put(MODEL)
    assert world.report()["version"] == 0


@pytest.mark.parametrize(
    ("change", "error", "complaint"),
    [
        ({"hashes": ["0" * 64]}, UploadMismatch, "hashes: they make the model"),
        ({"chunk": 1}, InvalidRequest, "chunk: found 1, expected 0 to 0"),
        ({"data": codec.encode(vector(9.0, 9.0))}, UploadMismatch, "data: has the"),
    ],
)
def test_another_model_than_the_pinned_one_is_refused(change, error, complaint) -> None:
    world = World()
    world.pin(MODEL)
    with pytest.raises(error, match=complaint):
        world.put(MODEL, **change)
    assert world.services.store.database.count("model_chunks", {}) == 0


@pytest.mark.parametrize(
    ("model", "layout", "complaint"),
    [
        (vector(1.0, math.nan), None, "value 1 is not finite"),
        (vector(1.0), [["w", [2]]], "found 4 bytes, expected 8"),
        (vector(1.0), [["w", [codec.CHUNK_VALUES + 1]]], "hashes: found 1, expected 2"),
    ],
)
def test_a_model_that_cannot_be_trained_is_refused(model, layout, complaint) -> None:
    world = World()
    world.pin(model, layout)
    with pytest.raises(InvalidRequest, match=complaint):
        world.put(model)


def test_an_experiment_that_expects_no_model_takes_none() -> None:
    world = World()
    world.start()
    with pytest.raises(UnknownModel, match="its clients make the initial model"):
        world.put(MODEL)


def test_another_model_for_the_same_name_is_refused_with_what_differs() -> None:
    world = World()
    world.pin(MODEL)
    with pytest.raises(ExperimentExists, match=r"asked for .* of the same layout"):
        world.pin(vector(1.0, 3.0))
    with pytest.raises(ExperimentExists, match=r"tensor 0: stored w \[2\], asked v"):
        world.pin(MODEL, [["v", [2]]])
    with pytest.raises(ExperimentExists, match=r"tensor 1: stored none, asked b \[1\]"):
        world.pin(vector(1.0, 2.0, 3.0), [["w", [2]], ["b", [1]]])
    assert world.start()["awaits_model"] is True  # who brings none goes on with it


def test_a_model_cannot_be_pinned_afterwards() -> None:
    world = World()
    world.start()
    with pytest.raises(ExperimentExists, match="was started without an initial model"):
        world.pin(MODEL)


@pytest.mark.parametrize("alone", [{"initial": "0" * 64}, {"layout": [["w", [2]]]}])
def test_a_model_is_pinned_by_id_and_layout_together(alone) -> None:
    fields = {"experiment": "exp"} | alone
    with pytest.raises(InvalidSettings, match="found one of them, expected both"):
        World().call(start_experiment.ACTION, fields, OPERATOR)


def test_no_client_is_asked_for_the_initial_model() -> None:
    world = World()
    world.pin(MODEL)
    world.put(MODEL)
    hostile, *_ = world.enrol_all()
    world.advance()
    assert hostile.submit(0, 9.0, 9.0)["accepted"] is False
    assert world.model(0) == [1.0, 2.0]


def test_a_pinned_model_cannot_be_fetched_before_it_is_whole(monkeypatch) -> None:
    monkeypatch.setattr(codec, "CHUNK_VALUES", 1)
    world = World()
    world.pin(MODEL)
    world.put(MODEL, 0)
    with pytest.raises(UnknownModel, match="has no model yet"):
        world.call(get_model.ACTION, {"experiment": "exp"}, OPERATOR)
