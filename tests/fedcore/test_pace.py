import math

from hypothesis import given
from hypothesis import strategies as st

from fedcore.pace import SHORTEST_WAIT_S, Pace, expected_end

paces = st.builds(
    Pace,
    calls_per_minute=st.integers(30, 100_000),
    places=st.integers(1, 1000),
    cohort=st.integers(1, 100),
    chunks=st.integers(1, 50),
)


@given(paces, st.floats(0, 1e9), st.floats(-1e6, 1e6), st.integers(0, 999))
def test_a_wait_is_positive_and_bounded(pace, now, ahead, index) -> None:
    wait = pace.retry_after(now, now + ahead, index)
    assert SHORTEST_WAIT_S <= wait <= pace.longest_wait_s
    assert math.isfinite(wait)


@given(st.integers(2, 300), st.floats(1e6, 2e6), st.floats(0, 30))
def test_clients_that_wait_for_the_same_come_back_evenly(places, now, ahead) -> None:
    pace = Pace(calls_per_minute=60, places=places, cohort=min(10, places))
    back = sorted(now + pace.retry_after(now, now + ahead, i) for i in range(places))
    within = [sum(1 for each in back if start <= each < start + 60) for start in back]
    assert max(within) <= 60 * (1 - 0.2) + 1


def test_a_raised_budget_makes_waits_short() -> None:
    pace = Pace(calls_per_minute=6000, places=20, cohort=10)
    assert all(pace.retry_after(0.0, 0.0, index) < 2 for index in range(20))


def test_chunk_calls_of_a_cohort_stay_within_the_budget() -> None:
    pace = Pace(calls_per_minute=60, places=20, cohort=10, chunks=8)
    assert 10 / pace.chunk_pause_s <= pace.usable_per_s + 1e-9
    assert Pace(calls_per_minute=60, places=20, cohort=10).chunk_pause_s == 0


def test_the_end_of_a_round_is_guessed_from_progress_and_habit() -> None:
    def end(done: int, usual: float | None) -> float:
        return expected_end(opened=0.0, now=10.0, done=done, target=10, usual_s=usual)

    assert end(0, None) == 15.0  # nothing known: a little later each time
    assert end(5, None) == 15.0  # half done after 10 s: half the way to 20 s
    assert end(0, 30.0) == 30.0  # nothing done: as usual
    assert end(5, 30.0) == 20.0  # faster than usual
    assert end(2, 30.0) == 30.0  # no earlier than usual, though progress says 50 s
    assert end(5, 8.0) == 20.0  # slower than usual: as it goes
