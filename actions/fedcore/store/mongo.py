"""MongoDB, or whatever speaks its wire protocol, as the database.

Writes wait for a majority and the journal: an acknowledged update survives the loss
of the database's process. Reads see only what a majority has, because a failover can
undo the rest: what is removed after a read of `closed` must stay closed. Calls are
bounded in time, because an action is.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from pymongo import ASCENDING, DESCENDING, MongoClient, ReturnDocument
from pymongo.errors import (
    AutoReconnect,
    ConfigurationError,
    DuplicateKeyError,
    ExecutionTimeout,
    InvalidURI,
    PyMongoError,
)
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from fedcore.documents import Change, Document, Where
from fedcore.errors import DatabaseUnavailable
from fedcore.store.database import INDEXES, UNIQUE

SERVER_SELECTION_MS = 5_000
SOCKET_MS = 20_000
IDLE_MS = 60_000
"""A container may be frozen between two calls for longer than a router remembers its
connections: an old one is not trusted, but replaced."""

POOL_SIZE = 4
RETRY_AFTER_S = 5.0

LOG = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")


def _available(call: Callable[P, R]) -> Callable[P, R]:
    """Report an unreachable database as ours; repeat once after a broken connection.

    A warm container may wake up with dead sockets. Repeating is safe even when the
    first call took effect: every caller is written to run twice.
    """

    @wraps(call)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            try:
                return call(*args, **kwargs)
            except AutoReconnect:
                return call(*args, **kwargs)
        except (AutoReconnect, ExecutionTimeout) as error:
            # The error's own text may hold addresses: its kind is enough.
            LOG.warning("no answer from the database: %s", type(error).__name__)
            raise DatabaseUnavailable(
                "the database did not answer", retry_after=RETRY_AFTER_S
            ) from None
        except PyMongoError as error:
            code = getattr(error, "code", None)
            LOG.warning("refused by the database: %s, %s", type(error).__name__, code)
            raise DatabaseUnavailable(
                "the database refused the request", retry_after=RETRY_AFTER_S
            ) from error

    return guarded


class MongoDatabase:
    """A MongoDB database (see `Database` for what each method promises)."""

    def __init__(self, url: str, name: str) -> None:
        """Prepare a lazy connection; nothing is sent yet.

        Raises:
            DatabaseUnavailable: the URL cannot be read.
        """
        try:
            client: MongoClient[Document] = MongoClient(
                url,
                appname="fedwhisk",
                serverSelectionTimeoutMS=SERVER_SELECTION_MS,
                connectTimeoutMS=SERVER_SELECTION_MS,
                socketTimeoutMS=SOCKET_MS,
                maxIdleTimeMS=IDLE_MS,
                maxPoolSize=POOL_SIZE,
                retryWrites=False,  # `_available` repeats, on any kind of server
            )
        except (InvalidURI, ConfigurationError) as error:
            LOG.warning("MONGODB_URL cannot be used: %s", type(error).__name__)
            raise DatabaseUnavailable(
                "MONGODB_URL cannot be used; the action's log says why"
            ) from None
        self._client = client
        self._database = client.get_database(
            name,
            read_concern=ReadConcern("majority"),
            write_concern=WriteConcern(w="majority", j=True),
        )

    def close(self) -> None:
        """Close the connections; a process that ends need not."""
        self._client.close()

    @_available
    def prepare(self) -> None:
        """See `Database.prepare`."""
        for unique, table in ((True, UNIQUE), (False, INDEXES)):
            for collection, keys in table.items():
                for key in keys:
                    self._database[collection].create_index(
                        [(field, ASCENDING) for field in key], unique=unique
                    )

    @_available
    def insert(self, collection: str, document: Document) -> bool:
        """See `Database.insert`."""
        try:
            self._database[collection].insert_one(document)
        except DuplicateKeyError:
            return False
        return True

    @_available
    def find(
        self,
        collection: str,
        where: Where,
        fields: tuple[str, ...] = (),
        newest: int = 0,
    ) -> list[Document]:
        """See `Database.find`."""
        cursor = self._database[collection].find(where, list(fields) or None)
        if newest:
            by_age = [("created", DESCENDING), ("_id", DESCENDING)]
            return list(cursor.sort(by_age).limit(newest))
        return list(cursor.sort("_id", ASCENDING))

    @_available
    def update(self, collection: str, where: Where, change: Change) -> Document | None:
        """See `Database.update`."""
        after: Any = self._database[collection].find_one_and_update(
            where, change, return_document=ReturnDocument.AFTER
        )
        return dict(after) if after is not None else None

    @_available
    def change(self, collection: str, where: Where, change: Change) -> bool:
        """See `Database.change`."""
        return self._database[collection].update_one(where, change).matched_count > 0

    @_available
    def delete(self, collection: str, where: Where) -> int:
        """See `Database.delete`."""
        return self._database[collection].delete_many(where).deleted_count

    @_available
    def count(self, collection: str, where: Where) -> int:
        """See `Database.count`."""
        return self._database[collection].count_documents(where)
