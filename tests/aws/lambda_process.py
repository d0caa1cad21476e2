"""The function as AWS runs it: its own files, the real runtime, the real emulator."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import requests

from fedwhisk.local.database import free_port
from tests.aws import tools
from tests.tools import wait_until

HANDLER = "fedcore.adapters.aws_lambda.handler"
INVOCATIONS = "/2015-03-31/functions/function/invocations"
READY_S = 30


@dataclass(frozen=True)
class Invocation:
    """What the emulator reports of a call, in milliseconds. `init_ms`: a cold start."""

    duration_ms: float
    init_ms: float | None


class Lambda:
    """One execution environment of the function; `url` is where it is invoked."""

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        self._task_root = tools.function()
        self._settings = settings
        self._log = folder / "lambda.log"
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}{INVOCATIONS}"

    def __enter__(self) -> Lambda:
        self.start()
        return self

    def __exit__(self, *unused: object) -> None:
        if self._process.poll() is not None:
            return  # its runtime ends without it
        family = psutil.Process(self._process.pid).children(recursive=True)
        self._process.kill()  # the emulator has nothing to put in order
        self._process.wait()
        for process in family:
            if process.is_running():
                process.kill()

    def start(self) -> None:
        """Start it; also again, where it was, as a container that is restarted."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command(),
                cwd=self._task_root,
                env=self._environment(),
                stdout=log,
                stderr=log,
            )
        wait_until(self._listens, f"the emulator, see {self._log}", patience_s=READY_S)

    def crash(self) -> None:
        """Call twice at once, which ends the emulator (see `fedclient.emulator`)."""
        with ThreadPoolExecutor(4) as pool:
            while self._process.poll() is None:
                for _ in range(4):
                    pool.submit(requests.post, self.url, json={}, timeout=60)
                time.sleep(0.05)

    def invoke(self, event: dict[str, Any]) -> Any:
        """The function's answer to an event, as `aws lambda invoke` would show it."""
        return requests.post(self.url, json=event, timeout=60).json()

    def said(self) -> str:
        """All that the emulator and the function have written."""
        return self._log.read_text(errors="replace")

    def invocations(self) -> list[Invocation]:
        """The reports of all calls so far, in their order."""
        report = r"REPORT .*?(?:Init Duration: ([\d.]+) ms\t)?Duration: ([\d.]+) ms"
        return [
            Invocation(float(duration), float(init) if init else None)
            for init, duration in re.findall(report, self.said())
        ]

    def memory_mb(self) -> float:
        """The most that the function's process has had in memory."""
        status = Path(f"/proc/{self._runtime().pid}/status").read_text()
        peak = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert peak is not None
        return int(peak[1]) / 1024

    def cpu_ms(self) -> float:
        """The CPU time of the function's process since it began, in milliseconds."""
        times = self._runtime().cpu_times()
        return (times.user + times.system) * 1000

    def _runtime(self) -> psutil.Process:
        (runtime,) = psutil.Process(self._process.pid).children()
        return runtime

    def _command(self) -> list[str]:
        emulator = [str(tools.emulator()), "--log-level", "error"]
        emulator += ["--runtime-interface-emulator-address", f"127.0.0.1:{self._port}"]
        emulator += ["--runtime-api-address", f"127.0.0.1:{free_port()}"]
        # -S: nothing of the environment that runs the tests, as in an image.
        return [*emulator, sys.executable, "-S", "-m", "awslambdaric", HANDLER]

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(tools.runtime()),
            "LAMBDA_TASK_ROOT": str(self._task_root),
            "AWS_LAMBDA_FUNCTION_TIMEOUT": "60",
            **self._settings,
        }

    def _listens(self) -> bool:
        assert self._process.poll() is None, self.said()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) == 0
