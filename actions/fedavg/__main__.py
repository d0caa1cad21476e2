"""Aggregate a frozen round and publish its version: first step of advance_round."""

from typing import Any

from fedcore.adapters import openwhisk
from fedcore.handlers import fedavg


def main(args: dict[str, Any]) -> dict[str, Any]:
    """Serve the step on OpenWhisk; its answer is the next step's request."""
    return openwhisk.serve_step(fedavg.ACTION, args)
