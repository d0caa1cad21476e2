"""Tell a client what to do now."""

from typing import Any

from fedcore.adapters import openwhisk
from fedcore.handlers import check_in


def main(args: dict[str, Any]) -> dict[str, Any]:
    """Serve the action on OpenWhisk."""
    return openwhisk.serve(check_in.ACTION, args)
