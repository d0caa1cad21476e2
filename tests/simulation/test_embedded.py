"""The same handlers on the embedded database, with requests that truly overlap."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from fedcore.store.database import INDEXES, UNIQUE
from fedcore.store.mongo import MongoDatabase
from fedwhisk.local.database import EmbeddedDatabase
from tests.fedcore.world import Member, World, numbers, open_round_1, vector
from tests.simulation.checker import Checker, Collections
from tests.simulation.reports import SIZE, Size

PROCESSES = 8
"""Action processes, each with its own connections."""

names = (f"overlap{number}" for number in count())


@pytest.fixture(scope="module")
def url(tmp_path_factory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("database")
    with EmbeddedDatabase(folder / "data", folder / "log") as running:
        yield running.url


class Processes:
    """A `Database` that gives each thread one of several processes' connections."""

    def __init__(self, url: str) -> None:
        name = next(names)
        self.all = [MongoDatabase(url, name) for _ in range(PROCESSES)]
        self._next = count()
        self._mine = threading.local()

    def __getattr__(self, method: str) -> Any:
        if not hasattr(self._mine, "process"):
            self._mine.process = self.all[next(self._next) % PROCESSES]
        return getattr(self._mine.process, method)

    def close(self) -> None:
        for each in self.all:
            each.close()

    def read(self) -> Collections:
        return {
            name: {each["_id"]: each for each in self.all[0].find(name, {})}
            for name in INDEXES | UNIQUE
        }


@pytest.fixture
def processes(url) -> Iterator[Processes]:
    found = Processes(url)
    yield found
    found.close()


def together(requests: list[Callable[[], Any]]) -> list[Any]:
    """Let requests begin at once; return their answers."""
    ready = threading.Barrier(len(requests))

    def begin(request: Callable[[], Any]) -> Any:
        ready.wait()
        return request()

    with ThreadPoolExecutor(len(requests)) as threads:
        return list(threads.map(begin, requests))


def test_of_200_clients_that_submit_at_once_exactly_the_target_counts(processes):
    world = World(processes)
    world.start(clients=200, per_round=150, over_select=50, rounds=1)
    members = open_round_1(world, 200)

    def submit(member: Member) -> list[dict[str, Any]]:
        # Small whole numbers: their weighted sum is exact in whatever order.
        times = 2 if member.index % 5 == 0 else 1
        values = (float(member.index), float(-(member.index % 7)))
        examples = 1 + member.index % 3
        return [member.submit(1, *values, examples=examples) for _ in range(times)]

    answers = together([lambda each=each: submit(each) for each in members])
    live = world.live
    assert (live["state"], live["counts"]["accepted"]) == ("frozen", 150)
    told = [
        member.index
        for member, given in zip(members, answers, strict=True)
        if given[-1]["accepted"]
    ]
    assert (len(told), sorted(told)[:100]) == (150, live["accepted"])
    first = [given[0]["assignment"]["kind"] for given in answers]
    assert first.count("advance") == 1
    world.advance()
    weight = sum(1 + index % 3 for index in told)
    expected = [
        sum(index * (1 + index % 3) for index in told) / weight,
        sum(-(index % 7) * (1 + index % 3) for index in told) / weight,
    ]
    assert world.model(1) == numbers(vector(*expected))  # as float32
    Checker().at_rest(processes.read())


class Overlapping(RuleBasedStateMachine):
    """A federation of four whose requests come in bursts."""

    url: ClassVar[str] = ""

    @initialize(quorum=st.sampled_from([0.5, 1.0]), rounds=st.integers(1, 2))
    def begin(self, quorum: float, rounds: int) -> None:
        self.database = Processes(self.url)
        self.world = World(self.database)
        self.settings = {
            "clients": 4,
            "per_round": 3,
            "over_select": 1,
            "quorum": quorum,
            "rounds": rounds,
        }
        self.world.start(**self.settings)
        enrol = [lambda name=f"c{n}": self.world.enrol(name) for n in (0, 1, 2, 3, 0)]
        *self.members, twin = together(enrol)
        assert twin.index == self.members[0].index
        self.before: Collections = {}

    @rule(
        calls=st.lists(
            st.tuples(
                st.sampled_from(["check_in", "submit", "resubmit", "advance"]),
                st.integers(0, 3),
            ),
            min_size=2,
            max_size=6,
        )
    )
    def burst(self, calls: list[tuple[str, int]]) -> None:
        live = self.world.live or {"round": 0}
        together([self._request(kind, who, live["round"]) for kind, who in calls])

    def _request(self, kind: str, who: int, number: int) -> Callable[[], Any]:
        member = self.members[who]
        if kind == "check_in":
            return member.check_in
        if kind == "advance":
            return self.world.advance
        value = float(who) + (0.5 if kind == "resubmit" else 0.0)
        if number == 0:
            value = 0.0  # all make the same initial model
        return lambda: member.submit(number, value, 1.0, examples=1 + who)

    @rule(seconds=st.sampled_from([3.0, 70.0, 700.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.now += seconds

    @rule()
    def stop_and_resume_at_once(self) -> None:
        resume = lambda: self.world.resume(**self.settings)  # noqa: E731
        together([self.world.stop, resume, self.members[0].check_in])

    @invariant()
    def the_database_holds(self) -> None:
        now = self.database.read()
        Checker().stands(self.before, now)
        self.before = now

    def teardown(self) -> None:
        for number in range(20):
            report = self.world.report()
            if report["state"] == "finished":
                break
            self.world.resume(**self.settings)
            self.world.now += 1000.0
            for member in self.members:
                if member.check_in()["kind"] in ("train", "initialise"):
                    live = self.world.live
                    values = (1.0, float(number)) if live["round"] else (0.0, 1.0)
                    member.submit(live["round"], *values)
            self.world.advance()
        Checker().at_rest(self.database.read())
        self.database.close()


def test_requests_that_overlap_at_random_break_nothing(url) -> None:
    Overlapping.url = url
    run_state_machine_as_test(
        Overlapping,
        settings=settings(
            max_examples={Size.TEST: 8, Size.CI: 20, Size.SOAK: 200}[SIZE],
            stateful_step_count=10,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
