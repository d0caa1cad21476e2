"""The real wskdeploy against the embedded host."""

from __future__ import annotations

import base64
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from actions.build import build
from fedcore.adapters.routes import ROUTES
from fedwhisk.database import EmbeddedDatabase
from fedwhisk.deploy import (
    Host,
    create_apis,
    delete_apis,
    deploy_manifest,
    undeploy_manifest,
)
from fedwhisk.host import HostServer, HostSettings
from fedwhisk.manifest import API_MANIFEST, MANIFESTS
from fedwhisk.platform import TARGET
from tests.openwhisk import ECHO, OpenWhisk, annotation, zipped
from tests.tools import wskdeploy

pytestmark = [pytest.mark.e2e, pytest.mark.wskdeploy]

MANIFEST = """
packages:
  demo:
    version: 1.0
    license: Apache-2.0
    inputs:
      GREETING: $GREETING
    actions:
      hello:
        function: hello.py
        runtime: python:3.11
        web: true
        limits: {timeout: 10000, memorySize: 128, logSize: 1}
        inputs:
          count: {type: integer, value: 3}
          mixed: pre-${GREETING}-post
        annotations:
          note: hi
      zipped:
        function: ${ZIP}
        runtime: python:3.11
    sequences:
      both:
        actions: hello, zipped
        web: true
    triggers:
      tick:
        inputs: {a: 1}
    rules:
      on-tick: {trigger: tick, action: zipped}
    apis:
      demo-api:
        /demo:
          /hello:
            hello: {method: get, response: http}
          /both:
            both: {method: post, response: json}
"""
HELLO = "def main(args):\n    return {'body': {'seen': sorted(args)}}\n"
KINDS = ("packages", "actions", "triggers", "rules")


@pytest.fixture(scope="module")
def host() -> Iterator[HostServer]:
    with HostServer(HostSettings(port=0, invocations_per_minute=10_000)) as server:
        yield server


@pytest.fixture
def whisk(host: HostServer) -> OpenWhisk:
    return OpenWhisk(host.url, host.auth)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "manifest.yaml").write_text(MANIFEST)
    (tmp_path / "hello.py").write_text(HELLO)
    archive = base64.b64decode(zipped({"__main__.py": "def main(a):\n return a\n"}))
    (tmp_path / "zipped.zip").write_bytes(archive)
    return tmp_path


VALUES = {"GREETING": "va$lue", "ZIP": "zipped.zip"}


def run(
    host: HostServer, folder: Path, *words: str, values: dict[str, str] = VALUES
) -> str:
    """Run wskdeploy in a folder, away from the user's own settings."""
    command = [str(wskdeploy()), *words, "--apihost", host.url, "--auth", host.auth]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), **values}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def names(whisk: OpenWhisk) -> dict[str, list[str]]:
    """The names of all that is deployed, by kind."""
    found = {k: sorted(e["name"] for e in whisk.get(k).json()) for k in KINDS}
    management = f"{whisk.host}/api/v1/web/whisk.system/apimgmt/getApi.http"
    apis = whisk.session.get(management).json()["apis"]
    return {**found, "apis": [api["value"]["apidoc"]["basePath"] for api in apis]}


NOTHING: dict[str, list[str]] = {**{kind: [] for kind in KINDS}, "apis": []}
ALL = {
    "packages": ["demo"],
    "actions": ["both", "hello", "zipped"],
    "triggers": ["tick"],
    "rules": ["on-tick"],
    "apis": ["/demo"],
}


def test_wskdeploy_deploys_redeploys_and_undeploys(host, whisk, project):
    run(host, project, "-m", "manifest.yaml")
    assert names(whisk) == ALL
    hello = whisk.get("actions/demo/hello").json()
    bound = {p["key"]: p["value"] for p in hello["parameters"]}
    assert bound == {"GREETING": "va$lue", "count": 3, "mixed": "pre-va$lue-post"}
    assert annotation(hello, "final") is True
    assert hello["limits"]["memory"] == 128
    url = whisk.session.get(
        f"{whisk.host}/api/v1/web/whisk.system/apimgmt/getApi.http"
    ).json()["apis"][0]["value"]["gwApiUrl"]
    seen = whisk.session.get(f"{url}/hello?x=1").json()["seen"]
    assert {"x", "GREETING", "count", "__ow_path"} <= set(seen)
    assert "seen" in whisk.session.post(f"{url}/both").json()["body"]
    run(host, project, "-m", "manifest.yaml")
    assert names(whisk) == ALL
    assert whisk.get("actions/demo/hello").json()["version"] == "0.0.2"
    run(host, project, "undeploy", "-m", "manifest.yaml")
    assert names(whisk) == NOTHING


