"""The built wheel, installed without torch into an empty environment, far from here."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.tools import interrupt, lines_until

pytestmark = pytest.mark.e2e
PROJECT = Path(__file__).parents[2]
UV = shutil.which("uv") or str(PROJECT / ".uv" / "bin" / "uv")
LEFT_OUT = re.compile(
    r"(torch|torchvision|triton|nvidia-.*|cuda-.*|matplotlib|sympy|networkx)=="
)
"""Big ones, which no command needs before it trains or draws."""


def uv(*arguments: str | Path) -> str:
    done = subprocess.run(
        [UV, *arguments], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


class Installed:
    """The installed command, in an empty folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "empty"
        self.folder.mkdir()
        self.venv = folder / "venv"
        unset = ("FEDWHISK_HOME", "MONGODB_URL", "PYTHONPATH", "VIRTUAL_ENV")
        kept = {k: v for k, v in os.environ.items() if k not in unset}
        paths = f"{Path(UV).parent}:{os.environ['PATH']}"
        self.environment = kept | {"PATH": paths}

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [self.venv / "bin" / "fedwhisk", *words],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def call(self, *words: str) -> tuple[int, str, str]:
        running = self.start(*words)
        out, err = running.communicate(timeout=120)
        return running.returncode, out, err


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("wheel")
    here = Installed(folder)
    uv("build", "--wheel", "--quiet", "--out-dir", folder)
    (wheel,) = folder.glob("*.whl")
    pinned = uv(
        "export", "--frozen", "--quiet", "--no-emit-project", "--no-dev", "--no-hashes"
    )
    light = [each for each in pinned.splitlines() if not LEFT_OUT.match(each)]
    (folder / "light.txt").write_text("\n".join(light))
    uv("venv", "--quiet", here.venv)
    into = ("--python", here.venv, "--no-deps", "--quiet")
    uv("pip", "install", *into, "--requirement", folder / "light.txt")
    uv("pip", "install", *into, wheel)
    return here


def test_it_says_its_version_and_its_help(installed: Installed) -> None:
    code, out, err = installed.call("--version")
    assert (code, err) == (0, "")
    assert re.fullmatch(r"fedwhisk \d+\.\d+\.\d+\n", out)
    code, out, err = installed.call("run", "--help")
    assert (code, err) == (0, "")
    assert "--rounds" in out


def test_where_nothing_has_run_status_is_one_sentence(installed: Installed) -> None:
    code, out, err = installed.call("status")
    assert (code, out) == (2, "")
    assert err.startswith("error: no platform's state at ")
    assert err.count("\n") == 1
    assert list(installed.folder.iterdir()) == []


def test_it_builds_and_deploys_the_actions_that_it_brings(installed: Installed) -> None:
    up = installed.start("up", "--port", "0")
    lines_until(up, "ready")
    code, out, err = installed.call("doctor", "--json")
    assert (code, err) == (0, "")
    assert '"healthy":true' in out
    _, err = interrupt(up, signal.SIGTERM)
    assert "Traceback" not in err
    assert up.returncode == 0
