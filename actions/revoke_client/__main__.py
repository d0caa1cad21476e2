"""Shut one client out of an experiment, or let it in again."""

from typing import Any

from fedcore.adapters import openwhisk
from fedcore.handlers import revoke_client


def main(args: dict[str, Any]) -> dict[str, Any]:
    """Serve the action on OpenWhisk."""
    return openwhisk.serve(revoke_client.ACTION, args)
