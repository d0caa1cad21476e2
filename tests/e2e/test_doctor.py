"""`fedwhisk doctor` against a real deployment, healthy and with each fault provoked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from fedwhisk.deploy import local
from fedwhisk.local.database import EmbeddedDatabase
from localwhisk import HostServer, HostSettings
from tests.openwhisk import OpenWhisk

pytestmark = pytest.mark.e2e

SECRET = "a secret of thirty-two bytes or more"
BUDGET = 1000


@pytest.fixture(scope="module")
def deployed(tmp_path_factory) -> Iterator[tuple[HostServer, dict[str, str]]]:
    """A host with everything deployed, and what is bound to it."""
    folder = tmp_path_factory.mktemp("doctor")
    with (
        EmbeddedDatabase(folder / "data", folder / "log") as database,
        HostServer(HostSettings(port=0, invocations_per_minute=BUDGET)) as host,
    ):
        bound = {
            "MONGODB_URL": database.url,
            "MONGODB_DATABASE": "doctor",
            "FED_SECRET": SECRET,
            "FED_SECRET_PREVIOUS": "",
            "CALLS_PER_MINUTE": str(BUDGET),
        }
        local.deploy(local.build(), bound, apihost=host.url, auth=host.auth)
        yield host, bound


@pytest.fixture
def patient(machine, deployed):
    """A machine whose `.env` names that deployment."""
    host, _ = deployed
    machine.environment |= {
        "BASE_URL_OW": f"{host.web_url}/fedwhisk",
        "APIHOST": host.url,
        "AUTH": host.auth,
        "FED_SECRET": SECRET,
    }
    return machine


@contextmanager
def bound_to(deployed, **values: str) -> Iterator[None]:
    """Bind other values to the package for a while."""
    host, bound = deployed
    whisk = OpenWhisk(host.url, host.auth)

    def bind(parameters: dict[str, str]) -> None:
        shown = [{"key": key, "value": value} for key, value in parameters.items()]
        assert whisk.put("packages/fedwhisk", {"parameters": shown}).ok

    bind(bound | values)
    try:
        yield
    finally:
        bind(bound)


def examined(machine, *options: str, code: int) -> dict[str, dict[str, Any]]:
    """The findings of a doctor that ends with this code, by what was looked at."""
    command = ("doctor", "--on", "openwhisk", "--json", *options)
    out, _ = machine.call(*command, code=code)
    said = json.loads(out)
    assert said["healthy"] is (code == 0)
    return {finding["check"]: finding for finding in said["findings"]}


def grades(findings: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {check: finding["grade"] for check, finding in findings.items()}


CHECKS = (
    *("url", "clock", "secret", "database", "actions", "sequence"),
    *("apihost", "package", "limits", "budget"),
)
ALL_WELL = dict.fromkeys(CHECKS, "ok")


def test_a_healthy_deployment_gets_ten_times_ok(patient):
    assert grades(examined(patient, code=0)) == ALL_WELL
    out, _ = patient.call("doctor", "--on", "openwhisk")
    lines = out.splitlines()
    assert len(lines) == len(ALL_WELL)
    assert all(line.startswith("ok ") for line in lines)


def test_another_secret_is_a_problem(patient):
    patient.environment["FED_SECRET"] = "another secret, thirty-two bytes long"
    findings = examined(patient, code=1)
    assert findings["secret"]["grade"] == "problem"
    assert "another than ours" in findings["secret"]["found"]
    assert findings["actions"]["grade"] == "ok"


def test_a_secret_that_is_too_short_is_a_problem(patient, deployed):
    with bound_to(deployed, FED_SECRET="short"):
        secret = examined(patient, code=1)["secret"]
    assert secret["grade"] == "problem"
    assert "FED_SECRET: found 5 bytes" in secret["found"]


def test_a_database_that_is_away_is_a_problem(patient, deployed):
    with bound_to(deployed, MONGODB_URL="mongodb://127.0.0.1:9/"):
        findings = examined(patient, code=1)
    assert findings["database"]["grade"] == "problem"
    assert "did not answer" in findings["database"]["found"]
    assert "MONGODB_URL" in findings["database"]["advice"]
    assert findings["secret"]["grade"] == findings["actions"]["grade"] == "ok"


def test_a_budget_beyond_the_platforms_is_a_problem(patient, deployed):
    with bound_to(deployed, CALLS_PER_MINUTE="60000"):
        limits = examined(patient, code=1)["limits"]
    assert limits["grade"] == "problem"
    assert f"the platform allows {BUDGET}" in limits["found"]


def test_a_budget_is_held_against_the_clients_that_are_planned(patient):
    few = examined(patient, "--clients", "1000", code=0)["budget"]
    assert few["grade"] == "ok"
    assert "1000 clients with 10 a round" in few["found"]
    all_of_them = ("--clients", "10000", "--per-round", "10000")
    many = examined(patient, *all_of_them, code=1)["budget"]
    assert many["grade"] == "problem"


def test_an_action_that_is_missing_is_named(patient, deployed):
    host, _ = deployed
    whisk = OpenWhisk(host.url, host.auth)
    kept = whisk.get("actions/fedwhisk/check_in").json()
    assert whisk.delete("actions/fedwhisk/check_in").ok
    try:
        findings = examined(patient, code=1)
    finally:
        body = {key: kept[key] for key in ("exec", "annotations", "limits")}
        assert whisk.put("actions/fedwhisk/check_in", body).ok
    assert findings["actions"]["found"] == "not deployed: check_in"
    assert findings["package"]["found"] == "fedwhisk lacks check_in"
    assert grades(examined(patient, code=0)) == ALL_WELL


def test_limits_below_the_manifests_are_named(patient, deployed):
    host, _ = deployed
    whisk = OpenWhisk(host.url, host.auth)
    for memory, grade in ((128, "warning"), (256, "ok")):
        limits = {"limits": {"memory": memory}}
        assert whisk.put("actions/fedwhisk/fedavg", limits).ok
        package = examined(patient, code=0)["package"]
        assert package["grade"] == grade
        assert ("fedavg: memory is 128, expected 256" in package["found"]) is (
            grade == "warning"
        )


def test_wrong_credentials_and_missing_ones_are_told_apart(patient):
    patient.environment["AUTH"] = "nobody:nothing"
    refused = examined(patient, code=1)["apihost"]
    assert refused["grade"] == "problem"
    assert "401" in refused["found"]
    del patient.environment["AUTH"]
    untold = examined(patient, code=0)
    assert untold["limits"]["grade"] == "warning"
    assert "apihost" not in untold


def test_an_empty_host_and_one_that_is_down_are_problems(patient):
    with HostServer(HostSettings(port=0)) as empty:
        patient.environment |= {
            "BASE_URL_OW": f"{empty.web_url}/fedwhisk",
            "APIHOST": empty.url,
            "AUTH": empty.auth,
        }
        findings = examined(patient, code=1)
        assert findings["actions"]["found"].startswith("not deployed: ")
        assert findings["package"]["found"] == "namespace guest has no package fedwhisk"
        assert findings["kind"]["grade"] == "ok"
    findings = examined(patient, code=1)  # it has just gone down
    assert grades(findings) == {"url": "problem", "apihost": "problem"}
    assert findings["url"]["found"].endswith("Connection refused")


def test_https_to_a_host_without_it_is_a_problem_of_tls(patient):
    url = patient.environment["BASE_URL_OW"].replace("http://", "https://")
    patient.environment["BASE_URL_OW"] = url
    found = examined(patient, code=1)["url"]
    assert "TLS" in found["advice"]


def test_the_embedded_platform_is_as_healthy(machine):
    machine.home.mkdir()
    out, _ = machine.call("doctor", "--json")
    said = json.loads(out)
    assert {each["check"]: each["grade"] for each in said["findings"]} == ALL_WELL
