"""Whole experiments on the real runtime under the real emulator, by real clients."""

import json
from collections.abc import Iterator

import psutil
import pytest

from fedwhisk.experiments.federation import Federation
from tests.aws.front import gateway
from tests.aws.platforms import SECRET
from tests.e2e.conftest import Machine
from tests.tools import interrupt, wait_until

pytestmark = pytest.mark.e2e

FEW = ["--clients", "2", "--per-round", "2", "--epochs", "2", "--batch-size", "20"]
AWS = ["--on", "aws"]


@pytest.fixture
def machine(tmp_path, few_images, function) -> Machine:
    """A machine whose AWS is the function."""
    machine = Machine(tmp_path, few_images)
    machine.environment |= {"BASE_URL_AWS": function.url, "FED_SECRET": SECRET}
    return machine


@pytest.fixture
def operator(function) -> Iterator[Federation]:
    """An operator at the function, to look often: a command takes seconds to start."""
    with Federation(function.url, SECRET.encode()) as operator:
        yield operator


def test_an_experiment_through_the_invocation_url(machine, function, operator) -> None:
    machine.call("start", *AWS, *FEW, "--rounds", "2", "--experiment", "lambda")
    clients = machine.start("client", "--count", "2", *AWS)
    wait_until(lambda: operator.status("lambda").version >= 0, "the initial model")
    # Somebody else calls without waiting for his turn: the emulator's end. Started
    # again, as `docker run --restart` does, it serves clients that have not minded.
    function.crash()
    function.start()
    out, err = clients.communicate(timeout=300)
    assert clients.returncode == 0, out + err
    assert "2 of 2 clients have done their part" in out
    out, _ = machine.call("status", "lambda", *AWS, "--json")
    report = json.loads(out)
    assert (report["state"], report["version"]) == ("finished", 2)
    assert [each["updates"] for each in report["rounds"]] == [2, 2, 2]
    assert report["rounds"][-1]["evaluation"]["accuracy"] > 0.3  # chance is 0.1
    out, _ = machine.call("watch", "lambda", *AWS)
    assert out.endswith("lambda: finished\n")
    out, _ = machine.call("doctor", *AWS, "--clients", "3")
    assert "problem" not in out
    machine.call("export", "lambda", *AWS, "--out", "model.safetensors")
    assert (machine.folder / "model.safetensors").stat().st_size > 80_000
    # One cold start before that and one after it: no client has brought it to an end.
    assert len([each for each in function.invocations() if each.init_ms]) == 2


def test_an_experiment_through_a_gateway(machine, function) -> None:
    with gateway(function.url) as base_url:
        machine.environment["BASE_URL_AWS"] = base_url
        out, _ = machine.call("run", *AWS, *FEW, "--rounds", "1", "--json")
    end = json.loads(out.splitlines()[-1])
    assert (end["state"], end["rounds"], end["http_429"]) == ("finished", 1, 0)


def test_clients_in_the_background_are_ended_by_a_command(machine, operator) -> None:
    machine.call("start", *AWS, *FEW, "--clients", "9", "--experiment", "waiting")
    out, _ = machine.call("client", "--count", "2", "--detach", *AWS)
    pid = int(out.split()[1].rstrip(";"))
    crew = psutil.Process(pid)
    _, err = machine.call("client", "--count", "1", *AWS, code=1)
    assert f"clients run already (process {pid})" in err
    wait_until(lambda: operator.status("waiting").enrolled == 2, "both enrolments")
    family = [crew, *crew.children(recursive=True)]
    assert len(family) == 4  # the command, the clients' parent, the clients
    out, _ = machine.call("client", "stop")
    assert out == f"ended (process {pid})\n"
    _, alive = psutil.wait_procs(family, timeout=30)
    assert not alive
    out, _ = machine.call("client", "stop")
    assert out == "no clients run\n"
    out, _ = machine.call("stop", "waiting", *AWS)
    assert out == "waiting: stopped\n"


def test_clients_end_by_control_c(machine, operator) -> None:
    machine.call("start", *AWS, *FEW, "--clients", "9", "--experiment", "waiting")
    clients = machine.start("client", "--count", "2", *AWS)
    wait_until(lambda: operator.status("waiting").enrolled == 2, "both enrolments")
    family = psutil.Process(clients.pid).children(recursive=True)
    out, err = interrupt(clients)
    assert clients.returncode == 130
    assert "ending the clients" in out
    assert "Traceback" not in err
    _, alive = psutil.wait_procs(family, timeout=30)
    assert not alive


def test_clients_that_would_not_be_let_in_are_not_started(machine) -> None:
    machine.environment["FED_SECRET"] = "another secret of thirty-two bytes"
    _, err = machine.call("client", "--count", "2", *AWS, code=1)
    assert "error: subscribe: unauthenticated: X-Fed-Token: " in err
