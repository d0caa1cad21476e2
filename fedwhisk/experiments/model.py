"""A version of a model, as it travels."""

from __future__ import annotations

from dataclasses import dataclass

from fedcore import codec
from fedcore.codec import Layout


@dataclass(frozen=True)
class Model:
    """A version of a model, as a flat vector in the order of its layout."""

    version: int
    vector: bytes
    layout: Layout

    @property
    def hashes(self) -> list[str]:
        """The hashes of its chunks, in order."""
        return [codec.sha256(chunk) for chunk in codec.split(self.vector)]
