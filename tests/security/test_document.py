"""SECURITY.md speaks of things that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fedcore.settings import ExperimentSettings
from fedwhisk.cli import app
from tests.security.poisoning import ATTACKS, DEFENCES

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "SECURITY.md").read_text()
SETTINGS = set(ExperimentSettings.__struct_fields__)


@pytest.mark.parametrize("name", sorted(set(re.findall(r"[\w/]*test_\w+\.py", TEXT))))
def test_every_test_that_is_named_is_there(name) -> None:
    path = ROOT / name if "/" in name else ROOT / "tests" / "security" / name
    assert path.exists()


@pytest.mark.parametrize(
    "command", sorted(set(re.findall(r"`fedwhisk ([a-z]+(?: [a-z]+)?)", TEXT)))
)
def test_every_command_that_is_named_has_help(command) -> None:
    assert CliRunner().invoke(app, [*command.split(), "--help"]).exit_code == 0


def test_the_settings_that_are_weighed_exist() -> None:
    weighed = re.findall(r"^\| `(\w+)[:`]", TEXT, flags=re.MULTILINE)
    assert {"max_norm", "max_examples", "strategy"} <= set(weighed) <= SETTINGS


def test_the_table_of_figures_has_a_row_a_defence_and_a_column_an_attack() -> None:
    head, _, *rows = re.search(r"^\| defence .*?\n\n", TEXT, re.S | re.M)[0].split("\n")
    assert head.strip("| ").split(" | ") == ["defence", *ATTACKS]
    assert [row.strip("| ").split(" | ")[0] for row in rows if row] == [*DEFENCES]
