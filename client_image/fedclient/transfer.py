"""Models and updates on their way: chunk by chunk, each checked by its hash."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable

from fedclient.api import Actions
from fedclient.client_task import ClientTask
from fedclient.printable import printable
from fedclient.replies import Refused
from fedclient.tasks import Update
from fedclient.turns import Turns
from fedcore import codec, messages
from fedcore.codec import Layout
from fedcore.errors import UploadMismatch

log = logging.getLogger(__name__)

LONGEST = 500
"""Characters of a server's text in an error."""

FETCHES = 3
"""How often a chunk is fetched whose bytes do not fit its hash."""

SENDS = 3
"""How often a chunk is sent whose bytes did not arrive as they were."""


class ClientError(Exception):
    """The client cannot go on; the message says why."""


class DamagedChunk(ClientError):
    """A chunk's bytes did not fit its hash, however often it was fetched."""


def fetch_model(
    actions: Actions,
    mine: ClientTask,
    wanted: messages.Train | messages.Evaluate,
    turns: Turns,
) -> bytes:
    """Return a version's bytes, from the assignment itself or chunk by chunk.

    Raises:
        ClientError: the version does not fit the task, or arrives damaged.
    """

    def ask(number: int) -> messages.ModelChunk:
        request = messages.GetModel(
            experiment=mine.experiment,
            version=wanted.version,
            chunk=number,
            client=mine.context.index,
        )
        turns.wait()
        return actions.call("get_model", request, messages.ModelChunk)

    _check_layout(mine, wanted, ask)
    model = intact(wanted.model) if wanted.model and wanted.chunks == 1 else None
    if model is None:
        model = b"".join(fetch_chunk(ask, n)[1] for n in range(wanted.chunks))
    expected = codec.parameter_count(mine.task.layout) * codec.VALUE_BYTES
    if len(model) != expected:
        raise ClientError(
            f"version {wanted.version}: found {len(model)} bytes, expected {expected} "
            f"for task {mine.context.settings.task!r}"
        )
    return model


Ask = Callable[[int], messages.ModelChunk]
"""Fetches the chunk of that number."""


def _check_layout(
    mine: ClientTask, wanted: messages.Train | messages.Evaluate, ask: Ask
) -> None:
    """Refuse a model whose tensors are not the task's: their order could differ alone.

    Raises:
        ClientError: names the first tensor that differs.
    """
    expected = mine.task.layout
    if wanted.layout == codec.layout_hash(expected):
        return
    where = codec.layout_difference(found=ask(0).layout, expected=expected) or (
        f"layout: found {wanted.layout}, expected {codec.layout_hash(expected)}"
    )
    raise ClientError(
        f"version {wanted.version} is not a model of task "
        f"{mine.context.settings.task!r}: "
        f"{printable(where[:LONGEST])}"
    )


def fetch_chunk(ask: Ask, number: int) -> tuple[messages.ModelChunk, bytes]:
    """Return a chunk's answer and its bytes, fetched again while they are damaged.

    Raises:
        DamagedChunk: the bytes did not fit the hash, `FETCHES` times.
    """
    for _ in range(FETCHES):
        answer = ask(number)
        data = intact(answer.chunk)
        if data is not None:
            return answer, data
    raise DamagedChunk(
        f"version {answer.version}, chunk {number}: its hash did not fit, "
        f"{FETCHES} times"
    )


def intact(chunk: messages.Chunk) -> bytes | None:
    """Return a chunk's bytes, or None when they are not those of its hash."""
    data = codec.decode(chunk.data, where=f"chunk {chunk.number}")
    return data if codec.sha256(data) == chunk.hash else None


def submit(
    actions: Actions,
    mine: ClientTask,
    round_number: int,
    update: Update,
    turns: Turns,
    layout: Layout | None = None,
) -> messages.Assignment | None:
    """Hand in an update chunk by chunk; return the next assignment, if it came along.

    The same update has the same upload id, so what arrived before is not stored twice.
    """
    chunks = list(codec.split(update.model))
    request = _requests(mine, round_number, update, chunks, layout)
    waiting = list(range(len(chunks)))
    while waiting:
        answer = _send_chunk(actions, request(waiting.pop(0)), turns)
        if answer.accepted is not None:
            _report(round_number, answer)
            return answer.assignment
        # Only the last chunk's answer is final: what was lost by then is named in it.
        waiting = waiting or [n for n in answer.missing if n in range(len(chunks))]
    return None


def _send_chunk(
    actions: Actions, request: messages.SubmitUpdate, turns: Turns
) -> messages.Submitted:
    """Send a chunk, and again if it arrived damaged."""
    for _ in range(SENDS - 1):
        turns.wait()
        try:
            return actions.call("submit_update", request, messages.Submitted)
        except Refused as refusal:
            if refusal.code != UploadMismatch.code:
                raise
            log.warning("%s; sending it again", refusal)
    turns.wait()
    return actions.call("submit_update", request, messages.Submitted)


def _requests(
    mine: ClientTask,
    round_number: int,
    update: Update,
    chunks: list[bytes],
    layout: Layout | None,
) -> Callable[[int], messages.SubmitUpdate]:
    """Return what makes a chunk's request: one chunk's base64 is alive at a time."""
    hashes = [codec.sha256(chunk) for chunk in chunks]
    upload = codec.upload_id(round_number, hashes, layout)
    # JSON has no NaN; a model that diverged is the server's to refuse, and to record.
    metrics = {
        name: messages.bounded(value)
        for name, value in update.metrics.items()
        if math.isfinite(value)
    }

    def request(number: int) -> messages.SubmitUpdate:
        return messages.SubmitUpdate(
            experiment=mine.experiment,
            client=mine.context.index,
            round=round_number,
            upload=upload,
            chunk=number,
            chunks=len(chunks),
            hash=hashes[number],
            data=codec.encode(chunks[number]),
            examples=update.examples,
            metrics=metrics,
            layout=layout,
        )

    return request


def _report(round_number: int, answer: messages.Submitted) -> None:
    if answer.accepted:
        log.info("round %d: update accepted", round_number)
    else:
        log.info("round %d: update not accepted: %s", round_number, answer.reason)
