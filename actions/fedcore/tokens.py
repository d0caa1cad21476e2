"""Tokens: who may call what, derived from the deployment's secret.

A token is `<key id>.<MAC>`. The MAC is HMAC-SHA256 (RFC 2104) over length-prefixed
fields that begin with a purpose, so no token of one kind can pass for another. While
a secret is rotated, tokens of the previous one stay valid.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence

MIN_SECRET_BYTES = 32


def key_id(secret: bytes) -> str:
    """Name a secret without telling it: 8 hexadecimal digits."""
    return hashlib.sha256(b"fedwhisk key id\0" + secret).hexdigest()[:8]


def operator_token(secret: bytes) -> str:
    """Return the token that starts, stops and reads experiments."""
    return _token(secret, "operator")


def enrolment_token(secret: bytes, name: str | None = None) -> str:
    """Return the token that enrols clients: any name, or the one that is given."""
    return _token(secret, "enrol") if name is None else _token(secret, "enrol", name)


def client_token(secret: bytes, experiment_id: str, index: int) -> str:
    """Return the token of one client in one experiment."""
    return _token(secret, "client", experiment_id, str(index))


def is_operator(secrets: Sequence[bytes], token: str) -> bool:
    """Tell whether `token` is an operator's under any of the secrets."""
    return _matches(token, [operator_token(secret) for secret in secrets])


def may_enrol(secrets: Sequence[bytes], token: str, name: str) -> bool:
    """Tell whether `token` enrols `name` under any of the secrets."""
    candidates = [
        candidate
        for secret in secrets
        for candidate in (enrolment_token(secret), enrolment_token(secret, name))
    ]
    return _matches(token, candidates)


def is_client(
    secrets: Sequence[bytes], token: str, experiment_id: str, index: int
) -> bool:
    """Tell whether `token` is that client's under any of the secrets."""
    candidates = [client_token(secret, experiment_id, index) for secret in secrets]
    return _matches(token, candidates)


def _token(secret: bytes, *fields: str) -> str:
    message = b"".join(
        len(field.encode()).to_bytes(4, "big") + field.encode() for field in fields
    )
    mac = hmac.digest(secret, message, "sha256")
    return f"{key_id(secret)}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


def _matches(token: str, candidates: Sequence[str]) -> bool:
    """Compare in constant time, with every candidate, whichever matches first."""
    given = token.encode("utf-8", "surrogatepass")
    hits = [hmac.compare_digest(given, candidate.encode()) for candidate in candidates]
    return any(hits)
