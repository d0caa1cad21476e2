"""`revoke_client` and the live round: nobody waits for a client that is shut out."""

from __future__ import annotations

import pytest

from fedcore.live import REVOKED
from fedcore.scoring import TRIES
from tests.fedcore.world import (
    World,
    finish,
    members_of,
    open_round_1,
)


def past_the_deadline(world: World) -> None:
    world.now = world.live["deadline"]
    world.advance()


def needs(world: World) -> tuple[int, int]:
    return world.live["target"], world.live["quorum"]


@pytest.mark.parametrize(
    ("clients", "per_round", "before", "after"),
    [
        (2, 2, (2, 2), (1, 1)),
        (3, 3, (3, 3), (2, 2)),
        (4, 4, (4, 4), (3, 3)),
        (5, 5, (5, 4), (4, 4)),
        (20, 10, (10, 8), (9, 8)),
    ],
)
def test_a_round_needs_no_update_of_it_however_few_there_are(
    clients, per_round, before, after
) -> None:
    world = World()
    world.start(clients=clients, per_round=per_round)
    members = open_round_1(world, clients)
    first, *others = members_of(world, members)
    assert needs(world) == before
    world.revoke(f"c{first.index}")
    assert needs(world) == after
    world.revoke(f"c{first.index}", undo=True)
    assert needs(world) == before
    assert first.check_in()["kind"] == "train"
    world.revoke(f"c{first.index}")
    for member in others:
        member.submit(1, 1.0, 1.0)
    assert world.live["state"] == "frozen"
    finish(world, [each for each in members if each is not first], lambda index: 1.0)
    assert world.report()["state"] == "finished"


def test_clients_drawn_beyond_the_target_replace_it() -> None:
    world = World()
    world.start(clients=5, per_round=4, over_select=1)
    first, *_ = open_round_1(world, 5)
    world.revoke(f"c{first.index}")
    assert needs(world) == (4, 4)


def test_a_further_attempt_does_not_wait_for_it_either() -> None:
    world = World()
    world.start(clients=4, per_round=3)
    members = open_round_1(world, 4)
    first, second, third = members_of(world, members)
    world.revoke(f"c{first.index}")
    assert needs(world) == (2, 2)
    past_the_deadline(world)
    assert len(world.live["cohort"]) == 4
    assert needs(world) == (3, 3)  # one more was drawn
    assert world.live["refused"] == {str(first.index): REVOKED}
    (fresh,) = set(members) - {first, second, third}
    for member in (second, third, fresh):
        member.submit(1, 1.0, 1.0)
    assert world.live["state"] == "frozen"


@pytest.mark.parametrize("clients", [2, 3, 4, 5])
def test_a_resumed_round_does_not_wait_for_it_either(clients) -> None:
    world = World()
    settings = {"clients": clients, "per_round": clients}
    world.start(**settings)
    first, *others = open_round_1(world, clients)
    world.stop()
    world.revoke(f"c{first.index}")
    world.resume(**settings)
    assert others[0].check_in()["kind"] == "train"
    for member in others:
        member.submit(1, 1.0, 1.0)
    assert world.live["state"] == "frozen"


def test_a_stopped_round_that_has_all_others_freezes_with_it() -> None:
    world = World()
    world.start()
    first, second = members_of(world, open_round_1(world))
    second.submit(1, 1.0, 1.0)
    world.stop()
    world.revoke(f"c{first.index}")
    assert world.live["state"] == "frozen"
    world.resume()
    assert second.check_in()["kind"] == "advance"
    world.advance()
    assert world.live["round"] == 2


