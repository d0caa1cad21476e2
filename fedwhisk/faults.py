"""Faults that are injected on purpose: `fedwhisk run --chaos drop=0.05,crash=0.02`.

Each rate is a probability: that a call is dropped, delayed or doubled, that an
activation's process is killed, that a training takes long. Each client and the host
have a seeded stream of random numbers. Which calls they hit depends on the machine's
timing, so two runs with one seed do not meet the same faults.
"""

from __future__ import annotations

import math
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from fedclient.transport import Message, NoAnswer, Reply, Transport
from fedwhisk.errors import InputError

if TYPE_CHECKING:
    from fedclient.process import Sleep, Training

LONGEST_DELAY_S = 2.0
CRASH_AMID_S = 0.03
"""A warm action takes about 10 ms: some are killed at work, some are quicker."""

SLOWEST = 4.0
"""A slow training takes two to four times as long."""

LOST_REQUEST = "requests lost"
LOST_ANSWER = "answers lost"
DELAYED = "calls delayed"
DOUBLED = "calls doubled"
SLOWED = "trainings slowed"
CRASHED_BEFORE = "actions killed before their work"
CRASHED_AFTER = "actions killed at work or after it"

Note = Callable[[str], None]


class FaultRates(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rates of faults, from 0 (never) to 1 (always), and a seed."""

    drop: float = 0.0
    delay: float = 0.0
    double: float = 0.0
    crash: float = 0.0
    slow: float = 0.0
    seed: int = 0

    @property
    def are_zero(self) -> bool:
        """True if no fault will happen."""
        return not any((self.drop, self.delay, self.double, self.crash, self.slow))

    def words(self) -> str:
        """Return the rates above 0, as the option takes them."""
        on = {k: v for k, v in msgspec.structs.asdict(self).items() if v}
        return ",".join(f"{name}={value:g}" for name, value in on.items())

    def stream(self, whose: str) -> random.Random:
        """Return the stream of random numbers of a client or the host."""
        return random.Random(f"chaos/{self.seed}/{whose}")  # noqa: S311 - a show


NO_FAULTS = FaultRates()


def parse(raw: str | Mapping[str, Any]) -> FaultRates:
    """Return chaos from `drop=0.05,crash=0.02`, or from the same as a mapping.

    Raises:
        InputError: names the rate, what was found and what was expected.
    """
    fields = _pairs(raw) if isinstance(raw, str) else dict(raw)
    try:
        chaos = msgspec.convert(fields, FaultRates, strict=False)
    except msgspec.ValidationError as error:
        raise InputError(f"chaos: {error}") from None
    for name, value in msgspec.structs.asdict(chaos).items():
        if name != "seed" and not 0 <= value <= 1:  # also refuses NaN
            raise InputError(f"chaos.{name}: found {value:g}, expected 0 to 1")
    return chaos


def _pairs(text: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    for name, equals, value in pairs:
        if not (equals and value.strip()):
            raise InputError(f"chaos: found {name.strip()!r}, expected NAME=RATE,…")
    return {name.strip(): value.strip() for name, _, value in pairs}


class ClientFaults:
    """Faults between one client and its federation; each is passed to `note`."""

    def __init__(self, chaos: FaultRates, client: str, note: Note) -> None:
        self._chaos = chaos
        self._random = chaos.stream(client)
        self._note = note

    def transport(self, inner: Transport, sleep: Sleep) -> Transport:
        """Return a transport that loses, delays and doubles calls."""
        return _FaultyTransport(self, inner, sleep)

    def training(self, inner: Training, sleep: Sleep) -> Training:
        """Return what to train in: now and then it takes long to leave."""

        @contextmanager
        def slowed() -> Iterator[None]:
            with inner():
                started = time.monotonic()
                yield
                took = time.monotonic() - started
            # Its slot is free again: a slow machine takes nobody else's time.
            if self._happens(self._chaos.slow, SLOWED):
                sleep(took * (self._random.uniform(2.0, SLOWEST) - 1.0))

        return slowed

    def _happens(self, rate: float, *faults: str) -> str | None:
        """Note the fault that is to happen (one of these), if any."""
        if self._random.random() >= rate:
            return None
        fault = self._random.choice(faults)
        self._note(fault)
        return fault

    def send(self, message: Message, inner: Transport, sleep: Sleep) -> Reply:
        """Send a message through the faults (see `Transport.send`)."""
        chaos = self._chaos
        if self._happens(chaos.delay, DELAYED):
            sleep(self._random.uniform(0.0, LONGEST_DELAY_S))
        lost = self._happens(chaos.drop, LOST_REQUEST, LOST_ANSWER)
        if lost == LOST_REQUEST:
            raise NoAnswer("chaos: the request was lost")
        if self._happens(chaos.double, DOUBLED):
            inner.send(message)
        reply = inner.send(message)
        if lost:
            raise NoAnswer("chaos: the answer was lost")
        return reply


class _FaultyTransport:
    def __init__(self, chaos: ClientFaults, inner: Transport, sleep: Sleep) -> None:
        self._chaos = chaos
        self._inner = inner
        self._sleep = sleep

    def send(self, message: Message) -> Reply:
        """See `Transport.send`."""
        return self._chaos.send(message, self._inner, self._sleep)


class HostFaults:
    """Kills action processes of the embedded host: before, at or after their work.

    Attributes:
        counts: how often each has happened.
    """

    def __init__(self, chaos: FaultRates) -> None:
        self.counts: Counter[str] = Counter()
        self._rate = chaos.crash
        self._random = chaos.stream("host")

    def __call__(self) -> float | None:
        """Return in how many seconds an activation's process is to be killed, if ever.

        Infinity lets it do all its work: then its answer alone is lost.
        """
        if self._random.random() >= self._rate:
            return None
        moment = self._random.choice(
            [0.0, self._random.uniform(0.0, CRASH_AMID_S), math.inf]
        )
        self.counts[CRASHED_AFTER if moment else CRASHED_BEFORE] += 1
        return moment
