"""An experiment that is watched: what each look asks for, and what it makes of it."""

from __future__ import annotations

import msgspec

from fedcore.messages import Report, Status
from fedwhisk.experiments.federation import PAGE, Federation
from fedwhisk.experiments.following import REMEMBERED, Follower
from tests.fedwhisk.reports import closed, member, report

LONG = 10_000


class Deployment(Federation):
    """Answers `status` from a history that grows by hand."""

    def __init__(self, rounds: int, clients: int = 0, scored: bool = True) -> None:
        self.rounds_closed = rounds
        self.members = clients
        self.accuracy = 0.5 if scored else None
        self.asked: list[Status] = []

    def _status(self, request: Status) -> Report:
        self.asked.append(request)
        limit = request.limit or 20
        end = self.rounds_closed
        first = max(0, end - limit) if request.since is None else request.since
        numbers = range(first, min(end, first + limit))
        after = None if request.since is None or numbers.stop >= end else numbers.stop
        start = request.clients_from
        indexes = range(start, min(self.members, start + request.clients_limit))
        return msgspec.structs.replace(
            report(enrolled=self.members),
            rounds=[closed(each, accuracy=self.accuracy) for each in numbers],
            clients=[member(index) for index in indexes],
            next_round=after,
            next_client=indexes.stop if indexes.stop < self.members else None,
            look_again_s=0.0,
        )


def numbers_of(found: Report) -> list[int]:
    return [each.round for each in found.rounds]


def test_a_look_asks_for_what_is_new_alone() -> None:
    deployment = Deployment(LONG)
    following = Follower(deployment, "three")
    assert numbers_of(following.look()) == [*range(LONG - 20, LONG)]
    deployment.rounds_closed += 1
    assert numbers_of(following.look()) == [*range(LONG - 20, LONG + 1)]
    assert following.look().rounds[-1].round == LONG
    assert [each.since for each in deployment.asked] == [None, LONG, LONG + 1]


def test_rounds_between_two_looks_are_all_told() -> None:
    deployment = Deployment(5)
    following = Follower(deployment, None)
    assert numbers_of(following.look()) == [*range(5)]
    deployment.rounds_closed = 75
    assert numbers_of(following.look()) == [*range(75)]
    assert numbers_of(following.look()) == [*range(75 - REMEMBERED, 75)]
    assert {each.experiment for each in deployment.asked[1:]} == {"three"}


def test_a_round_without_a_score_is_asked_for_again() -> None:
    deployment = Deployment(3, scored=False)
    following = Follower(deployment, "three")
    following.look()
    deployment.accuracy = 0.75
    scores = [each.evaluation for each in following.look().rounds]
    assert [each and each["accuracy"] for each in scores] == [0.75] * 3
    following.look()
    assert [each.since for each in deployment.asked] == [None, 0, 3]


def test_all_rounds_and_all_clients_are_read_page_by_page() -> None:
    deployment = Deployment(2 * PAGE + 1, clients=2 * PAGE + 1)
    assert [each.round for each in deployment.rounds("three")] == [*range(2 * PAGE + 1)]
    assert len(deployment.asked) == 3
    indexes = [each.index for each in deployment.clients("three")]
    assert indexes == [*range(2 * PAGE + 1)]
    assert len(deployment.asked) == 6


def test_watching_ends_when_the_experiment_is_over(monkeypatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    states = [report(version=0), report(version=1, look_again_s=9.0)]
    states.append(report(version=2, state="finished", over=True))
    deployment = Deployment(3)
    left = iter(states)
    deployment._status = lambda request: next(left)
    versions = [each.version for each in deployment.watch("three", pause_s=2.0)]
    assert (versions, slept) == ([0, 1, 2], [2.0, 9.0])
