"""Round 0: no single client chooses the layout or the values of the initial model."""

import math

import pytest

from tests.fedcore.world import Member, World, agree, members_of, vector

LARGEST = 3.4028235e38
FOREIGN = [["somewhere else", [1]]]


def opened(**settings) -> tuple[World, list[Member]]:
    """A federation of nine whose round 0 is open, and the cohort of it."""
    world = World()
    world.start(**({"clients": 9} | settings))
    members = world.enrol_all(world.report()["settings"]["clients"])
    world.advance()
    return world, members


def voters(world: World, members: list[Member]) -> list[Member]:
    return members_of(world, members)


def test_one_hostile_client_chooses_neither_layout_nor_values() -> None:
    world, members = opened(strategy="median", max_norm=4.0)
    hostile, *honest = voters(world, members)
    (request,) = hostile.updates(0, vector(LARGEST), FOREIGN)
    assert hostile.send(request)["accepted"] is True  # as its vote
    for each in honest:
        each.submit(0, 1.0, 2.0)
    world.advance()  # all three have answered: three others are asked, too
    for each in voters(world, members):
        if each is not hostile and each not in honest:
            each.submit(0, 1.0, 2.0)
            break
    world.advance()
    assert world.model(0) == [1.0, 2.0]
    assert world.report()["parameters"] == 2
    (initial,) = world.report()["rounds"]
    assert initial["updates"] == 3
    assert list(initial["refused"]) == [str(hostile.index)]
    assert (
        "found another layout, expected what clients"
        in (initial["refused"][str(hostile.index)])
    )


def test_the_third_equal_model_closes_round_0_in_the_same_write() -> None:
    world, members = opened()
    first, second, third = voters(world, members)
    assert first.submit(0, 1.0)["assignment"]["kind"] == "wait"
    assert second.submit(0, 1.0)["assignment"]["kind"] == "wait"
    assert (world.live["state"], world.report()["parameters"]) == ("training", 0)
    assert third.submit(0, 1.0)["assignment"] == {"kind": "advance", "round": 0}
    assert (world.live["state"], world.report()["parameters"]) == ("frozen", 1)
    assert world.live["accepted"] == [first.index, second.index, third.index]


def test_a_federation_of_two_must_agree_as_a_whole() -> None:
    world = World()
    world.start(clients=2)
    members = world.enrol_all(2)
    world.advance()
    assert world.live["target"] == 2
    agree(world, members, 1.0)
    assert world.live["round"] == 1


def test_a_client_alone_makes_the_model() -> None:
    world = World()
    world.start(clients=1, per_round=1)
    members = world.enrol_all(1)
    world.advance()
    agree(world, members, 1.0)
    assert world.model(0) == [1.0]


def test_the_same_values_under_another_layout_are_another_model() -> None:
    world, members = opened()
    one, *others = voters(world, members)
    (request,) = one.updates(0, vector(1.0, 2.0), [["w", [2, 1]]])
    one.send(request)
    for each in others:
        each.submit(0, 1.0, 2.0)
    assert world.live["state"] == "training"


def test_a_vote_counts_once_and_cannot_be_changed() -> None:
    world, members = opened()
    one, *_ = voters(world, members)
    first = one.submit(0, 1.0)
    assert one.submit(0, 1.0)["accepted"] is True
    other = one.submit(0, 2.0)
    assert (other["accepted"], other["upload"]) == (True, first["upload"])
    assert world.services.store.experiment("exp").live.voted == 1


def test_who_was_outvoted_is_told_why() -> None:
    world, members = opened()
    odd, *_ = voters(world, members)
    odd.submit(0, 7.0)
    world.now = world.live["deadline"]
    world.advance()
    voting = [each for each in voters(world, members) if each is not odd]
    for each in voting[:3]:
        each.submit(0, 1.0)
    answer = odd.submit(0, 7.0)
    assert answer["accepted"] is False
    assert answer["reason"] == (
        "initial model: found other values, expected what clients "
        "{}, {} and {} sent".format(*sorted(each.index for each in voting[:3]))
    )


