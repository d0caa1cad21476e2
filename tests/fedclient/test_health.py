from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fedclient.health import Heartbeat, complaint


def test_a_beat_touches_the_file_once_a_second_at_most(tmp_path: Path) -> None:
    now = 0.0
    path = tmp_path / "beat"
    heartbeat = Heartbeat(path, clock=lambda: now)
    heartbeat.beat()
    path.unlink()
    now = 0.9
    heartbeat.beat()
    assert not path.exists()
    now = 1.0
    heartbeat.beat()
    assert path.exists()


def test_without_a_file_nothing_happens() -> None:
    Heartbeat(None).beat()


def test_a_complaint_says_how_old_the_heartbeat_is(tmp_path: Path) -> None:
    path = tmp_path / "beat"
    assert complaint(path, 5, 100) == f"{path}: no heartbeat yet"
    path.touch()
    os.utime(path, (100, 100))
    assert complaint(path, 5, 105) is None
    assert complaint(path, 5, 109) == (
        f"{path}: last heartbeat 9 s ago, at most 5 s allowed"
    )


def probe(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fedclient.health", *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_probe_ends_with_0_or_1(tmp_path: Path) -> None:
    path = tmp_path / "beat"
    dead = probe("60", FED_HEARTBEAT_FILE=str(path))
    assert (dead.returncode, "no heartbeat yet" in dead.stderr) == (1, True)
    path.touch()
    alive = probe("60", FED_HEARTBEAT_FILE=str(path))
    assert (alive.returncode, alive.stderr) == (0, "")
    os.utime(path, (time.time() - 100,) * 2)
    assert probe("60", str(path)).returncode == 1
    assert probe("inf", str(path)).returncode == 0


@pytest.mark.parametrize("wrong", [["60"], ["soon", "f"], ["-1", "f"], ["1", "f", "g"]])
def test_the_probe_wants_seconds_and_a_file(wrong: list[str]) -> None:
    asked = probe(*wrong, FED_HEARTBEAT_FILE="")
    assert (asked.returncode, "FED_HEARTBEAT_FILE" in asked.stderr) == (2, True)
