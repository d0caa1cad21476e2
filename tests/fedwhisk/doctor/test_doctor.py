"""What a doctor makes of the answers it gets; tests/e2e provokes them for real."""

from email.utils import formatdate

import pytest

from fedwhisk.doctor.actions import (
    check_actions,
    check_clock,
    check_sequence,
    check_settings,
    check_url,
)
from fedwhisk.doctor.answers import NO_ANSWER, Error, ProbeAnswer, explain
from fedwhisk.doctor.findings import Grade, check_budget, healthy, ok, problem, warning
from fedwhisk.doctor.openwhisk import check_limits

NOON = 1_800_000_000.0


def refusal(code: str, status: int, message: str = "no") -> ProbeAnswer:
    return ProbeAnswer(status, Error(code, message))


def built(build: str) -> ProbeAnswer:
    error = Error("invalid_request", "no")
    return ProbeAnswer(400, error, headers={"x-fed-build": build})


@pytest.mark.parametrize(
    ("calls_per_minute", "clients", "per_round", "grade"),
    [
        # Of 60 calls a minute clients use 48, and rounds 0.85 of these: 0.68 a second.
        (60, 20, 10, Grade.OK),  # 15 ask, 10 hand in, and 6: 31 calls, 46 s
        (60, 20, 14, Grade.OK),  # 20 ask at most: 40 calls, 59 s
        (60, 20, 15, Grade.WARNING),  # 41 calls, 60.3 s
        (60, 201, 201, Grade.WARNING),  # 408 calls, 600 s
        (60, 202, 202, Grade.PROBLEM),
        (6000, 202, 202, Grade.OK),
    ],
)
def test_a_budget_is_judged_by_the_least_time_of_a_round(
    calls_per_minute, clients, per_round, grade
):
    finding = check_budget(calls_per_minute, clients=clients, per_round=per_round)
    assert finding.grade is grade
    assert f"{clients} clients with {per_round} a round" in finding.found
    assert (finding.advice == "") is (grade is Grade.OK)


def test_a_thousand_clients_on_stock_limits_are_slow_not_broken():
    finding = check_budget(60, clients=1000, per_round=10)
    assert finding.grade is Grade.WARNING
    # 2 s each; a third of 48 a minute would be 62 minutes, 0.3 of it is 69.
    assert finding.found == (
        "1000 clients with 10 a round, at 60 calls a minute: rounds take 46 s or more, "
        "enrolling 33 min, and all have heard of the end 69 min after it"
    )
    assert finding.advice.startswith("slow, not broken")


def test_where_calls_are_many_all_of_it_is_quick():
    found = check_budget(6000, clients=20, per_round=10).found
    assert "rounds take 0.5 s or more, enrolling 10 s" in found


def test_no_more_than_all_are_drawn():
    assert "5 clients with 5 a round" in check_budget(60, clients=5, per_round=10).found


def test_only_problems_make_a_deployment_unhealthy():
    fine = [ok("a", "fine"), warning("b", "slow", "wait")]
    assert healthy(fine)
    assert not healthy([*fine, problem("c", "broken", "mend it")])


@pytest.mark.parametrize(
    ("url", "grade"),
    [
        ("https://openwhisk.example.org/api/v1/web/guest/fedwhisk", Grade.OK),
        ("http://127.0.0.1:3233/api/v1/web/guest/fedwhisk", Grade.OK),
        ("http://openwhisk.example.org/api/v1/web/guest/fedwhisk", Grade.WARNING),
    ],
)
def test_a_url_that_others_can_read_along_is_warned_of(url, grade):
    assert check_url(url, ProbeAnswer(200)).grade is grade


def test_a_host_that_does_not_answer_is_a_problem_with_its_reason():
    silent = ProbeAnswer(NO_ANSWER, why="SSLError: certificate verify failed")
    finding = check_url("https://example.org", silent)
    assert finding.grade is Grade.PROBLEM
    assert "certificate verify failed" in finding.found
    assert "REQUESTS_CA_BUNDLE" in finding.advice


