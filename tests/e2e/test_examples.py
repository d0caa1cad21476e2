"""The examples, run as their first lines say."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"

pytestmark = pytest.mark.e2e


def test_five_hospitals_train_one_model(machine) -> None:
    script = EXAMPLES / "patients.py"
    subprocess.run(
        [sys.executable, script, "hospitals"], cwd=machine.folder, check=True
    )
    lines = script.read_text().splitlines()
    (told,) = [
        line.split()[1:] for line in lines if line.strip().startswith("fedwhisk run")
    ]
    here = {"PYTHONPATH": str(EXAMPLES), "DATA_DIR": "hospitals"}
    machine.environment |= here
    (machine.folder / "options.yaml").write_text(
        next(line.strip("`.") for line in lines if line.startswith("`task_options:"))
    )
    more = ("--config", "options.yaml", "--rounds", "3", "--json", "--port", "0")
    out, _ = machine.call(*told, *more)
    end = json.loads(out.splitlines()[-1])
    assert (end["state"], end["clients"], end["rounds"]) == ("finished", 5, 3)
    assert end["accuracy"] > 0.8  # as often one as the other

    # What the task was told is a setting as any other: it is shown, and goes along.
    machine.call("export", end["experiment"], "--all", "experiment.zip")
    machine.environment["FEDWHISK_HOME"] = str(machine.folder / "elsewhere")
    machine.call("import", "experiment.zip")
    shown, _ = machine.call("status", end["experiment"], "--json")
    assert json.loads(shown)["settings"]["task_options"] == {"weight_decay": 0.001}

    # A hospital without its table says so, and the others are enough for the quorum.
    (machine.folder / "hospitals" / "hospital-3.csv").unlink()
    again = ("--experiment", "again", "--rounds", "1", "--port", "0")
    said, _ = machine.call(*told, *again, "--deadline", "5")
    assert "hospitals/hospital-3.csv: no such file, expected a table" in said
    assert "round 1 closed: 4 updates" in said
