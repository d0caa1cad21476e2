"""The real handlers over a database whose every call is a question on a tape."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from fedclient.transport import Message, Reply
from fedcore.adapters.deployment import OPENWHISK_CALLS_PER_MINUTE
from fedcore.documents import Change, Document, Where
from fedcore.errors import DatabaseUnavailable
from fedcore.services import Services
from fedcore.store.database import Database
from fedcore.store.memory import MemoryDatabase
from fedcore.store.store import Store
from tests.direct import DirectTransport
from tests.fedcore.world import OPERATOR, SECRET
from tests.simulation.checker import Broken, Checker
from tests.simulation.tape import Ask, Fault, Perform, Tape

EXPERIMENT = "exp"
"""The name of the experiment in all worlds."""

CRASHED = Reply(502, b"the action died")
"""What a platform answers for an action that died."""


class Call(NamedTuple):
    """One call of the database."""

    method: str
    collection: str
    arguments: tuple[Any, ...]

    @property
    def writes(self) -> bool:
        return self.method in ("insert", "update", "change", "delete")

    def on(self, database: Database) -> Any:
        return getattr(database, self.method)(self.collection, *self.arguments)

    def __str__(self) -> str:
        shown = ", ".join(_short(each) for each in self.arguments)
        return f"{self.method} {self.collection} {shown}"


class TapedDatabase:
    """A `Database` that asks a tape."""

    def __init__(self) -> None:
        self.tape = Tape()

    def prepare(self) -> None:
        """Indexes are no state."""

    def insert(self, collection: str, document: Document) -> bool:
        return self._ask("insert", collection, document)

    def find(
        self,
        collection: str,
        where: Where,
        fields: tuple[str, ...] = (),
        newest: int = 0,
    ) -> list[Document]:
        return self._ask("find", collection, where, fields, newest)

    def update(self, collection: str, where: Where, change: Change) -> Document | None:
        return self._ask("update", collection, where, change)

    def change(self, collection: str, where: Where, change: Change) -> bool:
        return self._ask("change", collection, where, change)

    def delete(self, collection: str, where: Where) -> int:
        return self._ask("delete", collection, where)

    def count(self, collection: str, where: Where) -> int:
        return self._ask("count", collection, where)

    def _ask(self, method: str, collection: str, *arguments: Any) -> Any:
        answer = self.tape.ask(Call(method, collection, arguments))
        if answer is Fault.AWAY:
            raise DatabaseUnavailable("the database did not answer", retry_after=5.0)
        return answer


class Server:
    """Runs requests, one at a time, each as far as its tape goes.

    Args:
        calls_per_minute: the quota from which clients take their pace.
    """

    def __init__(self, calls_per_minute: float = OPENWHISK_CALLS_PER_MINUTE) -> None:
        self._database = TapedDatabase()
        services = Services(
            store=Store(self._database),
            clock=lambda: self._database.tape.ask(Ask.TIME),
            new_id=lambda: self._database.tape.ask(Ask.ID),
            secrets=(SECRET,),
            calls_per_minute=calls_per_minute,
        )
        self._handlers = DirectTransport(services)

    def run(self, message: Message, tape: Tape, perform: Perform) -> Reply:
        """Return the answer to a request; Paused and Crashed pass through."""
        tape.rewind(perform)
        self._database.tape = tape
        return self._handlers.send(message)

    def obey(self, message: Message, database: SharedDatabase, now: float) -> Reply:
        """Run a request to its end, undisturbed."""
        at_hand = {Ask.TIME: now, Ask.ID: "id"}

        def perform(question: Any) -> Any:
            known = isinstance(question, Ask)
            return at_hand[question] if known else database.perform(question)

        return self.run(message, Tape(), perform)


def order(action: str, **fields: Any) -> Message:
    """Return an operator's request about the experiment."""
    body = msgspec.json.encode({"experiment": EXPERIMENT} | fields)
    headers = {"X-Fed-Token": OPERATOR.token}
    return Message(action, "POST", body=body, headers=headers)


class SharedDatabase:
    """What all requests share: documents in memory, each write checked."""

    def __init__(self, checker: Checker, collections: Any = ()) -> None:
        self.checker = checker
        self.memory = MemoryDatabase()
        self.memory.collections = dict(collections)

    @property
    def collections(self) -> dict[str, dict[str, Document]]:
        return self.memory.collections

    def perform(self, call: Call) -> Any:
        """Make a call. A write leaves the old collection's dictionary as it was."""
        if not call.writes:
            return call.on(self.memory)
        before = self.collections.get(call.collection, {})
        self.collections[call.collection] = dict(before)
        answer = call.on(self.memory)
        try:
            self.checker.written(call.collection, before, self.collections)
        except Broken as broken:
            raise Broken(f"{broken}\nby {call}") from broken
        return answer


def _short(value: Any) -> str:
    if isinstance(value, dict):
        pairs = ", ".join(f"{key}: {_short(each)}" for key, each in value.items())
        return f"{{{pairs}}}"
    text = str(value)
    return text if len(text) <= 40 else f"{text[:18]}…{text[-18:]}"
