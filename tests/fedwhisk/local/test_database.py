import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from pymongo import MongoClient
from pymongo.write_concern import WriteConcern

from fedwhisk.errors import OperatorError
from fedwhisk.local.database import EmbeddedDatabase, answers, free_port
from localwhisk.addresses import own_address
from tests.tools import runs, wait_until

pytestmark = pytest.mark.e2e

PARENT = """
import sys, time
from pathlib import Path
from fedwhisk.local.database import EmbeddedDatabase
database = EmbeddedDatabase(Path(sys.argv[1]), Path(sys.argv[2]))
database.start()
database.wait()
print(database.pid, database.url, flush=True)
time.sleep(600)
"""


@pytest.fixture
def database(tmp_path):
    with EmbeddedDatabase(tmp_path / "data", tmp_path / "log") as running:
        yield running


@contextmanager
def numbers(url):
    concern = WriteConcern(w="majority", j=True)
    with MongoClient(url) as client:
        yield client.get_database("test", write_concern=concern)["numbers"]


def wait_until_gone(pid: int) -> None:
    wait_until(lambda: not runs(pid), f"the end of process {pid}", patience_s=20)


def test_it_answers_when_it_is_ready(database) -> None:
    assert answers(database.url, timeout_s=5)


def test_what_it_acknowledged_survives_kill_9(tmp_path) -> None:
    first = EmbeddedDatabase(tmp_path / "data", tmp_path / "log")
    first.start()
    first.wait()
    with numbers(first.url) as rows:
        for number in range(50):
            rows.insert_one({"_id": number})
        os.kill(first.pid, signal.SIGKILL)
    first.stop()
    with (
        EmbeddedDatabase(tmp_path / "data", tmp_path / "log") as second,
        numbers(second.url) as rows,
    ):
        assert rows.count_documents({}) == 50


def test_it_ends_with_a_parent_that_is_killed(tmp_path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, tmp_path / "data", tmp_path / "log"],
        stdout=subprocess.PIPE,
        text=True,
    )
    with parent:
        pid = int(parent.stdout.readline().split()[0])
        parent.kill()
        wait_until_gone(pid)


def test_one_left_over_is_ended_at_the_next_start(tmp_path) -> None:
    left = EmbeddedDatabase(tmp_path / "data", tmp_path / "log")
    left.start()
    left.wait()
    with EmbeddedDatabase(tmp_path / "data", tmp_path / "log") as database:
        assert database.pid != left.pid
        wait_until_gone(left.pid)
    left.stop()


def test_a_recorded_process_of_somebody_else_is_left_alone(tmp_path) -> None:
    record = tmp_path / "data.json"
    record.write_text(f'{{"pid": {os.getpid()}, "port": 1}}')
    with EmbeddedDatabase(tmp_path / "data", tmp_path / "log") as database:
        assert answers(database.url, timeout_s=5)


def test_a_folder_that_is_no_database_is_a_clear_error(tmp_path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "WiredTiger").write_text("nonsense")
    (folder / "WiredTiger.turtle").write_text("nonsense")
    database = EmbeddedDatabase(folder, tmp_path / "log")
    database.start()
    with pytest.raises(OperatorError, match="the embedded database ended at once"):
        database.wait()
    database.stop()


def test_a_port_where_nobody_listens_does_not_answer() -> None:
    assert not answers(f"mongodb://127.0.0.1:{free_port()}", timeout_s=0.2)


def test_a_url_that_cannot_be_read_is_refused_without_repeating_it() -> None:
    with pytest.raises(OperatorError, match="MONGODB_URL cannot be used") as refused:
        answers("mongodb://user:hush@host:port:port", timeout_s=0.2)
    assert "hush" not in str(refused.value)


def test_it_listens_where_it_is_told_and_nowhere_else(tmp_path) -> None:
    """All of 127.0.0.0/8 is this machine's on Linux: one stands for a bridge's."""
    port = free_port("127.0.0.9")
    place = (tmp_path / "data", tmp_path / "log", "127.0.0.9", port)
    with EmbeddedDatabase(*place) as running:
        url = f"mongodb://127.0.0.9:{port}/?directConnection=true"
        assert (running.url, running.outside_url) == (url, url)
        assert answers(running.url, timeout_s=5)
        assert not answers(url.replace("127.0.0.9", "127.0.0.1"), timeout_s=0.2)
        with pytest.raises(OperatorError, match=f"cannot listen on 127.0.0.9:{port}"):
            EmbeddedDatabase(tmp_path / "b", tmp_path / "log", *place[2:]).start()


def test_where_it_listens_everywhere_others_take_this_machines_address() -> None:
    everywhere = EmbeddedDatabase(Path("data"), Path("log"), "0.0.0.0", 9)  # noqa: S104
    assert everywhere.url == "mongodb://127.0.0.1:9/?directConnection=true"
    assert everywhere.outside_url == (
        f"mongodb://{own_address()}:9/?directConnection=true"
    )


def test_an_address_of_another_machine_is_refused(tmp_path) -> None:
    database = EmbeddedDatabase(tmp_path / "data", tmp_path / "log", "203.0.113.9", 9)
    with pytest.raises(OperatorError, match=r"cannot listen on 203\.0\.113\.9:9"):
        database.start()
