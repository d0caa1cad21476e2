"""What a host leaves behind that is killed while an action is at work."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.openwhisk import OpenWhisk
from tests.tools import runs, wait_until

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
from localwhisk import HostServer, HostSettings
host = HostServer(HostSettings(port=0)).start()
print(host.url, host.auth, flush=True)
time.sleep(100)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux ends it")
def test_an_action_at_work_ends_with_its_killed_host(tmp_path: Path):
    told, place = tmp_path / "pid", {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-c", HOST],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | place,  # a killed host can't remove its temporary folder
    ) as host:
        whisk = OpenWhisk(*host.stdout.readline().split())
        whisk.action("sleeper", SLEEPER)
        whisk.post("actions/sleeper", {"file": str(told)})
        wait_until(told.exists, "the action at work", patience_s=30)
        pid = int(told.read_text())
        assert runs(pid)
        os.kill(host.pid, signal.SIGKILL)
    wait_until(lambda: not runs(pid), "the action's end", patience_s=30)
