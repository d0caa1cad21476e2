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
    (told,) = [
        line.split()[1:]
        for line in script.read_text().splitlines()
        if line.strip().startswith("fedwhisk run")
    ]
    here = {"PYTHONPATH": str(EXAMPLES), "DATA_DIR": "hospitals"}
    machine.environment |= here
    out, _ = machine.call(*told, "--rounds", "3", "--json", "--port", "0")
    end = json.loads(out.splitlines()[-1])
    assert (end["state"], end["clients"], end["rounds"]) == ("finished", 5, 3)
    assert end["accuracy"] > 0.8  # as often one as the other

    # A hospital without its table says so, and the others are enough for the quorum.
    (machine.folder / "hospitals" / "hospital-3.csv").unlink()
    again = ("--experiment", "again", "--rounds", "1", "--port", "0")
    said, _ = machine.call(*told, *again, "--deadline", "5")
    assert "hospitals/hospital-3.csv: no such file, expected a table" in said
    assert "round 1 closed: 4 updates" in said