def test_without_agreement_it_fails_by_name() -> None:
    world, members = opened(clients=3, per_round=2, attempts=3)
    for place, each in enumerate(voters(world, members)):
        each.submit(0, float(place))
    for _ in range(3):
        world.advance()  # nobody fresh is left, and no deadline is waited for
    report = world.report()
    assert report["state"] == "failed"
    assert report["reason"].startswith(
        "round 0: clients 0, 1 and 2 sent 3 different initial models ("
    )
    assert report["reason"].endswith(
        "expected the same from 3: other kinds of CPU may compute other bytes; "
        "start with --model"
    )


def test_votes_that_do_not_come_fail_it_after_the_last_deadline() -> None:
    world, members = opened(clients=3, attempts=2)
    voters(world, members)[0].submit(0, 1.0)
    for _ in range(2):
        world.now = world.live["deadline"]
        world.advance()
    assert world.report()["reason"] == (
        "round 0: 1 of 3 equal initial models after 2 attempts"
    )


def test_a_late_attempt_keeps_the_votes_and_asks_three_more() -> None:
    world, members = opened()
    one, two, away = voters(world, members)
    one.submit(0, 1.0)
    two.submit(0, 1.0)
    world.now = world.live["deadline"]
    world.advance()
    assert len(world.live["cohort"]) == 6
    fresh = next(e for e in voters(world, members) if e not in (one, two, away))
    assert fresh.submit(0, 1.0)["assignment"]["kind"] == "advance"
    world.advance()
    assert world.model(0) == [1.0]


def test_a_model_that_is_not_finite_is_no_vote() -> None:
    world, members = opened()
    one, *_ = voters(world, members)
    assert one.submit(0, math.nan)["reason"] == "chunk 0: value 0 is not finite"
    assert one.submit(0, 1.0)["accepted"] is True


def test_votes_of_revoked_clients_do_not_count() -> None:
    world, members = opened()
    one, two, three = voters(world, members)
    one.submit(0, 6.0)
    two.submit(0, 6.0)
    world.revoke(f"c{one.index}")
    three.submit(0, 6.0)
    assert world.live["state"] == "training"


def test_two_that_vote_at_once_are_both_counted(monkeypatch) -> None:
    world, members = opened()
    one, two, three = voters(world, members)
    one.submit(0, 1.0)
    store = world.services.store
    usual = type(store).updates

    def updates(self, experiment):
        # Between the second one's look and its write, the third one votes.
        monkeypatch.setattr(type(store), "updates", usual)
        found = usual(self, experiment)
        three.submit(0, 1.0)
        return found

    monkeypatch.setattr(type(store), "updates", updates)
    assert two.submit(0, 1.0)["assignment"]["kind"] == "advance"
    assert len(world.live["accepted"]) == 3


@pytest.mark.parametrize("seed", [0, 7])
def test_nobody_outside_foresees_who_is_drawn_for_round_0(seed) -> None:
    from fedcore.selection import draw
    from fedcore.settings import ExperimentSettings

    world, members = opened(seed=seed)
    guessed = draw(ExperimentSettings(seed=seed), 0, range(len(members)))
    assert world.live["cohort"] != guessed


def failed() -> tuple[World, list[Member]]:
    """A federation of three that has sent three different initial models."""
    world, members = opened(clients=3, per_round=2, attempts=1)
    for place, each in enumerate(voters(world, members)):
        each.submit(0, float(place))
    world.advance()
    assert world.report()["state"] == "failed"
    return world, members


def test_a_failed_round_0_is_made_again_when_it_is_resumed() -> None:
    world, members = failed()
    world.resume(clients=3, attempts=1)
    assert (world.live, world.report()["reason"]) == (None, None)
    members[0].check_in()
    world.advance()
    agree(world, members, 5.0)
    assert world.model(0) == [5.0]


def test_after_a_failed_round_0_an_operator_may_bring_the_model() -> None:
    world, members = failed()
    started = world.pin(vector(7.0), clients=3, attempts=1, resume=True)
    assert started["awaits_model"] is True
    world.put(vector(7.0))
    members[0].check_in()
    world.advance()
    assert (world.live["round"], world.model(0)) == (1, [7.0])
