from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedcore.documents import Client, RoundRecord
from fedcore.selection import (
    ABSENT_S,
    LONGEST_REST,
    deadline_s,
    draw,
    is_absent,
    misses,
    next_turn,
    reluctances,
)
from fedcore.settings import ExperimentSettings

THREE = ExperimentSettings(clients=31, per_round=3)


def client(index: int, **more: Any) -> Client:
    about = {"experiment": "e", "index": index, "name": f"c{index}", "enrolled": 0.0}
    return Client(**(about | {"last_seen": 100.0} | more))


def record(number: int, cohort: list[int], accepted: list[int], **more: Any):
    return RoundRecord(
        number=number,
        opened=0.0,
        closed=1.0,
        attempts=1,
        cohort=cohort,
        accepted={str(index): "upload" for index in accepted},
        **more,
    )


@given(
    st.sets(st.integers(0, 200), min_size=10),
    st.integers(1, 50),
    st.integers(0, 2**32),
)
def test_a_draw_is_fixed_by_seed_and_round_whatever_the_order(clients, number, seed):
    settings = ExperimentSettings(clients=201, per_round=10, seed=seed)
    cohort = draw(settings, number, sorted(clients))
    assert cohort == draw(settings, number, sorted(clients, reverse=True))
    assert len(set(cohort)) == 10
    assert set(cohort) <= clients


@given(st.sets(st.integers(0, 30), min_size=4))
def test_a_later_attempt_keeps_the_cohort_and_adds_fresh_clients(clients) -> None:
    first = draw(THREE, 1, sorted(clients))
    second = draw(THREE, 1, sorted(clients), attempt=2, present=first)
    assert second[:3] == first
    assert len(set(second)) == len(second) == min(6, len(clients))


@pytest.mark.parametrize(
    ("clients", "per_round", "cohort"),
    [
        (5, 3, [1, 4, 0]),
        (20, 10, [6, 17, 4, 5, 2, 8, 1, 11, 12, 9]),
        (1_000, 4, [215, 553, 584, 153]),
        (100_000, 4, [27536, 70792, 74833, 19603]),
    ],
)
def test_a_seed_gives_the_cohorts_that_it_has_always_given(clients, per_round, cohort):
    settings = ExperimentSettings(clients=clients, per_round=per_round, seed=7)
    assert draw(settings, 4, range(clients)) == cohort
    assert draw(settings, 4, [*range(clients)]) == cohort


def test_a_lot_is_foreseen_without_a_list_of_all_clients() -> None:
    # A list of these would fill the memory, fifty times.
    assert next_turn(ExperimentSettings(rounds=1_000), 3, 5, 10**12) is None


def test_round_0_takes_three_clients_whom_the_seed_alone_does_not_tell() -> None:
    known, salted = (
        draw(ExperimentSettings(), 0, range(20), salt=salt) for salt in ("", "secret")
    )
    assert len(known) == len(salted) == 3
    assert known != salted


def test_round_0_of_a_smaller_federation_takes_all() -> None:
    assert sorted(draw(ExperimentSettings(), 0, range(2))) == [0, 1]


@given(st.integers(1, 50), st.sets(st.integers(0, 30), max_size=20))
def test_who_is_not_wanted_changes_the_draw_only_where_it_was_drawn(number, unfit):
    lot = draw(THREE, number, range(31))
    reluctance = dict.fromkeys(unfit, 1.0)
    cohort = draw(THREE, number, range(31), reluctance=reluctance)
    assert unfit.isdisjoint(cohort)
    assert set(lot) - unfit <= set(cohort)
    assert len(set(cohort)) == 3


def test_who_is_wanted_least_is_drawn_when_nobody_else_is_left() -> None:
    cohort = draw(THREE, 1, range(4), reluctance={0: 2.0, 1: 1.0, 2: 3.0})
    assert set(cohort) == {3, 1, 0}


