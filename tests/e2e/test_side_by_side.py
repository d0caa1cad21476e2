"""Runs beside each other share one platform, whoever of them starts it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import SMALL, Machine

pytestmark = pytest.mark.e2e
README = Path(__file__).parents[2] / "README.md"
FEW = {"clients": 2, "per_round": 2, "epochs": 1, "rounds": 1}


def test_two_runs_at_once_from_a_cold_home_share_one_platform(machine: Machine):
    few = ["--clients", "2", "--epochs", "1", "--rounds", "1", "--port", "0"]
    runs = [
        machine.start("run", *SMALL, *few, "--experiment", name) for name in ("a", "b")
    ]
    said = [run.communicate(timeout=300) for run in runs]
    assert [run.returncode for run in runs] == [0, 0], said
    places = sorted(
        line.split("actions at ")[1].split(" ")[0]
        for out, err in said
        for line in (out + err).splitlines()
        if line.startswith("actions at ")
    )
    assert len(places) == 2
    assert places[0] == places[1]


def test_the_readmes_loop_of_runs_runs(machine: Machine) -> None:
    chapter = README.read_text().partition("### Many runs")[2]
    script = chapter.partition("```sh\n")[2].partition("```")[0]
    assert "fedwhisk up &" in script
    script = script.replace("up &", "up --port 0 &").replace("0 1 2", "0 1")
    (machine.folder / "sweep.yaml").write_text(json.dumps(FEW))
    bin_folder = str(Path(sys.executable).parent)
    done = subprocess.run(
        ["bash", "-c", f"set -e\n{script}\nkill $!\nwait"],
        cwd=machine.folder,
        env=machine.environment | {"PATH": f"{bin_folder}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    lines = (machine.folder / "runs.jsonl").read_text().splitlines()
    assert [json.loads(line)["state"] for line in lines] == ["finished"] * 2
