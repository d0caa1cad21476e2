"""Draw the next cohort, or end the experiment: last step of advance_round."""

from typing import Any

from fedcore.adapters import openwhisk
from fedcore.handlers import select_clients


def main(args: dict[str, Any]) -> dict[str, Any]:
    """Serve the step on OpenWhisk; its answer is the caller's."""
    return openwhisk.serve(select_clients.ACTION, args)
