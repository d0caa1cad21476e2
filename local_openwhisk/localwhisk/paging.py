"""Lists: `limit`, `skip` and `count` as OpenWhisk reads them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from localwhisk.errors import Refused
from localwhisk.http import flag, json_answer
from localwhisk.settings import LIST_DEFAULT, LIST_MOST

Item = TypeVar("Item")


def page(request: Request, collection: str) -> tuple[int, int]:
    """How many items are asked for, and how many are skipped; limit 0 is the most.

    Raises:
        Refused: 400, one of the two is no number or out of its range.
    """
    limit = whole_number(request, "limit", LIST_DEFAULT, collection)
    skip = whole_number(request, "skip", 0, collection)
    if not 0 <= limit <= LIST_MOST:
        raise Refused(
            400,
            f"The value '{limit}' is not in the range of 0 to {LIST_MOST} "
            f"for {collection}.",
        )
    if skip < 0:
        raise Refused(
            400,
            f"The value '{skip}' is not greater than or equal to 0 for {collection}.",
        )
    return limit or LIST_MOST, skip


def whole_number(request: Request, name: str, default: int, collection: str) -> int:
    """A query parameter as a number.

    Raises:
        Refused: 400, it isn't one.
    """
    text = request.query_params.get(name)
    if text is None:
        return default
    try:
        return int(text)
    except ValueError as error:
        raise Refused(
            400, f"The value '{text}' is not an integer for {collection}."
        ) from error


def list_answer(
    request: Request,
    collection: str,
    items: Sequence[Item],
    summary: Callable[[Item], dict[str, Any]],
) -> Response:
    """One page of a list, or the number of items with `count=true`."""
    limit, skip = page(request, collection)
    if flag(request, "count"):
        return json_answer({collection: max(0, len(items) - skip)})
    return json_answer([summary(item) for item in items[skip : skip + limit]])
