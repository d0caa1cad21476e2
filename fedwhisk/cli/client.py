"""`fedwhisk client`: one client process on this machine, what a container runs."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from fedwhisk.cli import options
from fedwhisk.platform import Where

Name = Annotated[
    str | None, typer.Option(help="The client's stable name; else FED_CLIENT_NAME.")
]


def client(
    name: Name = None,
    experiment: options.Experiment = None,
    on: options.On = Where.EMBEDDED,
) -> None:
    """Be one client until the experiment is over."""
    from fedclient import environment
    from fedclient.process import run_client
    from fedwhisk.errors import InputError

    logging.basicConfig(
        format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO
    )
    with _deployment(on) as variables:
        given = {"FED_CLIENT_NAME": name, "FED_EXPERIMENT": experiment}
        variables |= {key: value for key, value in given.items() if value}
        try:
            read = environment.read(variables, stay=False)
        except environment.BadEnvironment as error:
            raise InputError(str(error)) from None
        raise SystemExit(run_client(read))


@contextmanager
def _deployment(on: Where) -> Iterator[dict[str, str]]:
    """Yield a client's environment for the deployment that was said."""
    from fedcore import tokens
    from fedwhisk import config
    from fedwhisk.platform import reach

    settings = config.load()
    variables = config.variables()
    if on is not Where.EMBEDDED:
        other = "BASE_URL_AWS" if on is Where.OPENWHISK else "BASE_URL_OW"
        yield variables | {other: ""}
        return
    with reach(settings, on) as platform:
        urls = {"BASE_URL_OW": platform.base_url, "BASE_URL_AWS": ""}
        # The embedded platform's secret is at hand, and so are its tokens.
        token = tokens.enrolment_token(platform.secret)
        enrolment = {"FED_ENROLMENT_TOKEN": token, "FED_ENROLMENT_TOKEN_FILE": ""}
        yield variables | urls | enrolment
