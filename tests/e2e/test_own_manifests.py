"""The project's own manifests, deployed by the real wskdeploy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from fedcore.adapters.deployment import BOUND
from fedcore.adapters.routes import DECLARED, ROUTES
from fedwhisk.deploy import local
from fedwhisk.deploy.gateway import create_paths, delete_paths
from fedwhisk.deploy.rest import Host
from fedwhisk.local.database import EmbeddedDatabase
from fedwhisk.project import MANIFESTS
from tests.openwhisk import ECHO, OpenWhisk, annotation
from tests.wskdeploy import NOTHING, apis, names, run

pytestmark = [pytest.mark.e2e, pytest.mark.wskdeploy]


@pytest.fixture(scope="module")
def values(tmp_path_factory) -> Iterator[dict[str, str]]:
    """What the project's own manifests are filled with; there is a database."""
    local.build()
    folder = tmp_path_factory.mktemp("database")
    with EmbeddedDatabase(folder / "data", folder / "log") as database:
        yield {
            "MONGODB_URL": database.url,
            "MONGODB_DATABASE": "fedwhisk",
            "FED_SECRET": "0123456789abcdef" * 2,
            "FED_SECRET_PREVIOUS": "",
            "CALLS_PER_MINUTE": "60",
            "ACTIONS_TARGET": local.TARGET,
            "ACTIONS_IMAGE": "registry/fedwhisk-actions:1",
        }


def test_wskdeploy_deploys_the_projects_own_manifest(host, whisk, values):
    run(host, MANIFESTS, "-m", "manifest.yaml", values=values)
    actions = names(whisk)["actions"]
    assert {"check_in", "advance_round", "fedavg", "select_clients"} <= set(actions)
    sequence = whisk.get("actions/fedwhisk/advance_round").json()
    assert annotation(sequence, "web-export") is True
    run(host, MANIFESTS, "undeploy", "-m", "manifest.yaml", values=values)
    assert names(whisk) == NOTHING


def deployed(whisk: OpenWhisk) -> list[dict[str, Any]]:
    """The package and all in it, without what differs from one call to the next."""
    paths = [f"actions/fedwhisk/{each.name}" for each in DECLARED]
    found = [whisk.get(path).json() for path in ("packages/fedwhisk", *paths)]
    for entity in found:
        entity.pop("updated")
        entity.pop("actions", None)
        for listed in ("annotations", "parameters"):
            entity[listed].sort(key=lambda pair: pair["key"])
    return found


def test_our_own_deployment_writes_what_wskdeploy_writes(host, whisk, values):
    run(host, MANIFESTS, "-m", "manifest.yaml", values=values)
    theirs = deployed(whisk)
    assert theirs[0]["version"] == "0.1.0"
    run(host, MANIFESTS, "undeploy", "-m", "manifest.yaml", values=values)
    parameters = {name: values[name] for name in BOUND}
    local.deploy(local.build(), parameters, apihost=host.url, auth=host.auth)
    assert deployed(whisk) == theirs
    run(host, MANIFESTS, "undeploy", "-m", "manifest.yaml", values=values)
    assert names(whisk) == NOTHING


def gateway_routes(whisk: OpenWhisk) -> dict[tuple[str, str], tuple[str, str, str]]:
    """What the one API of the gateway does: paths and verbs to web actions."""
    (api,) = apis(whisk)
    document = api["apidoc"]
    found = {}
    for path, item in document["paths"].items():
        for verb, operation in item.items():
            there = operation["x-openwhisk"]
            action = (there["package"], there["action"], there["responsetype"])
            found[document["basePath"] + path, verb] = action
    return found


def test_wskdeploy_makes_the_gateways_paths_as_our_own_deployment_does(
    host, whisk, values
):
    run(host, MANIFESTS, "-m", "apis.yaml", values=values)
    theirs = gateway_routes(whisk)
    assert theirs["/fed/check_in", "post"] == ("fedwhisk", "check_in", "http")
    assert len(theirs) == len(ROUTES)
    url = apis(whisk)[0]["gwApiUrl"]
    stranger = requests.get(f"{url}/status", timeout=30)
    assert stranger.status_code == 401
    assert stranger.json()["error"]["code"] == "unauthenticated"
    with Host(apihost=host.url, auth=host.auth) as ours:
        delete_paths(ours)
        assert names(whisk)["apis"] == []
        assert create_paths(ours) == url
    assert gateway_routes(whisk) == theirs
    run(host, MANIFESTS, "undeploy", "-m", "apis.yaml", values=values)
    assert names(whisk) == NOTHING


def test_wskdeploy_deploys_the_manifest_for_an_image(host, whisk, values):
    run(host, MANIFESTS, "-m", "image.yaml", values=values)
    fedavg = whisk.get("actions/fedwhisk/fedavg").json()
    assert fedavg["exec"]["kind"] == "blackbox"
    assert fedavg["exec"]["image"] == "registry/fedwhisk-actions:1"
    assert "fedavg.ACTION" in fedavg["exec"]["code"]
    assert fedavg["limits"]["timeout"] == 300_000
    run(host, MANIFESTS, "undeploy", "-m", "image.yaml", values=values)
    assert names(whisk) == NOTHING


def test_the_sweep_moves_rounds_on_as_the_namespaces_owner(
    host, whisk, values, tmp_path
):
    # Stands in for the alarms package, which a standalone OpenWhisk lacks, too.
    whisk.put("packages/alarms", {})
    whisk.action("alarms/alarm", ECHO)
    manifest = (MANIFESTS / "alarms.yaml").read_text()
    (tmp_path / "alarms.yaml").write_text(manifest.replace("/whisk.system/", "/guest/"))
    run(host, MANIFESTS, "-m", "manifest.yaml", values=values)
    for _ in range(2):  # the second time it deletes and recreates the feed's trigger
        run(host, tmp_path, "-m", "alarms.yaml", values={})
        asked = latest_result(whisk, "alarms/alarm")
        assert asked["lifecycleEvent"] == "CREATE"
        assert asked["triggerName"].endswith("/fedwhisk-sweep")
        assert asked["cron"] == "*/5 * * * *"

    assert whisk.post("triggers/fedwhisk-sweep").status_code == 202
    swept = latest_result(whisk, "fedwhisk/advance_round")
    assert swept["statusCode"] == 200

    run(host, tmp_path, "undeploy", "-m", "alarms.yaml", values={})
    assert latest_result(whisk, "alarms/alarm")["lifecycleEvent"] == "DELETE"
    run(host, MANIFESTS, "undeploy", "-m", "manifest.yaml", values=values)
    assert whisk.delete("packages/alarms", force="true").ok
    assert names(whisk) == NOTHING


def latest_result(whisk: OpenWhisk, name: str) -> dict[str, Any]:
    """The result of an action's latest activation, once there is one."""
    record = whisk.latest(name)
    assert record["response"]["success"], record
    result: dict[str, Any] = record["response"]["result"]
    return result
