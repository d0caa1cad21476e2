"""The gateway's management: APIs created, listed and deleted as routemgmt's actions do.

An API is a Swagger document per base path. Each operation names its web action in
`x-openwhisk`; the backend URL that a tool writes there is not looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from localwhisk.errors import Refused, not_found
from localwhisk.gateway import tenant
from localwhisk.http import authenticate, decode, json_answer, read_body, services
from localwhisk.invocation import Caller
from localwhisk.models import Api

VERBS = ("get", "post", "put", "delete", "patch", "head", "options")


class Backend(msgspec.Struct, rename="camel"):
    """The web action behind an operation, as the tools name it: `package/action`."""

    name: str
    namespace: str
    backend_method: str
    backend_url: str
    authkey: str = ""
    secure_key: Any = None


class ApiDocument(msgspec.Struct, rename="camel"):
    """What createApi is sent: one operation, or a whole Swagger document as text."""

    namespace: str
    gateway_base_path: str = ""
    gateway_path: str = ""
    gateway_method: str = ""
    api_name: str = ""
    action: Backend | None = None
    path_parameters: list[dict[str, Any]] = []
    swagger: str | None = None


class CreateBody(msgspec.Struct):
    """POST createApi."""

    apidoc: ApiDocument


async def manage(request: Request) -> Response:
    """`createApi.http`, `getApi.http`, `deleteApi.http`, for the caller's own APIs."""
    caller = authenticate(request)
    operation = request.path_params["operation"].removesuffix(".http")
    handlers = {
        ("createApi", "POST"): create_api,
        ("getApi", "GET"): get_api,
        ("deleteApi", "DELETE"): delete_api,
    }
    handler = handlers.get((operation, request.method))
    if handler is None:
        raise not_found()
    return await handler(request, caller)


async def create_api(request: Request, caller: Caller) -> Response:
    """Add an operation to the API of its base path, or replace the whole API."""
    given = decode(await read_body(request), CreateBody).apidoc
    apis = services(request).entities.apis
    if given.swagger is not None:
        document = decode(given.swagger.encode(), dict[str, Any])
        base = document.get("basePath")
        if not isinstance(base, str):
            raise failure("creation", "Swagger file is missing a basePath value.")
    else:
        base = given.gateway_base_path
        old = apis.find(caller.namespace, base)
        document = with_operation(old.document if old else None, given, caller, request)
    api = Api(namespace=caller.namespace, name=base, document=document)
    apis.put(api)
    return json_answer(api_value(request, api))


def with_operation(
    document: dict[str, Any] | None,
    given: ApiDocument,
    caller: Caller,
    request: Request,
) -> dict[str, Any]:
    """A Swagger document with one more operation, or one replaced."""
    action = given.action
    if action is None or not given.gateway_path or not given.gateway_method:
        raise failure("creation", "the operation has no action, path or method")
    old = document or {}
    title = given.api_name or given.gateway_base_path
    base: dict[str, Any] = {
        "swagger": "2.0",
        "basePath": given.gateway_base_path,
        "info": {"title": title, "version": "1.0.0"},
        "x-ibm-configuration": {"cors": {"enabled": True}},
        **old,
    }
    verb = given.gateway_method.lower()
    paths = dict(base.get("paths", {}))
    item = dict(paths.get(given.gateway_path, {}))
    item[verb] = operation(given, action, caller, request)
    if given.path_parameters:
        item["parameters"] = given.path_parameters
    paths[given.gateway_path] = item
    return {**base, "paths": paths}


def operation(
    given: ApiDocument, action: Backend, caller: Caller, request: Request
) -> dict[str, Any]:
    """One operation of a Swagger document, with the web action behind it."""
    package, _, name = action.name.rpartition("/")
    namespace = caller.namespace if action.namespace == "_" else action.namespace
    described = {
        "namespace": namespace,
        "package": package or "default",
        "action": name,
        "url": action.backend_url,
        "responsetype": request.query_params.get("responsetype", "http"),
    }
    if action.secure_key is not None:
        described["secureKey"] = action.secure_key
    return {
        "operationId": f"{given.gateway_method.lower()}-{given.gateway_path}",
        "responses": {"default": {"description": "Default response"}},
        "x-openwhisk": described,
    }


def api_value(request: Request, api: Api) -> dict[str, Any]:
    """An API as createApi and getApi show it."""
    base = str(request.base_url).rstrip("/")
    identity = tenant(request)
    return {
        "gwApiUrl": f"{base}/api/{identity}/{api.name.strip('/')}",
        "gwApiActivated": True,
        "tenantId": identity,
        "namespace": api.namespace,
        "apidoc": api.document,
    }


async def get_api(request: Request, caller: Caller) -> Response:
    """The caller's APIs, or the one with this base path or title."""
    wanted = request.query_params.get("basepath", "")
    apis = services(request).entities.apis.list(
        caller.namespace, lambda api: not wanted or wanted in names_of(api)
    )
    key = f"API:{caller.namespace}"
    return json_answer(
        {
            "apis": [
                {
                    "id": f"{key}:{api.name}",
                    "key": f"{key}:{api.name}",
                    "value": api_value(request, api),
                }
                for api in apis
            ]
        }
    )


def names_of(api: Api) -> tuple[str, str]:
    """What an API can be asked for by: its base path and its title."""
    return api.name, str(api.document.get("info", {}).get("title", ""))


async def delete_api(request: Request, caller: Caller) -> Response:
    """Delete an API, one of its paths, or one operation of a path."""
    apis = services(request).entities.apis
    base = request.query_params.get("basepath", "")
    api = next(iter(apis.list(caller.namespace, lambda a: base in names_of(a))), None)
    if api is None:
        raise failure("deletion", f"API '{base}' does not exist.")
    paths = remaining_paths(api, request.query_params)
    if paths:
        apis.put(
            msgspec.structs.replace(api, document={**api.document, "paths": paths})
        )
    else:
        apis.delete(api)
    return json_answer({})


def remaining_paths(api: Api, asked: Mapping[str, str]) -> dict[str, Any]:
    """The paths that a deletion leaves; none when the whole API is meant.

    Raises:
        Refused: the API has no such path or operation.
    """
    path, verb = asked.get("relpath", ""), asked.get("operation", "").lower()
    if not path:
        return {}
    paths = dict(api.document.get("paths", {}))
    item = dict(paths.pop(path, {}))
    if not item or (verb and verb not in item):
        raise failure("deletion", f"API '{api.name}' has no operation '{verb} {path}'.")
    item.pop(verb, None)
    if verb and any(other in item for other in VERBS):
        paths[path] = item
    return paths


def failure(what: str, reason: str) -> Refused:
    """The answer of routemgmt's actions to what they can't do."""
    return Refused(502, f"API {what} failure: {reason}")
