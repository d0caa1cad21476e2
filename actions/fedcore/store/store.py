"""The questions that the handlers ask of the shared state, over any database.

Writes are of two kinds, and both may be repeated without harm: `apply` takes an arrow
of the state machine if everything that justified it still holds, and inserts by key
happen once. Keys sort by experiment, round, client and chunk, so that whole ranges
can be read in order and removed at once.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import msgspec

from fedcore import codec
from fedcore.documents import (
    Change,
    Client,
    Document,
    Experiment,
    ExperimentState,
    RoundRecord,
    Scoring,
    Update,
    Where,
    to_document,
)
from fedcore.errors import UnreadableState
from fedcore.rules import Write
from fedcore.store.database import Database

LOG = logging.getLogger(__name__)

MAX_UPLOADS = 3
"""Different uploads that one client may send for one round."""

RECENT_ROUNDS = 3
"""Rounds whose length says how long the next one may take."""

NEWEST = 100
"""Experiments that are looked at where none is named."""

OUTLINE = (
    *("name", "created", "state", "settings", "version", "reason", "ended"),
    *("live.number", "live.state"),
)
"""What a list shows of an experiment, without its cohort and its layout."""

MENDED_S = 300.0
"""Seconds until those who met an unreadable document ask again."""

T = TypeVar("T")


class Store:
    """Experiments, clients, rounds, updates and models in one database."""

    def __init__(self, database: Database) -> None:
        self.database = database

    # --- experiments ----------------------------------------------------------------

    def add_experiment(self, experiment: Experiment) -> bool:
        """Store a new experiment; False when its name is taken."""
        self.database.prepare()
        return self.database.insert("experiments", to_document(experiment))

    def experiment(self, name: str) -> Experiment | None:
        """Return the experiment of that name."""
        found = self.database.find("experiments", {"name": name})
        return _read(found[0], Experiment) if found else None

    def reread(self, experiment: Experiment) -> Experiment:
        """Return an experiment as it stands now."""
        (document,) = self.database.find("experiments", {"_id": experiment.id})
        return _read(document, Experiment)

    def running(self) -> int:
        """Return how many experiments run, and so share the call budget."""
        return self.database.count("experiments", {"state": ExperimentState.RUNNING})

    def to_sweep(self, since: float) -> list[Experiment]:
        """Return the experiments that run, and those finished since that time."""
        running = {"state": ExperimentState.RUNNING}
        recent = {"state": ExperimentState.FINISHED, "ended": {"$gte": since}}
        return [
            *_newest_first(self.database.find("experiments", running)),
            *_newest_first(self.database.find("experiments", recent)),
        ]

    def experiments(self, *states: ExperimentState) -> list[Experiment]:
        """Return the newest experiments in these states (or all), newest first.

        Those that another version has written are passed over.

        Raises:
            UnreadableState: there are such alone.
        """
        where = {"state": {"$in": list(states)}} if states else {}
        return self._newest(where, NEWEST)

    def newest(self) -> Experiment | None:
        """Return the newest experiment, as whole as it is stored."""
        found = self.outlines(NEWEST)
        return self.reread(found[0]) if found else None

    def outlines(self, count: int) -> list[Experiment]:
        """Return the newest experiments, newest first: of each what `OUTLINE` names."""
        return self._newest({}, count, OUTLINE)

    def all_experiments(self) -> int:
        """Return how many experiments there are."""
        return self.database.count("experiments", {})

    def _newest(
        self, where: Where, count: int, fields: tuple[str, ...] = ()
    ) -> list[Experiment]:
        found = self.database.find("experiments", where, fields, newest=count)
        readable = _newest_first(found)
        return readable or [_read(document, Experiment) for document in found]

    def apply(self, write: Write) -> Experiment | None:
        """Take an arrow; None when what justified it no longer holds."""
        after = self.database.update("experiments", write.where, write.change)
        return _read(after, Experiment) if after is not None else None

    # --- clients ----------------------------------------------------------------------

    def add_client(self, experiment: Experiment, client: Client) -> bool:
        """Enrol a client; False when its index or its name is taken."""
        document = to_document(client) | {"_id": client_key(experiment, client.index)}
        return self.database.insert("clients", document)

    def client_named(self, experiment: Experiment, name: str) -> Client | None:
        """Return the client enrolled under that name."""
        where = {"experiment": experiment.id, "name": name}
        found = self.database.find("clients", where)
        return _read(found[0], Client) if found else None

    def enrolled(self, experiment: Experiment) -> int:
        """Return how many clients are enrolled, revoked ones included.

        Indexes are given without a gap, so this is the first free one. It is looked
        for around the number that were let in, which twins and requests that died make
        a little too large.
        """
        step, index = 1, experiment.enrolments.total
        while index > 0 and not self.knows_client(experiment, index - 1):
            step, index = 2 * step, max(0, index - step)
        return self.free_index(experiment, index)

    def free_index(self, experiment: Experiment, start: int = 0) -> int:
        """Return the first free index from `start` on, before which all are taken."""
        step, taken = 1, start - 1
        while self.knows_client(experiment, taken + step):
            taken, step = taken + step, 2 * step
        free = taken + step
        while free - taken > 1:
            middle = (taken + free) // 2
            if self.knows_client(experiment, middle):
                taken = middle
            else:
                free = middle
        return free

    def first_enrolled(self, experiment: Experiment) -> float | None:
        """Return when the first client enrolled."""
        key = {"_id": client_key(experiment, 0)}
        found = self.database.find("clients", key, ("enrolled",))
        return float(found[0]["enrolled"]) if found else None

    def clients(self, experiment: Experiment) -> list[Client]:
        """Return all clients by index: many, for the drawing of a cohort alone."""
        found = self.database.find("clients", {"experiment": experiment.id})
        return [_read(document, Client) for document in found]

    def clients_of(
        self, experiment: Experiment, indexes: Iterable[int]
    ) -> list[Client]:
        """Return those of these clients that are enrolled, by index."""
        keys = [client_key(experiment, index) for index in indexes]
        found = self.database.find("clients", {"_id": {"$in": keys}})
        return [_read(document, Client) for document in found]

    def clients_from(
        self, experiment: Experiment, first: int, count: int
    ) -> list[Client]:
        """Return those clients that have one of `count` indexes from `first` on."""
        within = {"$gte": first, "$lt": first + count}
        where = {"experiment": experiment.id, "index": within}
        found = self.database.find("clients", where)
        return [_read(document, Client) for document in found]

    def see_client(self, experiment: Experiment, index: int, now: float) -> bool:
        """Note that a client called; False when there is none."""
        return self._change_client(experiment, index, {"$set": {"last_seen": now}})

    def knows_client(self, experiment: Experiment, index: int) -> bool:
        """Tell whether a client is enrolled."""
        key = client_key(experiment, index)
        return self.database.count("clients", {"_id": key}) > 0

    def promise_return(self, experiment: Experiment, index: int, due: float) -> None:
        """Note when a client was told to come back."""
        self._change_client(experiment, index, {"$set": {"due": due}})

    def tell_again(
        self,
        experiment: Experiment,
        index: int,
        standing: str,
        now: float,
        until: float,
    ) -> bool:
        """Note that a client is told to advance what stands so; False if it is early.

        Where it was told to advance the same before, that must be over at `now`; it is
        told no more before `until`.
        """
        change: Change = {"$set": {"told": standing, "told_until": until}}
        key = {"_id": client_key(experiment, index)}
        first = key | {"told": {"$ne": standing}}
        again = key | {"told": standing, "told_until": {"$lte": now}}
        return any(
            self.database.change("clients", where, change) for where in (first, again)
        )

    def count_round(
        self, experiment: Experiment, index: int, train_s: float | None
    ) -> None:
        """Note for people's eyes that a client's update was accepted."""
        change: Change = {"$inc": {"rounds": 1}}
        if train_s is not None:
            change["$set"] = {"train_s": train_s}
        self._change_client(experiment, index, change)

    def register_upload(
        self, experiment: Experiment, index: int, round_number: int, upload: str
    ) -> bool:
        """Make room for an upload; False when the client has used its three."""
        slots = slot_keys(experiment, index, round_number)
        about = {"experiment": experiment.id, "round": round_number, "upload": upload}
        for key in slots:
            if self.database.insert("uploads", {"_id": key} | about):
                return True
            if self.database.find("uploads", {"_id": key, "upload": upload}):
                return True
        return False

    def _change_client(
        self, experiment: Experiment, index: int, change: Change
    ) -> bool:
        key = {"_id": client_key(experiment, index)}
        return self.database.change("clients", key, change)

    # --- updates ----------------------------------------------------------------------

    def add_update_chunk(
        self,
        experiment: Experiment,
        place: Place,
        data: bytes,
        checksum: str,
        square: float | None = None,
    ) -> str:
        """Store a chunk of an upload once; return the hash of what is stored there.

        `square` is its squared distance from the version that it was trained from.
        """
        document: Document = place.document(experiment) | {
            "hash": checksum,
            "data": data,
        }
        if square is not None:
            document["square"] = square
        if self.database.insert("update_chunks", document):
            return checksum
        found = self.database.find("update_chunks", {"_id": document["_id"]}, ("hash",))
        # Removed in the meantime by the end of its round: the caller looks again.
        return found[0]["hash"] if found else checksum

    def chunk_hashes(self, experiment: Experiment, place: Place) -> dict[int, str]:
        """Return the hashes of an upload's chunks that have arrived, by number."""
        where = place.upload_range(experiment)
        found = self.database.find("update_chunks", where, ("chunk", "hash"))
        return {document["chunk"]: document["hash"] for document in found}

    def chunk_squares(self, experiment: Experiment, place: Place) -> list[float | None]:
        """Return the squared distances of an upload's chunks, where they are stored."""
        where = place.upload_range(experiment)
        found = self.database.find("update_chunks", where, ("square",))
        return [document.get("square") for document in found]

    def update_chunk(self, experiment: Experiment, place: Place) -> bytes | None:
        """Return the bytes of one chunk of an upload."""
        key = {"_id": place.key(experiment)}
        found = self.database.find("update_chunks", key, ("data",))
        return bytes(found[0]["data"]) if found else None

    def drop_upload(self, experiment: Experiment, place: Place) -> None:
        """Remove an upload's chunks."""
        self.database.delete("update_chunks", place.upload_range(experiment))

    def drop_uploads_through(self, experiment: Experiment, round_number: int) -> None:
        """Remove the chunks of all uploads up to a closed round, and their measures."""
        where = {"experiment": experiment.id, "round": {"$lte": round_number}}
        self.database.delete("update_chunks", where)
        if experiment.settings.measures:
            self.database.delete("measures", where)
        self.database.delete("uploads", where)

    def add_update(
        self, experiment: Experiment, round_number: int, update: Update
    ) -> None:
        """Store what a complete upload says of itself; the first time counts."""
        place = Place(round=round_number, client=update.client, upload=update.upload)
        where = {
            "_id": place.upload_key(experiment),
            "experiment": experiment.id,
            "round": round_number,
        }
        self.database.insert("updates", to_document(update) | where)

    def accepted_updates(self, experiment: Experiment) -> list[Update]:
        """Return the updates accepted in the live round, in client order."""
        accepted = experiment.live.accepted
        return [
            each
            for each in self.updates(experiment)
            if accepted.get(str(each.client)) == each.upload
        ]

    def add_measure(self, experiment: Experiment, number: int, data: bytes) -> None:
        """Store what was measured of a chunk of the live round's updates, once."""
        live = experiment.live.number
        self.database.insert(
            "measures",
            {
                "_id": model_key(experiment, live, number),
                "experiment": experiment.id,
                "round": live,
                "chunk": number,
                "hash": codec.sha256(data),
                "data": data,
            },
        )

    def measured_chunks(self, experiment: Experiment) -> set[int]:
        """Return the numbers of the live round's chunks that are measured."""
        where = {"experiment": experiment.id, "round": experiment.live.number}
        found = self.database.find("measures", where, ("chunk",))
        return {document["chunk"] for document in found}

    def measures(self, experiment: Experiment) -> list[bytes]:
        """Return what was measured of the live round, in the order of the chunks."""
        where = {"experiment": experiment.id, "round": experiment.live.number}
        found = self.database.find("measures", where, ("data",))
        return [bytes(document["data"]) for document in found]

    def updates(self, experiment: Experiment) -> list[Update]:
        """Return the complete updates of the live round, accepted or not."""
        where = {"experiment": experiment.id, "round": experiment.live.number}
        found = self.database.find("updates", where)
        return [_read(document, Update) for document in found]

    # --- models -----------------------------------------------------------------------

    def publish_chunk(
        self,
        experiment: Experiment,
        version: int,
        number: int,
        data: bytes,
        squares: Sequence[float] = (),
    ) -> None:
        """Store a chunk of a version, once and for all.

        `squares` are the squared distances of the updates from it, in client order.
        """
        self.database.insert(
            "model_chunks",
            {
                "_id": model_key(experiment, version, number),
                "experiment": experiment.id,
                "version": version,
                "chunk": number,
                "hash": codec.sha256(data),
                "data": data,
                "squares": list(squares),
            },
        )

    def squares(self, experiment: Experiment, version: int) -> list[list[float]]:
        """Return the squared distances from each chunk of a version, in their order."""
        where = {"experiment": experiment.id, "version": version}
        found = self.database.find("model_chunks", where, ("squares",))
        return [document.get("squares", []) for document in found]

    def published_chunks(self, experiment: Experiment, version: int) -> set[int]:
        """Return the numbers of the chunks of a version that are there."""
        where = {"experiment": experiment.id, "version": version}
        found = self.database.find("model_chunks", where, ("chunk",))
        return {document["chunk"] for document in found}

    def model_chunk(
        self, experiment: Experiment, version: int, number: int
    ) -> tuple[bytes, str] | None:
        """Return a chunk of a version and its hash."""
        key = {"_id": model_key(experiment, version, number)}
        found = self.database.find("model_chunks", key, ("data", "hash"))
        return (bytes(found[0]["data"]), found[0]["hash"]) if found else None

    # --- history ----------------------------------------------------------------------

    def add_round(self, experiment: Experiment, record: RoundRecord) -> None:
        """Store a closed round's history, once."""
        document = to_document(record) | {
            "_id": round_key(experiment, record.number),
            "experiment": experiment.id,
        }
        self.database.insert("rounds", document)

    def round(self, experiment: Experiment, number: int) -> RoundRecord | None:
        """Return the history of a closed round."""
        key = {"_id": round_key(experiment, number)}
        found = self.database.find("rounds", key)
        return _read(found[0], RoundRecord) if found else None

    def rounds(self, experiment: Experiment, numbers: range) -> list[RoundRecord]:
        """Return the history of those of these rounds that have closed, in order."""
        found = self._rounds(experiment, numbers)
        return [_read(document, RoundRecord) for document in found]

    def last_rounds(self, experiment: Experiment, count: int) -> list[RoundRecord]:
        """Return the history of so many rounds that were closed last, in order."""
        last = experiment.live.number
        return self.rounds(experiment, range(max(0, last - count + 1), last + 1))

    def recent_durations(self, experiment: Experiment) -> list[float]:
        """Return the seconds that the last few rounds of training took."""
        last = experiment.live.number
        numbers = range(max(1, last - RECENT_ROUNDS), last + 1)
        found = self._rounds(experiment, numbers, ("usual_s",))
        return [each["usual_s"] for each in found if "usual_s" in each]

    def scorings(self, experiment: Experiment, numbers: range) -> list[Scoring]:
        """Return how the scoring of these versions stands, of those in the history."""
        found = self._rounds(experiment, numbers, ("number", "closed", "evaluation"))
        return [_read(document, Scoring) for document in found]

    def _rounds(
        self, experiment: Experiment, numbers: range, fields: tuple[str, ...] = ()
    ) -> list[Document]:
        within = {"$gte": numbers.start, "$lt": numbers.stop}
        where = {"experiment": experiment.id, "number": within}
        return self.database.find("rounds", where, fields) if numbers else []

    def note_late(self, experiment: Experiment, number: int, index: int) -> None:
        """Note that the update of a client came too late for a round of its own."""
        live = {"_id": experiment.id, "live.number": number, "live.cohort": index}
        if not self.database.change(
            "experiments", live, {"$addToSet": {"live.late": index}}
        ):
            key = {"_id": round_key(experiment, number), "cohort": index}
            self.database.change("rounds", key, {"$addToSet": {"late": index}})

    def note_scored(self, experiment: Experiment, unscored_from: int) -> None:
        """Note from which version on scores may still be missing."""
        before = experiment.unscored_from
        if unscored_from > before:
            where = {"_id": experiment.id, "unscored_from": before}
            change = {"$set": {"unscored_from": unscored_from}}
            self.database.change("experiments", where, change)

    def claim_evaluation(
        self,
        experiment: Experiment,
        scoring: Scoring,
        index: int,
        until: float,
    ) -> bool:
        """Give the scoring of a version to a client; False when someone else has it."""
        where = {
            "_id": round_key(experiment, scoring.number),
            "evaluation.result": None,
            "evaluation.attempts": scoring.evaluation.attempts,
        }
        change: Change = {
            "$set": {"evaluation.client": index, "evaluation.until": until},
            "$inc": {"evaluation.attempts": 1},
            "$addToSet": {"evaluation.asked": index},
        }
        return self.database.change("rounds", where, change)

    def score(
        self,
        experiment: Experiment,
        version: int,
        index: int,
        result: dict[str, float],
    ) -> None:
        """Store a version's score, if that client was asked; the first one stays."""
        where = {
            "_id": round_key(experiment, version),
            "evaluation.result": None,
            "evaluation.asked": index,
        }
        self.database.change("rounds", where, {"$set": {"evaluation.result": result}})