def test_an_older_experiment_that_failed_for_it_goes_on_when_resumed() -> None:
    world = World()
    settings = {"clients": 3, "per_round": 3, "attempts": 1}
    world.start(**settings)
    first, *others = open_round_1(world, 3)
    for member in others:
        member.submit(1, 1.0, 1.0)
    past_the_deadline(world)
    assert world.report()["state"] == "failed"
    # As revoking left it before rounds were freed by it.
    key = str(first.index)
    was = {"$set": {f"revoked.{key}": 1.0, f"live.refused.{key}": REVOKED}}
    assert world.services.store.database.update("experiments", {"name": "exp"}, was)
    world.resume(**settings)
    assert needs(world) == (2, 2)
    assert others[0].check_in()["kind"] == "advance"
    world.advance()
    assert world.live["round"] == 2


def test_letting_it_in_again_leaves_a_frozen_round_as_it_is(world, cohort) -> None:
    world.revoke(f"c{cohort[0].index}")
    for member in cohort[1:]:
        member.submit(1, 1.0, 1.0)
    world.revoke(f"c{cohort[0].index}", undo=True)
    assert (needs(world), world.live["state"]) == ((3, 3), "frozen")
    world.advance()
    assert world.report()["rounds"][1]["refused"] == {str(cohort[0].index): REVOKED}


@pytest.mark.parametrize("grows", [False, True])
def test_who_is_revoked_while_a_cohort_is_drawn_is_not_in_it(
    grows, monkeypatch
) -> None:
    world = World()
    world.start(clients=4, per_round=2)
    members = open_round_1(world, 4)
    drawn_from = set(range(4))
    if grows:
        world.now = world.live["deadline"]
        drawn_from -= set(world.live["cohort"])
    else:
        for member in members_of(world, members):
            member.submit(1, 1.0, 1.0)
    before = set(world.live["cohort"]) if grows else set()
    victim = min(drawn_from)
    store = world.services.store
    genuine = store.last_rounds

    def revoked_meanwhile(experiment, count):
        monkeypatch.setattr(store, "last_rounds", genuine)
        world.revoke(f"c{victim}")
        return genuine(experiment, count)

    monkeypatch.setattr(store, "last_rounds", revoked_meanwhile)
    world.advance()
    world.advance()  # the first draw was void
    live = world.live
    assert (live["round"], live["attempt"]) == ((1, 2) if grows else (2, 1))
    assert victim not in set(live["cohort"]) - before
    assert len(live["cohort"]) == (3 if grows else 2)


def test_an_update_that_comes_while_another_client_is_revoked_counts(
    world, cohort, monkeypatch
) -> None:
    """The count that would close the round is another one than was read."""
    store = world.services.store
    genuine = store.add_update
    cohort[1].submit(1, 1.0, 1.0)
    cohort[2].submit(1, 1.0, 1.0)

    def revoked_meanwhile(experiment, number, update) -> None:
        genuine(experiment, number, update)
        world.revoke(f"c{cohort[0].index}")

    monkeypatch.setattr(store, "add_update", revoked_meanwhile)
    answer = cohort[3].submit(1, 1.0, 1.0)
    assert answer["accepted"] is True
    assert answer["assignment"]["kind"] == "advance"
    assert (needs(world), world.live["state"]) == ((3, 3), "frozen")


def test_an_update_that_comes_while_another_is_let_in_again_closes_no_round(
    world, cohort, monkeypatch
) -> None:
    store = world.services.store
    genuine = store.add_update
    world.revoke(f"c{cohort[0].index}")
    cohort[1].submit(1, 1.0, 1.0)
    cohort[2].submit(1, 1.0, 1.0)

    def reinstated_meanwhile(experiment, number, update) -> None:
        genuine(experiment, number, update)
        world.revoke(f"c{cohort[0].index}", undo=True)

    monkeypatch.setattr(store, "add_update", reinstated_meanwhile)
    assert cohort[3].submit(1, 1.0, 1.0)["accepted"] is True
    assert (needs(world), world.live["state"]) == ((4, 4), "training")
    assert len(world.live["accepted"]) == 3


