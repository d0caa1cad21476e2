"""The actions' paths behind the API gateway of an OpenWhisk."""

from __future__ import annotations

from fedcore.adapters.routes import GATEWAY_BASE, PACKAGE, ROUTES, ActionSpec
from fedwhisk.deploy.rest import Host

APIMGMT = "/api/v1/web/whisk.system/apimgmt"
# OpenWhisk's gateway wants a token and takes any.
ACCESS_TOKEN = "DUMMY TOKEN"  # noqa: S105


def create_paths(host: Host) -> str:
    """Create a path for each route, and return the URL before their names.

    The actions behind the paths need not exist yet.

    Raises:
        DeployError: the host cannot be reached, or has no gateway.
    """
    namespace = host.namespace()
    (url,) = {_create(host, namespace, route) for route in ROUTES.values()}
    return url


def delete_paths(host: Host) -> None:
    """Delete all paths, if there are any.

    Raises:
        DeployError: the host cannot be reached.
    """
    query = {**_query(host), "basepath": GATEWAY_BASE}
    path = f"{APIMGMT}/getApi.http"
    found = host.call("GET", path, missing_is_fine=True, params=query)
    if found is not None and found["apis"]:  # None: the host has no gateway
        host.call("DELETE", f"{APIMGMT}/deleteApi.http", params=query)


def _create(host: Host, namespace: str, route: ActionSpec) -> str:
    name, method = f"{PACKAGE}/{route.name}", route.method.lower()
    document = {
        "namespace": namespace,
        "apiName": PACKAGE,
        "gatewayBasePath": GATEWAY_BASE,
        "gatewayPath": f"/{route.name}",
        "gatewayMethod": method,
        "id": f"API:{namespace}:{GATEWAY_BASE}",
        "action": {
            "name": name,
            "namespace": namespace,
            "backendMethod": method,
            "backendUrl": f"{host.url}/api/v1/web/{namespace}/{name}.http",
            "authkey": host.auth,
        },
    }
    answer = host.call(
        "POST",
        f"{APIMGMT}/createApi.http",
        params={**_query(host), "responsetype": "http"},
        json={"apidoc": document},
    )
    return str(answer["gwApiUrl"])


def _query(host: Host) -> dict[str, str]:
    """Return the parameters of every call to the gateway."""
    return {"accesstoken": ACCESS_TOKEN, "spaceguid": host.auth.partition(":")[0]}
