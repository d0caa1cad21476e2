import re
import stat
import subprocess
import sys
import uuid

import pytest

from fedwhisk.config import Settings
from fedwhisk.errors import OperatorError
from fedwhisk.local.home import Home, Running

pytestmark = pytest.mark.e2e

HOLD = """
import sys, time
from pathlib import Path
from fedwhisk.local.home import Home
with Home(Path(sys.argv[1])).held():
    print("held", flush=True)
    time.sleep(600)
"""


def mode(path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_secret_is_made_once_and_for_this_user_alone(tmp_path) -> None:
    home = Home(tmp_path / "home")
    home.make()
    secret = home.secret(Settings())
    assert len(secret) >= 32
    assert Home(tmp_path / "home").secret(Settings()) == secret
    assert mode(home.path / "secret") == 0o600
    assert mode(home.path) == 0o700


def test_a_secret_that_is_set_is_not_stored(tmp_path) -> None:
    home = Home(tmp_path)
    assert home.secret(Settings(fed_secret="set")) == b"set"
    assert not (tmp_path / "secret").exists()


def test_a_home_with_a_weak_secret_is_not_used(tmp_path) -> None:
    (tmp_path / "secret").write_text("z" * 64)
    with pytest.raises(OperatorError, match="found 1 distinct bytes") as refused:
        Home(tmp_path).secret(Settings())
    assert "zz" not in str(refused.value)


def test_a_key_is_a_homes_own_and_for_this_user_alone(tmp_path) -> None:
    home, other = Home(tmp_path / "home"), Home(tmp_path / "other")
    home.make()
    other.make()
    key = home.key()
    assert re.fullmatch(r"[0-9a-f-]{36}:[A-Za-z0-9]{64}", key)
    assert str(uuid.UUID(key.partition(":")[0])) == key.partition(":")[0]
    assert Home(tmp_path / "home").key() == key
    assert other.key().split(":")[0] != key.split(":")[0]
    assert other.key().split(":")[1] != key.split(":")[1]
    assert mode(home.path / "key") == 0o600


@pytest.mark.parametrize("found", [b"", b"\n", b":", b"guest:guest", b"\xff" * 101])
def test_what_is_no_key_lets_nobody_in(tmp_path, found) -> None:
    (tmp_path / "key").write_bytes(found)
    with pytest.raises(OperatorError, match="found no key"):
        Home(tmp_path).key()


def test_two_processes_cannot_hold_a_home_and_a_killed_one_lets_go(tmp_path) -> None:
    command = [sys.executable, "-c", HOLD, tmp_path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(OperatorError, match="in use"), Home(tmp_path).held():
            pass
        other.kill()
        other.wait()
        with Home(tmp_path).held():
            assert Home(tmp_path).is_held()


def test_a_running_platform_is_found_while_it_is_up(tmp_path) -> None:
    home, running = Home(tmp_path), Running(1, "http://x/fedwhisk", "http://x")
    with home.held(), home.announced(running):
        assert Home(tmp_path).running() == running
    assert Home(tmp_path).running() is None


def test_a_home_is_removed_with_all_that_is_in_it(tmp_path) -> None:
    home = Home(tmp_path / "home")
    with home.held():
        home.secret(Settings())
    assert home.remove()
    assert not home.path.exists()
    assert not home.remove()


def test_a_home_in_use_is_not_removed(tmp_path) -> None:
    with Home(tmp_path).held(), pytest.raises(OperatorError, match="in use"):
        Home(tmp_path).remove()


def test_somebody_elses_folder_is_not_removed(tmp_path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(OperatorError, match="not a folder of ours"):
        Home(tmp_path).remove()


def test_what_a_killed_platform_announced_is_not_taken_for_its_successors(
    tmp_path,
) -> None:
    home, killed = Home(tmp_path), Running(1, "http://x/fedwhisk", "http://x")
    with home.held(), home.announced(killed):
        left = (tmp_path / "running.json").read_bytes()
    (tmp_path / "running.json").write_bytes(left)
    with home.held():
        assert Home(tmp_path).running() is None


STARTING = """
import sys
from pathlib import Path
from fedwhisk.local.home import Home, Running
home = Home(Path(sys.argv[1]))
with home.held():
    print("held", flush=True)
    sys.stdin.readline()
    if sys.argv[2] == "fails":
        sys.exit(1)
    with home.announced(Running(1, "http://x/fedwhisk", "http://x")):
        sys.stdin.readline()
"""


@pytest.mark.parametrize("outcome", ["comes up", "fails"])
def test_a_platform_that_is_just_starting_is_waited_for(tmp_path, outcome) -> None:
    command = [sys.executable, "-c", STARTING, tmp_path, outcome]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as other:
        assert other.stdout.readline() == "held\n"
        said: list[str] = []

        def say(line: str) -> None:
            said.append(line)
            other.stdin.write("go on\n")
            other.stdin.flush()

        home = Home(tmp_path)
        home.wait_while_starting(say)
        assert said == [f"waiting for another platform to come up in {tmp_path}"]
        assert (home.running() is not None) == (outcome == "comes up")
        other.communicate("go on\n" if outcome == "comes up" else None)


def test_where_nothing_starts_nothing_is_waited_for(tmp_path) -> None:
    Home(tmp_path / "home").wait_while_starting(pytest.fail)
    assert not (tmp_path / "home").exists()
