"""Web actions, the way out: from an activation's result to an HTTP answer."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from typing import Any

import msgspec
from starlette.responses import Response

from localwhisk.code import is_binary
from localwhisk.errors import Refused
from localwhisk.http import json_answer
from localwhisk.web_request import is_text

MEDIA_TYPE = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+", re.ASCII)
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
MISMATCH = "Response type in header did not match generated content type."
UNKNOWN_TYPE = "Response did not specify a known content-type."
NO_PROPERTY = "Response does not include requested property."
# Set by the server itself, whatever an action says.
FRAMING = {"content-length", "transfer-encoding", "connection"}


def not_valid(media: str) -> Refused:
    """The answer to a result that can't be shown as the type the URL asks for."""
    return Refused(400, f"Response is not valid '{media}'.")


def as_http(result: Any) -> Response:
    """`{statusCode, headers, body}` as it says: the default."""
    if not isinstance(result, dict):
        raise not_valid("message/http")
    status = read_status(result)
    headers = read_headers(result)
    body = result.get("body")
    if body is None or body == "":
        named = [(k, v) for k, v in headers if k.lower() != "content-type"]
        return with_headers(Response(b"", status or 204), named)
    if isinstance(body, str):
        return text_answer(status or 200, headers, body)
    return value_answer(status or 200, headers, body)


def read_status(result: dict[str, Any]) -> int | None:
    """The status code, a whole number or its text; None where it isn't given."""
    if "statusCode" not in result:
        return None
    found = result["statusCode"]
    if isinstance(found, float) and found.is_integer():
        found = int(found)
    try:
        status = int(found) if isinstance(found, str | int) else -1
    except ValueError:
        status = -1
    if isinstance(found, bool) or not 200 <= status <= 599:
        raise not_valid("message/http")
    return status


def read_headers(result: dict[str, Any]) -> list[tuple[str, str]]:
    """The header lines, several for a header with a list of values."""
    headers = result.get("headers", {})
    if not isinstance(headers, dict):
        raise not_valid("message/http")
    lines = [line for name, value in headers.items() for line in lines_of(name, value)]
    return [(name, value) for name, value in lines if name.lower() not in FRAMING]


def lines_of(name: str, value: Any) -> list[tuple[str, str]]:
    """One header as lines."""
    if isinstance(value, list):
        return [line for inner in value for line in lines_of(name, inner)]
    if isinstance(value, dict) or value is None or not HEADER_NAME.fullmatch(name):
        raise not_valid("message/http")
    text = plain_text(value)
    if not HEADER_VALUE.fullmatch(text):
        raise not_valid("message/http")
    return [(name, text)]


def plain_text(value: Any) -> str:
    """A JSON value as text: a string without its quotes."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def content_type(headers: list[tuple[str, str]], default: str) -> tuple[str, str]:
    """The content type that an action names: as it is, and without its options."""
    named = next((v for k, v in headers if k.lower() == "content-type"), default)
    media = named.partition(";")[0].strip().lower()
    if not MEDIA_TYPE.fullmatch(media):
        raise Refused(400, UNKNOWN_TYPE)
    return named, media


def is_json(media: str) -> bool:
    """Whether a media type is one of JSON's."""
    return media == "application/json" or media.endswith("+json")


def text_answer(status: int, headers: list[tuple[str, str]], body: str) -> Response:
    """A string body: text as it is, binary types decoded from base64."""
    named, media = content_type(headers, "text/html")
    charset = "charset=" in named.lower()
    if is_json(media):
        # A JSON text that looks like base64 is decoded: OpenWhisk keeps an old habit.
        content = base64.b64decode(body) if is_binary(body) else body.encode()
        return typed_answer(status, headers, content, named)
    if is_text(media, charset):
        full = named if charset else f"{media}; charset=UTF-8"
        return typed_answer(status, headers, body.encode(), full)
    try:
        content = base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused(400, MISMATCH) from error
    return typed_answer(status, headers, content, named)


def value_answer(status: int, headers: list[tuple[str, str]], body: Any) -> Response:
    """A body that isn't a string: JSON, under a content type of JSON's only."""
    try:
        named, media = content_type(headers, "application/json")
    except Refused as error:
        raise Refused(400, MISMATCH) from error
    if not is_json(media):
        raise Refused(400, MISMATCH)
    return typed_answer(status, headers, msgspec.json.encode(body), named)


def typed_answer(
    status: int, headers: list[tuple[str, str]], content: bytes, named: str
) -> Response:
    """An answer with a body, under one content type."""
    others = [(k, v) for k, v in headers if k.lower() != "content-type"]
    return with_headers(Response(content, status, {"content-type": named}), others)


def with_headers(answer: Response, headers: list[tuple[str, str]]) -> Response:
    """Add header lines; the same name may come twice."""
    for name, value in headers:
        answer.headers.append(name, value)
    return answer


def as_json(result: Any) -> Response:
    """The whole result."""
    if not isinstance(result, dict | list):
        raise not_valid("application/json")
    return json_answer(result)


def as_text(result: Any) -> Response:
    """The result's `body`, or else its `text`."""
    value = result
    if isinstance(result, dict):
        if "body" not in result and "text" not in result:
            raise Refused(404, NO_PROPERTY)
        value = result["body"] if "body" in result else result["text"]
    if isinstance(value, dict | list):
        text = msgspec.json.format(msgspec.json.encode(value)).decode()
    else:
        text = plain_text(value)
    return Response(text, headers={"content-type": "text/plain; charset=UTF-8"})


def document(field: str, media: str, named: str) -> Callable[[Any], Response]:
    """Shows the result's `body`, or else this field, which must be a string."""

    def show(result: Any) -> Response:
        text = result
        if isinstance(result, dict):
            text = result["body"] if "body" in result else result.get(field)
        if not isinstance(text, str):
            raise not_valid(media)
        return Response(text, headers={"content-type": named})

    return show


ANSWERS: dict[str, Callable[[Any], Response]] = {
    ".http": as_http,
    ".json": as_json,
    ".text": as_text,
    ".html": document("html", "text/html", "text/html; charset=UTF-8"),
    ".svg": document("svg", "image/svg+xml", "image/svg+xml"),
}


def accepts(accept: str, media: str) -> bool:
    """Whether an Accept header takes a media type; an empty one takes all."""
    main = media.partition("/")[0]
    wanted = [
        part.replace(" ", "").lower() for part in accept.split(",") if part.strip()
    ]
    return not wanted or any(
        name in ("*/*", f"{main}/*", media) and options not in ("q=0", "q=0.0")
        for name, _, options in (part.partition(";") for part in wanted)
    )
