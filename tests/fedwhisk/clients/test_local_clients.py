import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from fedclient import loop, preflight
from fedclient.environment import ClientConfig
from fedclient.replies import Refused
from fedcore.messages import Rehearsed, Stop, Wait
from fedcore.tokens import enrolment_token
from fedwhisk.clients import local_clients
from fedwhisk.clients.local_clients import LocalClients
from fedwhisk.errors import OperatorError
from fedwhisk.local.home import Home

pytestmark = pytest.mark.e2e

HOLD = """
import sys, time
from pathlib import Path
from fedwhisk.clients.local_clients import _on_duty
from fedwhisk.local.home import Home
with _on_duty(Home(Path(sys.argv[1]))):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def home(tmp_path) -> Home:
    home = Home(tmp_path / "home")
    home.make()
    return home


def config(**more: object) -> ClientConfig:
    return ClientConfig("http://h/fed", "host", "token", **more)


@pytest.mark.parametrize(
    ("name", "count", "names"),
    [
        ("host", 1, ["host-0"]),
        ("host", 3, ["host-0", "host-1", "host-2"]),
        ("ns/pod", 2, ["ns-pod-0", "ns-pod-1"]),
    ],
)
def test_names_are_one_name_and_a_number(name, count, names) -> None:
    wanted = LocalClients(
        ClientConfig("http://h/fed", name, "token"), count=count, at_once=1
    )
    assert wanted.names == names


def test_names_have_numbers_of_one_width() -> None:
    assert LocalClients(config(), count=11, at_once=1).names[::10] == [
        "host-00",
        "host-10",
    ]


def test_the_word_to_start_says_what_the_environment_said(tmp_path) -> None:
    wanted = LocalClients(
        config(experiment="e", data_dir=tmp_path, stay=True), count=2, at_once=1
    )
    start = wanted.start(tmp_path / "logs")
    assert (start.base_url, start.experiment) == ("http://h/fed", "e")
    assert (start.names, start.at_once, start.stay) == (["host-0", "host-1"], 1, True)
    assert start.data_dir == str(tmp_path)


def test_where_no_clients_run_there_are_none_to_end(home) -> None:
    assert local_clients.running(home) is None
    assert local_clients.stop(home) is None


def test_a_file_whose_process_was_killed_means_nothing(home) -> None:
    (home.path / "clients.pid").write_text("1")
    assert local_clients.running(home) is None
    assert local_clients.stop(home) is None


def test_stopping_ends_the_process_that_holds_the_file(home) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, home.path], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        assert local_clients.running(home) == holder.pid
        with pytest.raises(OperatorError, match=f"process {holder.pid}"):
            local_clients.detach([], home)
        assert local_clients.stop(home) == holder.pid
        assert holder.wait(30) < 0
    assert local_clients.running(home) is None


def test_clients_in_the_background_that_cannot_start_say_why(home) -> None:
    with pytest.raises(OperatorError, match="ended at once: error: --on embedded"):
        local_clients.detach(["deploy", "--on", "embedded"], home)


def test_each_client_has_a_token_of_its_own_where_the_secret_is_at_hand() -> None:
    secret = b"a secret of at least thirty-two bytes"
    wanted = LocalClients(config(), count=2, at_once=1, secret=secret)
    found = wanted.start(Path("logs")).enrolment_tokens
    assert found == {name: enrolment_token(secret, name) for name in wanted.names}
    assert wanted.first().enrolment_token == found["host-0"]
    assert secret.decode() not in repr(wanted)
    given = (
        LocalClients(config(), count=2, at_once=1).start(Path("logs")).enrolment_tokens
    )
    assert given == {"host-0": "token", "host-1": "token"}


def refusal(code: str) -> Refused:
    return Refused("subscribe", 404, code, "no experiment is named 'nonexist'", None)


def answers(monkeypatch, answer) -> None:
    """Let a client that asks whether it may enrol be told that."""

    def ask(config):
        if isinstance(answer, Refused):
            raise answer
        return Rehearsed(experiment="e", task="cifar10", assignment=answer)

    monkeypatch.setattr(preflight, "ask", ask)


def test_clients_of_an_experiment_that_is_not_there_say_so_before_they_start(
    home, monkeypatch
) -> None:
    answers(monkeypatch, refusal("unknown_experiment"))
    wanted = LocalClients(config(experiment="nonexist"), count=1, at_once=1)
    with pytest.raises(OperatorError, match="named 'nonexist'"):
        local_clients.run(wanted, home, print)
    assert local_clients.running(home) is None


def test_clients_of_an_experiment_that_is_over_say_so(home, monkeypatch) -> None:
    answers(monkeypatch, Stop(reason="finished"))
    said: list[str] = []
    assert (
        local_clients.run(
            LocalClients(config(experiment="e"), count=1, at_once=1), home, said.append
        )
        == 0
    )
    assert said == ["experiment e is over: nothing is left to do"]


@pytest.mark.parametrize(
    ("answer", "stay", "task"),
    [
        (Wait(retry_after=1.0, reason="dry run"), False, "cifar10"),
        (Stop(reason="finished"), True, "cifar10"),
        (refusal("unknown_experiment"), True, "mnist"),
        (refusal("federation_full"), False, "mnist"),
    ],
)
def test_clients_that_wait_are_started_with_the_likeliest_task(
    monkeypatch, answer, stay, task
) -> None:
    answers(monkeypatch, answer)
    assert local_clients._task(config(stay=stay)) == task


def test_it_is_told_once_how_many_have_enrolled(tmp_path, monkeypatch) -> None:
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    said: list[str] = []
    logs = [tmp_path / "a.log", tmp_path / "b.log"]
    for log in logs:
        log.write_text("INFO enrolled in the last one as client 0\n")
    progress = local_clients.EnrolmentProgress(["a", "b"], tmp_path, said.append)
    progress.look()
    logs[0].write_text("INFO enrolled in e as client 0\n")
    progress.look()
    assert said == []
    now[0] = local_clients.SAY_S + 1
    progress.look()
    progress.look()
    logs[1].write_text("INFO enrolled in e as client 1\n")
    progress.look()
    progress.look()
    assert said == ["1 of 2 clients have enrolled", "2 of 2 clients have enrolled"]


def test_the_words_that_are_looked_for_are_those_a_client_writes() -> None:
    assert f'log.info("{local_clients.ENROLLED}' in inspect.getsource(loop)
