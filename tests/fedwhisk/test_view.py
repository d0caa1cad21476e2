import io
from pathlib import Path

import pytest
from rich.console import Console

from fedwhisk.results import Outcome, Totals
from fedwhisk.view import PlainView, picture, show_summary, time_left
from tests.fedwhisk.reports import closed, report


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=100)


def said(console: Console) -> str:
    return console.file.getvalue()


def shown(console: Console, what) -> str:
    console.print(what)
    return said(console)


def test_plain_lines_tell_each_event_once(console) -> None:
    view = PlainView(console)
    view.show(report(closed(0, accuracy=0.1)))
    view.show(report(closed(0, accuracy=0.1)))
    view.show(report(closed(0, accuracy=0.1), closed(1)))
    assert said(console).splitlines() == [
        "round 0 closed: 2 updates, 2400 examples, 10.0 s",
        "version 0: accuracy 0.1000, loss 0.9000",
        "round 1 closed: 2 updates, 2400 examples, 10.0 s",
    ]


def test_plain_lines_count_those_who_enrol(console) -> None:
    PlainView(console).show(report(state="enrolling", enrolled=3, live=None))
    assert said(console) == "3 of 4 clients enrolled\n"


def test_plain_lines_say_why_it_ended(console) -> None:
    failed = report(state="failed", reason="round 1: 1 of 2 updates, need 2")
    PlainView(console).show(failed)
    assert said(console) == "three failed: round 1: 1 of 2 updates, need 2\n"


def test_a_line_with_brackets_is_said_as_it_is(console) -> None:
    PlainView(console).say("client-0 ended: [Errno 111] refused")
    assert said(console) == "client-0 ended: [Errno 111] refused\n"


def test_the_picture_shows_the_round_and_what_is_left(console) -> None:
    text = shown(console, picture(report(closed(0, accuracy=0.1), closed(1))))
    assert "running   4 of 4 clients" in text
    assert "round 2 training: 1 of 2 updates, 4 s" in text
    assert "1 of 3 rounds, about 16 s left" in text
    assert "10.00 %" in text


def test_the_picture_of_an_experiment_without_a_round_is_no_error(console) -> None:
    waiting = report(state="enrolling", enrolled=0, live=None, version=-1)
    assert "0 of 4 clients" in shown(console, picture(waiting))


def test_time_left_is_unknown_before_the_first_training_round() -> None:
    assert time_left(report(closed(0))) is None


def test_time_left_is_the_usual_round_for_each_that_is_missing() -> None:
    # Rounds 2 and 3 are missing, 10 s each, and round 2 has had 4 s.
    assert time_left(report(closed(0), closed(1))) == 2 * 10 - 4


def test_a_round_that_lasts_longer_than_usual_leaves_the_others() -> None:
    slow = report(closed(0), closed(1), now=1_000.0)
    assert time_left(slow) == 10


def test_an_ended_experiment_has_no_time_left() -> None:
    assert time_left(report(closed(0), closed(1), state="finished")) is None


def test_the_summary_says_what_it_cost_and_where_results_are(console) -> None:
    totals = Totals(
        wall_s=40.0,
        calls_by_action={"submit_update": 5, "check_in": 9},
        http_429=0,
        bytes_in=1_500_000,
        bytes_out=2_000_000,
        peak_rss={"fedavg": 47_000_000, "status": 34_000_000},
    )
    finished = report(closed(0), closed(1, accuracy=0.9), state="finished")
    show_summary(console, Outcome(finished, totals, Path("runs/three"), None))
    lines = [line.strip() for line in said(console).splitlines()]
    assert "accuracy  90.00 % (loss 0.1000)" in lines
    assert "calls  14 (check_in 9, submit_update 5; 429: 0)" in lines
    assert "traffic  2.0 MB sent, 1.5 MB received" in lines
    assert "memory  47 MB at most, in fedavg" in lines
    assert "results  runs/three/" in lines


def test_faults_on_purpose_are_counted_in_the_picture_and_at_the_end(console) -> None:
    chaos = {"requests lost": 3, "calls doubled": 1}
    text = shown(console, picture(report(closed(0)), chaos))
    assert "chaos: 1 calls doubled, 3 requests lost" in text
    totals = Totals(
        wall_s=1.0,
        calls_by_action={},
        http_429=0,
        bytes_in=0,
        bytes_out=0,
        peak_rss={},
        chaos=chaos,
    )
    show_summary(console, Outcome(report(), totals, Path("runs"), None))
    assert "    chaos  1 calls doubled, 3 requests lost\n" in said(console)
