"""`/activations`: the records of what has run."""

from __future__ import annotations

import re

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from localwhisk.activations import Activation
from localwhisk.errors import Refused, not_found
from localwhisk.http import authorize, flag, json_answer, services
from localwhisk.paging import page

HEXADECIMAL = re.compile(r"[0-9a-fA-F]{32}")
NAME_FILTER = re.compile(r"[^/]+(?:/[^/]+)?")
FOREVER = 2**62
COLLECTION = "activations"


async def list_activations(request: Request) -> Response:
    """Records newest first, by name and time; summaries unless `docs=true`."""
    caller = authorize(request)
    records = services(request).records
    limit, skip = page(request, COLLECTION)
    name = request.query_params.get("name", "")
    if name and not NAME_FILTER.fullmatch(name):
        raise Refused(
            400,
            f"Parameter may be a 'simple' name or 'package-name/simple' name: {name}",
        )
    since, upto = epoch_ms(request, "since", 0), epoch_ms(request, "upto", FOREVER)
    whole = flag(request, "docs")
    if flag(request, "count"):
        if whole:
            raise Refused(400, "The parameter 'docs' is not permitted with 'count'.")
        found = records.count(caller.namespace, name, since, upto)
        return json_answer({COLLECTION: max(0, found - skip)})
    listed = records.list(caller.namespace, name, since, upto, limit, skip)
    return json_answer(listed if whole else [summary(record) for record in listed])


def summary(record: Activation) -> dict[str, object]:
    """A record in a list; a trigger's has no status code."""
    kind = next((a.value for a in record.annotations if a.key == "kind"), "")
    return record.summary(with_status=kind != "trigger")


def epoch_ms(request: Request, name: str, default: int) -> int:
    """A time in a query, in epoch milliseconds.

    Raises:
        Refused: 400, it isn't one.
    """
    text = request.query_params.get(name)
    if text is None:
        return default
    if not text.isdecimal():
        raise Refused(400, f"Parameter is not a valid value for epoch seconds: {text}")
    return min(int(text), FOREVER)


def asked_record(request: Request) -> Activation:
    """The record that the path names.

    Raises:
        Refused: 400, the id is malformed; 404, there is no such record.
    """
    caller = authorize(request)
    identity = request.path_params["id"]
    if len(identity) != 32:
        raise Refused(400, f"Activation id length is {len(identity)} but must be 32.")
    if not HEXADECIMAL.fullmatch(identity):
        raise Refused(400, "The activation id is not valid.")
    record = services(request).records.get(caller.namespace, identity)
    if record is None:
        raise not_found()
    return record


async def get_activation(request: Request) -> Response:
    """One record."""
    return json_answer(asked_record(request))


async def get_result(request: Request) -> Response:
    """A record's response."""
    response = asked_record(request).response
    return json_answer(msgspec.to_builtins(response))


async def get_logs(request: Request) -> Response:
    """A record's logs."""
    return json_answer({"logs": asked_record(request).logs})
