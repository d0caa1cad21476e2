"""An experiment's settings as a person chooses them: in a file, by `--set`, by options.

fedcore.settings checks them, so that all three are refused in the same words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from fedcore import settings as experiment_settings
from fedcore.errors import InvalidSettings
from fedcore.settings import ExperimentSettings
from fedwhisk.errors import InputError
from fedwhisk.experiments import yaml_file
from fedwhisk.faults import FaultRates, parse

NOT_SETTINGS = ("experiment", "chaos")
"""What else a file may hold: the experiment's name, and a run's faults."""


def experiment(
    config: Path | None,
    name: str | None,
    flags: Mapping[str, object],
    assignments: Iterable[str] = (),
) -> tuple[str, ExperimentSettings]:
    """Return an experiment's name and settings: the file's, overridden by the others.

    Args:
        config: a YAML file of settings.
        name: the experiment's; None means the file's, else one made from the settings.
        flags: settings by name; None stands for those that were not given.
        assignments: settings as `--set` takes them (see `assigned`).

    Raises:
        InputError: names the setting, what was found and what was expected.
    """
    raw = read(config)
    chosen = name or raw.get("experiment")
    for each in NOT_SETTINGS:
        raw.pop(each, None)
    given = {key: value for key, value in flags.items() if value is not None}
    raw = assigned(raw, assignments, given) | given
    try:
        settings = experiment_settings.parse(raw)
        if chosen is None:
            return experiment_settings.default_name(settings), settings
        return experiment_settings.check_name(str(chosen)), settings
    except InvalidSettings as error:
        where = f"{config}: " if config else ""
        raise InputError(f"{where}{error.message}") from None


def faults(config: Path | None, option: str | None) -> FaultRates:
    """Return the faults of a run: the option's, else the file's.

    Raises:
        InputError: names the rate, what was found and what was expected.
    """
    raw = read(config).get("chaos") if option is None else option
    if not isinstance(raw, str | dict | None):
        raise InputError(f"chaos: found {raw!r}, expected NAME=RATE,… or a mapping")
    return parse(raw or {})


def read(path: Path | None) -> dict[str, Any]:
    """Return what a YAML file of settings says; no file says nothing.

    Raises:
        InputError: the file is missing, or no YAML mapping.
    """
    if path is None:
        return {}
    try:
        found = yaml_file.read(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from None
    except yaml.YAMLError as error:
        raise InputError(f"{path}: not YAML ({error})") from None
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise InputError(
            f"{path}: found a {type(found).__name__}, expected `setting: value` lines"
        )
    return found


def assigned(
    raw: Mapping[str, Any], assignments: Iterable[str], given: Mapping[str, object]
) -> dict[str, Any]:
    """Return settings with `KEY=VALUE` assignments applied, the last of a key's wins.

    A value is read as YAML. `task_options.NAME=VALUE` sets one of a task's options.

    >>> assigned({"rounds": 3}, ["lr=1e-2", "task_options.width=8"], {})
    {'rounds': 3, 'lr': 0.01, 'task_options': {'width': 8}}

    Raises:
        InputError: an assignment is malformed, or sets what `given` has.
    """
    settings = dict(raw)
    for each in assignments:
        key, equals, text = each.partition("=")
        name, dot, inner = key.strip().partition(".")
        if not (equals and name):
            raise InputError(f"--set: found {each!r}, expected KEY=VALUE")
        if name in given:
            raise InputError(f"--set {name}: an option of its own says it already")
        value = _value(name, text)
        if not dot:
            settings[name] = value
            continue
        outer = settings.get(name)
        settings[name] = (outer if isinstance(outer, dict) else {}) | {inner: value}
    return settings


def _value(name: str, text: str) -> Any:
    try:
        return yaml_file.read(text)
    except yaml.YAMLError as error:
        raise InputError(f"--set {name}: not YAML ({error})") from None