class Place(msgspec.Struct, frozen=True):
    """Where a chunk of an upload belongs."""

    round: int
    client: int
    upload: str
    chunk: int = 0

    def key(self, experiment: Experiment) -> str:
        """Return the key of the chunk."""
        return f"{self.upload_key(experiment)}/{self.chunk:07}"

    def document(self, experiment: Experiment) -> Document:
        """Return the chunk's document without its content."""
        return to_document(self) | {
            "_id": self.key(experiment),
            "experiment": experiment.id,
        }

    def upload_range(self, experiment: Experiment) -> Document:
        """Match the chunks of the upload.

        By key: the embedded database finds nothing by part of a longer index.
        """
        prefix = self.upload_key(experiment)
        return {"_id": {"$gte": f"{prefix}/", "$lt": f"{prefix}0"}}  # "0" follows "/"

    def upload_key(self, experiment: Experiment) -> str:
        """Return the key of the upload as a whole, which begins those of its chunks."""
        return f"{experiment.id}/{self.round:07}/{self.client:07}/{self.upload}"


def accepted_chunks(
    store: Store, experiment: Experiment, updates: Sequence[Update], number: int
) -> Iterator[bytes]:
    """Yield chunk `number` of each update, one in memory at a time.

    Raises:
        LookupError: a chunk of an accepted update is missing; never a smaller mean.
    """
    for update in updates:
        place = Place(experiment.live.number, update.client, update.upload, number)
        data = store.update_chunk(experiment, place)
        if data is None:
            raise LookupError(
                f"round {place.round}: chunk {number} of client {update.client}'s "
                "accepted update is missing"
            )
        yield data


