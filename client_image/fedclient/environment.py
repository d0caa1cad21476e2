"""A client's settings, read once from the environment and checked by name."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fedcore.errors import InvalidSettings
from fedcore.settings import check_name

OPERATOR = frozenset({"FED_SECRET", "FED_SECRET_PREVIOUS"})
"""The server side's own names: a client may meet them, and never reads them."""


SPREAD_S = 10.0
"""The spread of containers' first calls, which start together, if none is given."""


class BadEnvironment(Exception):
    """A variable is missing, unknown or malformed; the message names it."""


@dataclass(frozen=True)
class ClientConfig:
    """What one client process needs to know.

    Attributes:
        base_url: actions are at `{base_url}/{action}`; or one Lambda function's
            invocation URL, which serves them all (see `connect`).
        name: the client's stable name; enrolling under it again is the same client.
        enrolment_token: lets it enrol.
        experiment: which experiment to join; None joins the open one.
        data_dir: the folder with `<task>.npz`; None means the data that ships with us.
        heartbeat_file: touched while the client is alive.
        enrolled_file: exists while the client is enrolled.
        stay: whether to wait for the next experiment after one has ended.
        start_spread_s: the longest delay of the first call, in seconds.
        threads: torch's threads.
    """

    base_url: str
    name: str
    enrolment_token: str = field(repr=False)
    experiment: str | None = None
    data_dir: Path | None = None
    heartbeat_file: Path | None = None
    enrolled_file: Path | None = None
    stay: bool = False
    start_spread_s: float = 0.0
    threads: int = 1


def read(environ: Mapping[str, str], *, stay: bool = True) -> ClientConfig:
    """Return the settings that the environment holds. An empty value is a missing one.

    Args:
        environ: the environment.
        stay: what `FED_STAY` defaults to: containers stay, a command ends.

    Raises:
        BadEnvironment: names the variable, what was found and what was expected.
    """
    _refuse_unknown(environ)
    found = {name: value for name, value in environ.items() if value}

    def get(name: str, read_one: Callable[[str], Any], default: Any = None) -> Any:
        if name not in found:
            return default
        try:
            return read_one(found[name])
        except ValueError as error:
            raise BadEnvironment(f"{name}: found {found[name]!r}, {error}") from error

    return ClientConfig(
        base_url=_base_url(found, get),
        name=get("FED_CLIENT_NAME", _name, socket.gethostname()),
        enrolment_token=_token(found),
        experiment=get("FED_EXPERIMENT", _slug),
        data_dir=get("DATA_DIR", Path),
        heartbeat_file=get("FED_HEARTBEAT_FILE", Path),
        enrolled_file=get("FED_ENROLLED_FILE", Path),
        stay=get("FED_STAY", _yes_or_no, stay),
        start_spread_s=get("FED_START_SPREAD_S", _seconds, SPREAD_S if stay else 0.0),
        threads=get("FED_THREADS", _threads, 1),
    )


KNOWN = frozenset(
    {
        "FED_CLIENT_NAME",
        "FED_ENROLLED_FILE",
        "FED_ENROLMENT_TOKEN",
        "FED_ENROLMENT_TOKEN_FILE",
        "FED_EXPERIMENT",
        "FED_HEARTBEAT_FILE",
        "FED_START_SPREAD_S",
        "FED_STAY",
        "FED_THREADS",
    }
)


def _refuse_unknown(environ: Mapping[str, str]) -> None:
    ours = {name for name in environ if name.startswith("FED_")}
    for name in sorted(ours - KNOWN - OPERATOR):
        raise BadEnvironment(
            f"{name}: unknown, expected one of {', '.join(sorted(KNOWN))}"
        )


def _base_url(
    found: Mapping[str, str], get: Callable[[str, Callable[[str], str]], str]
) -> str:
    named = [name for name in ("BASE_URL_OW", "BASE_URL_AWS") if name in found]
    if len(named) != 1:
        state = "both are set" if named else "neither is set"
        raise BadEnvironment(
            f"BASE_URL_OW, BASE_URL_AWS: {state}, expected one of them: the URL under "
            "which the actions are reached"
        )
    return get(named[0], _url)


def _token(found: Mapping[str, str]) -> str:
    if "FED_ENROLMENT_TOKEN" in found:
        return found["FED_ENROLMENT_TOKEN"].strip()
    if "FED_ENROLMENT_TOKEN_FILE" not in found:
        raise BadEnvironment(
            "FED_ENROLMENT_TOKEN: not set, expected the token (or a file that holds it "
            "in FED_ENROLMENT_TOKEN_FILE)"
        )
    path = Path(found["FED_ENROLMENT_TOKEN_FILE"])
    try:
        token = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadEnvironment(f"FED_ENROLMENT_TOKEN_FILE: {error}") from error
    if not token:
        raise BadEnvironment(f"FED_ENROLMENT_TOKEN_FILE: {path} is empty")
    return token


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("expected a URL that begins with http:// or https://")
    return text.rstrip("/")


def _name(text: str) -> str:
    if len(text) > 253:
        raise ValueError("expected at most 253 characters")
    return text


def _slug(text: str) -> str:
    try:
        return check_name(text)
    except InvalidSettings as error:
        raise ValueError(str(error)) from error


def _yes_or_no(text: str) -> bool:
    if text not in ("0", "1"):
        raise ValueError("expected 0 or 1")
    return text == "1"


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 86_400:
        raise ValueError("expected seconds, 0 to 86400")
    return seconds


def _threads(text: str) -> int:
    if not (text.isdecimal() and 1 <= int(text) <= 1024):
        raise ValueError("expected a whole number, 1 to 1024")
    return int(text)
