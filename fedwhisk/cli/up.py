"""`fedwhisk up`: the embedded platform alone, in the foreground."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from fedwhisk.platform import PORT

if TYPE_CHECKING:
    from fedwhisk.platform import Platform

AWAKE_S = 1.0

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


def up(port: Port = PORT, host: Host = "127.0.0.1") -> None:
    """Start database, host and actions; end them with Ctrl-C."""
    from fedwhisk import config
    from fedwhisk.errors import interrupt_on_sigterm
    from fedwhisk.platform import embedded

    interrupt_on_sigterm()
    with (
        embedded(config.load(), port=port, address=host) as platform,
        suppress(KeyboardInterrupt),
    ):
        for word, value in described(platform):
            typer.echo(f"{word:>15}  {value}")
        typer.echo("ready; Ctrl-C ends it")
        while True:  # Python sees a signal at the latest when this thread wakes
            time.sleep(AWAKE_S)


def described(platform: Platform) -> list[tuple[str, str]]:
    """Say where a platform is, for whoever may reach it, and what lets him in."""
    from fedcore import tokens

    path = platform.base_url.removeprefix(platform.apihost)
    return [
        ("actions", platform.outside + path),
        ("API host", platform.outside),
        ("API key", platform.auth),
        ("database", platform.words),
        ("operator token", tokens.operator_token(platform.secret)),
        ("enrolment token", tokens.enrolment_token(platform.secret)),
    ]