@pytest.mark.parametrize(
    ("skew_s", "grade", "words"),
    [
        (0, Grade.OK, "less than 30 s"),
        (29, Grade.OK, "less than 30 s"),
        (3600, Grade.WARNING, "3600 s ahead of"),
        (-3600, Grade.WARNING, "3600 s behind"),
    ],
)
def test_clocks_are_compared(skew_s, grade, words):
    date = formatdate(NOON + skew_s, usegmt=True)
    (finding,) = check_clock(ProbeAnswer(200, headers={"date": date}, sent=NOON))
    assert finding.grade is grade
    assert words in finding.found


def test_a_server_that_does_not_tell_the_time_is_not_judged_by_it():
    assert list(check_clock(ProbeAnswer(200))) == []


@pytest.mark.parametrize(
    ("answer", "grades"),
    [
        (ProbeAnswer(200), {"secret": "ok", "database": "ok"}),
        (refusal("unknown_experiment", 404), {"secret": "ok", "database": "ok"}),
        (refusal("unauthenticated", 401), {"secret": "problem"}),
        (refusal("misconfigured", 500), {"secret": "problem"}),
        (refusal("database_unavailable", 503), {"secret": "ok", "database": "problem"}),
        (refusal("internal", 500), {"database": "problem"}),
        (ProbeAnswer(404), {"database": "problem"}),
        (ProbeAnswer(429), {"database": "problem"}),
    ],
)
def test_the_answer_to_status_tells_of_secret_and_database(answer, grades):
    findings = list(check_settings(answer))
    assert {finding.check: finding.grade for finding in findings} == grades
    for finding in findings:
        assert (finding.advice == "") is (finding.grade is Grade.OK)


def test_actions_of_these_sources_are_fine():
    answers = {"check_in": built("b1"), "status": built("b1")}
    assert check_actions(answers, "b1") == ok(
        "actions", "all 2 answer, built from these sources"
    )


def test_actions_of_other_sources_are_warned_of():
    answers = {"check_in": built("b1"), "status": built("b2")}
    finding = check_actions(answers, "b2")
    assert finding.grade is Grade.WARNING
    assert "of build b1, b2; these sources are b2" in finding.found


def test_missing_actions_are_named():
    answers = {
        "check_in": built("b1"),
        "status": ProbeAnswer(404),
        "fedavg": ProbeAnswer(404),
    }
    finding = check_actions(answers, "b1")
    assert finding.grade is Grade.PROBLEM
    assert finding.found == "not deployed: status, fedavg"


def test_an_action_that_crashes_is_a_problem():
    crashed = ProbeAnswer(400, headers={"x-openwhisk-activation-id": "abc"})
    finding = check_actions({"check_in": crashed}, "b1")
    assert finding.found == "check_in: crashed or timed out (HTTP 400)"
    assert "`wsk activation get abc`" in finding.advice


def test_a_sequence_must_answer():
    assert check_sequence(ProbeAnswer(200)).grade is Grade.OK
    assert check_sequence(refusal("internal", 500)).grade is Grade.PROBLEM
    assert "60 s" in check_sequence(ProbeAnswer(202)).found


@pytest.mark.parametrize("status", [NO_ANSWER, 202, 400, 404, 413, 429, 502])
def test_whatever_the_platform_says_is_explained(status):
    found, advice = explain("check_in", ProbeAnswer(status, why="refused"))
    assert found.startswith("check_in: ")
    assert advice


def limits(told: object, most: int, at_once: int = 30) -> str:
    package = {"parameters": [{"key": "CALLS_PER_MINUTE", "value": told}]}
    return check_limits(package, most, at_once).grade


def test_the_budget_that_clients_go_by_must_be_the_platforms():
    assert limits("60", 60) == limits("6", 60) == "ok"
    assert limits("6000", 60) == "problem"
    assert limits("", 60) == limits("0", 60) == limits("many", 60) == limits("60", 60)
    assert limits("60", 60, at_once=2) == "warning"
    assert limits("6000", 6000, at_once=30) == "warning"
    assert limits("6000", 6000, at_once=300) == "ok"
