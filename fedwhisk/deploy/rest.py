"""The REST API of an OpenWhisk."""

from __future__ import annotations

from typing import Any, Self
from urllib.parse import quote

import requests

from fedcore.adapters.routes import PACKAGE, ActionSpec

TIMEOUT_S = 90
LOG_MB = 1


class DeployError(Exception):
    """The host refused a call, or cannot be reached."""


class Host:
    """An OpenWhisk, as the owner of a namespace calls it."""

    def __init__(self, *, apihost: str, auth: str) -> None:
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
        """Return the namespace of the credentials."""
        return str(self.call("GET", "/api/v1/namespaces")[0])

    def base_url(self) -> str:
        """Return the URL under which the web actions are."""
        return f"{self.url}/api/v1/web/{self.namespace()}/{PACKAGE}"

    def call(
        self, method: str, path: str, missing_is_fine: bool = False, **options: Any
    ) -> Any:
        """Make one call and return its JSON; None for a 404 that is fine.

        Raises:
            DeployError: the call did not succeed.
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
            found = f"{answer.status_code} {_reason(answer)}"
            raise DeployError(f"{method} {path}: {found}")
        return _json(answer)

    def put(self, collection: str, name: str, body: dict[str, Any]) -> None:
        """Create or replace an entity of the namespace."""
        path = entity_path(collection, name)
        self.call("PUT", path, params={"overwrite": "true"}, json=body)


def entity_path(collection: str, name: str) -> str:
    """Return the path of an entity of the caller's namespace."""
    return f"/api/v1/namespaces/_/{collection}/{quote(name)}"


def limits(action: ActionSpec) -> dict[str, int]:
    """Return the limits of an action by OpenWhisk's names: ms, MB and MB."""
    memory = action.memory_mb
    return {"timeout": action.timeout_ms, "memory": memory, "logs": LOG_MB}


def _json(answer: requests.Response) -> Any:
    """Return an answer's JSON; None if it has none, such as the text `OK`."""
    try:
        return answer.json()
    except requests.JSONDecodeError:
        return None


def _reason(answer: requests.Response) -> str:
    content = _json(answer)
    return (
        str(content.get("error", content)) if isinstance(content, dict) else answer.text
    )
