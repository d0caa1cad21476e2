"""Hand out any published version, chunk by chunk."""

from typing import Any

from fedcore.adapters import openwhisk
from fedcore.handlers import get_model


def main(args: dict[str, Any]) -> dict[str, Any]:
    """Serve the action on OpenWhisk."""
    return openwhisk.serve(get_model.ACTION, args)
