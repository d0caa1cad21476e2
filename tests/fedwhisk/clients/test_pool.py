import json
import os
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import pytest

from fedcore.settings import ExperimentSettings
from fedwhisk.clients.pool import ClientPool
from fedwhisk.clients.supervisor_messages import Start
from fedwhisk.errors import OperatorError
from tests.tools import wait_until

pytestmark = pytest.mark.e2e

STOP = {"kind": "stop", "reason": "finished"}
WAIT = {"kind": "wait", "retry_after": 600}
INITIALISE = {"kind": "initialise"}

PARENT = """
import sys, time
from pathlib import Path
import msgspec
from fedwhisk.clients.pool import ClientPool
from fedwhisk.clients.supervisor_messages import Start
pool = ClientPool("mnist", data_dir=None, logs=Path(sys.argv[1]))
pool.warm_up()
pool.start(msgspec.json.decode(sys.argv[2], type=Start))
time.sleep(600)
"""


class Federation:
    """Enrols everybody and tells all of them the same."""

    def __init__(self, assignment, task="mnist") -> None:
        self.names: list[str] = []
        settings = msgspec.to_builtins(ExperimentSettings(task=task))
        federation = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                request = json.loads(
                    self.rfile.read(int(self.headers["content-length"]))
                )
                federation.names.append(request["name"])
                answer = {
                    "experiment": "e",
                    "index": 0,
                    "token": "t",
                    "settings": settings,
                    "assignment": assignment,
                }
                body = json.dumps(answer).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *unused) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *unused) -> None:
        self.server.shutdown()
        self.server.server_close()

    def wait_for(self, count: int) -> None:
        wait_until(lambda: len(self.names) >= count, f"{count} enrolments")


def start_of(url, folder, count=2) -> Start:
    names = [f"client-{n}" for n in range(count)]
    return Start(
        base_url=url,
        experiment="e",
        names=names,
        enrolment_tokens=dict.fromkeys(names, "t"),
        at_once=2,
        data_dir=None,
        logs=str(folder),
    )


def hear(pool):
    for _ in pool.events():
        pass
    return pool


def processes_of(folder) -> dict[int, int]:
    """Process number -> its parent's, of all that write a log in the folder."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            target = (entry / "fd/2").readlink()
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
        if target.is_relative_to(folder):
            found[int(entry.name)] = parent
    return found


def clients_of(folder) -> list[int]:
    found = processes_of(folder)
    return sorted(pid for pid, parent in found.items() if parent in found)


@pytest.fixture
def pool(tmp_path):
    pool = ClientPool("mnist", data_dir=None, logs=tmp_path)
    pool.warm_up()
    yield pool
    pool.stop()


def test_clients_end_when_their_experiment_is_over(pool, tmp_path) -> None:
    with Federation(STOP) as federation:
        pool.start(start_of(federation.url, tmp_path, count=4))
        wait_until(lambda: len(hear(pool).done) == 4, "four who are done")
        pool.stop()
    assert sorted(federation.names) == [f"client-{n}" for n in range(4)]
    assert pool.calls == {"subscribe": 4}
    assert pool.given_up == {}


def test_a_client_that_is_killed_comes_back_under_its_name(pool, tmp_path) -> None:
    with Federation(WAIT) as federation:
        pool.start(start_of(federation.url, tmp_path))
        federation.wait_for(2)
        os.kill(clients_of(tmp_path)[0], signal.SIGKILL)
        federation.wait_for(3)
        ended = [*pool.events()]
        pool.stop()
    assert [(e.status, e.restarts_in) for e in ended] == [(-9, 0.0)]
    assert federation.names[2] == ended[0].client
    assert clients_of(tmp_path) == []


def test_no_client_outlives_a_parent_that_is_killed(tmp_path) -> None:
    with Federation(WAIT) as federation:
        start = msgspec.json.encode(start_of(federation.url, tmp_path))
        with subprocess.Popen(
            [sys.executable, "-c", PARENT, tmp_path, start]
        ) as parent:
            federation.wait_for(2)
            assert len(processes_of(tmp_path)) == 3
            parent.kill()
            wait_until(lambda: not processes_of(tmp_path), "everybody's end")


def test_data_that_is_missing_is_a_clear_error(tmp_path) -> None:
    (tmp_path / "mnist.npz").write_bytes(b"nonsense")
    pool = ClientPool("mnist", data_dir=tmp_path, logs=tmp_path)
    pool.warm_up()
    with pytest.raises(OperatorError, match=r"mnist\.npz: not a readable"):
        pool.start(start_of("http://127.0.0.1:1", tmp_path))
    pool.stop()


def test_a_task_that_cannot_be_loaded_is_a_clear_error(tmp_path, monkeypatch) -> None:
    (tmp_path / "faulty.py").write_text("TASK = object()")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    pool = ClientPool("faulty:TASK", data_dir=None, logs=tmp_path)
    pool.warm_up()
    with pytest.raises(
        OperatorError, match=r"task 'faulty:TASK': AttributeError: .*preload"
    ):
        pool.wait()
    pool.stop()


def test_clients_whose_parent_is_killed_are_said_to_be_gone(pool, tmp_path) -> None:
    with Federation(WAIT) as federation:
        pool.start(start_of(federation.url, tmp_path))
        federation.wait_for(2)
        (parent,) = set(processes_of(tmp_path).values()) - {os.getpid()}
        os.kill(parent, signal.SIGKILL)
        with pytest.raises(OperatorError, match="the clients are gone"):
            wait_until(lambda: [*pool.events()], "the end of all")
        pool.stop()
    wait_until(lambda: not processes_of(tmp_path), "everybody's end")


UNLUCKY = """
class Unlucky:
    def preload(self, data_dir):
        pass

    def initial_model(self, seed):
        raise RuntimeError("no model today")

TASK = Unlucky()
"""


def test_a_client_that_always_meets_the_same_error_gives_up(
    tmp_path, monkeypatch
) -> None:
    (tmp_path / "unlucky.py").write_text(UNLUCKY)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    pool = ClientPool("unlucky:TASK", data_dir=None, logs=tmp_path)
    pool.warm_up()
    with Federation(INITIALISE, task="unlucky:TASK") as federation:
        pool.start(start_of(federation.url, tmp_path, count=1))
        wait_until(lambda: hear(pool).given_up, "a client that gives up")
        pool.stop()
    assert pool.given_up == {"client-0": "RuntimeError: no model today"}
    assert len(federation.names) == 3


def test_a_task_that_nobody_knows_is_a_clear_error(tmp_path) -> None:
    pool = ClientPool("sudoku", data_dir=None, logs=tmp_path)
    pool.warm_up()
    with pytest.raises(OperatorError, match="task 'sudoku': expected one of"):
        pool.start(start_of("http://127.0.0.1:1", tmp_path))
    pool.stop()
