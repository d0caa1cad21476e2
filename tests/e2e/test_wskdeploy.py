"""The real wskdeploy against the embedded host."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from tests import wskdeploy
from tests.openwhisk import annotation, zipped
from tests.wskdeploy import NOTHING, apis, names

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


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "manifest.yaml").write_text(MANIFEST)
    (tmp_path / "hello.py").write_text(HELLO)
    archive = base64.b64decode(zipped({"__main__.py": "def main(a):\n return a\n"}))
    (tmp_path / "zipped.zip").write_bytes(archive)
    return tmp_path


VALUES = {"GREETING": "va$lue", "ZIP": "zipped.zip"}
ALL = {
    "packages": ["demo"],
    "actions": ["both", "hello", "zipped"],
    "triggers": ["tick"],
    "rules": ["on-tick"],
    "apis": ["/demo"],
}


def run(host, folder: Path, *words: str) -> str:
    return wskdeploy.run(host, folder, *words, values=VALUES)


def test_wskdeploy_deploys_redeploys_and_undeploys(host, whisk, project):
    run(host, project, "-m", "manifest.yaml")
    assert names(whisk) == ALL
    hello = whisk.get("actions/demo/hello").json()
    bound = {p["key"]: p["value"] for p in hello["parameters"]}
    assert bound == {"GREETING": "va$lue", "count": 3, "mixed": "pre-va$lue-post"}
    assert annotation(hello, "final") is True
    assert hello["limits"]["memory"] == 128
    url = apis(whisk)[0]["gwApiUrl"]
    seen = whisk.session.get(f"{url}/hello?x=1").json()["seen"]
    assert {"x", "GREETING", "count", "__ow_path"} <= set(seen)
    assert "seen" in whisk.session.post(f"{url}/both").json()["body"]
    run(host, project, "-m", "manifest.yaml")
    assert names(whisk) == ALL
    assert whisk.get("actions/demo/hello").json()["version"] == "0.0.2"
    run(host, project, "undeploy", "-m", "manifest.yaml")
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
