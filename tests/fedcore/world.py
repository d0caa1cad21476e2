"""A small federation in memory: handlers over the twin of MongoDB, a clock by hand."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import msgspec

from fedcore import codec, tokens
from fedcore.codec import Layout
from fedcore.handlers import (
    check_in,
    fedavg,
    get_model,
    put_model,
    revoke_client,
    select_clients,
    start_experiment,
    status,
    stop_experiment,
    submit_update,
    subscribe,
)
from fedcore.handlers.action import Action, Credentials
from fedcore.services import Services
from fedcore.store.memory import MemoryDatabase
from fedcore.store.store import Store

SECRET = b"a secret of at least thirty-two bytes"
OPERATOR = Credentials(tokens.operator_token(SECRET))
ENROLMENT = Credentials(tokens.enrolment_token(SECRET))
OWNER = Credentials(trusted=True)
SMALL = {"clients": 3, "per_round": 2, "rounds": 2, "evaluate": False}

Fields = dict[str, Any]


def vector(*values: float) -> bytes:
    """A model of so many values, as it travels."""
    return struct.pack(f"<{len(values)}f", *values)


def numbers(data: bytes) -> list[float]:
    """The values of a model."""
    return list(struct.unpack(f"<{len(data) // 4}f", data))


def update_requests(
    number: int, model: bytes, layout: Layout | None = None, examples: int = 1
) -> list[Fields]:
    """The requests that submit a model for a round, one a chunk, but for whose it is.

    The layout is said in round 0 alone; it is one tensor where none is given.
    """
    chunks = [*codec.split(model)]
    hashes = [codec.sha256(chunk) for chunk in chunks]
    first = layout or [["w", [len(model) // codec.VALUE_BYTES]]]
    said = {"layout": first} if number == 0 else {}
    whole = {
        "round": number,
        "upload": codec.upload_id(number, hashes, **said),
        "chunks": len(chunks),
        "examples": examples,
        **said,
    }
    return [
        whole | {"chunk": place, "hash": hashes[place], "data": codec.encode(chunk)}
        for place, chunk in enumerate(chunks)
    ]


class World:
    """One deployment. `now` is its clock; `call` is what a platform would do."""

    def __init__(self, database: Any = None, calls_per_minute: float = 6000) -> None:
        self.now = 1000.0
        self.ids = 0
        self.services = Services(
            store=Store(database or MemoryDatabase()),
            clock=lambda: self.now,
            new_id=self._new_id,
            secrets=(SECRET,),
            calls_per_minute=calls_per_minute,
        )

    def _new_id(self) -> str:
        self.ids += 1
        return f"id{self.ids}"

    def call(self, action: Action[Any], fields: Fields, who: Credentials) -> Fields:
        """The action's answer as plain values."""
        return msgspec.to_builtins(action.run(fields, who, self.services))

    def start(self, name: str = "exp", **settings: Any) -> Fields:
        """Start an experiment: three clients, two a round, two rounds, if not said."""
        fields = {"experiment": name, "settings": SMALL | settings}
        return self.call(start_experiment.ACTION, fields, OPERATOR)

    def resume(self, name: str = "exp", **settings: Any) -> Fields:
        """Take an experiment up again."""
        fields = {"experiment": name, "settings": SMALL | settings, "resume": True}
        return self.call(start_experiment.ACTION, fields, OPERATOR)

    def pin(
        self,
        model: bytes,
        layout: Layout | None = None,
        *,
        resume: bool = False,
        **settings: Any,
    ) -> Fields:
        """Start an experiment whose initial model the operator is to bring."""
        (first, *_) = update_requests(0, model, layout)
        fields = {"experiment": "exp", "settings": SMALL | settings, "resume": resume}
        pinned = {"initial": first["upload"], "layout": first["layout"]}
        return self.call(start_experiment.ACTION, fields | pinned, OPERATOR)

    def put(self, model: bytes, number: int = 0, **change: Any) -> Fields:
        """Bring a chunk of the initial model."""
        chunks = [*codec.split(model)]
        fields = {
            "experiment": "exp",
            "chunk": number,
            "data": codec.encode(chunks[number]),
            "hashes": [codec.sha256(each) for each in chunks],
        }
        return self.call(put_model.ACTION, fields | change, OPERATOR)

    def stop(self, name: str = "exp") -> Fields:
        """Stop an experiment."""
        return self.call(stop_experiment.ACTION, {"experiment": name}, OPERATOR)

    def enrol(
        self,
        name: str,
        experiment: str | None = "exp",
        who: Credentials = ENROLMENT,
    ) -> Member:
        """Enrol a client."""
        fields = {"name": name, "experiment": experiment}
        return Member(self, self.call(subscribe.ACTION, fields, who))

    def enrol_all(self, count: int = 3) -> list[Member]:
        """Enrol so many clients."""
        return [self.enrol(f"c{i}") for i in range(count)]

    def revoke(self, name: str, *, undo: bool = False) -> Fields:
        """Shut a client out, or let it in again."""
        fields = {"experiment": "exp", "name": name, "undo": undo}
        return self.call(revoke_client.ACTION, fields, OPERATOR)

    def advance(self, name: str = "exp") -> None:
        """Run the sequence `advance_round`, as the namespace's owner."""
        handed_on = self.call(fedavg.ACTION, {"experiment": name}, OWNER)
        self.call(select_clients.ACTION, handed_on, OWNER)

    def report(self, name: str = "exp", **more: Any) -> Fields:
        """What status says; of short histories, all of it."""
        fields = {"experiment": name, "limit": 500, "clients_limit": 1000} | more
        return self.call(status.ACTION, fields, OPERATOR)

    def model(self, version: int | None = None, name: str = "exp") -> list[float]:
        """A version's values."""
        fields = {"experiment": name, "version": version}
        answer = self.call(get_model.ACTION, fields, OPERATOR)
        return numbers(codec.decode(answer["chunk"]["data"]))

    @property
    def live(self) -> Fields:
        """The live round."""
        return self.report()["live"]


