"""What a host leaves behind that is killed while an action is at work."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fedwhisk.host.settings import GUEST_AUTH
from tests.openwhisk import OpenWhisk

PATIENCE_S = 30
SLEEPER = """
import os, time
def main(args):
    with open(args["file"] + ".new", "w") as file:
        file.write(str(os.getpid()))
    os.rename(args["file"] + ".new", args["file"])
    time.sleep(100)
"""
HOST = """
import time
from fedwhisk.host import HostServer, HostSettings
print(HostServer(HostSettings(port=0)).start().url, flush=True)
time.sleep(100)
"""


def runs(pid: int) -> bool:
    """Whether a process runs; a dead one that nobody has buried yet doesn't."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def wait_until(holds) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_an_action_at_work_ends_with_its_killed_host(tmp_path: Path):
    told, place = tmp_path / "pid", {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-c", HOST],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | place,  # a killed host can't remove its temporary folder
    ) as host:
        whisk = OpenWhisk(host.stdout.readline().strip(), GUEST_AUTH)
        whisk.action("sleeper", SLEEPER)
        whisk.post("actions/sleeper", {"file": str(told)})
        wait_until(told.exists)
        pid = int(told.read_text())
        assert runs(pid)
        os.kill(host.pid, signal.SIGKILL)
    wait_until(lambda: not runs(pid))
