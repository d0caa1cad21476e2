"""Store an experiment, so that clients can enrol in it."""

from typing import Any

from fedcore.adapters import openwhisk
from fedcore.handlers import start_experiment


def main(args: dict[str, Any]) -> dict[str, Any]:
    """Serve the action on OpenWhisk."""
    return openwhisk.serve(start_experiment.ACTION, args)
