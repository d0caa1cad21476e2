"""Round 0: how clients settle the initial model that no operator has brought.

Every client makes it from the seed, so honest ones of one kind of CPU send the same
bytes. No single client is believed: the model is taken that as many have sent as the
round's target says. Pure, like `fedcore.rules`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fedcore.codec import Layout, parameter_count
from fedcore.documents import Experiment, Update

NAMED = 8
"""Clients, and models, that a sentence names at most."""


@dataclass(frozen=True)
class Agreement:
    """An initial model, by its upload's id, and the clients that sent it, in order."""

    upload: str
    clients: Sequence[int]


def counted(experiment: Experiment) -> dict[str, list[int]]:
    """Return who has sent which initial model; revoked clients do not count."""
    found: dict[str, list[int]] = {}
    for key, upload in sorted(
        experiment.live.votes.items(), key=lambda each: int(each[0])
    ):
        if not experiment.shuts_out(int(key)):
            found.setdefault(upload, []).append(int(key))
    return found


def agreement(experiment: Experiment) -> Agreement | None:
    """Return the initial model that enough clients have sent; None: not yet."""
    for upload, clients in counted(experiment).items():
        if len(clients) >= experiment.live.target:
            return Agreement(upload, clients)
    return None


def all_answered(experiment: Experiment) -> bool:
    """Return True if nobody in the cohort is left who might still vote."""
    live = experiment.live
    answered = {*live.votes, *live.refused, *experiment.revoked}
    return all(str(index) in answered for index in live.cohort)


def outcome(
    experiment: Experiment, agreed: Agreement, updates: Sequence[Update]
) -> Mapping[str, object]:
    """Return what the agreement sets in the experiment: layout, accepted, refused.

    Args:
        experiment: with all votes.
        agreed: what they agree on.
        updates: what is stored of the initial models.
    """
    layouts = {each.upload: each.layout for each in updates}
    layout = layouts[agreed.upload]
    assert layout is not None  # noqa: S101 - no update of round 0 is without
    chosen = {str(index): agreed.upload for index in agreed.clients}
    others = {
        f"live.refused.{key}": _difference(layouts.get(upload), layout, agreed)
        for key, upload in experiment.live.votes.items()
        if upload != agreed.upload and not experiment.shuts_out(int(key))
    }
    return {
        "live.accepted": chosen,
        "live.accepted_count": len(chosen),
        "layout": layout,
        "parameters": parameter_count(layout),
        **others,
    }


def disagreement(experiment: Experiment) -> str:
    """Return why round 0 ends without an initial model, as a sentence."""
    live = experiment.live
    found = counted(experiment)
    if len(found) < 2:
        sent = sum(map(len, found.values()))
        return (
            f"round 0: {sent} of {live.target} equal initial models after "
            f"{live.attempt} attempts"
        )
    clients = sorted(index for each in found.values() for index in each)
    models = [upload[:8] for upload in found]
    return (
        f"round 0: clients {_listed(clients)} sent {len(found)} different initial "
        f"models ({_listed(models)}), expected the same from {live.target}: other "
        "kinds of CPU may compute other bytes; start with --model"
    )


def _difference(found: Layout | None, layout: Layout, agreed: Agreement) -> str:
    what = "other values" if found == layout else "another layout"
    clients = _listed(agreed.clients)
    return f"initial model: found {what}, expected what clients {clients} sent"


def _listed(items: Sequence[object]) -> str:
    """Return "1, 5 and 7", or the first few and how many more."""
    names = [str(each) for each in items[:NAMED]]
    if len(items) > NAMED:
        return f"{', '.join(names)} and {len(items) - NAMED} more"
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"
