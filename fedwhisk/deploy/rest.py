"""Deploy a manifest onto any OpenWhisk by the REST calls that wskdeploy makes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import requests

from fedwhisk.deploy.manifest import ManifestError, parse_manifest
from fedwhisk.deploy.plan import ApiOperation, Plan, api_operations, read_manifest

TIMEOUT_S = 90
APIMGMT = "/api/v1/web/whisk.system/apimgmt"
# OpenWhisk's gateway wants a token, and takes any.
ACCESS_TOKEN = "DUMMY TOKEN"  # noqa: S105

__all__ = ["DeployError", "Deployed", "ManifestError", "deploy_manifest"]


class DeployError(Exception):
    """The host refused a call, or can't be reached."""


@dataclass(frozen=True)
class Deployed:
    """What was deployed.

    Attributes:
        namespace: the namespace that owns it.
        packages: names of packages.
        actions: URLs of web actions and web sequences by `package/name`; empty text
            for those that are not on the web.
        apis: URLs of the gateway's APIs by base path.
    """

    namespace: str
    packages: list[str]
    actions: dict[str, str]
    apis: dict[str, str]


class Host:
    """An OpenWhisk, and the calls it is asked."""

    def __init__(self, apihost: str, auth: str) -> None:
        self.url = (apihost if "://" in apihost else f"https://{apihost}").rstrip("/")
        self.auth = auth
        self._session = requests.Session()
        user, _, key = auth.partition(":")
        self._session.auth = (user, key)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *unused: object) -> None:
        self._session.close()

    def namespace(self) -> str:
        """The namespace that the credentials are for."""
        return str(self.call("GET", "/api/v1/namespaces")[0])

    def call(
        self, method: str, path: str, missing_is_fine: bool = False, **options: Any
    ) -> Any:
        """Make one call, and return its JSON.

        Raises:
            DeployError: it didn't succeed; 404 is None where that is fine.
        """
        try:
            answer = self._session.request(
                method, self.url + path, timeout=TIMEOUT_S, **options
            )
        except requests.RequestException as error:
            raise DeployError(f"{self.url} can't be reached: {error}") from error
        if answer.status_code == 404 and missing_is_fine:
            return None
        if not answer.ok:
            raise DeployError(f"{method} {path}: {answer.status_code} {reason(answer)}")
        return json_of(answer)

    def put(self, collection: str, name: str, body: dict[str, Any]) -> Any:
        """Create or replace an entity."""
        return self.call(
            "PUT", entity_path(collection, name), params=OVERWRITE, json=body
        )

    def delete(self, collection: str, name: str) -> None:
        """Delete an entity, if it is there."""
        self.call("DELETE", entity_path(collection, name), missing_is_fine=True)


OVERWRITE = {"overwrite": "true"}


def entity_path(collection: str, name: str) -> str:
    """The path of an entity of the caller's namespace."""
    return f"/api/v1/namespaces/_/{collection}/{quote(name)}"


def json_of(answer: requests.Response) -> Any:
    """An answer's JSON; None where it has none, such as the text `OK`."""
    try:
        return answer.json()
    except requests.JSONDecodeError:
        return None


def reason(answer: requests.Response) -> str:
    """What an answer says went wrong."""
    content = json_of(answer)
    return (
        str(content.get("error", content)) if isinstance(content, dict) else answer.text
    )


def deploy_manifest(
    manifest: Path, *, apihost: str, auth: str, environment: Mapping[str, str]
) -> Deployed:
    """Deploy all that a manifest names; what is there already is replaced.

    Args:
        manifest: a wskdeploy manifest; zips lie at the paths that it names.
        apihost: the host's URL, `https://` where it has no scheme.
        auth: credentials, `uuid:key`.
        environment: the values of the manifest's variables.

    Raises:
        ManifestError: the manifest is malformed, or a variable isn't set; nothing has
            been sent then.
        DeployError: the host refused a call; earlier calls stay.
    """
    plan = read_manifest(manifest, environment)
    with Host(apihost, auth) as host:
        namespace = host.namespace()
        put_entities(host, plan)
        return Deployed(
            namespace=namespace,
            packages=list(plan.packages),
            actions=dict(web_urls(host.url, namespace, plan)),
            apis=dict(create_apis(host, manifest)),
        )


