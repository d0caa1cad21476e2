"""A client's settings for a deployment: the environment's, and what is known here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from fedclient import environment
from fedclient.environment import ClientConfig
from fedcore import tokens
from fedwhisk import config
from fedwhisk.config import Settings
from fedwhisk.errors import InputError
from fedwhisk.platforms import Where, base_url, first_calls_s
from fedwhisk.reach import reach


@contextmanager
def of_deployment(
    settings: Settings, on: Where
) -> Iterator[tuple[dict[str, str], bytes | None]]:
    """Yield a client's environment for a deployment, and the deployment's secret.

    The secret is None where this machine does not know it, or has been given a token.
    """
    variables = config.variables()
    if on is Where.EMBEDDED:
        with reach(settings, on) as platform:
            urls = {"BASE_URL_OW": platform.base_url, "BASE_URL_AWS": ""}
            yield variables | urls | _enrolment(platform.secret), platform.secret
        return
    base_url(settings, on)
    variables["BASE_URL_AWS" if on is Where.OPENWHISK else "BASE_URL_OW"] = ""
    given = ("FED_ENROLMENT_TOKEN", "FED_ENROLMENT_TOKEN_FILE")
    secret = settings.fed_secret.encode()
    if secret and not any(variables.get(name) for name in given):
        yield variables | _enrolment(secret), secret
    else:
        yield variables, None


def read(variables: Mapping[str, str]) -> ClientConfig:
    """Return the settings of clients that end with their experiment.

    Raises:
        InputError: names the variable, what was found and what was expected.
    """
    try:
        return environment.read(variables, stay=False)
    except environment.BadEnvironment as error:
        raise InputError(str(error)) from None


def with_own_token(client: ClientConfig, secret: bytes | None) -> ClientConfig:
    """Return a client's settings with a token for its name, if the secret is known."""
    if secret is None:
        return client
    token = tokens.enrolment_token(secret, client.name)
    return replace(client, enrolment_token=token)


def spread(
    client: ClientConfig, settings: Settings, on: Where, *, count: int
) -> ClientConfig:
    """Return settings that spread the first calls of `count` clients."""
    return replace(client, start_spread_s=first_calls_s(settings, on, count))


def _enrolment(secret: bytes) -> dict[str, str]:
    token = tokens.enrolment_token(secret)
    return {"FED_ENROLMENT_TOKEN": token, "FED_ENROLMENT_TOKEN_FILE": ""}
