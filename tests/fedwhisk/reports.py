"""A small experiment's report, made by hand, for tests of what is shown of it."""

from __future__ import annotations

from typing import Any

import msgspec

from fedcore.messages import (
    ClientReport,
    Counts,
    LiveReport,
    Part,
    Report,
    RoundReport,
)
from fedcore.settings import ExperimentSettings

SETTINGS = ExperimentSettings(clients=4, per_round=2, rounds=3)


def closed(
    number: int, *, accuracy: float | None = None, **changes: Any
) -> RoundReport:
    """Round `number`: 2 updates in 10 s, scored if `accuracy` is given."""
    record = RoundReport(
        round=number,
        opened=100.0 + 10 * number,
        closed=110.0 + 10 * number,
        seconds=10.0,
        attempts=1,
        counts=Counts(cohort=2, accepted=2),
        cohort=[0, 1],
        updates=2,
        examples=2_400,
        metrics={"train_s": 1.5},
        evaluation=None
        if accuracy is None
        else {"accuracy": accuracy, "loss": 1 - accuracy, "examples": 100.0},
        evaluation_tries=0 if accuracy is None else 1,
        late=[],
        refused={},
    )
    changed = msgspec.structs.replace(record, **changes)
    counts = Counts(
        cohort=len(changed.cohort),
        accepted=changed.updates,
        refused=len(changed.refused),
        late=len(changed.late),
    )
    return msgspec.structs.replace(changed, counts=counts)


def report(*rounds: RoundReport, state: str = "running", **changes: Any) -> Report:
    """An experiment of 3 rounds after some of them, now 4 s into the next."""
    number = len(rounds)
    opened = 100.0 + 10 * number
    live = LiveReport(
        round=number,
        state="training",
        attempt=1,
        counts=Counts(cohort=2, accepted=1),
        cohort=[0, 1],
        target=2,
        quorum=2,
        accepted=[1],
        refused={},
        late=[],
        opened=opened,
        deadline=opened + 600,
    )
    whole = Report(
        experiment="three",
        id="0",
        state=state,
        reason=None,
        settings=SETTINGS,
        parameters=3,
        version=number - 1,
        enrolled=4,
        live=live,
        over=state == "finished",
        rounds=list(rounds),
        clients=[],
        created=90.0,
        ended=None,
        now=opened + 4,
        metric_names=sorted({name for each in rounds for name in each.metrics}),
    )
    return msgspec.structs.replace(whole, **changes)


def member(index: int, **changes: Any) -> ClientReport:
    """Client `index`, called `c<index>`: 2 updates, seen at second 100.

    As in `report`, client 1 is done and client 0 is not.
    """
    parts: dict[int, Part] = {0: "drawn", 1: "accepted"}
    known = ClientReport(
        index=index,
        name=f"c{index}",
        last_seen=100.0,
        due=110.0,
        rounds=2,
        train_s=1.5,
        revoked=False,
        part=parts.get(index, ""),
    )
    return msgspec.structs.replace(known, **changes)


def refused(whole: Report, reasons: dict[str, str]) -> Report:
    """The same experiment whose live round does not take some clients' updates."""
    assert whole.live is not None
    counts = msgspec.structs.replace(whole.live.counts, refused=len(reasons))
    live = msgspec.structs.replace(whole.live, refused=reasons, counts=counts)
    return msgspec.structs.replace(whole, live=live)
