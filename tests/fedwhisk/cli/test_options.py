import subprocess
import sys

import pytest
from typer.testing import CliRunner

from fedcore.settings import ExperimentSettings, default_name
from fedwhisk.cli import app, options
from fedwhisk.errors import InputError
from fedwhisk.faults import FaultRates

COMMANDS = ["run", "up", "start", "stop", "status", "watch", "client", "export"]
COMMANDS += ["import", "predict", "clean"]


def written(tmp_path, text):
    path = tmp_path / "experiment.yaml"
    path.write_text(text)
    return path


def test_nothing_said_is_the_standard_experiment() -> None:
    standard = ExperimentSettings()
    assert options.experiment(None, None, {}) == (default_name(standard), standard)


def test_options_override_the_file(tmp_path) -> None:
    path = written(tmp_path, "rounds: 3\nlr: 0.1\n")
    _, settings = options.experiment(path, None, {"rounds": 5, "lr": None})
    assert (settings.rounds, settings.lr) == (5, 0.1)


def test_the_file_may_name_the_experiment_and_an_option_wins(tmp_path) -> None:
    path = written(tmp_path, "experiment: from-file\n")
    assert options.experiment(path, None, {})[0] == "from-file"
    assert options.experiment(path, "said", {})[0] == "said"


def test_what_a_task_wants_to_be_told_stands_in_the_file(tmp_path) -> None:
    path = written(tmp_path, "task_options: {width: 32, rate: 1e-3, warm: true, by: x}")
    _, settings = options.experiment(path, None, {})
    told = {"width": 32, "rate": 0.001, "warm": True, "by": "x"}
    assert settings.task_options == told


def test_an_empty_file_changes_nothing(tmp_path) -> None:
    path = written(tmp_path, "# nothing yet\n")
    assert options.experiment(path, None, {})[1] == ExperimentSettings()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("ruonds: 3", "ruonds"),
        ("rounds: three", "rounds"),
        ("rounds: 0", r"settings\.rounds: found 0, expected 1"),
        ("lr: -1", r"settings\.lr: found -1"),
        ("lr: .nan", r"settings\.lr: found nan"),
        ("per_round: 21", r"settings\.per_round"),
        ("1: 2", "settings"),
        ("- rounds", "found a list"),
        ("rounds: [", "not YAML"),
        ("experiment: Not A Slug", "experiment: found 'Not A Slug'"),
    ],
)
def test_a_wrong_file_is_refused_with_its_name(tmp_path, text, complaint) -> None:
    with pytest.raises(InputError, match=complaint) as refused:
        options.experiment(written(tmp_path, text), None, {})
    assert str(refused.value).startswith(str(tmp_path))


def test_a_missing_file_is_refused(tmp_path) -> None:
    with pytest.raises(InputError, match=r"gone\.yaml: cannot be read"):
        options.experiment(tmp_path / "gone.yaml", None, {})


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_has_help(command) -> None:
    done = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"})
    assert done.exit_code == 0
    offered = [line for line in done.output.splitlines() if line.startswith("  -")]
    assert offered
    # Name, kind and help stand in columns: at least two gaps, or one before the help.
    assert all(len(line.strip().split("  ")) > 1 for line in offered), done.output


@pytest.mark.e2e
def test_help_needs_neither_torch_nor_a_database_driver() -> None:
    code = (
        "import sys, fedwhisk.cli;"
        "heavy = {'torch', 'numpy', 'matplotlib', 'pymongo', 'kubernetes', 'uvicorn'};"
        "sys.exit(' '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_chaos_is_read_from_the_file_and_an_option_wins(tmp_path) -> None:
    path = written(tmp_path, "rounds: 3\nchaos: {drop: 0.1, seed: 4}\n")
    assert options.chaos(path, None) == FaultRates(drop=0.1, seed=4)
    assert options.chaos(path, "crash=0.5") == FaultRates(crash=0.5)
    assert options.chaos(None, None).are_zero
    # The experiment itself is the same with and without.
    assert options.experiment(path, None, {})[1] == ExperimentSettings(rounds=3)


def test_chaos_that_is_neither_text_nor_mapping_is_refused(tmp_path) -> None:
    with pytest.raises(InputError, match="chaos: found 3, expected NAME=RATE"):
        options.chaos(written(tmp_path, "chaos: 3\n"), None)
