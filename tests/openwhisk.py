"""A small OpenWhisk client for tests, and the fixture actions of the probes."""

from __future__ import annotations

import base64
import io
import zipfile
from functools import cached_property
from typing import Any

import requests

from tests.tools import wait_until

ECHO = "def main(args):\n    return args\n"
BOOM = "def main(args):\n    raise ValueError('boom')\n"
NONE = "def main(args):\n    return None\n"
SLOW = """
import time
def main(args):
    time.sleep(float(args.get("s", 0)))
    return {"slept": args.get("s")}
"""
BIG = 'def main(args):\n    return {"body": "x" * int(args["n"])}\n'
COUNT = """
n = 0
def main(args):
    global n
    n += 1
    return {"n": n}
"""
RESP = """
import json
def main(args):
    return json.loads(args["r"]) if isinstance(args["r"], str) else args["r"]
"""


def zipped(files: dict[str, str]) -> str:
    """A zip of these files, in base64."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return base64.b64encode(buffer.getvalue()).decode()


class OpenWhisk:
    """One namespace of one host, over HTTP."""

    def __init__(self, apihost: str, auth: str, kind: str = "python:default") -> None:
        self.host = apihost.rstrip("/")
        self.auth = auth
        self.kind = kind
        self.session = requests.Session()
        user, _, key = auth.partition(":")
        self.session.auth = (user, key)
        self.namespaces = f"{self.host}/api/v1/namespaces"
        self.here = f"{self.namespaces}/_"

    @cached_property
    def namespace(self) -> str:
        """The namespace's name."""
        return str(self.session.get(self.namespaces).json()[0])

    @property
    def web(self) -> str:
        """Where the namespace's web actions are."""
        return f"{self.host}/api/v1/web/{self.namespace}"

    def get(self, path: str, **query: Any) -> requests.Response:
        return self.session.get(f"{self.here}/{path}", params=query)

    def put(self, path: str, body: Any, overwrite: bool = True) -> requests.Response:
        query = {"overwrite": "true"} if overwrite else {}
        return self.session.put(f"{self.here}/{path}", params=query, json=body)

    def delete(self, path: str, **query: Any) -> requests.Response:
        return self.session.delete(f"{self.here}/{path}", params=query)

    def post(self, path: str, body: Any = None, **query: Any) -> requests.Response:
        return self.session.post(
            f"{self.here}/{path}", params=query, json={} if body is None else body
        )

    def action(self, name: str, code: str, **body: Any) -> requests.Response:
        """Write an action; keywords are the body's other fields."""
        main = {"main": body.pop("main")} if "main" in body else {}
        exec_ = {"kind": self.kind, "code": code, **main}
        return self.put(f"actions/{name}", {"exec": exec_, **body})

    def web_action(
        self, name: str, code: str, notes: dict[str, Any] | None = None, **body: Any
    ) -> requests.Response:
        """Write an action that is on the web, with further annotations."""
        annotations = {"web-export": True, **(notes or {})}
        shown = [{"key": key, "value": value} for key, value in annotations.items()]
        return self.action(name, code, annotations=shown, **body)

    def call(self, name: str, body: Any = None, **query: Any) -> requests.Response:
        """Invoke an action and wait for its record."""
        return self.post(f"actions/{name}", body, blocking="true", **query)

    def record(self, activation_id: str) -> dict[str, Any]:
        """The record of an activation, once it is there with its logs."""

        def there() -> dict[str, Any] | None:
            answer = self.get(f"activations/{activation_id}")
            return answer.json() if answer.status_code == 200 else None

        return wait_until(there, f"activation {activation_id}", patience_s=20)

    def latest(self, name: str) -> dict[str, Any]:
        """The record of an action's latest activation, once there is one."""
        query = {"name": name, "limit": 1}
        (found,) = wait_until(lambda: self.get("activations", **query).json(), name)
        return self.record(found["activationId"])


def annotation(entity: dict[str, Any], key: str) -> Any:
    """The value of an entity's or a record's annotation, None where it has none."""
    return next((a["value"] for a in entity["annotations"] if a["key"] == key), None)
