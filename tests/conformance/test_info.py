"""Probes 1 to 7: the pages that say what a host is."""

import os
import re

import requests

from tests.conformance.expect import answered, refused


def test_probe_01_the_root_tells_of_runtimes_and_limits(probed):
    answer = requests.get(f"{probed.host}/", timeout=30)
    info = answered(answer)
    assert answer.headers["content-type"] == "application/json"
    assert any(r["kind"].startswith("python:") for r in info["runtimes"]["python"])
    assert info["limits"]["sequence_length"] > 0
    assert info["limits"]["max_action_duration"] == 300_000
    assert "/api/v1" in info["api_paths"]


def test_probe_02_the_api_tells_of_its_build(probed):
    info = answered(requests.get(f"{probed.host}/api/v1", timeout=30))
    assert {"build", "buildno", "api_version"} <= info.keys()


def test_probe_03_the_caller_has_one_namespace(probed):
    names = answered(probed.session.get(probed.namespaces))
    assert names == [probed.namespace]
    if "APIHOST" not in os.environ:
        assert names == ["guest"]


def test_probe_04_a_wrong_key_is_refused(probed):
    user = probed.auth.partition(":")[0]
    answer = requests.get(probed.namespaces, auth=(user, "x" * 64), timeout=30)
    refused(answer, 401, "The supplied authentication is invalid")
    challenge = answer.headers["www-authenticate"]
    assert challenge.startswith("Basic")
    assert "OpenWhisk secure realm" in challenge


def test_probe_05_no_key_is_refused(probed):
    answer = requests.get(probed.namespaces, timeout=30)
    refused(answer, 401, "authentication, which was not supplied")


def test_probe_06_a_request_id_becomes_the_error_code(probed):
    url = f"{probed.here}/actions/no-such-action"
    answer = probed.session.get(url, headers={"X-Request-ID": "abc"})
    refused(answer, 404)
    assert answer.json()["code"] == "abc"
    assert answer.headers["x-request-id"] == "abc"
    other = probed.get("actions/no-such-action").json()["code"]
    assert re.fullmatch(r"\w{32}", other)


def test_probe_07_limits_are_numbers(probed):
    limits = answered(probed.get("limits"))
    for name in ("invocationsPerMinute", "concurrentInvocations", "firesPerMinute"):
        assert limits[name] > 0
