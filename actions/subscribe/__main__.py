"""Enrol a client: the same name gets the same index for ever."""

from typing import Any

from fedcore.adapters import openwhisk
from fedcore.handlers import subscribe


def main(args: dict[str, Any]) -> dict[str, Any]:
    """Serve the action on OpenWhisk."""
    return openwhisk.serve(subscribe.ACTION, args)
