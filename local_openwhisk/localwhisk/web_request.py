"""Web actions, the way in: from an HTTP request to the action's parameters."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request

from localwhisk.errors import Refused
from localwhisk.http import decode
from localwhisk.models import Action, Parameter

EXTENSIONS = (".http", ".json", ".html", ".svg", ".text")
RESERVED = {
    "__ow_method",
    "__ow_headers",
    "__ow_path",
    "__ow_user",
    "__ow_query",
    "__ow_body",
}
NOT_ALLOWED = (
    "Request defines parameters that are not allowed (e.g., reserved properties)."
)
FORM = "application/x-www-form-urlencoded"
TEXT_TYPES = {
    "application/javascript",
    "application/json",
    "application/xml",
    FORM,
    "image/svg+xml",
}


@dataclass(frozen=True)
class WebPath:
    """A web action's URL, taken apart: `namespace/package/action.ext/rest`."""

    namespace: str
    name: str
    extension: str
    rest: str


def split_path(path: str) -> WebPath | None:
    """Take apart what follows `/api/v1/web/`; None where something is missing.

    An unknown extension is a part of the action's name.
    """
    namespace, _, tail = path.partition("/")
    package, _, tail = tail.partition("/")
    action, slash, rest = tail.partition("/")
    if not action:
        return None
    extension = next((e for e in EXTENSIONS if action.endswith(e)), "")
    action = action.removesuffix(extension)
    name = action if package == "default" else f"{package}/{action}"
    return WebPath(namespace, name, extension or ".http", slash + rest)


@dataclass(frozen=True)
class Sent:
    """What the caller sent: named fields, and an `__ow_body` where it isn't fields."""

    fields: dict[str, Any]
    opaque: dict[str, Any]


def web_payload(
    request: Request, path: WebPath, user: str | None, sent: Sent
) -> dict[str, Any]:
    """What a web action receives beside its own parameters.

    `user` is the caller's namespace, None for anybody without valid credentials.
    """
    payload: dict[str, Any] = {
        "__ow_method": request.method.lower(),
        "__ow_headers": dict(request.headers),
        "__ow_path": path.rest,
        **sent.fields,
        **sent.opaque,
    }
    return payload if user is None else {**payload, "__ow_user": user}


def read_raw(request: Request, body: bytes) -> Sent:
    """Query and body as they came, for an action that wants them raw."""
    opaque = {"__ow_query": request.url.query, "__ow_body": raw_body(request, body)}
    return Sent({}, opaque)


def read_cooked(request: Request, body: bytes) -> Sent:
    """Query, then form or JSON object over it; any other body is opaque.

    Raises:
        Refused: 400, the body is not what its content type says.
    """
    query = dict(parse_qsl(request.url.query, keep_blank_values=True))
    if not body:
        return Sent(query, {})
    media, charset = media_type(request)
    if media == FORM:
        form = parse_qsl(body.decode(errors="replace"), keep_blank_values=True)
        return Sent({**query, **dict(form)}, {})
    if media == "application/json" or media.endswith("+json"):
        value = decode(body, Any)
        if isinstance(value, dict):
            return Sent({**query, **value}, {})
        return Sent(query, {"__ow_body": value})
    return Sent(query, {"__ow_body": as_text(body, is_text(media, charset))})


def raw_body(request: Request, body: bytes) -> str:
    """The body for a raw action: JSON counts as binary here."""
    media, charset = media_type(request)
    if not body:
        return ""
    return as_text(body, media != "application/json" and is_text(media, charset))


def media_type(request: Request) -> tuple[str, bool]:
    """The body's media type, and whether it names a charset."""
    label = request.headers.get("content-type", "application/octet-stream").lower()
    media, _, options = label.partition(";")
    return media.strip(), "charset=" in options


def is_text(media: str, charset: bool) -> bool:
    """Whether a media type is text; unknown ones without a charset are binary."""
    return charset or media.startswith("text/") or media in TEXT_TYPES


def as_text(body: bytes, text: bool) -> str:
    """A body as a JSON string: text as it is, anything else in base64."""
    if text:
        return body.decode(errors="replace")
    return base64.b64encode(body).decode()


def check_protected(action: Action, lent: list[Parameter], sent: Sent) -> None:
    """Refuse fields that are reserved, or final parameters of the action.

    Raises:
        Refused: 400.
    """
    if sent.fields.keys() & (RESERVED | immutable(action, lent)):
        raise Refused(400, NOT_ALLOWED)


def immutable(action: Action, lent: list[Parameter]) -> set[str]:
    """The parameters that no caller may set: all bound ones, if the action is final."""
    if action.annotation("final") is not True:
        return set()
    bound = {p.key: p.value for p in [*lent, *action.parameters]}
    return {key for key, value in bound.items() if value is not None}
