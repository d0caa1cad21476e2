"""Enrolment: open or named, until when, and how many a minute."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from fedcore import roster, tokens
from fedcore.errors import FederationFull, Forbidden, TooManyEnrolments, Unauthenticated
from fedcore.handlers.action import Credentials
from tests.fedcore.world import SECRET, World, open_round_1


def named(name: str) -> Credentials:
    return Credentials(tokens.enrolment_token(SECRET, name))


def test_a_named_experiment_takes_a_token_for_the_very_name_alone() -> None:
    world = World()
    world.start(enrolment="named")
    assert world.enrol("a", who=named("a")).index == 0
    with pytest.raises(Forbidden, match="expects a token that was made for 'a'"):
        world.enrol("a")  # not even for one who is in: it would get its token
    with pytest.raises(Unauthenticated):
        world.enrol("b", who=named("a"))
    assert world.report()["enrolled"] == 1


def test_an_open_experiment_takes_both_kinds_of_token() -> None:
    world = World()
    world.start()
    assert world.enrol("a").index == 0
    assert world.enrol("b", who=named("b")).index == 1


def test_without_a_name_a_client_finds_the_experiment_that_takes_its_token() -> None:
    world = World()
    world.start("open")
    world.now += 1
    world.start("named", enrolment="named")
    assert world.enrol("a", None).experiment == "open"
    assert world.enrol("a", None, named("a")).experiment == "open"  # it came back
    assert world.enrol("b", None, named("b")).experiment == "named"


@pytest.mark.parametrize("name", [None, "a"])
def test_a_token_for_an_experiment_enrols_in_no_other(name) -> None:
    world = World()
    world.start("mine")
    world.start("theirs")
    made = tokens.enrolment_token(SECRET, name, experiment="mine")
    token = Credentials(made)
    assert world.enrol("a", "mine", token).index == 0
    for other in ("theirs", None, "later"):
        with pytest.raises(Unauthenticated):
            world.enrol("a", other, token)


def test_a_token_that_has_ended_enrols_nobody() -> None:
    world = World()
    world.start()
    ends = int(world.now) + 60
    token = Credentials(tokens.enrolment_token(SECRET, expires=ends))
    member = world.enrol("a", who=token)
    world.now += 60
    with pytest.raises(Unauthenticated, match="or one that has ended"):
        world.enrol("b", who=token)
    assert member.check_in()["kind"] == "wait"  # what it was given lasts


def test_a_thousand_honest_clients_find_room_in_one_minute() -> None:
    world = World()
    world.start()
    store = world.services.store
    experiment = store.experiment("exp")
    assert store.apply(roster.begin_minute(experiment, 20))
    admitted = [store.apply(roster.admit(experiment, 20)) for _ in range(1000)]
    assert [each is not None for each in admitted] == [True] * 999 + [False]


def test_beyond_its_share_of_a_minute_an_enrolment_is_asked_to_come_back() -> None:
    world = World()
    world.now = 1200.0 + 10  # ten seconds into a minute
    world.start(clients=10, per_round=2, enrolments_per_minute=3)
    for number in range(3):
        world.enrol(f"c{number}")
    with pytest.raises(TooManyEnrolments, match="3 clients have enrolled") as caught:
        world.enrol("c3")
    assert 50 <= caught.value.retry_after <= 80
    assert world.enrol("c1").index == 1  # who is in is not counted again
    world.now += 50
    assert world.enrol("c3").index == 3


def test_a_host_whose_clock_is_behind_opens_no_second_share() -> None:
    world = World()
    world.now = 1200.0
    world.start(clients=10, per_round=2, enrolments_per_minute=2)
    world.enrol("a")
    world.now -= 30
    world.enrol("b")
    with pytest.raises(TooManyEnrolments):
        world.enrol("c")


def test_many_at_once_get_no_more_than_the_share() -> None:
    world = World()
    world.start(clients=40, per_round=2, enrolments_per_minute=7)

    def attempt(number: int) -> bool:
        try:
            world.enrol(f"c{number}")
        except TooManyEnrolments:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(attempt, range(40))) == 7
    assert world.report()["enrolled"] == 7


def test_a_full_federation_says_so_rather_than_to_come_back() -> None:
    world = World()
    world.start(clients=2, per_round=1, enrolments_per_minute=2)
    world.enrol("a")
    world.enrol("b")
    with pytest.raises(FederationFull):
        world.enrol("c")


def test_a_score_counts_from_those_alone_who_were_asked_for_it() -> None:
    world = World()
    world.start(clients=4, evaluate=True)
    members = open_round_1(world, 4)
    asked = [member for member in members if member.check_in()["kind"] == "evaluate"]
    assert len(asked) == 1
    score = {"version": 0, "accuracy": 1.0, "loss": 0.0, "examples": 1}
    for member in members:
        if member not in asked:
            member.check_in(evaluation=score)
    assert world.report()["rounds"][0]["evaluation"] is None
    asked[0].check_in(evaluation=score)
    assert world.report()["rounds"][0]["evaluation"]["accuracy"] == 1.0
