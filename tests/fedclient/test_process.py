from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from fedclient import tasks
from fedclient.transport import Message, Reply
from fedcore import codec, messages
from fedcore.settings import ExperimentSettings
from tests.fedclient.scripted import Server, chunk, ok, ours
from tests.tools import interrupt, lines_until

Make = Callable[..., Path]
FEW = {"clients": 2, "per_round": 1, "epochs": 1}


def start(server: Server, folder: Path, **more: str) -> subprocess.Popen[str]:
    """Start a client as its container does."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("FED_")}
    environment |= {
        "BASE_URL_OW": server.url,
        "FED_ENROLMENT_TOKEN": "enrol",
        "FED_STAY": "0",
        "DATA_DIR": str(folder),
        "FED_HEARTBEAT_FILE": str(folder / "beat"),
        "FED_ENROLLED_FILE": str(folder / "enrolled"),
        **more,
    }
    return subprocess.Popen(
        [sys.executable, "-m", "fedclient"],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )


def subscribed(assignment: messages.Assignment, **settings: int) -> Reply:
    return ok(
        messages.Subscribed(
            experiment="e",
            index=0,
            token="mine",
            settings=ExperimentSettings(**(FEW | settings)),  # type: ignore[arg-type]
            assignment=assignment,
        )
    )


def train() -> messages.Train:
    task = tasks.find("mnist")
    return messages.Train(
        round=1,
        version=0,
        chunks=1,
        layout=codec.layout_hash(task.layout),
        model=chunk(task.initial_model(0)),
    )


def test_a_client_trains_and_ends(server: Server, make_npz: Make) -> None:
    folder, readiness = make_npz("mnist", (28, 28)), []

    def answer(message: Message) -> Reply:
        if message.action == "subscribe":
            return subscribed(train())
        readiness.append((folder / "enrolled").exists())
        stop = messages.Stop(reason="finished")
        return ok(messages.Submitted(accepted=True, assignment=stop))

    server.answer = answer
    client = start(server, folder)
    _, log = client.communicate(timeout=120)
    assert client.returncode == 0, log
    assert [m.action for m in server.requests] == ["subscribe", "submit_update"]
    sent = codec.decode(json.loads(server.requests[1].body)["data"])
    assert len(sent) == 4 * 21_840
    assert readiness == [True]
    assert (folder / "beat").exists()
    assert not (folder / "enrolled").exists()
    assert "enrol\n" not in log
    assert "mine" not in log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_client_while_it_trains(
    server: Server, make_npz: Make, number: signal.Signals
) -> None:
    folder = make_npz("mnist", (28, 28))
    server.answer = lambda message: subscribed(train(), epochs=100_000)
    client = start(server, folder)
    lines_until(client, ".*training from version 0")
    _, log = interrupt(client, number)
    assert client.returncode == 128 + signal.SIGTERM
    assert "ended by a signal" in log
    assert [m.action for m in server.requests] == ["subscribe"]
    assert not (folder / "enrolled").exists()


def test_a_signal_ends_a_client_while_it_waits(server: Server, make_npz: Make) -> None:
    asked = threading.Event()

    def answer(message: Message) -> Reply:
        asked.set()
        return subscribed(messages.Wait(retry_after=3600))

    server.answer = answer
    client = start(server, make_npz("mnist", (28, 28)))
    assert asked.wait(60)
    interrupt(client, signal.SIGTERM)
    assert client.returncode == 128 + signal.SIGTERM


def test_a_refused_client_says_why(server: Server, tmp_path: Path) -> None:
    server.answer = lambda message: ours(401, "unauthenticated")
    client = start(server, tmp_path)
    _, log = client.communicate(timeout=60)
    assert client.returncode == 1
    assert "subscribe: unauthenticated: because" in log
    assert "Traceback" not in log


def test_bad_data_is_said_plainly(server: Server, make_npz: Make) -> None:
    server.answer = lambda message: subscribed(train())
    client = start(server, make_npz("mnist", (28, 28), y_test=None))
    _, log = client.communicate(timeout=60)
    assert client.returncode == 1
    assert "missing ['y_test']" in log
    assert "Traceback" not in log


def test_an_unknown_task_is_said_plainly(server: Server, tmp_path: Path) -> None:
    place = messages.Subscribed(
        experiment="e",
        index=0,
        token="mine",
        settings=ExperimentSettings(task="mnits"),
        assignment=train(),
    )
    server.answer = lambda message: ok(place)
    client = start(server, tmp_path)
    _, log = client.communicate(timeout=60)
    assert client.returncode == 1
    assert "task 'mnits': expected one of cifar10, mnist" in log


def test_a_wrong_environment_is_said_plainly(server: Server, tmp_path: Path) -> None:
    client = start(server, tmp_path, FED_STAYS="1")
    _, log = client.communicate(timeout=60)
    assert client.returncode == 2
    assert log.startswith("FED_STAYS: unknown")


POOL = """
import multiprocessing, os, sys, time
from pathlib import Path
from fedclient.environment import ClientConfig
from fedclient import tasks
from fedclient.process import run_client

url, folder = sys.argv[1], Path(sys.argv[2])
tasks.find("mnist").preload(folder)
(folder / "mnist.npz").unlink()  # what was preloaded is not read again
context = multiprocessing.get_context("fork")
slot = context.Semaphore(1)

def child(name):
    config = ClientConfig(url, name, "enrol", data_dir=folder)
    sys.exit(run_client(config, train_slot=slot))

children = [context.Process(target=child, args=(f"c{n}",)) for n in range(3)]
for process in children: process.start()
for process in children: process.join()
sys.exit(sum(process.exitcode for process in children))
"""


def test_forked_clients_share_data_and_a_training_slot(
    server: Server, make_npz: Make
) -> None:
    def answer(message: Message) -> Reply:
        if message.action == "subscribe":
            return subscribed(train())
        stop = messages.Stop(reason="finished")
        return ok(messages.Submitted(accepted=True, assignment=stop))

    server.answer = answer
    folder = make_npz("mnist", (28, 28))
    pool = subprocess.run(
        [sys.executable, "-c", POOL, server.url, str(folder)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert pool.returncode == 0, pool.stderr
    updates = [m.body for m in server.requests if m.action == "submit_update"]
    assert len(updates) == 3
