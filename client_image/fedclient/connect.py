"""The transport that a base URL asks for."""

from __future__ import annotations

from fedclient.emulator import EmulatorTransport, is_invocation_url
from fedclient.transport import HttpTransport


def connect(base_url: str) -> HttpTransport | EmulatorTransport:
    """Return the way to the actions: HTTP, or a Lambda function's invocation URL."""
    if is_invocation_url(base_url):
        return EmulatorTransport(base_url)
    return HttpTransport(base_url)
