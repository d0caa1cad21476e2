import subprocess
import sys
import threading

import pytest
from filelock import Timeout

from fedwhisk.local.locks import file_lock, is_locked, locked

pytestmark = pytest.mark.e2e

HOLD = """
import sys, time
from pathlib import Path
from fedwhisk.local.locks import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_lock_is_one_holders_at_a_time(tmp_path) -> None:
    file = tmp_path / "some.lock"
    with locked(file), pytest.raises(Timeout), locked(file, 0):
        pass
    with locked(file, 0):
        assert is_locked(file)
    assert not is_locked(file)


def test_a_lock_ends_with_its_killed_process(tmp_path) -> None:
    file = tmp_path / "some.lock"
    command = [sys.executable, "-c", HOLD, file]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        assert is_locked(file)
        other.kill()
        other.wait()
        with locked(file, 0):
            pass


def test_looking_makes_no_file(tmp_path) -> None:
    assert not is_locked(tmp_path / "some.lock")
    assert list(tmp_path.iterdir()) == []


def test_a_look_by_another_does_not_make_an_attempt_fail(tmp_path) -> None:
    """A look takes the lock for an instant, here for a long one."""
    file = tmp_path / "some.lock"
    look, seen = file_lock(file, 0), threading.Event()
    look.acquire()
    waiting = threading.Timer(0.1, lambda: (look.release(), seen.set()))
    waiting.start()
    with locked(file):
        assert seen.wait(10)
    waiting.join()
