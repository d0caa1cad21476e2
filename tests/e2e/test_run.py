"""`fedwhisk run` as a user sees it: real database, host, actions and clients."""

import json
import os
import signal
import socket
import time

import numpy as np
import psutil
import pytest
from PIL import Image

from fedclient import data, tasks, weights
from tests.e2e.conftest import CALM, SMALL
from tests.tools import interrupt, lines_until

pytestmark = pytest.mark.e2e


def written(folder):
    return (folder / "experiment.json").read_bytes()


def test_a_run_learns_and_leaves_its_results(calm, few_images) -> None:
    machine, end = calm.machine, calm.end
    assert (end["state"], end["rounds"], end["clients"]) == ("finished", 3, 4)
    assert end["accuracy"] > 0.5  # chance is 0.1
    assert end["http_429"] == 0
    assert end["calls"] == sum(end["calls_by_action"].values())
    assert end["calls_by_action"]["submit_update"] == 6  # 3 rounds of 2
    folder = machine.folder / "runs" / end["experiment"]
    assert sorted(each.name for each in folder.iterdir()) == [
        "accuracy.png",
        "experiment.json",
        "metrics.csv",
        "model.safetensors",
    ]
    lines = (folder / "metrics.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["round", "0", "1", "2", "3"]

    # The same command again has nothing to do, says so, and leaves the results.
    described = written(folder)
    out, _ = machine.call("run", "--port", "0", *SMALL, *CALM)
    assert "is finished already; --fresh trains it anew" in out
    totals = [json.loads(each)["totals"] for each in (described, written(folder))]
    assert totals[0] == totals[1] != {}

    # Asked to, it trains another one, to the same model.
    fresh = machine.run(*CALM, "--fresh")
    assert fresh["experiment"] == f"{end['experiment']}-2"
    models = [weights.load(machine.folder / each["model"]) for each in (end, fresh)]
    assert models[0].model == models[1].model

    # Any version can be exported; the newest is the model of the results.
    machine.call("export", end["experiment"], "--out", "again.safetensors")
    exported = (machine.folder / "again.safetensors").read_bytes()
    assert exported == (folder / "model.safetensors").read_bytes()

    # And it predicts.
    with np.load(few_images / "mnist.npz") as found:
        digits, labels = found["x_test"][:20], found["y_test"][:20]
    names = [f"{number}.png" for number in range(20)]
    for name, pixels in zip(names, digits, strict=True):
        Image.fromarray(pixels).resize((56, 56)).save(machine.folder / name)
    model = str(folder / "model.safetensors")
    out, _ = machine.call("predict", "--json", model, *names)
    predicted = [int(each["class"]) for each in json.loads(out)]
    assert sum(p == label for p, label in zip(predicted, labels, strict=True)) > 8


def test_the_same_seed_gives_the_same_model_also_after_kill_9(calm, machine) -> None:
    cut_off = machine.start("run", "--port", "0", *SMALL, *CALM)
    lines_until(cut_off, "round 1 closed")
    kill_everything(cut_off.pid)
    cut_off.communicate()

    end = machine.run(*CALM)
    assert (end["state"], end["rounds"]) == ("finished", 3)
    assert machine.model(end) == calm.model


def kill_everything(pid: int) -> None:
    """Kill -9 a command with its database, actions and clients, parents first."""
    parent = psutil.Process(pid)
    family = [parent, *parent.children(recursive=True)]
    for process in family:
        os.kill(process.pid, signal.SIGKILL)
    psutil.wait_procs(family[1:], timeout=30)


def test_an_interrupted_run_says_how_to_go_on(machine) -> None:
    running = machine.start("run", "--port", "0", *SMALL, "--rounds", "50")
    lines_until(running, "round 0 closed")
    children = psutil.Process(running.pid).children(recursive=True)
    out, err = interrupt(running)
    assert running.returncode == 130
    assert "the same command goes on" in out
    assert "Traceback" not in err
    _, alive = psutil.wait_procs(children, timeout=30)
    assert not alive


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["run", "--per-round", "30"], "settings.per_round"),
        (["run", "--rounds", "0"], "settings.rounds: found 0"),
        (["run", "--lr", "-1"], "settings.lr: found -1"),
        (["run", "--experiment", "No Slug"], "experiment: found 'No Slug'"),
        (["run", "--out", "/proc/results"], "--out: /proc/results cannot be written"),
        (["run", "--config", "missing.yaml"], "missing.yaml: cannot be read"),
        (["run", "--on", "openwhisk"], "BASE_URL_OW: not set"),
        (["status", "--on", "aws"], "BASE_URL_AWS: not set"),
        (["predict", "missing.safetensors", "x.png"], "missing.safetensors"),
    ],
)
def test_wrong_input_is_one_sentence_and_starts_nothing(machine, arguments, complaint):
    _, err = machine.call(*arguments, code=2)
    assert err.startswith("error: ")
    assert complaint in err
    assert len(err.splitlines()) == 1
    assert not (machine.home / "database").exists()


def test_an_unreadable_image_is_named(machine) -> None:
    shipped = data.SHIPPED / "mnist.npz"
    task = tasks.find("mnist")
    model = machine.folder / "m.safetensors"
    weights.save(
        model,
        task.initial_model(0),
        task.layout,
        experiment="e",
        version=0,
        task="mnist",
    )
    _, err = machine.call("predict", str(model), str(shipped), code=2)
    assert "mnist.npz" in err


def test_a_database_that_is_away_is_said(machine) -> None:
    machine.environment["MONGODB_URL"] = "mongodb://127.0.0.1:9/"
    machine.home.mkdir()
    _, err = machine.call("status", code=1)
    assert err.splitlines()[-1].startswith("error: MONGODB_URL: no database answered")


def test_a_busy_port_is_said_and_a_run_takes_another(machine) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        _, err = machine.call("up", "--port", str(port), code=1)
    assert str(port) in err


def test_a_platform_that_is_up_serves_other_commands(machine) -> None:
    up = machine.start("up", "--port", "0")
    lines_until(up, "ready")
    started = time.time()
    out, _ = machine.call("start", "--experiment", "served", *SMALL, "--rounds", "1")
    assert "served: stored, enrolling" in out
    out, _ = machine.call("status", "served", "--json")
    assert json.loads(out)["created"] >= started - 1
    out, _ = machine.call("stop", "served")
    assert "served: stopped" in out
    _, err = machine.call("clean", "--yes", code=1)
    assert "in use" in err
    interrupt(up, signal.SIGTERM)
    assert up.returncode == 0
