"""What the README says of a real OpenWhisk, with the real wskdeploy on our host."""

import json
import os
from collections.abc import Iterator

import pytest

from fedwhisk.local.database import EmbeddedDatabase
from localwhisk import HostServer
from tests.e2e.conftest import Machine
from tests.tools import lines_until, wskdeploy
from tests.wskdeploy import NOTHING, apis, names

pytestmark = [pytest.mark.e2e, pytest.mark.wskdeploy]

FEW = ["--clients", "2", "--per-round", "2", "--epochs", "2", "--rounds", "4"]


@pytest.fixture(scope="module")
def database(tmp_path_factory) -> Iterator[str]:
    """The URL of an embedded database."""
    folder = tmp_path_factory.mktemp("database")
    with EmbeddedDatabase(folder / "data", folder / "log") as running:
        yield running.url


@pytest.fixture(scope="module")
def host(database, host) -> HostServer:
    """The host, which ends before the database that its actions have open."""
    return host


@pytest.fixture
def machine(machine, host, database) -> Machine:
    """A machine whose `.env` names that host, where nothing is deployed."""
    tool = wskdeploy()
    machine.environment |= {
        "PATH": f"{tool.parent}:{os.environ['PATH']}",
        "APIHOST": host.url,
        "AUTH": host.auth,
        "MONGODB_URL": database,
        "FED_SECRET": "a secret of thirty-two bytes or more",
        "BASE_URL_OW": f"{host.web_url}/fedwhisk",
        "CALLS_PER_MINUTE": "10000",
    }
    return machine


def test_deploying_again_in_the_middle_of_an_experiment_harms_nothing(
    machine, host, whisk
) -> None:
    out, _ = machine.call("deploy")
    assert f"BASE_URL_OW={host.web_url}/fedwhisk" in out.splitlines()
    assert "advance_round" in names(whisk)["actions"]
    # Its rounds last longer with a client that is not drawn: longer than to deploy.
    more = ("--clients", "3", "--experiment", "real")
    under_way = machine.start("run", "--on", "openwhisk", *FEW, *more)
    lines_until(under_way, "round 1 closed")
    machine.call("deploy")
    out, err = under_way.communicate(timeout=300)
    assert under_way.returncode == 0, f"{out}\n{err}"

    out, _ = machine.call("status", "real", "--on", "openwhisk", "--json")
    report = json.loads(out)
    assert (report["state"], report["version"]) == ("finished", 4)
    assert [each["updates"] for each in report["rounds"]] == [0, 2, 2, 2, 2]
    machine.call("undeploy")
    assert names(whisk) == NOTHING


def test_clients_reach_the_actions_by_the_gateways_paths(machine, whisk) -> None:
    out, _ = machine.call("deploy", "--gateway")
    (api,) = apis(whisk)
    gateway = api["gwApiUrl"]
    assert f"BASE_URL_OW={gateway}" in out.splitlines()
    machine.environment["BASE_URL_OW"] = gateway
    machine.call("doctor", "--on", "openwhisk")
    out, _ = machine.call("run", "--on", "openwhisk", "--json", *FEW)
    end = json.loads(out.splitlines()[-1])
    assert (end["state"], end["rounds"], end["http_429"]) == ("finished", 4, 0)
    machine.call("undeploy")
    assert names(whisk) == NOTHING


def test_a_missing_setting_is_named_before_anything_is_sent(machine, whisk):
    del machine.environment["AUTH"]
    machine.environment["FED_SECRET"] = ""
    _, err = machine.call("deploy", code=2)
    assert err == "error: AUTH, FED_SECRET: not set, see .env.template\n"
    assert names(whisk) == NOTHING


def test_without_the_tool_it_says_how_to_get_it(machine) -> None:
    machine.environment["PATH"] = "/nowhere"
    _, err = machine.call("undeploy", code=1)
    assert "wskdeploy is not on PATH" in err
