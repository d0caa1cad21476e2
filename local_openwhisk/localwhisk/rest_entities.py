"""What the routes of all entities share: how one is found by name, and written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from starlette.requests import Request

from localwhisk.action_checks import check_name, check_parameter_size
from localwhisk.entities import (
    Collection,
    CommonFields,
    Kept,
    check_new,
    common_fields,
)
from localwhisk.http import authorize, flag, read_entity
from localwhisk.models import EntityBody

Sent = TypeVar("Sent", bound=EntityBody)


@dataclass(frozen=True)
class Writing(Generic[Kept, Sent]):
    """A PUT that may go on: what is written under which name, and what is there."""

    namespace: str
    name: str
    old: Kept | None
    body: Sent

    @property
    def fields(self) -> CommonFields:
        """The fields that every kind of entity has, as this PUT leaves them."""
        return common_fields(self.old, self.body)


async def begin_writing(
    request: Request, collection: Collection[Kept], sent: type[Sent]
) -> Writing[Kept, Sent]:
    """Read a PUT of an entity, and check what holds for all kinds.

    Raises:
        Refused: 401, 403, a wrong name or body, or 409: it exists and `overwrite`
            wasn't said.
    """
    name = request.path_params["name"]
    caller = authorize(request, name)
    check_name(name)
    body = await read_entity(request, sent)
    old = collection.find(caller.namespace, name)
    check_new(old, flag(request, "overwrite"))
    check_parameter_size(body)
    return Writing(caller.namespace, name, old, body)


def named(request: Request, collection: Collection[Kept]) -> Kept:
    """The entity that the path names.

    Raises:
        Refused: 401, 403, or 404: there is none.
    """
    name = request.path_params["name"]
    return collection.get(authorize(request, name).namespace, name)