@pytest.mark.parametrize(("clients", "agree"), [(2, 1), (3, 2), (5, 3)])
def test_the_initial_model_is_settled_by_others_without_a_deadline(
    clients, agree
) -> None:
    world = World()
    world.start(clients=clients, per_round=2)
    members = world.enrol_all(clients)
    world.advance()
    revoked, *others = members_of(world, members)
    deadline = world.live["deadline"]
    world.revoke(f"c{revoked.index}")
    for member in others:
        member.submit(0, 1.0, 2.0)
    world.advance()  # all have answered: another attempt
    assert (world.live["attempt"], world.live["target"]) == (2, agree)
    for member in members_of(world, members):
        if member is not revoked and str(member.index) not in world.live["refused"]:
            member.submit(0, 1.0, 2.0)
    world.advance()
    assert (world.live["round"], world.model(0)) == (1, [1.0, 2.0])
    assert world.now < deadline


def test_a_vote_that_comes_while_another_is_let_in_again_freezes_no_empty_set(
    monkeypatch,
) -> None:
    world = World()
    world.start(clients=3, per_round=2)
    first, *others = world.enrol_all(3)
    world.advance()
    first.submit(0, 1.0, 2.0)
    others[0].submit(0, 1.0, 2.0)
    world.revoke("c0")
    store = world.services.store
    genuine = store.add_update

    def reinstated_meanwhile(experiment, number, update) -> None:
        genuine(experiment, number, update)
        world.revoke("c0", undo=True)

    monkeypatch.setattr(store, "add_update", reinstated_meanwhile)
    answer = others[1].submit(0, 1.0, 2.0)
    assert (answer["accepted"], answer["assignment"]["kind"]) == (True, "advance")
    assert world.live["state"] == "training"  # the next to advance settles it
    world.advance()
    assert (world.live["round"], world.model(0)) == (1, [1.0, 2.0])


def test_enrolment_does_not_wait_for_it() -> None:
    world = World()
    world.start(clients=3, per_round=2, min_clients=2)
    world.enrol("c0")
    world.revoke("c0")
    assert world.enrol("c1").assignment["kind"] == "wait"  # one more can come
    assert world.enrol("c2").assignment["kind"] == "advance"


def test_a_score_is_asked_of_another_at_once_if_it_was_at_it() -> None:
    world = World()
    world.start(evaluate=True, rounds=1)
    members = open_round_1(world)
    cohort = members_of(world, members)
    (idle,) = set(members) - set(cohort)
    assert idle.check_in()["kind"] == "evaluate"
    world.revoke(f"c{idle.index}")
    answers = [each.submit(1, 1.0, 1.0)["assignment"] for each in cohort]
    assert [each["kind"] for each in answers] == ["evaluate", "advance"]


def test_nobody_waits_for_its_score_at_the_end() -> None:
    world = World()
    world.start(clients=2, per_round=2, evaluate=True, rounds=1)
    first, second = open_round_1(world, 2)
    for member in (first, second):
        member.submit(1, 1.0, 1.0)
    world.advance()
    last_try = {
        "evaluation.client": first.index,
        "evaluation.attempts": TRIES,
        "evaluation.until": world.now + 100,
    }
    database = world.services.store.database
    for number in range(2):
        assert database.update("rounds", {"number": number}, {"$set": last_try})
    assert second.check_in()["kind"] == "wait"
    assert world.report()["over"] is False
    world.revoke(f"c{first.index}")
    assert second.check_in()["kind"] == "stop"
    assert world.report()["over"] is True


def test_nobody_waits_for_a_score_where_all_are_revoked() -> None:
    world = World()
    world.start(clients=1, per_round=1, evaluate=True, rounds=1)
    (alone,) = open_round_1(world, 1)
    alone.submit(1, 1.0, 1.0)
    world.advance()
    assert (world.report()["state"], world.report()["over"]) == ("finished", False)
    world.revoke("c0")
    assert world.report()["over"] is True
