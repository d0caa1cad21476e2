"""Under which address other machines reach this one."""

from __future__ import annotations

import socket

EVERY_ADDRESS = "0.0.0.0"  # noqa: S104
FAR_AWAY = ("192.0.2.1", 9)  # TEST-NET-1 (RFC 5737): nobody's


def outside_address(host: str) -> str:
    """Return where others reach what listens on an address: there, or anywhere here."""
    return own_address() if host == EVERY_ADDRESS else host


def own_address() -> str:
    """This machine's address on its way to others, else its name; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(FAR_AWAY)
        except OSError:  # no way leads there
            return socket.gethostname()
        return str(probe.getsockname()[0])
