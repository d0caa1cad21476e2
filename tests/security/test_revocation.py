"""`revoke_client`: one client is shut out, and nobody else notices."""

from __future__ import annotations

import pytest

from fedcore.errors import Forbidden, UnknownClient
from fedcore.live import REVOKED
from tests.fedcore.world import (
    World,
    finish,
    members_of,
    open_round_1,
)


def test_a_revoked_client_is_refused_from_then_on_until_that_is_undone(
    world, cohort
) -> None:
    name = f"c{cohort[0].index}"
    assert world.revoke(name)["revoked"] is True
    for call in (cohort[0].check_in, lambda: cohort[0].submit(1, 1.0, 1.0)):
        with pytest.raises(Forbidden, match="has been revoked"):
            call()
    with pytest.raises(Forbidden, match="has been revoked"):
        world.enrol(name)
    assert world.revoke(name, undo=True)["revoked"] is False
    assert cohort[0].check_in()["kind"] == "train"
    assert cohort[0].submit(1, 1.0, 1.0)["accepted"] is True


def test_its_name_and_its_place_stay_its_own(world, cohort) -> None:
    world.revoke("c0")
    assert world.report()["enrolled"] == 5
    assert world.report()["clients"][0]["revoked"] is True
    world.revoke("c0", undo=True)
    assert world.enrol("c0").index == 0


def test_revoking_twice_is_once_and_so_is_undoing(world, cohort) -> None:
    for undo in (False, False, True, True):
        assert world.revoke("c1", undo=undo)["revoked"] is not undo


def test_whom_nobody_knows_nobody_can_revoke(world) -> None:
    with pytest.raises(UnknownClient, match="no client of 'exp' is called 'x'"):
        world.revoke("x")


def test_its_update_goes_from_a_round_that_still_trains(world, cohort) -> None:
    cohort[0].submit(1, 1000.0, 1000.0)
    world.revoke(f"c{cohort[0].index}")
    live = world.live
    assert live["accepted"] == []
    assert live["refused"] == {str(cohort[0].index): REVOKED}
    for member in cohort[1:]:
        member.submit(1, 1.0, 1.0)
    assert world.live["state"] == "frozen"
    world.advance()
    assert world.model(1) == [1.0, 1.0]


def test_its_update_stays_in_a_frozen_set_which_never_changes(world, cohort) -> None:
    for member in cohort:
        member.submit(1, 2.0, 2.0)
    assert world.live["state"] == "frozen"
    world.revoke(f"c{cohort[0].index}")
    assert len(world.live["accepted"]) == 4
    world.advance()
    assert world.report()["rounds"][1]["updates"] == 4


def test_a_round_freezes_with_it_if_all_others_have_answered(world, cohort) -> None:
    for member in cohort[1:]:
        member.submit(1, 1.0, 1.0)
    assert world.live["state"] == "training"
    world.revoke(f"c{cohort[0].index}")
    assert world.live["state"] == "frozen"
    assert cohort[1].check_in()["kind"] == "advance"
    world.advance()
    assert world.live["round"] == 2


def test_it_is_not_drawn_while_it_is_out_and_the_experiment_ends_without_it() -> None:
    world = World()
    world.start(clients=5, per_round=4, rounds=6)
    members = world.enrol_all(5)
    world.revoke("c2")
    world.advance()
    for member in members_of(world, members):
        member.submit(0, 1.0, 2.0)
    world.advance()
    finish(world, members, lambda index: float(index))
    report = world.report()
    assert report["state"] == "finished"
    assert {2} not in [set(each["cohort"]) & {2} for each in report["rounds"]]
    assert [len(each["cohort"]) for each in report["rounds"][1:]] == [4] * 6


def test_an_update_that_was_let_in_before_does_not_count_afterwards(
    world, cohort, monkeypatch
) -> None:
    """The client is revoked while its last chunk is being checked."""
    store = world.services.store
    genuine = store.add_update

    def revoked_meanwhile(experiment, number, update) -> None:
        genuine(experiment, number, update)
        world.revoke(f"c{cohort[0].index}")

    monkeypatch.setattr(store, "add_update", revoked_meanwhile)
    answer = cohort[0].submit(1, 1000.0, 1000.0)
    assert (answer["accepted"], answer["reason"]) == (False, REVOKED)
    assert world.live["accepted"] == []


def test_a_round_that_freezes_meanwhile_is_looked_at_again(
    world, cohort, monkeypatch
) -> None:
    store = world.services.store
    genuine = store.apply
    cohort[0].submit(1, 1.0, 1.0)

    def frozen_meanwhile(write):
        monkeypatch.setattr(store, "apply", genuine)
        for member in cohort[1:]:
            member.submit(1, 1.0, 1.0)
        return genuine(write)

    monkeypatch.setattr(store, "apply", frozen_meanwhile)
    assert world.revoke(f"c{cohort[0].index}")["revoked"] is True
    assert len(world.live["accepted"]) == 4


def past_the_deadline(world: World) -> None:
    world.now = world.live["deadline"]
    world.advance()


def test_an_experiment_without_a_client_left_fails_and_goes_on_with_those_let_in() -> (
    None
):
    world = World()
    settings = {"attempts": 2, "deadline_s": 100}
    world.start(**settings)
    members = open_round_1(world)
    for member in members_of(world, members):
        member.submit(1, 3.0, 3.0)
    for member in members:
        world.revoke(f"c{member.index}")
    world.advance()
    assert (world.live["round"], world.live["cohort"]) == (2, [])
    past_the_deadline(world)
    past_the_deadline(world)
    assert world.report()["state"] == "failed"
    for member in members:
        world.revoke(f"c{member.index}", undo=True)
    world.resume(**settings)
    members[0].check_in()
    past_the_deadline(world)
    assert len(world.live["cohort"]) == 2
    finish(world, members, lambda index: 1.0)
    assert world.report()["state"] == "finished"
