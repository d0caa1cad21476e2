"""Probe 80: the real wskdeploy."""

import subprocess
from pathlib import Path

import pytest

from tests.conformance.expect import answered, refused
from tests.openwhisk import ECHO
from tests.tools import wskdeploy

MANIFEST = """
packages:
  {package}:
    version: 1.0
    license: Apache-2.0
    actions:
      echo:
        function: echo.py
        runtime: {kind}
        web: true
    sequences:
      twice:
        actions: echo, echo
"""


@pytest.mark.wskdeploy
def test_probe_80_wskdeploy_deploys_twice_and_undeploys(probed, fresh, tmp_path: Path):
    package = f"{fresh}-tool"
    kinds = [
        r["kind"] for r in probed.session.get(probed.host).json()["runtimes"]["python"]
    ]
    (tmp_path / "manifest.yaml").write_text(
        MANIFEST.format(package=package, kind=kinds[-1])
    )
    (tmp_path / "echo.py").write_text(ECHO)

    def run(*words: str) -> None:
        where = ["--apihost", probed.host, "--auth", probed.auth]
        command = [str(wskdeploy()), *words, "-m", "manifest.yaml", *where]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    for version in ("0.0.1", "0.0.2"):
        run()
        for name in ("echo", "twice"):
            action = answered(probed.get(f"actions/{package}/{name}"))
            assert action["version"] == version
    run("undeploy")
    refused(probed.get(f"packages/{package}"), 404)
