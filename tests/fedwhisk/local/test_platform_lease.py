import subprocess
import sys

import pytest

from fedwhisk.local.home import Home
from fedwhisk.local.platform_lease import leased, wait_for_other_runs

pytestmark = pytest.mark.e2e

GUEST = """
import sys
from pathlib import Path
from fedwhisk.local.platform_lease import leased
from fedwhisk.local.home import Home
with leased(Home(Path(sys.argv[1]))):
    print("here", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def home(tmp_path) -> Home:
    home = Home(tmp_path)
    home.make()
    return home


def test_nobody_is_waited_for_where_nobody_is(home) -> None:
    said: list[str] = []
    with leased(home):
        pass
    with wait_for_other_runs(home, said.append):
        pass
    assert said == []


@pytest.mark.parametrize("killed", [False, True])
def test_a_platform_stays_until_its_guest_has_ended(home, killed) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", GUEST, home.path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout.readline() == b"here\n"

        def said(words: str) -> None:
            assert "other runs that use this platform" in words
            assert other.poll() is None
            if killed:
                other.kill()
            else:
                other.stdin.close()

        with wait_for_other_runs(home, said):
            assert other.wait(10) is not None
