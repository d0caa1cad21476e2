"""What is deployed: small, the same from the same sources, whole, and no more."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from actions.build import ACTIONS, HERE, build, build_id
from fedcore.adapters import routes

MEGABYTE = 1_000_000
MOST = {"fedavg": 20 * MEGABYTE}


@pytest.fixture(scope="module")
def zips() -> dict[str, Path]:
    """The zips for OpenWhisk, by their actions' names."""
    return {path.stem: path for path in build("3.11").glob("*.zip")}


def test_every_action_has_a_zip_and_nothing_else_has(zips):
    assert set(zips) == set(routes.ACTIONS)


def test_zips_are_small(zips):
    sizes = {name: path.stat().st_size for name, path in zips.items()}
    too_large = {
        name: size
        for name, size in sizes.items()
        if size >= MOST.get(name, 3 * MEGABYTE)
    }
    assert not too_large


def test_only_the_aggregation_brings_numpy_and_none_brings_torch(zips):
    for name, path in zips.items():
        with zipfile.ZipFile(path) as archive:
            packages = {entry.partition("/")[0] for entry in archive.namelist()}
        assert ("numpy" in packages) is (name == "fedavg")
        assert "torch" not in packages
        assert {"fedcore", "pymongo", "dns", "msgspec"} <= packages


def test_a_zip_holds_its_own_entry_and_says_what_it_was_built_from(zips):
    for name, path in zips.items():
        with zipfile.ZipFile(path) as archive:
            entry = archive.read("__main__.py")
            told = archive.read("fedcore/build_id.py").decode()
        assert entry == (ACTIONS / name / "__main__.py").read_bytes()
        assert f'BUILD = "{build_id()}"' in told


def test_the_same_sources_give_the_same_bytes(zips):
    before = {name: path.read_bytes() for name, path in zips.items()}
    stamp = zips["status"].with_name(".stamp")
    stamp.unlink()
    build("3.11")
    assert {name: path.read_bytes() for name, path in zips.items()} == before


@pytest.mark.skipif(HERE != "3.11", reason="the image's Python is 3.11")
def test_the_image_holds_the_zips_contents_where_python_looks(zips, tmp_path):
    """Run what the Dockerfile runs, on a Python of its own in place of the image's."""
    command = run_instruction((ACTIONS / "Dockerfile").read_text())
    base = tmp_path / "base"
    bare = [sys.executable, "-m", "venv", "--without-pip", str(base)]
    subprocess.run(bare, check=True)
    command = command.replace("/tmp/actions.zip", str(zips["fedavg"]))  # noqa: S108
    command = command.replace("python3", f"{base}/bin/python3 -I")
    subprocess.run(["/bin/sh", "-c", command], check=True)
    # OpenWhisk injects an action's few lines; they find all else by themselves.
    (tmp_path / "main__.py").write_text((ACTIONS / "status/__main__.py").read_text())
    asked = "import main__; print(main__.main({'__ow_method': 'get'})['statusCode'])"
    answer = subprocess.run(
        [f"{base}/bin/python3", "-c", asked],
        cwd=tmp_path,
        env={},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.strip() == "500"  # misconfigured: nothing is bound


def run_instruction(dockerfile: str) -> str:
    """The shell command of the one RUN, without Docker's own options."""
    (run,) = dockerfile.split("\nRUN ")[1:]
    words = run.replace("\\\n", "").strip()
    return words.partition("actions.zip ")[2].strip()
