"""Take a client's update, chunk by chunk."""

from typing import Any

from fedcore.adapters import openwhisk
from fedcore.handlers import submit_update


def main(args: dict[str, Any]) -> dict[str, Any]:
    """Serve the action on OpenWhisk."""
    return openwhisk.serve(submit_update.ACTION, args)
