"""The database that keeps a deployment's state: the embedded one, or MONGODB_URL's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, NamedTuple

from fedcore.errors import DatabaseUnavailable
from fedwhisk.config import Settings
from fedwhisk.errors import OperatorError
from fedwhisk.local.home import Home, existing_home, made_home
from fedwhisk.local.sharing import say_aside

if TYPE_CHECKING:
    from fedcore.store.mongo import MongoDatabase

DATABASE_S = 5.0


@contextmanager
def database(settings: Settings, *, new: bool) -> Iterator[MongoDatabase]:
    """Yield a deployment's database itself, for what no action does.

    It is MONGODB_URL's, else the embedded one, which is started for this block if it is
    not up.

    Args:
        settings: the deployment's.
        new: whether the embedded one may be made if it does not exist.

    Raises:
        OperatorError: it cannot be reached, or there is nothing to be reached.
    """
    from fedcore.store.mongo import MongoDatabase

    if not settings.mongodb_url:
        _ = made_home(settings) if new else existing_home(settings)
    with _database_url(settings) as url:
        opened = MongoDatabase(url, settings.mongodb_database)
        try:
            yield opened
        except DatabaseUnavailable as error:
            raise OperatorError(error.message) from error
        finally:
            opened.close()


@contextmanager
def _database_url(settings: Settings) -> Iterator[str]:
    home = Home(settings.fedwhisk_home)
    if not settings.mongodb_url:
        home.wait_while_starting(say_aside)
    running = home.running()
    if running is not None and running.database_url and not settings.mongodb_url:
        yield running.database_url
        return
    with (
        nullcontext() if settings.mongodb_url else home.held(),
        served_database(settings, home) as database,
    ):
        database.ready()
        yield database.url


class Served(NamedTuple):
    """A database: its URLs, a description, and how to wait for it."""

    url: str
    outside: str
    words: str
    ready: Callable[[], None]


@contextmanager
def served_database(
    settings: Settings, home: Home, at: tuple[str, int] | None = None
) -> Iterator[Served]:
    """Yield the database that keeps the state, which may not answer yet."""
    from fedwhisk.local.database import LOOPBACK, EmbeddedDatabase, answers

    if settings.mongodb_url:

        def check() -> None:
            if not answers(settings.mongodb_url, timeout_s=DATABASE_S):
                raise OperatorError(
                    f"MONGODB_URL: no database answered in {DATABASE_S:g} s"
                )

        url = settings.mongodb_url
        yield Served(url, url, "the MongoDB of MONGODB_URL", check)
        return
    listens = at or (LOOPBACK, 0)
    database = EmbeddedDatabase(home.database, home.logs / "database.log", *listens)
    try:
        database.start()
        words = f"embedded, in {home.database}"
        yield Served(database.url, database.outside_url, words, database.wait)
    finally:
        database.stop()