def test_our_own_deployment_writes_what_wskdeploy_writes(host, whisk, project):
    def deployed() -> list[dict[str, object]]:
        paths = ("packages/demo", "actions/demo/hello", "actions/demo/both")
        paths += ("actions/demo/zipped", "triggers/tick", "rules/on-tick")
        found = [whisk.get(path).json() for path in paths]
        for entity in found:
            for volatile in ("updated", "actions", "version"):
                entity.pop(volatile, None)
            for listed in ("annotations", "parameters"):
                entity.get(listed, []).sort(key=lambda p: p["key"])
        return found

    run(host, project, "-m", "manifest.yaml")
    theirs = deployed()
    run(host, project, "undeploy", "-m", "manifest.yaml")
    where = {"apihost": host.url, "auth": host.auth, "environment": VALUES}
    ours = deploy_manifest(project / "manifest.yaml", **where)
    assert deployed() == theirs
    assert names(whisk) == ALL
    assert ours.actions["demo/hello"] == f"{host.web_url}/demo/hello"
    assert ours.apis["/demo"].endswith("/demo")
    undeploy_manifest(project / "manifest.yaml", **where)
    assert names(whisk) == NOTHING


def test_wskdeploy_syncs_exports_and_reports_a_managed_project(host, whisk, project):
    run(host, project, "sync", "-m", "manifest.yaml", "--projectname", "managed")
    assert names(whisk) == ALL
    without = MANIFEST.replace("on-tick: {trigger: tick, action: zipped}", "")
    (project / "manifest.yaml").write_text(without.replace("    rules:\n", ""))
    run(host, project, "sync", "-m", "manifest.yaml", "--projectname", "managed")
    assert names(whisk) == {**ALL, "rules": []}
    run(host, project, "export", "-m", "out.yaml", "--projectname", "managed")
    assert "demo/zipped.zip" in (project / "out.yaml").read_text()
    assert '"mixed": "pre-va$lue-post"' in run(
        host, project, "report", "-m", "manifest.yaml"
    )
    run(host, project, "undeploy", "-m", "manifest.yaml")
    assert names(whisk) == NOTHING


@pytest.fixture(scope="module")
def own_values(tmp_path_factory) -> Iterator[dict[str, str]]:
    """What the project's own manifests are filled with; there is a database."""
    build(TARGET)
    folder = tmp_path_factory.mktemp("database")
    with EmbeddedDatabase(folder / "data", folder / "log") as database:
        yield {
            "MONGODB_URL": database.url,
            "MONGODB_DATABASE": "fedwhisk",
            "FED_SECRET": "s" * 32,
            "FED_SECRET_PREVIOUS": "",
            "CALLS_PER_MINUTE": "60",
            "ACTIONS_TARGET": TARGET,
            "ACTIONS_IMAGE": "registry/fedwhisk-actions:1",
        }


def test_wskdeploy_deploys_the_projects_own_manifest(host, whisk, own_values):
    run(host, MANIFESTS, "-m", "manifest.yaml", values=own_values)
    actions = names(whisk)["actions"]
    assert {"check_in", "advance_round", "fedavg", "select_clients"} <= set(actions)
    sequence = whisk.get("actions/fedwhisk/advance_round").json()
    assert annotation(sequence, "web-export") is True
    run(host, MANIFESTS, "undeploy", "-m", "manifest.yaml", values=own_values)
    assert names(whisk) == NOTHING


