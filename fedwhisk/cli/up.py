"""`fedwhisk up`: the embedded platform alone, in the foreground."""

from __future__ import annotations

import signal
from typing import Annotated

import typer

from fedwhisk.platform import PORT

Port = Annotated[
    int, typer.Option(min=0, max=65535, help="Where the host listens; 0: a free port.")
]
Host = Annotated[
    str, typer.Option(help="The address it listens on; clients elsewhere need 0.0.0.0.")
]


def up(port: Port = PORT, host: Host = "127.0.0.1") -> None:
    """Start database, host and actions; end them with Ctrl-C."""
    from fedcore import tokens
    from fedwhisk import config
    from fedwhisk.platform import embedded

    ended = (signal.SIGINT, signal.SIGTERM)
    # Blocked before any thread starts, so that every thread leaves them to this one.
    with embedded(config.load(), port=port, address=host) as platform:
        signal.pthread_sigmask(signal.SIG_BLOCK, ended)
        rows = [
            ("actions", platform.base_url),
            ("API host", platform.apihost),
            ("API key", platform.auth),
            ("database", platform.words),
            ("operator token", tokens.operator_token(platform.secret)),
            ("enrolment token", tokens.enrolment_token(platform.secret)),
        ]
        for word, value in rows:
            typer.echo(f"{word:>15}  {value}")
        typer.echo("ready; Ctrl-C ends it")
        signal.sigwait(ended)
