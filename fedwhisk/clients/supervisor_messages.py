"""What the command line and the supervisor say to each other, in JSON lines."""

from __future__ import annotations

from typing import Any

import msgspec

from fedcore.codec import Layout
from fedwhisk.faults import FaultRates


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """Start these clients.

    Attributes:
        base_url: where the actions are.
        experiment: the experiment to join; None means the open one.
        names: one client each.
        enrolment_tokens: what lets each of them enrol, by its name.
        at_once: how many may train at the same moment.
        data_dir: the folder of data sets; None means those that ship with the client.
        logs: the folder for what the clients say.
        stay: whether they wait for the next experiment after one has ended.
        spread_s: seconds over which their first calls are spread.
        faults: rates of faults that disturb them; None: no faults.
    """

    base_url: str
    experiment: str | None
    names: list[str]
    enrolment_tokens: dict[str, str]
    at_once: int
    data_dir: str | None
    logs: str
    stay: bool = False
    spread_s: float = 0.0
    faults: FaultRates | None = None


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """Everything that clients share has been loaded.

    Where the initial model was asked for, its bytes follow on the line.

    Attributes:
        size: how many bytes follow.
        layout: the initial model's.
    """

    size: int = 0
    layout: Layout = []


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """Nothing can be started; the message says why."""

    message: str


class Calls(msgspec.Struct, frozen=True, tag="calls"):
    """The calls that one client has made, sent at its end."""

    calls: dict[str, int]
    bytes_in: int
    bytes_out: int
    throttled: int


class FaultInjected(msgspec.Struct, frozen=True, tag="injected"):
    """A client has met a fault that was put there on purpose."""

    fault: str


class Ended(msgspec.Struct, frozen=True, tag="ended"):
    """A client has ended, and will be started again or not.

    Attributes:
        client: its name.
        status: 0 when its experiment is over; below 0 the signal that killed it.
        restarts_in: seconds until it is started again, or None.
        message: the last thing it said.
    """

    client: str
    status: int
    restarts_in: float | None = None
    message: str = ""


Event = Ready | Failed | Calls | FaultInjected | Ended


def numbered(base: str, count: int) -> list[str]:
    """Return the names of `count` clients: the same at every start."""
    width = len(str(count - 1))
    return [f"{base}-{number:0{width}}" for number in range(count)]


def to_line(message: msgspec.Struct | dict[str, Any]) -> bytes:
    """Return a message as one line."""
    return msgspec.json.encode(message) + b"\n"
