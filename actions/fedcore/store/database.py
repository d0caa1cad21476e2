"""The little that is asked of a database, so that two can keep the same promise.

Filters and changes are a small subset of MongoDB's language. Every race of the
protocol is decided by `update` or `change` (one atomic conditional write) or by
`insert` (a key is taken once).
"""

from __future__ import annotations

from typing import Protocol

from fedcore.documents import Change, Document, Where

UNIQUE: dict[str, list[tuple[str, ...]]] = {
    "experiments": [("name",)],
    "clients": [("experiment", "name")],
}
"""Keys besides `_id` that are taken once in their collection."""

INDEXES: dict[str, list[tuple[str, ...]]] = {
    "experiments": [("state",), ("created",)],
    "clients": [("experiment", "index")],
    "rounds": [("experiment", "number")],
    "update_chunks": [("experiment", "round")],
    "uploads": [("experiment", "round")],
    "updates": [("experiment", "round")],
    "measures": [("experiment", "round")],
    "model_chunks": [("experiment", "version")],
}


class Database(Protocol):
    """A keeper of documents. Every method raises DatabaseUnavailable if it is away.

    Implementations MUST make each call atomic, and MUST have made a write durable
    when they return. A read MUST NOT return what a failover can still undo.
    """

    def prepare(self) -> None:
        """Make the indexes. May run twice."""

    def insert(self, collection: str, document: Document) -> bool:
        """Add a document; False, and nothing changes, when one of its keys is taken."""

    def find(
        self,
        collection: str,
        where: Where,
        fields: tuple[str, ...] = (),
        newest: int = 0,
    ) -> list[Document]:
        """Return the matching documents in the order of `_id`.

        Args:
            collection: where to look.
            where: what they match. Every database looks up a key, a short list of
                keys, and the fields of an index, the last of them also as a range.
                Not all find a range of keys, or a long list, without a long walk.
            fields: dotted paths of what is returned of each; empty means all of it.
            newest: if not 0, the most documents to return: those of the latest
                `created`, newest first.
        """

    def update(self, collection: str, where: Where, change: Change) -> Document | None:
        """Change the one document that matches, and return it as it is afterwards.

        None when there was none: then nothing has changed. Some databases look at a
        whole collection for this, even by `_id`: it is for small collections.
        """

    def change(self, collection: str, where: Where, change: Change) -> bool:
        """Change the one document that matches; False when there was none.

        Cheap by `_id` on every database, in a collection of any size.
        """

    def delete(self, collection: str, where: Where) -> int:
        """Remove the matching documents, and return how many there were."""

    def count(self, collection: str, where: Where) -> int:
        """Return how many documents match."""