def _read(document: Document, kind: type[T]) -> T:
    """Return a document as a value.

    Raises:
        UnreadableState: it does not fit.
    """
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        which = document.get("name") or document.get("_id")
        raise UnreadableState(
            f"stored {kind.__name__.lower()} {which!r}: {error}; it was written by "
            "another version of fedwhisk",
            retry_after=MENDED_S,
        ) from None


def _newest_first(documents: Iterable[Document]) -> list[Experiment]:
    """Return the experiments that can be read; one that cannot stops no other."""
    experiments = []
    for document in documents:
        try:
            experiments.append(_read(document, Experiment))
        except UnreadableState as error:
            LOG.error("passed over: %s", error.message)
    return sorted(experiments, key=lambda each: (each.created, each.id))[::-1]


def slot_keys(experiment: Experiment, index: int, number: int) -> list[str]:
    """Return the keys under which a client's uploads for a round are counted."""
    prefix = f"{experiment.id}/{number:07}/{index:07}"
    return [f"{prefix}/{slot}" for slot in range(MAX_UPLOADS)]


def client_key(experiment: Experiment, index: int) -> str:
    """Return the key of a client's document."""
    return f"{experiment.id}/{index:07}"


def round_key(experiment: Experiment, number: int) -> str:
    """Return the key of a closed round's history."""
    return f"{experiment.id}/{number:07}"


def model_key(experiment: Experiment, version: int, number: int) -> str:
    """Return the key of a version's chunk, or of what was measured for it."""
    return f"{experiment.id}/{version:07}/{number:07}"
