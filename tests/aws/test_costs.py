import json

import pytest
import yaml

from actions.build import PROJECT
from aws import costs
from aws.costs import Job

PRICES = {
    "lambda_per_gb_s": 0.5,
    "lambda_per_million_requests": 2.0,
    "http_api_per_million_requests": 10.0,
}


def test_a_job_is_billed_by_memory_times_time_and_by_request() -> None:
    wanted = Job(calls=500_000, billed_s=8.0)
    assert wanted.gb_s == 4.0  # half a gigabyte for eight seconds
    assert costs.costs(wanted, PRICES) == {
        "Lambda, time": 2.0,
        "Lambda, requests": 1.0,
        "HTTP API, requests": 5.0,
    }


def test_computing_takes_longer_on_a_share_of_a_core_and_waiting_does_not() -> None:
    measured = {
        "calls": 1,
        "duration_ms": 3000.0,
        "cpu_ms": 512.0,
        "cold_start_ms": {"status": 0},
    }
    # 512 ms of a whole core are 1769 ms of what 512 MB get; the other 2488 ms stay.
    assert costs.job(measured).billed_s == pytest.approx(1.769 + 2.488)


def test_the_memory_is_the_stacks() -> None:
    stack = yaml.safe_load((PROJECT / "aws" / "serverless.yml").read_text())
    assert stack["functions"]["actions"]["memorySize"] == costs.MEMORY_MB


def test_the_readmes_table_is_what_the_prices_and_the_measurement_give() -> None:
    assert costs.table() in (PROJECT / "README.md").read_text()


def test_the_prices_say_where_and_when_they_were_found() -> None:
    prices = json.loads((PROJECT / "aws" / "prices.json").read_text())
    assert all(prices[name] for name in ("source", "region", "as_of", "currency"))
