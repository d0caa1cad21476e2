import pytest

from fedcore.errors import (
    ExperimentExists,
    FederationFull,
    InvalidSettings,
    Unauthenticated,
    UnknownExperiment,
)
from tests.fedcore.world import OPERATOR, World


def test_the_same_name_gets_the_same_place_for_ever() -> None:
    world = World()
    world.start()
    first = world.enrol("a")
    world.enrol("b")
    again = world.enrol("a")
    assert (first.index, again.index) == (0, 0)
    assert first.credentials == again.credentials


def test_a_full_federation_says_so_and_harms_nobody() -> None:
    world = World()
    world.start()
    world.enrol_all()
    with pytest.raises(FederationFull, match="all 3 places") as caught:
        world.enrol("one too many")
    assert caught.value.retry_after == 60
    assert world.report()["enrolled"] == 3


def test_a_dry_run_takes_no_place() -> None:
    world = World()
    world.start()
    from fedcore.handlers import subscribe
    from tests.fedcore.world import ENROLMENT

    answer = world.call(subscribe.ACTION, {"name": "x", "dry_run": True}, ENROLMENT)
    assert world.report()["enrolled"] == 0
    # Neither the seed nor the index: with these, one could wait for a place in a draw.
    assert set(answer) == {"experiment", "task", "assignment"}


def test_a_dry_run_says_when_the_experiment_is_over() -> None:
    world = World()
    world.start()
    world.stop()
    from fedcore.handlers import subscribe
    from tests.fedcore.world import ENROLMENT

    fields = {"name": "x", "experiment": "exp", "dry_run": True}
    answer = world.call(subscribe.ACTION, fields, ENROLMENT)
    assert answer["assignment"]["kind"] == "stop"
    assert answer["assignment"]["reason"] == "stopped"


def test_without_a_name_a_client_joins_the_newest_open_experiment() -> None:
    world = World()
    world.start("older")
    world.now += 1
    world.start("newer")
    assert world.enrol("a", None).experiment == "newer"
    world.stop("newer")
    assert world.enrol("b", None).experiment == "older"


def test_without_a_name_a_client_comes_back_to_the_experiment_it_left() -> None:
    world = World()
    world.start("older")
    assert world.enrol("a", None).experiment == "older"
    world.now += 1
    world.start("newer")
    assert world.enrol("a", None).experiment == "older"
    assert world.enrol("b", None).experiment == "newer"


def test_where_nothing_is_open_a_client_is_told_when_to_ask_again() -> None:
    with pytest.raises(UnknownExperiment, match="no experiment is open") as caught:
        World().enrol("a", None)
    assert caught.value.retry_after


def test_the_last_to_enrol_starts_the_training() -> None:
    world = World()
    world.start()
    assert [member.assignment["kind"] for member in world.enrol_all()] == [
        "wait",
        "wait",
        "advance",
    ]
    assert world.report()["state"] == "running"


def test_fewer_clients_than_places_may_start() -> None:
    world = World()
    world.start(min_clients=2)
    world.enrol_all(2)
    assert world.report()["state"] == "running"
    assert world.enrol("late").index == 2


def test_starting_twice_is_one_experiment() -> None:
    world = World()
    assert world.start()["created"] is True
    assert world.start()["created"] is False


def test_a_name_that_is_taken_says_what_differs() -> None:
    world = World()
    world.start(rounds=2)
    with pytest.raises(ExperimentExists, match="rounds: stored 2, asked 5"):
        world.start(rounds=5)


def test_a_layout_beyond_the_bound_is_refused() -> None:
    from fedcore.handlers import start_experiment

    fields = {
        "experiment": "big",
        "settings": {"max_parameters": 10},
        "initial": "0" * 64,
        "layout": [["w", [11]]],
    }
    with pytest.raises(InvalidSettings, match="found 11 parameters"):
        World().call(start_experiment.ACTION, fields, OPERATOR)


def test_a_revoked_secret_lets_nobody_in() -> None:
    from fedcore import tokens
    from fedcore.handlers.action import Credentials

    world = World()
    world.start()
    member = world.enrol("a")
    member.credentials = Credentials(tokens.client_token(b"x" * 32, "id1", 0))
    with pytest.raises(Unauthenticated, match="or client's"):
        member.check_in()
