"""Store the initial model that an operator brings, chunk by chunk."""

from typing import Any

from fedcore.adapters import openwhisk
from fedcore.handlers import put_model


def main(args: dict[str, Any]) -> dict[str, Any]:
    """Serve the action on OpenWhisk."""
    return openwhisk.serve(put_model.ACTION, args)
