"""The fleet's size follows whether there is something to do."""

from __future__ import annotations

import pytest

from fedclient import autoscale, preflight
from fedclient.replies import Refused
from fedcore.messages import Assignment, Rehearsed, Stop, Wait

ENVIRONMENT = {"BASE_URL_OW": "http://h", "FED_ENROLMENT_TOKEN": "enrol"}


def refused(code: str) -> Refused:
    return Refused("subscribe", 404, code, "because", None)


def would_be(assignment: Assignment) -> Rehearsed:
    return Rehearsed(experiment="e", task="mnist", assignment=assignment)


@pytest.mark.parametrize(
    ("found", "answers", "size"),
    [
        (0, [would_be(Wait(retry_after=1))], 5),
        (5, [would_be(Wait(retry_after=1))], 5),
        (0, [refused("federation_full")], 5),
        (0, [refused("unknown_experiment")], 0),
        (0, [would_be(Stop(reason="finished"))], 0),
        (5, [would_be(Stop(reason="finished"))] * 2, 0),
        (5, [refused("unknown_experiment"), would_be(Wait(retry_after=1))], 5),
    ],
)
def test_a_fleet_is_as_large_as_it_is_needed(
    monkeypatch: pytest.MonkeyPatch,
    found: int,
    answers: list[Rehearsed | Refused],
    size: int,
) -> None:
    fleet, slept, left = [found], [], list(answers)

    def ask(config: object) -> Rehearsed:
        answer = left.pop(0)
        if isinstance(answer, Refused):
            raise answer
        return answer

    def size_of(statefulset: str, wanted: int | None = None) -> int:
        assert statefulset == "fl"
        fleet[0] = fleet[0] if wanted is None else wanted
        return fleet[0]

    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(preflight, "ask", ask)
    monkeypatch.setattr(autoscale, "size_of", size_of)
    monkeypatch.setattr(autoscale.time, "sleep", slept.append)
    autoscale.main("fl", 5)
    assert fleet == [size]
    assert left == []
    assert len(slept) == len(answers) - 1


def test_a_wrong_token_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(config: object) -> Rehearsed:
        raise refused("unauthenticated")

    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(preflight, "ask", ask)
    monkeypatch.setattr(autoscale, "size_of", lambda statefulset: 3)
    with pytest.raises(Refused, match="unauthenticated"):
        autoscale.main("fl", 5)
