"""`/packages`: written, read, deleted."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from localwhisk.entities import Entities, merged
from localwhisk.errors import Refused
from localwhisk.http import authorize, flag, json_answer, services
from localwhisk.models import Action, Binding, Package, PackageBody
from localwhisk.paging import list_answer
from localwhisk.rest_entities import begin_writing, named


def package_view(package: Package) -> dict[str, Any]:
    """A package as callers see it; an ordinary one has an empty binding."""
    return dict(msgspec.to_builtins(package))


def package_summary(package: Package) -> dict[str, Any]:
    """A package in a list; there, an ordinary one has no binding."""
    shown = package_view(package)
    del shown["parameters"]
    return {**shown, "binding": shown["binding"] or False}


def content_view(action: Action) -> dict[str, Any]:
    """An action as its package shows it."""
    return {
        "name": action.own_name,
        "version": action.version,
        "annotations": msgspec.to_builtins(action.annotations),
    }


def provider(entities: Entities, package: Package) -> Package:
    """The package whose actions are meant: the bound one of a binding."""
    bound = package.binding
    return entities.packages.get(bound.namespace, bound.name) if bound.name else package


async def list_packages(request: Request) -> Response:
    """The namespace's packages."""
    caller = authorize(request)
    packages = services(request).entities.packages.list(caller.namespace)
    return list_answer(request, "packages", packages, package_summary)


async def get_package(request: Request) -> Response:
    """One package and what is in it."""
    entities = services(request).entities
    package = named(request, entities.packages)
    source = provider(entities, package)
    contents = entities.package_actions(source)
    shown = package_view(package)
    if source is not package:
        lent = merged(source.parameters, package.parameters)
        shown["parameters"] = msgspec.to_builtins(lent)
    return json_answer(
        {
            **shown,
            "actions": [content_view(a) for a in contents if not a.annotation("feed")],
            "feeds": [content_view(a) for a in contents if a.annotation("feed")],
        }
    )


async def put_package(request: Request) -> Response:
    """Create or update a package or a binding."""
    entities = services(request).entities
    put = await begin_writing(request, entities.packages, PackageBody)
    if put.name == "default":
        raise Refused(400, "Package name 'default' is reserved.")
    package = Package(
        namespace=put.namespace,
        name=put.name,
        binding=checked_binding(entities, put.namespace, put.old, put.body.binding),
        **put.fields,
    )
    entities.packages.put(package)
    return json_answer(package_view(package))


def checked_binding(
    entities: Entities, namespace: str, old: Package | None, wanted: Binding | None
) -> Binding:
    """The binding that a PUT leaves.

    Raises:
        Refused: 400, the package to bind doesn't exist or is itself a binding; 409, an
            ordinary package can't become a binding.
    """
    if wanted is None or not wanted.name:
        return old.binding if old else Binding()
    if old and not old.binding.name:
        raise Refused(
            409, "Resource is a package and cannot be converted into a binding."
        )
    owner = namespace if wanted.namespace in ("", "_") else wanted.namespace
    bound = entities.packages.find(owner, wanted.name)
    if bound is None:
        raise Refused(400, "Binding references a package that does not exist.")
    if bound.binding.name:
        raise Refused(400, "Cannot bind to another package binding.")
    return Binding(namespace=owner, name=wanted.name)


async def delete_package(request: Request) -> Response:
    """Delete a package; with `force=true` also what is in it."""
    host = services(request)
    package = named(request, host.entities.packages)
    contents = host.entities.package_actions(package)
    if contents and not flag(request, "force"):
        count = f"{len(contents)} " + ("entity" if len(contents) == 1 else "entities")
        raise Refused(
            409,
            f"Package not empty (contains {count}). "
            "Set force param or delete package contents.",
        )
    for action in contents:
        host.entities.actions.delete(action)
        host.invoker.pool.retire(action.revision)
    host.entities.packages.delete(package)
    return json_answer(package_view(package))
