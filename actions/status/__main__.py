"""Tell how an experiment stands."""

from typing import Any

from fedcore.adapters import openwhisk
from fedcore.handlers import status


def main(args: dict[str, Any]) -> dict[str, Any]:
    """Serve the action on OpenWhisk."""
    return openwhisk.serve(status.ACTION, args)
