"""What the default job costs on AWS: `python aws/costs.py` prints the README's table.

Prices are data (`prices.json`), and so are the measurements under the emulator
(`measured.json`, by `python -m tests.aws.measure`).
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent

WHOLE_CORE_MB = 1769
"""A function with this much memory has one core; with less it has a share of one.

Source: docs.aws.amazon.com/lambda, "Configure Lambda function memory".
"""

MEMORY_MB = 512
"""The memory of the function in `serverless.yml`."""

COLD_STARTS = 20
"""One for each client: all call at once, and each call needs an environment."""


@dataclass(frozen=True)
class Job:
    """How much of the function a job uses.

    Attributes:
        calls: the number of requests.
        billed_s: the seconds that AWS bills for them.
    """

    calls: int
    billed_s: float

    @property
    def gb_s(self) -> float:
        """Return memory times time, which is what Lambda bills."""
        return self.billed_s * MEMORY_MB / 1024


def job(measured: dict[str, Any]) -> Job:
    """Return the job as AWS would bill it.

    The durations were measured on a whole core. The computing part of them takes
    longer on a share of a core. AWS also bills the start of an environment.
    """
    stretched = WHOLE_CORE_MB / MEMORY_MB
    computing_ms = measured["cpu_ms"] * (stretched - 1)
    cold_ms = COLD_STARTS * measured["cold_start_ms"]["status"] * stretched
    billed_ms = measured["duration_ms"] + computing_ms + cold_ms
    return Job(measured["calls"], billed_ms / 1000)


def costs(wanted: Job, prices: dict[str, Any]) -> dict[str, float]:
    """Return what each part of a job costs, in the prices' currency."""
    million = wanted.calls / 1_000_000
    return {
        "Lambda, time": wanted.gb_s * prices["lambda_per_gb_s"],
        "Lambda, requests": million * prices["lambda_per_million_requests"],
        "HTTP API, requests": million * prices["http_api_per_million_requests"],
    }


def table() -> str:
    """Return the costs of the default job as a table in Markdown."""
    prices = json.loads((HERE / "prices.json").read_text())
    wanted = job(json.loads((HERE / "measured.json").read_text()))
    parts = costs(wanted, prices)
    amounts = {
        "Lambda, time": f"{wanted.gb_s:.0f} GB-s",
        "Lambda, requests": f"{wanted.calls}",
        "HTTP API, requests": f"{wanted.calls}",
    }
    rows = [
        f"| {name} | {amounts[name]} | {parts[name]:.5f} {prices['currency']} |"
        for name in parts
    ]
    total = f"| a job | | {sum(parts.values()):.5f} {prices['currency']} |"
    return "\n".join(["| part | amount | costs |", "|---|---|---|", *rows, total])


if __name__ == "__main__":
    sys.stdout.write(table() + "\n")
