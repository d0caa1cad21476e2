"""What comes from elsewhere: pinned, hashed, licensed, and run as nobody."""

from __future__ import annotations

import json
import re
import tomllib
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any

import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCK = tomllib.loads((ROOT / "uv.lock").read_text())
PACKAGES = {each["name"]: each for each in LOCK["package"]}
PINNED = ROOT / "tests" / "pinned"
OURS = PACKAGES[PROJECT["project"]["name"]]

PERMISSIVE = {
    "0BSD",
    "APACHE",
    "APACHE SOFTWARE",
    "APACHE-2.0",
    "BSD",
    "BSD-2-CLAUSE",
    "BSD-3-CLAUSE",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "LLVM-EXCEPTION",
    "MIT",
    "MIT-CMU",
    "MPL-2.0",
    "MOZILLA PUBLIC 2.0",
    "PSF-2.0",
    "PYTHON SOFTWARE FOUNDATION",
    "ZLIB",
}
"""Licences under which we may ship what depends on us as we do."""

APART = {
    "secantusdb": "GPL-2.0-only; the embedded database, a process of its own that "
    "nothing of ours links to, and that no image and no zip of ours holds",
}
NVIDIAS = re.compile(r"nvidia-.*|cuda-toolkit")
"""What PyTorch's default build brings for GPUs; our images take its CPU build."""


def runtime() -> list[str]:
    """The names of all packages that ours needs to run, on any platform."""
    found: list[str] = []
    ahead = [each["name"] for each in OURS["dependencies"]]
    while ahead:
        name = ahead.pop()
        if name not in found:
            found.append(name)
            ahead += [each["name"] for each in PACKAGES[name].get("dependencies", [])]
    return sorted(found)


def licence(name: str) -> str:
    """What a package says of itself; the newest way of saying it counts."""
    about = metadata(name)
    words = [
        each.removesuffix(" License").rpartition(" :: ")[2]
        for each in about.get_all("Classifier", [])
        if each.startswith("License :: OSI Approved :: ")
    ]
    text = about.get("License-Expression") or about.get("License") or ""
    short = text if len(text) < 200 and "\n" not in text else ""
    return about.get("License-Expression") or " AND ".join(words) or short


def terms(text: str) -> set[str]:
    """The licences of an expression, in upper case."""
    parts = re.split(r" (?:AND|OR|WITH) ", text)
    plain = (re.sub(r" LICENSE| \(.*\)|[()]", "", each.upper()) for each in parts)
    return {each.strip() for each in plain}


def specifiers(declared: list[str]) -> dict[str, str]:
    """Requirements as pyproject.toml writes them: name and versions."""
    parsed = [Requirement(each) for each in declared]
    return {each.name: str(each.specifier) for each in parsed}


def locked(entries: list[dict[str, Any]]) -> dict[str, str]:
    """Requirements as uv.lock remembers them."""
    return {each["name"]: each.get("specifier", "") for each in entries}


def test_the_lock_file_is_in_step_with_the_project() -> None:
    remembered = OURS["metadata"]
    declared = PROJECT["project"]["dependencies"]
    assert locked(remembered["requires-dist"]) == specifiers(declared)
    for group, entries in PROJECT["dependency-groups"].items():
        assert locked(remembered["requires-dev"][group]) == specifiers(entries)
    assert LOCK["requires-python"] == PROJECT["project"]["requires-python"]


def test_every_package_is_pinned_to_files_of_known_content() -> None:
    for name, package in PACKAGES.items():
        if package is OURS:
            continue
        files = [*package.get("wheels", []), *filter(None, [package.get("sdist")])]
        assert files, name
        assert all(each["hash"].startswith("sha256:") for each in files), name
        assert "registry" in package["source"], name


def test_what_tests_fetch_is_pinned_to_files_of_known_content() -> None:
    requirements = sorted(PINNED.glob("*.txt"))
    assert requirements
    for file in requirements:
        joined = file.read_text().replace("\\\n", " ")
        for line in joined.splitlines():
            assert re.match(r"[\w.-]+==[\w.]+ .*--hash=sha256:[0-9a-f]{64}", line), line
    for tool in ("helm", "wskdeploy"):
        assert (PINNED / tool / "go.sum").read_text().count(" h1:") > 10
    packages = json.loads((PINNED / "osls" / "package-lock.json").read_text())
    fetched = {name: each for name, each in packages["packages"].items() if name}
    assert fetched
    assert all(each["integrity"].startswith("sha512-") for each in fetched.values())


def test_the_actions_bring_little_along() -> None:
    bound = {Requirement(each).name for each in PROJECT["dependency-groups"]["actions"]}
    assert bound == {"msgspec", "pymongo"}


def installed(name: str) -> bool:
    """Whether a package is here; the others are for other platforms."""
    try:
        metadata(name)
    except PackageNotFoundError:
        return False
    return True


def test_what_we_need_to_run_is_licensed_permissively(subtests) -> None:
    ours_to_judge = [name for name in filter(installed, runtime()) if name not in APART]
    for name in ours_to_judge:
        if NVIDIAS.fullmatch(name):
            continue
        with subtests.test(name):
            found = licence(name)
            assert found, f"{name} does not say how it is licensed"
            assert terms(found) <= PERMISSIVE, f"{name}: {found}"


def dockerfile() -> list[str]:
    text = (ROOT / "client_image" / "Dockerfile").read_text()
    return re.sub(r"\\\n", " ", text).splitlines()


def test_the_client_runs_as_nobody() -> None:
    last = [line for line in dockerfile() if line.startswith(("USER ", "FROM "))]
    assert re.fullmatch(r"USER [1-9]\d*:[1-9]\d*", last[-1])


def test_the_client_image_fetches_nothing_that_is_not_pinned() -> None:
    lines = dockerfile()
    assert not [line for line in lines if line.startswith("ADD ")]
    assert not [line for line in lines if re.search(r"\b(curl|wget)\b", line)]
    bases = [line for line in lines if re.match(r"ARG \w+_IMAGE=", line)]
    assert bases
    assert all(re.search(r":[\w.-]*\d", base) for base in bases), bases
    assert not [line for line in lines if re.search(r"SECRET|TOKEN|PASSWORD", line)]


def test_the_clients_of_compose_can_write_nowhere_and_gain_nothing() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    clients = [each for name, each in services.items() if name.startswith("client")]
    assert len(clients) == 20
    for each in clients:
        assert each["read_only"] is True
        assert each["cap_drop"] == ["ALL"]
        assert each["security_opt"] == ["no-new-privileges:true"]
        assert each["networks"] == ["clients"]  # never the database's
