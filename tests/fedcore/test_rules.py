from itertools import product

import msgspec
import pytest

from fedcore import rules, telling
from fedcore.documents import Experiment, ExperimentState, LiveRound, RoundState
from fedcore.rules import NEXT, Event
from fedcore.settings import ExperimentSettings

E, R = ExperimentState, RoundState

EXPECTED = {
    (E.ENROLLING, Event.ENOUGH_ENROLLED): E.RUNNING,
    (E.ENROLLING, Event.STOP): E.STOPPED,
    (E.RUNNING, Event.ATTEMPTS_SPENT): E.FAILED,
    (E.RUNNING, Event.LAST_CLOSED): E.FINISHED,
    (E.RUNNING, Event.STOP): E.STOPPED,
    (E.FAILED, Event.STOP): E.STOPPED,
    (E.FAILED, Event.RESUME): E.ENROLLING,
    (E.STOPPED, Event.RESUME): E.ENROLLING,
    (R.TRAINING, Event.TARGET_REACHED): R.FROZEN,
    (R.TRAINING, Event.DEADLINE_WITH_QUORUM): R.FROZEN,
    (R.TRAINING, Event.ALL_ANSWERED_WITH_QUORUM): R.FROZEN,
    (R.TRAINING, Event.DEADLINE_BELOW_QUORUM): R.TRAINING,
    (R.TRAINING, Event.ALL_ANSWERED_AT_ODDS): R.TRAINING,
    (R.FROZEN, Event.VERSION_COMPLETE): R.CLOSED,
    (R.CLOSED, Event.NEXT_DRAWN): R.TRAINING,
}


@pytest.mark.parametrize(("state", "event"), list(product([*E, *R], Event)))
def test_every_state_and_event_has_its_one_arrow_or_none(state, event) -> None:
    assert NEXT.get((state, event)) == EXPECTED.get((state, event))


def experiment(live: LiveRound, state: E = E.RUNNING, **settings) -> Experiment:
    return Experiment(
        id="e",
        name="exp",
        created=0.0,
        state=state,
        settings=ExperimentSettings(**settings),
        live=live,
    )


def training(**fields) -> LiveRound:
    usual = {
        "number": 3,
        "state": R.TRAINING,
        "cohort": [0, 1, 2, 3],
        "target": 4,
        "quorum": 3,
        "deadline": 100.0,
    }
    return LiveRound(**(usual | fields))


@pytest.mark.parametrize(
    ("live", "now", "event"),
    [
        (training(accepted_count=3), 99.0, None),
        (training(accepted_count=3), 100.0, Event.DEADLINE_WITH_QUORUM),
        (training(accepted_count=2), 100.0, Event.DEADLINE_BELOW_QUORUM),
        (training(accepted_count=2, attempt=3), 100.0, Event.ATTEMPTS_SPENT),
        (
            training(accepted_count=3, refused={"3": "NaN"}),
            1.0,
            Event.ALL_ANSWERED_WITH_QUORUM,
        ),
        (training(accepted_count=2, refused={"2": "", "3": ""}), 1.0, None),
        (training(state=R.FROZEN, accepted_count=4), 200.0, None),
        (training(state=R.CLOSED, accepted_count=4), 200.0, None),
    ],
)
def test_what_is_due_follows_from_clock_quorum_and_answers(live, now, event) -> None:
    assert rules.due_event(experiment(live, attempts=3), now) is event


@pytest.mark.parametrize("state", [E.ENROLLING, E.FAILED, E.STOPPED, E.FINISHED])
def test_nothing_is_due_in_an_experiment_that_does_not_run(state) -> None:
    late = experiment(training(accepted_count=4), state)
    assert rules.due_event(late, 1e9) is None
    assert not telling.awaits_advance(late, 1e9)


@pytest.mark.parametrize(
    ("live", "now", "told"),
    [
        (training(state=R.FROZEN, claim_until=50.0), 49.0, False),
        (training(state=R.FROZEN, claim_until=50.0), 50.0, True),
        (training(state=R.FROZEN, advance_at=60.0), 59.0, False),
        (training(state=R.CLOSED), 1.0, True),
        (training(accepted_count=3), 99.0, False),
        (training(accepted_count=0), 100.0, True),
    ],
)
def test_a_client_is_told_to_advance_what_stands_still(live, now, told) -> None:
    assert telling.awaits_advance(experiment(live), now) is told


def test_the_two_ways_of_accepting_exclude_each_other_by_the_count() -> None:
    here = experiment(training(accepted_count=2))
    plain = rules.accept(here, 1, "u", freeze=False, now=0.0)
    last = rules.accept(here, 1, "u", freeze=True, now=0.0)
    assert plain.where["live.accepted_count"] == {"$lt": 3}
    assert last.where["live.accepted_count"] == 3
    assert last.change["$set"]["live.state"] is R.FROZEN


def test_a_drawn_write_holds_all_that_justified_it() -> None:
    here = experiment(training(accepted_count=3, attempt=2))
    for write in (rules.freeze(here, 100.0), rules.fail(here, 100.0)):
        assert write.where == {
            "_id": "e",
            "state": E.RUNNING,
            "live.number": 3,
            "live.state": R.TRAINING,
            "live.attempt": 2,
            "live.deadline": 100.0,
            "live.accepted_count": 3,
            "revoked": {},
        }


def test_what_draws_or_asks_again_holds_who_was_revoked() -> None:
    here = experiment(training(state=R.CLOSED))
    for write in (
        rules.open_next(here, [0, 1], 0.0, 100.0),
        rules.grow(here, [0, 1], 100.0),
        rules.resume(here, 0.0, 100.0),
    ):
        assert write.where["revoked"] == {}


@pytest.mark.parametrize(("revoked", "last"), [(0, 3), (1, 4), (2, 5), (3, 5)])
def test_enrolment_waits_for_clients_that_may_take_part(revoked, last) -> None:
    here = experiment(training(), clients=6, min_clients=4)
    out = {str(index): 1.0 for index in range(revoked)}
    here = msgspec.structs.replace(here, revoked=out)
    assert rules.last_awaited(here) == last