def gateway_routes(whisk: OpenWhisk) -> dict[tuple[str, str], tuple[str, str, str]]:
    """What the one API of the gateway does: paths and verbs to web actions."""
    management = f"{whisk.host}/api/v1/web/whisk.system/apimgmt/getApi.http"
    (api,) = whisk.session.get(management).json()["apis"]
    document = api["value"]["apidoc"]
    found = {}
    for path, item in document["paths"].items():
        for verb, operation in item.items():
            there = operation["x-openwhisk"]
            action = (there["package"], there["action"], there["responsetype"])
            found[document["basePath"] + path, verb] = action
    return found


def test_wskdeploy_makes_the_gateways_paths_as_our_own_deployment_does(
    host, whisk, own_values
):
    run(host, MANIFESTS, "-m", "apis.yaml", values=own_values)
    theirs = gateway_routes(whisk)
    assert theirs["/fed/check_in", "post"] == ("fedwhisk", "check_in", "http")
    assert len(theirs) == len(ROUTES)
    management = f"{whisk.host}/api/v1/web/whisk.system/apimgmt/getApi.http"
    value = whisk.session.get(management).json()["apis"][0]["value"]
    stranger = requests.get(f"{value['gwApiUrl']}/status", timeout=30)
    assert stranger.status_code == 401
    assert stranger.json()["error"]["code"] == "unauthenticated"
    with Host(host.url, host.auth) as ours:
        delete_apis(ours, API_MANIFEST)
        assert names(whisk)["apis"] == []
        assert dict(create_apis(ours, API_MANIFEST)) == {"/fed": value["gwApiUrl"]}
    assert gateway_routes(whisk) == theirs
    run(host, MANIFESTS, "undeploy", "-m", "apis.yaml", values=own_values)
    assert names(whisk) == NOTHING


def test_wskdeploy_deploys_the_manifest_for_an_image(host, whisk, own_values):
    run(host, MANIFESTS, "-m", "image.yaml", values=own_values)
    fedavg = whisk.get("actions/fedwhisk/fedavg").json()
    assert fedavg["exec"]["kind"] == "blackbox"
    assert fedavg["exec"]["image"] == "registry/fedwhisk-actions:1"
    assert "fedavg.ACTION" in fedavg["exec"]["code"]
    assert fedavg["limits"]["timeout"] == 300_000
    run(host, MANIFESTS, "undeploy", "-m", "image.yaml", values=own_values)
    assert names(whisk) == NOTHING


def test_the_sweep_moves_rounds_on_as_the_namespaces_owner(
    host, whisk, own_values, tmp_path
):
    # Stands in for the alarms package, which a standalone OpenWhisk lacks, too.
    whisk.put("packages/alarms", {})
    whisk.action("alarms/alarm", ECHO)
    manifest = (MANIFESTS / "alarms.yaml").read_text()
    (tmp_path / "alarms.yaml").write_text(manifest.replace("/whisk.system/", "/guest/"))
    run(host, MANIFESTS, "-m", "manifest.yaml", values=own_values)
    for _ in range(2):  # the second time it deletes and recreates the feed's trigger
        run(host, tmp_path, "-m", "alarms.yaml")
        asked = latest_result(whisk, "alarms/alarm")
        assert asked["lifecycleEvent"] == "CREATE"
        assert asked["triggerName"].endswith("/fedwhisk-sweep")
        assert asked["cron"] == "*/5 * * * *"

    assert whisk.post("triggers/fedwhisk-sweep").status_code == 202
    swept = latest_result(whisk, "fedwhisk/advance_round")
    assert swept["statusCode"] == 200

    run(host, tmp_path, "undeploy", "-m", "alarms.yaml")
    assert latest_result(whisk, "alarms/alarm")["lifecycleEvent"] == "DELETE"
    run(host, MANIFESTS, "undeploy", "-m", "manifest.yaml", values=own_values)
    assert whisk.delete("packages/alarms", force="true").ok
    assert names(whisk) == NOTHING


def latest_result(whisk: OpenWhisk, name: str) -> dict[str, Any]:
    """The result of an action's latest activation, once there is one."""
    deadline = time.monotonic() + 60
    while not (found := whisk.get("activations", name=name, limit=1).json()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    record = whisk.record(found[0]["activationId"])
    assert record["response"]["success"], record
    result: dict[str, Any] = record["response"]["result"]
    return result
