"""Deployment without wskdeploy; test_wskdeploy.py holds it against the tool."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from fedwhisk.deploy.plan import read_manifest
from fedwhisk.deploy.rest import (
    DeployError,
    ManifestError,
    deploy_manifest,
    undeploy_manifest,
)
from fedwhisk.deploy.variables import Filler
from localwhisk import HostServer, HostSettings

pytestmark = pytest.mark.e2e

MANIFEST = """
packages:
  p:
    inputs: {URL: $URL}
    actions:
      a:
        function: ${FILE}
        runtime: python:3.11
        web: true
        inputs: {plain: 1, text: string, none: {type: integer}, given: {value: x}}
    sequences:
      s: {actions: "a, a", web: true}
"""
CODE = "def main(args):\n    return {'body': sorted(args)}\n"


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    (tmp_path / "a.py").write_text(CODE)
    path = tmp_path / "manifest.yaml"
    path.write_text(MANIFEST)
    return path


def test_a_manifest_is_deployed_and_undeployed(manifest):
    values = {"URL": "mongodb://x", "FILE": "a.py"}
    with HostServer(HostSettings(port=0)) as host:
        where = {"apihost": host.url, "auth": host.auth, "environment": values}
        for _ in range(2):
            deployed = deploy_manifest(manifest, **where)
        assert deployed.namespace == "guest"
        url = deployed.actions["p/a"]
        seen = requests.get(url, timeout=30).json()
        assert {"URL", "plain", "text", "none", "given"} <= set(seen)
        undeploy_manifest(manifest, **where)
        assert requests.get(url, timeout=30).status_code == 404


def test_every_unset_variable_is_named_before_anything_is_sent(manifest):
    (manifest.parent / "manifest.yaml").write_text(
        MANIFEST.replace("${FILE}", "a.py").replace("plain: 1", "plain: 'x-${MORE}'")
    )
    with pytest.raises(ManifestError, match="not set in the environment: MORE, URL"):
        deploy_manifest(
            manifest, apihost="http://127.0.0.1:1", auth="a:b", environment={}
        )


def test_a_host_that_is_not_there_is_named(manifest):
    values = {"URL": "", "FILE": "a.py"}
    with pytest.raises(DeployError, match=r"http://127\.0\.0\.1:1 can't be reached"):
        deploy_manifest(
            manifest, apihost="http://127.0.0.1:1", auth="a:b", environment=values
        )


def test_a_refusal_names_the_call_and_the_reason(manifest):
    values = {"URL": "", "FILE": "a.py"}
    with (
        HostServer(HostSettings(port=0)) as host,
        pytest.raises(DeployError, match="401 The supplied authentication is invalid"),
    ):
        deploy_manifest(manifest, apihost=host.url, auth="a:b", environment=values)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("runtime:", "runtimes:", "unknown field `runtimes`"),
        ("web: true", "web: maybe", "web is 'maybe'"),
        ("        runtime: python:3.11\n", "", "neither a runtime nor an image"),
        ("${FILE}", "missing.zip", "missing.zip"),
        ("web: true", "limits: {memory: 1}", r"unknown limits \['memory'\]"),
        ("packages:", "packages: [", "manifest.yaml"),
    ],
)
def test_a_malformed_manifest_is_refused_with_the_reason(manifest, old, new, problem):
    manifest.write_text(MANIFEST.replace(old, new, 1))
    with pytest.raises(ManifestError, match=problem):
        read_manifest(manifest, {"URL": "", "FILE": "a.py"})


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("$X", "va$lue"),
        ("${X}", "va$lue"),
        ("pre-${X}-post", "pre-va$lue-post"),
        ("$${X}", "${X}"),
        ("pre-$X-post", "pre-$X-post"),
        ("no variable", "no variable"),
    ],
)
def test_variables_are_filled_in_as_wskdeploy_does(text, filled):
    assert Filler({"X": "va$lue"}).text(text) == filled
