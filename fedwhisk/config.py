"""The deployment's settings: from the environment and `.env`, checked once, frozen.

The environment wins over `.env`. Every setting stands in `.env.template`. A name
with one of our prefixes that we do not know is refused, so that a typo is an error
and not a silent default.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

from fedclient.environment import KNOWN as CLIENT_VARIABLES
from fedcore.tokens import secret_fault
from fedwhisk.errors import InputError

FOLDER = ".fedwhisk"
"""The folder of the embedded platform's state, in the project's folder."""

PATHS = ("FEDWHISK_HOME", "DATA_DIR", "FED_ENROLMENT_TOKEN_FILE")
"""Settings that are paths: in a `.env` they are relative to its folder."""

ROOT = 0
OUR_PREFIXES = ("FED_", "FEDWHISK_", "BASE_URL_", "MONGODB_")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of a deployment. A field's name in upper case is its variable.

    Attributes:
        base_url_ow: where OpenWhisk serves the package's web actions.
        base_url_aws: where an API gateway serves them, or a Lambda function's
            invocation URL.
        aws_image: the image of the Lambda function in its registry, to deploy.
        apihost: OpenWhisk's API host, to deploy to.
        auth: `uuid:key` of the namespace there.
        actions_image: an image to run the actions on; empty means zips.
        mongodb_url: a MongoDB; empty means the embedded database.
        mongodb_database: the name of the database in it.
        fed_secret: the deployment's secret; empty lets the embedded platform make one.
        fed_secret_previous: the secret before, whose tokens stay valid.
        calls_per_minute: the deployment's call budget; 0 means the platform's own.
        fedwhisk_home: the folder of the embedded platform's state.
        data_dir: the folder of data sets; None means those shipped with the client.
    """

    base_url_ow: str = ""
    base_url_aws: str = ""
    aws_image: str = ""
    apihost: str = ""
    auth: str = field(default="", repr=False)
    actions_image: str = ""
    mongodb_url: str = field(default="", repr=False)
    mongodb_database: str = "fedwhisk"
    fed_secret: str = field(default="", repr=False)
    fed_secret_previous: str = field(default="", repr=False)
    calls_per_minute: int = 0
    fedwhisk_home: Path = Path(FOLDER)
    data_dir: Path | None = None


def load(
    environment: Mapping[str, str] | None = None, env_file: Path | None = None
) -> Settings:
    """Read the settings from an environment (this process's) and a `.env` file.

    Args:
        environment: None means this process's.
        env_file: None means the one that is found upwards (see `found_upwards`).

    Raises:
        InputError: names the variable, what was found and what was expected.
    """
    env_file = env_file or found_upwards(".env")
    values = variables(environment, env_file)
    _refuse_unknown(values, env_file)
    given = {f.name: values.get(f.name.upper(), "").strip() for f in fields(Settings)}
    kept = {name: value for name, value in given.items() if value}
    _check(kept)
    kept.setdefault("fedwhisk_home", str(found_upwards(FOLDER)))
    return Settings(**{name: _typed(name, value) for name, value in kept.items()})


def variables(
    environment: Mapping[str, str] | None = None, env_file: Path | None = None
) -> dict[str, str]:
    """Return all variables: the `.env` file's, overridden by the environment's."""
    env_file = env_file or found_upwards(".env")
    found = {k: v or "" for k, v in dotenv_values(env_file).items()}
    for name in PATHS:
        if path := found.get(name, "").strip():
            found[name] = str(env_file.parent / Path(path).expanduser())
    return found | dict(os.environ if environment is None else environment)


def found_upwards(name: str) -> Path:
    """Return the NAME of the working directory, or of the first folder above with one.

    As git finds its folder. Above the working directory, what belongs to another user
    is passed over: settings and secrets are read from it. Where no folder has one, it
    is the working directory's, relative as there.
    """
    here = Path.cwd()
    if not (here / name).exists():
        for folder in here.parents:
            path = folder / name
            if path.exists() and path.stat().st_uid in (os.getuid(), ROOT):
                return path
    return Path(name)


def results_folder(settings: Settings) -> Path:
    """Return where runs write their results: beside the project's `.fedwhisk`."""
    home = settings.fedwhisk_home
    return home.with_name("runs") if home.name == FOLDER else Path("runs")


def _refuse_unknown(values: Mapping[str, str], env_file: Path) -> None:
    known = {f.name.upper() for f in fields(Settings)} | CLIENT_VARIABLES
    for name in sorted(values):
        if name.startswith(OUR_PREFIXES) and name not in known:
            raise InputError(
                f"{name}: unknown setting in the environment or {env_file}; "
                ".env.template lists the known ones"
            )


def _check(values: Mapping[str, str]) -> None:
    rules = {
        "base_url_ow": (r"https?://[^\s?#]+", "a URL that begins with https://"),
        "base_url_aws": (r"https?://[^\s?#]+", "a URL that begins with https://"),
        "mongodb_url": (r"mongodb(\+srv)?://\S+", "a URL that begins with mongodb://"),
        "mongodb_database": (r"[A-Za-z0-9_-]{1,60}", "letters, digits, _ or -"),
        "aws_image": (
            r"\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?"
            r"/[a-z0-9][a-z0-9._/-]*:[\w][\w.-]{0,127}",
            "ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAME:TAG",
        ),
        "auth": (r"[^\s:]+:[^\s:]+", "uuid:key"),
        "actions_image": (r"[\w./:@-]+", "an image's name, such as registry/name:tag"),
        "calls_per_minute": (r"[0-9]{1,9}", "a whole number of calls"),
    }
    secret = ("auth", "mongodb_url")
    for name, (pattern, expected) in rules.items():
        if name in values and not re.fullmatch(pattern, values[name]):
            found = "something else" if name in secret else repr(values[name])
            raise InputError(f"{name.upper()}: found {found}, expected {expected}")
    for name in ("fed_secret", "fed_secret_previous"):
        if name in values and (fault := secret_fault(values[name])):
            raise InputError(f"{name.upper()}: {fault}")


def _typed(name: str, value: str) -> Any:
    if name == "calls_per_minute":
        return int(value)
    if name in ("fedwhisk_home", "data_dir"):
        return Path(value).expanduser()
    return value