class Member:
    """An enrolled client, as its own code would call."""

    def __init__(self, world: World, place: Fields) -> None:
        self.world = world
        self.index: int = place["index"]
        self.experiment: str = place["experiment"]
        self.credentials = Credentials(place["token"])
        self.assignment: Fields = place["assignment"]

    def check_in(self, **more: Any) -> Fields:
        """The assignment that the client is given."""
        fields = {"experiment": self.experiment, "client": self.index} | more
        answer = self.world.call(check_in.ACTION, fields, self.credentials)
        return answer["assignment"]

    def updates(
        self,
        number: int,
        model: bytes,
        layout: Layout | None = None,
        examples: int = 1,
    ) -> list[Fields]:
        """The requests that submit a model, one a chunk."""
        me = {"experiment": self.experiment, "client": self.index}
        return [me | r for r in update_requests(number, model, layout, examples)]

    def update(self, number: int, *values: float, examples: int = 1) -> Fields:
        """The request that submits a model of one chunk."""
        (request,) = self.updates(number, vector(*values), examples=examples)
        return request

    def send(self, request: Fields) -> Fields:
        """The answer to a chunk of an update."""
        return self.world.call(submit_update.ACTION, request, self.credentials)

    def submit(self, number: int, *values: float, examples: int = 1) -> Fields:
        """The answer to an update of one chunk."""
        return self.send(self.update(number, *values, examples=examples))


def members_of(world: World, members: list[Member]) -> list[Member]:
    """The members in the cohort of the live round, by index."""
    cohort = world.live["cohort"]
    return [member for member in members if member.index in cohort]


def open_round_1(world: World, count: int = 3) -> list[Member]:
    """Enrol all, make the initial model (1, 2), and open round 1."""
    members = world.enrol_all(count)
    world.advance()
    agree(world, members, 1.0, 2.0)
    return members


def agree(world: World, members: list[Member], *values: float) -> None:
    """Let the cohort of round 0 send the same initial model, and open round 1."""
    for maker in members_of(world, members):
        assert maker.submit(0, *values)["accepted"] is True
    world.advance()


def finish(world: World, members: list[Member], model: Callable[[int], float]) -> None:
    """Play all rounds to the end; each client submits `model(index)` twice."""
    while world.report()["state"] == "running":
        live = world.live
        for member in members_of(world, members):
            value = model(member.index)
            member.submit(live["round"], value, value)
        world.advance()
