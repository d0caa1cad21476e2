import subprocess
import sys

import numpy as np
import pytest

from bench import plain
from bench.__main__ import table
from bench.contenders import CONTENDERS, Measured
from bench.job import DEFAULT, Job, Result


def test_the_mean_counts_examples_not_clients() -> None:
    heavy, light = np.array([1.0], np.float32), np.array([5.0], np.float32)
    mean = plain._mean([(heavy, 3, 0.0), (light, 1, 0.0)])
    assert mean.tolist() == [2.0]  # (3·1 + 1·5) / 4
    assert mean.dtype == np.float32


@pytest.mark.e2e
@pytest.mark.parametrize("loop", ["textbook", "ours"])
def test_a_floor_learns(loop) -> None:
    job = Job(per_round=2, rounds=1, epochs=3)
    command = [sys.executable, "-m", "bench.plain", loop, job.to_json()]
    said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    result = Result.of(said.stdout.splitlines()[-1])
    assert result.accuracy > 0.5  # chance is 0.1
    assert result.train_s > 0


def test_the_table_gives_ratios_to_both_floors_and_says_who_is_absent() -> None:
    walls = {"plain": 100.0, "ours": 50.0, "fedwhisk": 60.0}
    rows = [
        (each, Measured(walls[each.name], Result(0.975, 48.0)))
        if each.name in walls
        else (each, "not installed: no network")
        for each in CONTENDERS
    ]
    shown = [list(column.cells) for column in table(rows, DEFAULT).columns]
    assert shown[2][:3] == ["1.00", "0.50", "0.60"]
    assert shown[3][:3] == ["2.00", "1.00", "1.20"]
    assert shown[5][0] == "50,000"  # 2,400,000 samples in 48 s
    assert shown[1][3] == "not installed: no network"
