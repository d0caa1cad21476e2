"""What survives a restart: entities, code and the last activations, in one SQLite file.

Every write is a transaction of its own, so a host killed at any instant starts again
from its last complete write.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS entities (
    kind TEXT, namespace TEXT, name TEXT, body BLOB NOT NULL,
    PRIMARY KEY (kind, namespace, name)
);
CREATE TABLE IF NOT EXISTS code (digest TEXT PRIMARY KEY, text TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS activations (
    place INTEGER PRIMARY KEY, id TEXT UNIQUE, namespace TEXT, name TEXT, path TEXT,
    start INTEGER, body BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS by_start ON activations (namespace, start);
"""
# The place of the newest activation that is beyond what is kept, by count or by bytes.
BEYOND = """
SELECT max(place) FROM (
    SELECT place, row_number() OVER newest AS position,
           sum(length(body)) OVER newest AS bytes
    FROM activations WINDOW newest AS (ORDER BY place DESC)
) WHERE position > ? OR bytes > ?
"""


ATTEMPT_S = 1.0
"""How long to try to take the folder: a host that is just ending has it a moment."""


class HomeInUse(Exception):
    """Another host runs on the same folder."""


class Storage:
    """The host's folder. Opened by `open`, used from one thread at a time."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._lock: FileLock | None = None
        self._database: sqlite3.Connection | None = None

    def open(self) -> None:
        """Take the folder for this host.

        Raises:
            HomeInUse: another process holds it.
        """
        self.home.mkdir(parents=True, exist_ok=True)
        lock = FileLock(
            self.home / "host.lock",
            timeout=ATTEMPT_S,
            thread_local=False,
            fallback_to_soft=False,  # that one would outlive a killed process
        )
        try:
            lock.acquire()
        except Timeout as error:
            raise HomeInUse(f"another host already uses {self.home}") from error
        self._lock = lock
        self._database = sqlite3.connect(
            self.home / "host.db", isolation_level=None, check_same_thread=False
        )
        self._database.executescript(SCHEMA)

    def close(self) -> None:
        """Give the folder back."""
        if self._database:
            self._database.close()
        if self._lock:
            self._lock.release()
        self._database = self._lock = None

    @property
    def database(self) -> sqlite3.Connection:
        """The open database."""
        if self._database is None:
            raise RuntimeError("the host's storage is not open")
        return self._database

    def entities(self, kind: str) -> Iterator[bytes]:
        """Every kept entity of a kind."""
        query = "SELECT body FROM entities WHERE kind = ?"
        return (body for (body,) in self.database.execute(query, [kind]))

    def put_entity(self, kind: str, namespace: str, name: str, body: bytes) -> None:
        """Insert or replace one entity."""
        self.database.execute(
            "INSERT OR REPLACE INTO entities VALUES (?, ?, ?, ?)",
            [kind, namespace, name, body],
        )

    def delete_entity(self, kind: str, namespace: str, name: str) -> None:
        """Forget one entity."""
        self.database.execute(
            "DELETE FROM entities WHERE kind = ? AND namespace = ? AND name = ?",
            [kind, namespace, name],
        )

    def put_code(self, text: str) -> str:
        """Keep code under its digest, which is returned."""
        digest = hashlib.sha256(text.encode()).hexdigest()
        self.database.execute(
            "INSERT OR IGNORE INTO code VALUES (?, ?)", [digest, text]
        )
        return digest

    def code(self, digest: str) -> str:
        """The code kept under a digest."""
        query = "SELECT text FROM code WHERE digest = ?"
        (text,) = self.database.execute(query, [digest]).fetchone()
        return str(text)

    def keep_code(self, digests: set[str]) -> None:
        """Forget all code but this."""
        kept = self.database.execute("SELECT digest FROM code").fetchall()
        for (digest,) in kept:
            if digest not in digests:
                self.database.execute("DELETE FROM code WHERE digest = ?", [digest])

    def put_activation(
        self,
        identity: str,
        namespace: str,
        name: str,
        path: str,
        start: int,
        body: bytes,
    ) -> None:
        """Keep one activation record."""
        self.database.execute(
            "INSERT OR REPLACE INTO activations "
            "(id, namespace, name, path, start, body) VALUES (?, ?, ?, ?, ?, ?)",
            [identity, namespace, name, path, start, body],
        )

    def prune_activations(self, count: int, size: int) -> None:
        """Keep the newest `count` activations, and no more than `size` bytes."""
        (place,) = self.database.execute(BEYOND, [count, size]).fetchone()
        if place is not None:
            self.database.execute("DELETE FROM activations WHERE place <= ?", [place])

    def activation(self, namespace: str, identity: str) -> bytes | None:
        """One activation record."""
        query = "SELECT body FROM activations WHERE namespace = ? AND id = ?"
        row = self.database.execute(query, [namespace, identity]).fetchone()
        return row[0] if row else None

    def activations(
        self, namespace: str, name: str, since: int, upto: int, limit: int, skip: int
    ) -> list[bytes]:
        """Records newest first; `name` is a name, `package/name`, or empty."""
        query = (
            "SELECT body FROM activations WHERE namespace = ?1 "
            "AND (?2 = '' OR name = ?2 OR path = ?1 || '/' || ?2) "
            "AND start BETWEEN ?3 AND ?4 ORDER BY start DESC, place DESC "
            "LIMIT ?5 OFFSET ?6"
        )
        rows = self.database.execute(query, [namespace, name, since, upto, limit, skip])
        return [body for (body,) in rows]

    def count_activations(
        self, namespace: str, name: str, since: int, upto: int
    ) -> int:
        """How many records `activations` would list, unpaged."""
        query = (
            "SELECT count(*) FROM activations WHERE namespace = ?1 "
            "AND (?2 = '' OR name = ?2 OR path = ?1 || '/' || ?2) "
            "AND start BETWEEN ?3 AND ?4"
        )
        (count,) = self.database.execute(
            query, [namespace, name, since, upto]
        ).fetchone()
        return int(count)
