import io
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from fedcore.documents import Capped
from fedwhisk.experiments.results import Course, RunResult, Totals
from fedwhisk.view.clients import clients_table
from fedwhisk.view.experiment import PlainView, picture, show_summary, still, time_left
from tests.fedwhisk.reports import closed, member, refused, report


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
        activations={"check_in": 9, "fedavg": 2},
        cold_starts={"check_in": 1, "fedavg": 1},
        gb_s={"check_in": 0.02, "fedavg": 0.114},
        unknown=2,
    )
    finished = report(closed(0), closed(1, accuracy=0.9), state="finished")
    course = Course(score={"accuracy": 0.9, "loss": 0.1})
    show_summary(console, RunResult(finished, course, totals, Path("runs/three"), None))
    lines = [line.strip() for line in said(console).splitlines()]
    assert "accuracy  90.00 % (loss 0.1000)" in lines
    assert "wall time  40.0 s, without 2 killed before" in lines
    assert "calls  14 (check_in 9, submit_update 5; 429: 0)" in lines
    assert "traffic  2.0 MB sent, 1.5 MB received" in lines
    assert "memory  47 MB at most, in fedavg" in lines
    assert "compute  11 activations, 2 of them cold, 0.13 GB-s" in lines
    assert "results  runs/three/" in lines


def test_faults_on_purpose_are_counted_in_the_picture_and_at_the_end(console) -> None:
    chaos = {"requests lost": 3, "calls doubled": 1}
    text = shown(console, picture(report(closed(0)), chaos))
    assert "chaos: calls doubled 1, requests lost 3" in text
    totals = Totals(
        wall_s=1.0,
        calls_by_action={},
        http_429=0,
        bytes_in=0,
        bytes_out=0,
        peak_rss={},
        chaos=chaos,
    )
    show_summary(console, RunResult(report(), Course(), totals, Path("runs"), None))
    assert "    chaos  calls doubled 1, requests lost 3\n" in said(console)


TOO_LONG = {"1": "norm: found 9, expected at most 3"}


def test_a_refused_update_is_told_once_whose_and_why(console) -> None:
    open_round = refused(report(closed(0), clients=[member(1)]), TOO_LONG)
    view = PlainView(console)
    view.show(open_round)
    view.show(open_round)
    # Once the round has closed its record says the same: nothing new.
    view.show(report(closed(0), closed(1, refused=TOO_LONG), clients=[member(1)]))
    assert said(console).splitlines() == [
        "round 0 closed: 2 updates, 2400 examples, 10.0 s",
        "round 1: the update of client 1 (c1) refused: norm: found 9, expected at most "
        "3",
        "round 1 closed: 2 updates, 2400 examples, 10.0 s",
    ]


def test_a_refusal_that_nobody_saw_live_is_told_from_the_record(console) -> None:
    PlainView(console).show(report(closed(0, refused={"7": "too long"})))
    assert said(console).splitlines()[0] == (
        "round 0: the update of client 7 refused: too long"
    )


CAPPED = {"1": Capped(claimed=10_000_000, counted=960)}
CAP = (
    "round 1: 1 counted less than claimed (max_weight): client 1 (c1) 960 of "
    "10,000,000 examples"
)


def test_a_capped_update_is_told_whose_and_by_how_much(console) -> None:
    here = report(closed(0), closed(1, capped=CAPPED), clients=[member(1)])
    PlainView(console).show(here)
    assert CAP in said(console).splitlines()
    for shape in (picture, still):
        assert CAP in " ".join(shown(console, shape(here)).split())


def test_the_summary_counts_the_rounds_with_capped_updates(console) -> None:
    for capped in ({}, CAPPED):
        course = Course()
        for each in (closed(0), closed(1, capped=capped)):
            course.count(each)
        show_summary(console, RunResult(report(), course, Totals(), Path("runs"), None))
        line = "  weights  updates counted less than they claimed in 1 of the rounds"
        assert (line in said(console)) is bool(capped)


def test_the_picture_counts_the_refused(console) -> None:
    rounds = (closed(0), closed(1, refused={"0": "x", "3": "y"}))
    text = shown(console, picture(refused(report(*rounds), TOO_LONG)))
    assert "1 of 2 updates, 1 refused, 4 s" in text
    head, _, row = text.splitlines()[-3:]
    assert head.split()[-1] == "refused"
    assert row.split()[-1] == "2"


def test_the_picture_says_who_was_told_in_vain_to_move_the_round_on(console) -> None:
    here = report(closed(0))
    for told in ([1], [1, 0]):
        live = msgspec.structs.replace(here.live, told=told, advance_tries=len(told))
        text = shown(console, picture(msgspec.structs.replace(here, live=live)))
        assert ("told 2 times to advance" in text) is (told == [1, 0])


def test_where_nothing_is_drawn_there_is_no_bar_and_no_empty_table(console) -> None:
    waiting = report(state="enrolling", enrolled=1, live=None, version=-1)
    assert shown(console, still(waiting)).splitlines() == [
        "enrolling   1 of 4 clients",
        "0 of 3 rounds",
    ]


def test_clients_are_shown_by_name_with_what_they_are_at(console) -> None:
    clients = [member(0), member(1), member(2, rounds=0), member(3, revoked=True)]
    text = shown(console, clients_table(report(clients=clients)))
    assert [line.split() for line in text.splitlines()] == [
        ["index", "client", "assignment", "updates", "seen"],
        ["0", "c0", "at", "round", "0", "2", "4", "s", "ago"],
        ["1", "c1", "done", "with", "round", "0", "2", "4", "s", "ago"],
        ["2", "c2", "wait", "0", "4", "s", "ago"],
        ["3", "c3", "revoked", "2", "4", "s", "ago"],
    ]


def test_of_many_clients_the_first_are_shown_and_the_others_counted(console) -> None:
    whole = report(clients=[member(index) for index in range(20)], enrolled=1_020)
    lines = shown(console, clients_table(whole, 20)).splitlines()
    assert len(lines) == 1 + 20 + 1
    assert lines[-1] == "and 1,000 more: `fedwhisk clients list`"
