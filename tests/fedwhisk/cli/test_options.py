import json
import subprocess
import sys

import msgspec
import pytest
from typer.testing import CliRunner

from fedcore.settings import ExperimentSettings, default_name
from fedwhisk.cli import app, options
from fedwhisk.errors import InputError
from fedwhisk.experiments import chosen_settings
from fedwhisk.faults import FaultRates

COMMANDS = ["run", "up", "start", "stop", "status", "watch", "client", "export"]
COMMANDS += ["import", "predict", "clean"]


def written(tmp_path, text):
    path = tmp_path / "experiment.yaml"
    path.write_text(text)
    return path


def test_nothing_said_is_the_standard_experiment() -> None:
    standard = ExperimentSettings()
    assert chosen_settings.experiment(None, None, {}) == (
        default_name(standard),
        standard,
    )


def test_options_override_the_file(tmp_path) -> None:
    path = written(tmp_path, "rounds: 3\nlr: 0.1\n")
    _, settings = chosen_settings.experiment(path, None, {"rounds": 5, "lr": None})
    assert (settings.rounds, settings.lr) == (5, 0.1)


def test_the_file_may_name_the_experiment_and_an_option_wins(tmp_path) -> None:
    path = written(tmp_path, "experiment: from-file\n")
    assert chosen_settings.experiment(path, None, {})[0] == "from-file"
    assert chosen_settings.experiment(path, "said", {})[0] == "said"


def test_what_a_task_wants_to_be_told_stands_in_the_file(tmp_path) -> None:
    path = written(tmp_path, "task_options: {width: 32, rate: 1e-3, warm: true, by: x}")
    _, settings = chosen_settings.experiment(path, None, {})
    told = {"width": 32, "rate": 0.001, "warm": True, "by": "x"}
    assert settings.task_options == told


def test_assignments_reach_every_setting_and_override_the_file(tmp_path) -> None:
    path = written(tmp_path, "lr: 0.1\ntask_options: {width: 32, warm: true}\n")
    said = ["lr=1e-2", "quorum=0.5", "enrolment=named", "task_options.width=8"]
    _, settings = chosen_settings.experiment(path, None, {"rounds": 5}, said)
    assert (settings.lr, settings.quorum, settings.enrolment) == (0.01, 0.5, "named")
    assert settings.task_options == {"width": 8, "warm": True}
    every = msgspec.to_builtins(ExperimentSettings())
    usual = [f"{name}={json.dumps(value)}" for name, value in every.items()]
    assert chosen_settings.experiment(None, None, {}, usual)[1] == ExperimentSettings()


@pytest.mark.parametrize(
    ("assignment", "complaint"),
    [
        ("lr", "--set: found 'lr', expected KEY=VALUE"),
        ("=1", "--set: found '=1', expected KEY=VALUE"),
        ("ruonds=3", "ruonds"),
        ("lr=fast", r"settings: Expected `float`, got `str` - at `\$\.lr`"),
        ("lr=", r"settings: Expected `float`, got `null` - at `\$\.lr`"),
        ("lr=-1", r"settings\.lr: found -1"),
        ("lr=[", "--set lr: not YAML"),
        ("rounds=3", "--set rounds: an option of its own says it already"),
        ("experiment=e", "unknown field `experiment`"),
        ("lr.x=1", r"settings: Expected `float`, got `object` - at `\$\.lr`"),
    ],
)
def test_a_wrong_assignment_is_refused(assignment, complaint) -> None:
    with pytest.raises(InputError, match=complaint):
        chosen_settings.experiment(None, None, {"rounds": 5}, [assignment])


@pytest.mark.parametrize("command", ["run", "start"])
def test_commands_take_assignments_and_name_what_is_wrong(command) -> None:
    done = CliRunner().invoke(app, [command, "--set", "lr=0.1", "--set", "quorum=2"])
    assert isinstance(done.exception, InputError)
    assert "settings.quorum: found 2" in str(done.exception)


def test_everyday_settings_are_settings() -> None:
    assert set(options.EVERYDAY) <= set(ExperimentSettings.__struct_fields__)


def test_an_empty_file_changes_nothing(tmp_path) -> None:
    path = written(tmp_path, "# nothing yet\n")
    assert chosen_settings.experiment(path, None, {})[1] == ExperimentSettings()


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
        chosen_settings.experiment(written(tmp_path, text), None, {})
    assert str(refused.value).startswith(str(tmp_path))


def test_a_missing_file_is_refused(tmp_path) -> None:
    with pytest.raises(InputError, match=r"gone\.yaml: cannot be read"):
        chosen_settings.experiment(tmp_path / "gone.yaml", None, {})


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
    assert chosen_settings.faults(path, None) == FaultRates(drop=0.1, seed=4)
    assert chosen_settings.faults(path, "crash=0.5") == FaultRates(crash=0.5)
    assert chosen_settings.faults(None, None).are_zero
    # The experiment itself is the same with and without.
    assert chosen_settings.experiment(path, None, {})[1] == ExperimentSettings(rounds=3)


def test_chaos_that_is_neither_text_nor_mapping_is_refused(tmp_path) -> None:
    with pytest.raises(InputError, match="chaos: found 3, expected NAME=RATE"):
        chosen_settings.faults(written(tmp_path, "chaos: 3\n"), None)
