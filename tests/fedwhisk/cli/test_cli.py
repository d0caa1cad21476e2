"""What the command line says of itself, and refuses before it does anything."""

from importlib.metadata import version

import pytest
from typer.testing import CliRunner

from fedwhisk.cli import app
from fedwhisk.errors import InputError


def test_the_version_is_told() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.output) == (0, f"fedwhisk {version('fedwhisk')}\n")


def test_without_a_command_there_is_help() -> None:
    assert "Federated learning with no server to keep alive." in (
        CliRunner().invoke(app, []).output
    )


@pytest.mark.parametrize("hours", ["0", "0.0000001"])
def test_a_token_that_has_ended_already_is_not_printed(
    hours, tmp_path, monkeypatch
) -> None:
    monkeypatch.setenv("FEDWHISK_HOME", str(tmp_path))
    monkeypatch.setattr("time.time", lambda: 1_800_000_000.5)
    result = CliRunner().invoke(app, ["token", "enrol", "--hours", hours])
    assert isinstance(result.exception, InputError)
    assert result.output == ""
    assert CliRunner().invoke(app, ["token", "enrol", "--hours", "1"]).exit_code == 0