@given(st.integers(0, 9), st.integers(0, 30))
def test_a_turn_is_foreseen_as_it_will_be_drawn(number, index) -> None:
    found = next_turn(THREE, number, index, 31)
    drawn = [n for n in range(number + 1, 11) if index in draw(THREE, n, range(31))]
    if found is None:
        assert not drawn
        return
    later, place = found
    assert number + later == drawn[0]
    cohort = draw(THREE, drawn[0], range(31))
    assert cohort[round(place * 3)] == index


@pytest.mark.parametrize(
    ("last_seen", "due", "absent"),
    [
        (100.0, 0.0, False),  # was never told to wait
        (100.0, 90.0, False),  # came back, and works
        (100.0, 130.0, False),  # not yet due
        (100.0, 160.0, False),  # late, but not by much
        (60.0, 70.0, True),
    ],
)
def test_absent_is_who_is_long_overdue(last_seen, due, absent) -> None:
    now = 71.0 + ABSENT_S
    assert is_absent(client(0, last_seen=last_seen, due=due), now) is absent


def rest_after(count: int) -> int:
    """For how many rounds a client rests after so many misses in a row."""
    records = [record(n, [0, 1, 2], [1, 2]) for n in range(1, count + 1)]
    miss = misses(records, THREE)[0]
    return sum(miss.rests(n) for n in range(count + 1, count + 200))


def test_rest_doubles_with_each_miss_in_a_row_and_has_an_end() -> None:
    assert [rest_after(n) for n in (1, 2, 3, 4, 5)] == [1, 2, 4, 8, 16]
    assert rest_after(20) == LONGEST_REST


def test_an_update_ends_the_rest() -> None:
    missed, delivered = record(1, [0, 1, 2], [1, 2]), record(2, [0, 1, 2], [0, 1, 2])
    assert list(misses([missed], THREE)) == [0]
    assert misses([missed, delivered], THREE) == {}


def test_late_is_a_fault_only_where_the_round_had_to_close_without() -> None:
    over = record(1, [0, 1, 2, 3], [1, 2, 3], late=[0])
    short = record(1, [0, 1, 2], [1, 2], late=[0])
    assert misses([over], THREE) == {}
    assert list(misses([short], THREE)) == [0]


def test_a_refused_update_is_none() -> None:
    refused = record(1, [0, 1, 2], [1, 2], refused={"0": "norm"})
    assert list(misses([refused], THREE)) == [0]


def test_a_refused_update_that_is_sent_again_late_is_none_either() -> None:
    again = record(1, [0, 1], [1], late=[0], refused={"0": "too long"})
    settings = ExperimentSettings(per_round=1)
    assert misses([again], settings)[0].count == 1


def test_who_has_missed_a_round_rests_at_least_until_it_is_seen_again() -> None:
    missed = [record(1, [0, 1, 2], [])]  # closed at 1.0
    seen = [client(0, last_seen=0.5), client(1, last_seen=2.0), client(2)]
    assert list(reluctances(seen, missed, THREE, 2, 200.0)) == [0, 1, 2]
    assert list(reluctances(seen, missed, THREE, 9, 200.0)) == [0]


def test_a_round_that_waits_draws_first_who_comes_back_first() -> None:
    clients = [client(0, due=300.0), client(1, due=200.0), client(2), client(3)]
    missed = [record(1, [3], [])]
    found = reluctances(clients, missed, THREE, 2, 110.0, urgent=True)
    assert sorted(range(4), key=lambda index: found.get(index, 0.0)) == [2, 1, 0, 3]
    assert list(reluctances(clients, missed, THREE, 2, 110.0)) == [3]


@pytest.mark.parametrize(
    ("factor", "lately", "expected"),
    [
        (0.0, [20.0], 600.0),
        (3.0, [], 600.0),
        (3.0, [20.0, 40.0], 120.0),
        (3.0, [1.0], 10.0),
        (3.0, [500.0], 600.0),
    ],
)
def test_a_deadline_adapts_within_bounds(factor, lately, expected) -> None:
    assert deadline_s(ExperimentSettings(deadline_factor=factor), lately) == expected
