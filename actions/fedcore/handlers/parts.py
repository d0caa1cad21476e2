"""The accepted updates of a round, chunk by chunk, as they were sent and as bounded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fedcore import codec
from fedcore.aggregation import Part, clip
from fedcore.documents import Experiment, Update
from fedcore.store.store import Store, accepted_chunks


class Parts:
    """The chunks of a round's accepted updates.

    Args:
        experiment: whose live round it is.
        updates: the accepted updates in client order.
        store: where the chunks are.
    """

    def __init__(
        self, experiment: Experiment, updates: Sequence[Update], store: Store
    ) -> None:
        self.numbers = range(codec.chunk_count(experiment.parameters))
        self._experiment = experiment
        self._updates = updates
        self._store = store

    def sent(self, number: int) -> Part:
        """Return a chunk of the updates as they were sent."""
        return Part(
            lambda: accepted_chunks(
                self._store, self._experiment, self._updates, number
            ),
            updates=len(self._updates),
            values=codec.chunk_length(self._experiment.parameters, number),
        )

    def bounded(self, number: int, sent: Part) -> Part:
        """Return the same with the updates that lie too far away clipped.

        Raises:
            LookupError: the version that they were trained from is not there.
        """
        factors = [self._factor(update) for update in self._updates]
        if all(factor == 1.0 for factor in factors):
            return sent
        version = self._experiment.live.number - 1
        found = self._store.model_chunk(self._experiment, version, number)
        if found is None:
            raise LookupError(f"version {version}: chunk {number} is missing")
        base, _ = found

        def read() -> Iterator[bytes]:
            for factor, data in zip(factors, sent, strict=True):
                yield clip(data, base, factor) if factor < 1 else data

        return Part(read, updates=len(sent), values=sent.values, keep=False)

    def _factor(self, update: Update) -> float:
        """Return what is left of an update's way from the version before."""
        bound = self._experiment.settings.max_norm
        return min(1.0, bound / update.norm) if bound and update.norm else 1.0
