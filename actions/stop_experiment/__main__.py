"""End an experiment; what is trained stays."""

from typing import Any

from fedcore.adapters import openwhisk
from fedcore.handlers import stop_experiment


def main(args: dict[str, Any]) -> dict[str, Any]:
    """Serve the action on OpenWhisk."""
    return openwhisk.serve(stop_experiment.ACTION, args)
