"""Clients that are told to advance a round, and never do: they delay, and no more."""

from __future__ import annotations

import pytest

from fedcore import rules
from fedcore.handlers import status
from tests.fedcore.day import Day, Hog, Honest
from tests.fedcore.world import OPERATOR, Member, World, members_of, open_round_1

STOCK = 60
"""Calls a minute of an OpenWhisk as it comes."""

SETTINGS = {"clients": 20, "per_round": 10, "rounds": 3, "evaluate": False}
TOLD_S = 2 + 4 + 8
"""How long three hogs can keep others from being told to advance one state."""

ASKED_S = 15
"""How long it takes until one of the others asks."""


def day(*, silent: int = 0, last: int = 0, **more) -> Day:
    """Return a federation in which the hogs enrol last.

    Args:
        silent: hogs that never send an update.
        last: hogs that send theirs when it closes the round.
        more: settings.
    """
    world = World(calls_per_minute=STOCK)
    settings = SETTINGS | more
    world.start(**settings)
    played = Day(world)
    honest = settings["clients"] - silent - last
    for number in range(honest):
        played.add(Honest(world, f"c{number}"))
    for number in range(silent + last):
        played.add(Hog(world, f"hog{number}", honest if number < last else None))
    return played


@pytest.fixture(scope="module")
def undisturbed() -> float:
    return day().run()


@pytest.mark.parametrize("hogs", [1, 2, 5])
def test_hogs_that_send_the_last_update_cost_seconds_a_round(hogs, undisturbed) -> None:
    played = day(last=hogs)
    # What they may delay: the beginning, round 0, and three rounds.
    assert played.run() < undisturbed + 5 * (TOLD_S + ASKED_S)
    assert played.world.report()["state"] == "finished"


def test_hogs_that_never_send_anything_cost_a_deadline_a_round(undisturbed) -> None:
    played = day(silent=2, deadline_s=120)  # as many as a quorum of 8 in 10 can miss
    assert played.run() < undisturbed + 5 * (120 + TOLD_S + ASKED_S)
    report = played.world.report()
    assert report["state"] == "finished"
    assert [each["attempts"] for each in report["rounds"][1:]] == [1, 1, 1]


@pytest.mark.parametrize("clients", [2, 3, 4])
def test_small_federations_move_on_with_one_hog(clients) -> None:
    more = {"clients": clients, "per_round": clients, "rounds": 2}
    quiet = day(**more).run()
    played = day(last=1, **more)
    assert played.run() < quiet + 4 * (TOLD_S + ASKED_S)
    assert played.world.report()["state"] == "finished"


def frozen(world: World, clients: int) -> list[Member]:
    """Freeze round 1; its last member is told to advance, and does nothing."""
    world.start(clients=clients, per_round=clients)
    members = open_round_1(world, clients)
    for member in members:
        told = member.submit(1, 1.0, 1.0)["assignment"]["kind"] == "advance"
        assert told is (member is members[-1])
    return members


def tellings(world: World, members: list[Member], seconds: int) -> list[float]:
    """Return when somebody was told to advance, if all ask every second."""
    began, found = world.now, []
    for _ in range(seconds):
        world.now += 1
        told = [each for each in members if each.check_in()["kind"] == "advance"]
        found += [world.now - began] * len(told)
    return found


@pytest.mark.parametrize("clients", [1, 2])
def test_a_client_whose_call_was_lost_is_told_again_however_few_there_are(
    clients,
) -> None:
    world = World()
    members = frozen(world, clients)
    found = tellings(world, members[:1], 200)
    pauses = [after - before for before, after in zip([0, *found], found, strict=False)]
    assert pauses[0] <= 4  # not before the one that was told first had its time
    assert max(pauses) <= 60


def test_no_hog_uses_up_the_turn_of_another() -> None:
    world = World()
    *others, hog = frozen(world, 5)
    assert len(tellings(world, [hog], 3600)) > 60
    kinds = [each.check_in()["kind"] for each in others]
    assert kinds == ["advance", "wait", "wait", "wait"]
    tellings(world, [hog], 4)
    kinds = [each.check_in()["kind"] for each in others[1:]]
    assert kinds == ["advance", "wait", "wait"]
    tellings(world, [hog], 8)
    assert [each.check_in()["kind"] for each in others[2:]] == ["advance", "advance"]


def test_while_nobody_advances_each_is_told_about_once_in_the_longest_wait() -> None:
    world = World()  # with calls enough for a longest wait of a minute
    members = frozen(world, 20)
    found = tellings(world, members, 600)
    assert 20 * 9 <= len(found) <= 20 * 11 + 3
    assert world.live["told"] == [19, 0, 1]
    assert world.live["advance_tries"] == len(found) + 1
    page = world.call(status.ACTION, {"view": "page"}, OPERATOR)["html"]
    assert f"told {len(found) + 1} times to advance (clients 19, 0, 1 first)" in page


def test_an_aggregation_that_is_under_way_is_left_alone_by_all() -> None:
    world = World()
    members = frozen(world, 5)
    tellings(world, members, 30)
    experiment = world.services.store.experiment("exp")
    assert experiment is not None
    world.services.store.apply(rules.claim(experiment, world.now))
    assert tellings(world, members, 59) == []
    assert len(tellings(world, members, 1)) == 5


def test_a_new_state_of_the_round_forgets_who_was_told() -> None:
    world = World()
    members = frozen(world, 5)
    tellings(world, members, 30)
    world.advance()
    assert (world.live["round"], world.live["state"]) == (2, "training")
    assert (world.live["told"], world.live["advance_tries"]) == ([], 0)
    for member in members_of(world, members):
        answer = member.submit(2, 1.0, 1.0)
    assert answer["assignment"]["kind"] == "advance"
    assert world.live["told"] == [4]
