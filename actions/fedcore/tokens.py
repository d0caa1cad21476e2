"""Tokens: who may call what, derived from the deployment's secret.

A token is `<key id>.<MAC>`. The MAC is HMAC-SHA256 (RFC 2104) over length-prefixed
fields that begin with a purpose, so no token of one kind can pass for another. While
a secret is rotated, tokens of the previous one stay valid.

An enrolment token may end: then it is `<key id>.<seconds since the epoch>.<MAC>`, and
the MAC covers the seconds. The other kinds end otherwise: an operator's with its
secret, a client's with its secret, its revocation or its experiment.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from enum import StrEnum

MIN_SECRET_BYTES = 32
MIN_DISTINCT_BYTES = 8
"""Of a secret. 64 random hexadecimal digits have fewer once in 10^18 times."""

LONGEST_TOKEN = 200
"""Characters; ours have less than 70."""


class Enrolment(StrEnum):
    """What an enrolment token is good for."""

    OPEN = "open"  # any name: its holders trust each other
    NAMED = "named"  # the one name that it was made for


def secret_fault(secret: str) -> str | None:
    """Return what is wrong with a secret, without any of it; None if it will do."""
    found = secret.encode()
    if len(found) < MIN_SECRET_BYTES:
        return f"found {len(found)} bytes, expected at least {MIN_SECRET_BYTES}"
    if (distinct := len(set(found))) < MIN_DISTINCT_BYTES:
        return (
            f"found {distinct} distinct bytes, expected at least {MIN_DISTINCT_BYTES}; "
            "`openssl rand -hex 32` makes a secret"
        )
    return None


def key_id(secret: bytes) -> str:
    """Name a secret without telling it: 8 hexadecimal digits."""
    return hashlib.sha256(b"fedwhisk key id\0" + secret).hexdigest()[:8]


def operator_token(secret: bytes) -> str:
    """Return the token that starts, stops and reads experiments."""
    return _token(secret, "operator")


def enrolment_token(
    secret: bytes,
    name: str | None = None,
    *,
    experiment: str | None = None,
    expires: int | None = None,
) -> str:
    """Return the token that enrols clients.

    Args:
        secret: the deployment's.
        name: the only name that it enrols; None means any.
        experiment: the name of the only experiment that it enrols in; None means every
            one of the deployment, also a later one.
        expires: from when it enrols nobody any more, in seconds since the epoch;
            None means never.
    """
    where = () if experiment is None else (experiment,)
    whom = () if name is None else (name,)
    purpose = "enrol in" if where else "enrol"
    if expires is None:
        return _token(secret, purpose, *where, *whom)
    fields = (f"{purpose} until", str(expires), *where, *whom)
    return _token(secret, *fields, shown=f"{expires}.")


def client_token(secret: bytes, experiment_id: str, index: int) -> str:
    """Return the token of one client in one experiment."""
    return _token(secret, "client", experiment_id, str(index))


def lot_salt(secret: bytes, experiment_id: str) -> str:
    """Return what keeps anybody outside from foreseeing a draw of an experiment."""
    return _token(secret, "lot", experiment_id)


def is_operator(secrets: Sequence[bytes], token: str) -> bool:
    """Tell whether `token` is an operator's under any of the secrets."""
    return _matches(token, [operator_token(secret) for secret in secrets])


def enrols(
    secrets: Sequence[bytes],
    token: str,
    name: str,
    now: float,
    experiment: str | None = None,
) -> Enrolment | None:
    """Tell how `token` enrols `name` under any of the secrets; None: not at all.

    `experiment` is the one that was named, if any was: a token for one experiment
    enrols where that is named, and nowhere else.
    """
    expires = _expiry(token)
    for kind, whom in ((Enrolment.OPEN, None), (Enrolment.NAMED, name)):
        made = [
            enrolment_token(secret, whom, experiment=where, expires=expires)
            for secret in secrets
            for where in {None, experiment}
        ]
        if _matches(token, made):
            return kind if expires is None or now < expires else None
    return None


def is_client(
    secrets: Sequence[bytes], token: str, experiment_id: str, index: int
) -> bool:
    """Tell whether `token` is that client's under any of the secrets."""
    candidates = [client_token(secret, experiment_id, index) for secret in secrets]
    return _matches(token, candidates)


def _token(secret: bytes, *fields: str, shown: str = "") -> str:
    message = b"".join(
        len(field.encode()).to_bytes(4, "big") + field.encode() for field in fields
    )
    mac = hmac.digest(secret, message, "sha256")
    text = base64.urlsafe_b64encode(mac).decode().rstrip("=")
    return f"{key_id(secret)}.{shown}{text}"


def _expiry(token: str) -> int | None:
    """Return when a token says that it ends; whether that is true, its MAC tells."""
    match token.split("."):
        case [_, digits, _] if digits.isascii() and digits.isdigit():
            return int(digits) if len(digits) <= 12 else None
    return None


def _matches(token: str, candidates: Sequence[str]) -> bool:
    """Compare in constant time, with every candidate, whichever matches first."""
    given = token[: LONGEST_TOKEN + 1].encode("utf-8", "surrogatepass")
    hits = [hmac.compare_digest(given, candidate.encode()) for candidate in candidates]
    return any(hits)
