"""Measure the function under the emulator: `python -m tests.aws.measure`.

It plays the default job, twenty clients and ten rounds, with little training in it, and
writes `aws/measured.json`, from which `aws/costs.py` makes the table of the README.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from actions.build import PROJECT, build_function
from fedwhisk.local.database import EmbeddedDatabase
from tests.aws.lambda_process import Lambda
from tests.aws.platforms import SECRET
from tests.e2e.conftest import Machine
from tests.mnist import write_few_images

RESULT = PROJECT / "aws" / "measured.json"
COLD_STARTS = 5


def main() -> int:
    """Measure, and write down what came of it."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "logs").mkdir()
        with EmbeddedDatabase(folder / "data", folder / "logs" / "db") as database:
            found = _cold(folder, database.url) | _job(folder, database.url)
    files = [each for each in build_function("3.11").rglob("*") if each.is_file()]
    found["folder_mb"] = round(sum(each.stat().st_size for each in files) / 1e6, 1)
    RESULT.write_text(json.dumps(found, indent=2) + "\n")
    sys.stdout.write(RESULT.read_text())
    return 0


def _cold(folder: Path, database: str) -> dict[str, Any]:
    """First calls: until the runtime asks for work, and until one has its answer."""
    starts: dict[str, list[float]] = {"status": [], "advance_round": []}
    memory: dict[str, list[float]] = {"status": [], "advance_round": []}
    for number in range(COLD_STARTS):
        for action, found in starts.items():
            logs = folder / "logs" / f"{action}-{number}"
            logs.mkdir()
            with Lambda(logs, _settings(database, "cold")) as function:
                function.invoke({"action": action})
                (first,) = function.invocations()
                found.append((first.init_ms or 0.0) + first.duration_ms)
                memory[action].append(function.memory_mb())
    return {
        "cold_start_ms": {k: round(statistics.median(v)) for k, v in starts.items()},
        "memory_mb": {k: round(max(v), 1) for k, v in memory.items()},
    }


def _job(folder: Path, database: str) -> dict[str, Any]:
    with Lambda(folder, _settings(database, "job")) as function:
        machine = Machine(folder, write_few_images(folder))
        machine.environment |= {"BASE_URL_AWS": function.url, "FED_SECRET": SECRET}
        machine.call("run", "--on", "aws", "--epochs", "1")
        durations = [each.duration_ms for each in function.invocations()]
        return {
            "calls": len(durations),
            "duration_ms": round(sum(durations), 1),
            "median_ms": round(statistics.median(durations), 2),
            "cpu_ms": round(function.cpu_ms(), 1),
            "memory_mb_after_the_job": round(function.memory_mb(), 1),
        }


def _settings(database: str, name: str) -> dict[str, str]:
    return {"MONGODB_URL": database, "MONGODB_DATABASE": name, "FED_SECRET": SECRET}


if __name__ == "__main__":
    sys.exit(main())