def create_apis(host: Host, manifest: Path) -> Iterator[tuple[str, str]]:
    """Create the APIs of a manifest: their base paths and URLs, operation by operation.

    The actions behind them need not be there yet.

    Raises:
        ManifestError, DeployError: as deploying does.
    """
    namespace = host.namespace()
    for name, package in parse_manifest(manifest).items():
        for operation in api_operations(name, package):
            yield create_api(host, namespace, operation)


def put_entities(host: Host, plan: Plan) -> None:
    """Put everything but APIs, each kind after those it builds on."""
    for collection, entities in (
        ("packages", plan.packages),
        ("actions", plan.actions),
        ("actions", plan.sequences),
        ("triggers", plan.triggers),
        ("rules", plan.rules),
    ):
        for name, body in entities.items():
            host.put(collection, name, body)
    for name in plan.rules:
        host.call("POST", entity_path("rules", name), json={"status": "active"})


def web_urls(url: str, namespace: str, plan: Plan) -> Iterator[tuple[str, str]]:
    """The URL of every action and sequence, empty for those that have none."""
    for name, body in {**plan.actions, **plan.sequences}.items():
        exported = {"key": "web-export", "value": True} in body["annotations"]
        yield name, f"{url}/api/v1/web/{namespace}/{name}" if exported else ""


def create_api(host: Host, namespace: str, operation: ApiOperation) -> tuple[str, str]:
    """Add one operation to its API; returns the API's base path and URL."""
    name = f"{operation.package}/{operation.action}"
    document = {
        "namespace": namespace,
        "apiName": operation.api,
        "gatewayBasePath": operation.base,
        "gatewayPath": operation.path,
        "gatewayMethod": operation.method,
        "id": f"API:{namespace}:{operation.base}",
        "action": {
            "name": name,
            "namespace": namespace,
            "backendMethod": operation.method,
            "backendUrl": f"{host.url}/api/v1/web/{namespace}/{name}.http",
            "authkey": host.auth,
        },
    }
    answer = host.call(
        "POST",
        f"{APIMGMT}/createApi.http",
        params={**gateway_query(host), "responsetype": operation.response},
        json={"apidoc": document},
    )
    return operation.base, answer["gwApiUrl"]


def gateway_query(host: Host) -> dict[str, str]:
    """What every call about APIs carries."""
    return {"accesstoken": ACCESS_TOKEN, "spaceguid": host.auth.partition(":")[0]}


def undeploy_manifest(
    manifest: Path, *, apihost: str, auth: str, environment: Mapping[str, str]
) -> None:
    """Delete all that a manifest names, and nothing else; raises as deploying does."""
    plan = read_manifest(manifest, environment)
    with Host(apihost, auth) as host:
        delete_apis(host, manifest)
        for collection, names in (
            ("rules", plan.rules),
            ("triggers", plan.triggers),
            ("actions", plan.sequences),
            ("actions", plan.actions),
            ("packages", plan.packages),
        ):
            for name in names:
                host.delete(collection, name)


def delete_apis(host: Host, manifest: Path) -> None:
    """Delete the APIs of a manifest that are there; raises as deploying does."""
    packages = parse_manifest(manifest).items()
    operations = [each for own in packages for each in api_operations(*own)]
    for base in sorted({operation.base for operation in operations}):
        query = {**gateway_query(host), "basepath": base}
        path = f"{APIMGMT}/getApi.http"
        found = host.call("GET", path, missing_is_fine=True, params=query)
        if found is not None and found["apis"]:  # none: the host has no gateway
            host.call("DELETE", f"{APIMGMT}/deleteApi.http", params=query)
