"""`fedwhisk up`: the embedded platform alone, in the foreground."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from fedwhisk.platforms import PORT

if TYPE_CHECKING:
    from fedwhisk.platforms import Platform

AWAKE_S = 1.0
DATABASE_PORT = 27017
OPEN_DATABASE = (
    "warning: the database has no password: all who reach MONGODB_URL read and change "
    "everything in it"
)

Port = Annotated[
    int, typer.Option(min=0, max=65535, help="Where the host listens; 0: a free port.")
]
Host = Annotated[
    str,
    typer.Option(
        help="The address it listens on. Clients elsewhere need one of this machine's, "
        "or 0.0.0.0 for all of them: plain http, see SECURITY.md."
    ),
]


DatabaseHost = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS[:PORT]",
        help="Where the embedded database listens, for the actions of an OpenWhisk in "
        "containers: this machine's address on their network. It has no password. "
        "Without it, on the loopback address alone.",
    ),
]


def up(
    port: Port = PORT, host: Host = "127.0.0.1", database_host: DatabaseHost = None
) -> None:
    """Start database, host and actions; end them with Ctrl-C."""
    from fedwhisk import config
    from fedwhisk.errors import interrupt_on_sigterm
    from fedwhisk.local.platform import embedded

    interrupt_on_sigterm()
    settings = config.load()
    database_at = _address(database_host) if database_host else None
    if database_at:  # the embedded one is meant, whatever the actions elsewhere use
        settings = replace(settings, mongodb_url="")
    with (
        embedded(
            settings, port=port, address=host, database_at=database_at
        ) as platform,
        suppress(KeyboardInterrupt),
    ):
        for word, value in described(platform):
            typer.echo(f"{word:>15}  {value}")
        if platform.database_url:
            typer.echo(OPEN_DATABASE, err=True)
        typer.echo("ready; Ctrl-C ends it")
        while True:  # Python sees a signal at the latest when this thread wakes
            time.sleep(AWAKE_S)


def _address(text: str) -> tuple[str, int]:
    """Return an address and a port.

    Raises:
        InputError: the port is no such number.
    """
    from fedwhisk.errors import InputError

    address, _, port = text.partition(":")
    number = port or str(DATABASE_PORT)
    if not address or not number.isdecimal() or not 0 <= int(number) <= 65535:
        raise InputError(f"--database-host: found {text!r}, expected ADDRESS[:PORT]")
    return address, int(number)


def described(platform: Platform) -> list[tuple[str, str]]:
    """Return where a platform is, and the tokens that give access to it."""
    from fedcore import tokens

    path = platform.base_url.removeprefix(platform.apihost)
    return [
        ("actions", platform.outside + path),
        ("API host", platform.outside),
        ("API key", platform.auth),
        ("database", platform.words),
        *([("MONGODB_URL", platform.database_url)] if platform.database_url else []),
        ("operator token", tokens.operator_token(platform.secret)),
        ("enrolment token", tokens.enrolment_token(platform.secret)),
    ]
