import itertools
import math
from bisect import bisect_left

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fedcore.messages import Turns
from fedcore.pace import (
    FAILED_WAIT_S,
    SHORTEST_WAIT_S,
    Pace,
    expected_end,
    start_spread_s,
)

NOW = 1_700_000_000.0

paces = st.builds(
    lambda budget, places, share, chunks: Pace(
        calls_per_minute=budget,
        places=places,
        cohort=max(1, round(places * share)),
        chunks=chunks,
    ),
    st.integers(30, 100_000),
    st.integers(1, 1000),
    st.floats(0, 1),
    st.integers(1, 50),
)
one_chunk = paces.filter(lambda pace: pace.chunks == 1)
times = st.floats(0, 2e9)
places = st.floats(0, 1, exclude_max=True)


def most_in_a_minute(calls: list[float]) -> int:
    """The most calls that any 60 seconds hold."""
    calls = sorted(calls)
    return max(bisect_left(calls, at + 60) - i for i, at in enumerate(calls))


@given(paces, times, st.floats(-1e6, 1e6), places)
def test_a_wait_is_positive_and_bounded(pace, now, ahead, place) -> None:
    for after in (pace.turn_after, pace.news_after):
        wait = after(now, now + ahead, place)
        assert SHORTEST_WAIT_S <= wait <= pace.longest_wait_s
    assert (
        FAILED_WAIT_S <= pace.failed_after(now, place) <= 2 * pace.longest_wait_s + 300
    )


@given(paces, st.floats(0, 30))
def test_those_who_expect_a_turn_keep_to_their_share(pace, ahead) -> None:
    count = pace.cohort
    waits = [pace.turn_after(NOW, NOW + ahead, i / count) for i in range(count)]
    periods = max(1.0, 60 / pace.asking_s)
    assert most_in_a_minute(waits) <= 60 * pace.usable_per_s * 0.45 * periods + 2


@given(st.integers(20, 500), st.floats(-10, 1000))
def test_what_concerns_all_reaches_them_evenly(clients, ahead) -> None:
    pace = Pace(calls_per_minute=60, places=clients, cohort=10)
    waits = [pace.news_after(NOW, NOW + ahead, i / clients) for i in range(clients)]
    assert most_in_a_minute(waits) <= 60 * 0.8 * 0.3 + 2


@given(paces, st.integers(0, 999), st.floats(0, 1000))
def test_turns_are_never_negative_and_come_round(pace, position, age) -> None:
    of = pace.cohort
    turns = pace.work_turns(NOW, NOW - age, position % of, of)
    assert turns.first >= 0
    assert math.isfinite(turns.first)
    assert turns.every >= 0
    if turns.every:
        longest = pace.round_s + turns.every
        assert turns.first <= longest + 1e-3


@given(one_chunk)
def test_a_round_lasts_as_long_as_its_calls_need_however_fast_it_trains(pace) -> None:
    of = pace.cohort
    first = [pace.work_turns(NOW, NOW, at, of).first for at in range(of)]
    assert max(first) >= pace.round_s - 0.01
    assert pace.earliest_end(NOW, of, of) <= NOW + max(first) + 0.01
    # Two calls of each who works, whatever else it takes.
    assert 2 * of <= pace.usable_per_s * pace.round_s


@given(paces)
def test_what_a_cohort_hands_in_stays_within_the_budget(pace) -> None:
    of = pace.cohort
    turns = [pace.work_turns(NOW, NOW - 1e6, at, of) for at in range(of)]
    every = turns[0].every
    if not every:
        assert of <= pace.usable_per_s * 60 / 4  # all at once are a part of a minute
        return
    calls = [
        one.first + k * every for one in turns for k in range(1 + int(60 // every))
    ]
    assert most_in_a_minute(calls) <= 60 * pace.usable_per_s * 0.65 + 2


def test_chunks_have_lanes_of_their_own_and_one_for_who_scores() -> None:
    pace = Pace(calls_per_minute=60, places=20, cohort=9, chunks=8)
    turns = [pace.work_turns(NOW, NOW, at, 9) for at in range(10)]
    assert {one.every for one in turns} == {19.231}  # 10 lanes at 0.65 of 0.8 a second
    lanes = sorted(one.first for one in turns)
    assert max(b - a for a, b in itertools.pairwise(lanes)) < 1.93


def test_a_raised_budget_makes_all_waits_short() -> None:
    pace = Pace(calls_per_minute=6000, places=20, cohort=10)
    assert pace.round_s < 0.5
    assert all(pace.turn_after(NOW, NOW, index / 20) <= 2 for index in range(20))
    assert pace.work_turns(NOW, NOW - 1, 3, 10) == Turns()
    assert pace.look_s == 0.5


@given(st.integers(1, 5000), st.integers(30, 10_000))
def test_first_calls_take_half_of_the_budget_or_come_at_once(clients, budget) -> None:
    spread_s = start_spread_s(clients, budget, cold_s=0.0)
    if clients > 30:
        assert spread_s * budget / 60 == pytest.approx(2 * clients)
    else:
        assert spread_s == 0 or clients > budget / 2


def test_first_calls_share_the_processes_that_the_platform_starts() -> None:
    assert start_spread_s(1, 60) == 0  # nobody to share with
    assert start_spread_s(20, 60) == 10  # two a second, each a second to start
    assert start_spread_s(1000, 60) == 2000  # more than one a second
    assert start_spread_s(1000, 60_000) == 500


def test_an_operator_who_watches_uses_a_part_of_the_reserve() -> None:
    assert Pace(calls_per_minute=60, places=20, cohort=10).look_s == pytest.approx(
        60 / 3.6  # 12 calls are in reserve, three tenths of them for looks
    )


def test_the_end_of_a_round_is_guessed_from_progress_and_habit() -> None:
    def end(done: int, usual: float | None) -> float:
        return expected_end(opened=0.0, now=10.0, done=done, target=10, usual_s=usual)

    assert end(0, None) == 15.0  # nothing known: a little later each time
    assert end(1, None) == 10 + 10 / 3  # no more than that: others may follow at once
    assert end(8, None) == 11.25  # half the way to 12.5 s
    assert end(0, 30.0) == 30.0  # nothing done: as usual
    assert end(5, 30.0) == 20.0  # faster than usual
    assert end(2, 30.0) == 30.0  # no earlier than usual, though progress says 50 s
    assert end(5, 8.0) == 12.0  # overdue by two seconds: look again in two
    assert end(0, 8.0) == 12.0
    assert end(9, 7.0) == 10 * 10 / 9  # nearly done


@given(times, st.floats(0, 1e5), st.integers(0, 99), st.integers(1, 100))
def test_a_guess_is_never_long_past(opened, elapsed, done, target) -> None:
    assume(done < target)
    now = opened + elapsed
    for usual_s in (None, 10.0, 1e6):
        end = expected_end(
            opened=opened, now=now, done=done, target=target, usual_s=usual_s
        )
        assert end >= opened
        if done:
            assert end >= now - 1e-3
