"""Build the actions' zips: `python actions/build.py [TARGET]`.

A zip holds its action's `__main__.py`, `fedcore` and the wheels that the action needs,
unpacked, so that a stock Python runtime runs it. Wheels come from `uv.lock` for the
target's Python and platform, on any building machine. Equal sources give equal bytes.

With `--function` it makes one folder of the same parts instead, for AWS Lambda.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from fedcore.adapters import routes

ACTIONS = Path(__file__).resolve().parent
PROJECT = ACTIONS.parent
BUILD = PROJECT / "build" / "actions"
FUNCTION = PROJECT / "build" / "aws"
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can hold

NOT_SHIPPED = frozenset(
    {"bin", "f2py", "gridfs", "include", "tests", "_pyinstaller"}
    | {"RECORD", "INSTALLER", "REQUESTED", ".lock"}
)
NOT_SHIPPED_SUFFIXES = (".pyi", ".pxd", ".a", ".h", ".c")
NO_BYTECODE = frozenset({"dns"})
"""Imported for `mongodb+srv` alone, so that its bytecode is not worth its size."""


@dataclass(frozen=True)
class Target:
    """Where zips run.

    Attributes:
        python: the minor version, such as `3.11`.
        platform: uv's name of the platform; None means this machine.
    """

    python: str
    platform: str | None


HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
TARGETS = {
    # The runtime images of OpenWhisk and AWS Lambda are x86-64 with a newer glibc.
    "3.11": Target("3.11", "x86_64-manylinux_2_28"),
    "local": Target(HERE, None),
}


class BuildError(Exception):
    """The zips cannot be built; the text says what to do."""


def build(
    target_name: str = "3.11", *, on_work: Callable[[], None] = lambda: None
) -> Path:
    """Bring the zips of a target up to date, and return their folder.

    Args:
        target_name: one of `TARGETS`.
        on_work: is called before any work; not at all if the zips are up to date.

    Raises:
        BuildError: uv is missing, or failed to get the wheels.
    """
    target = TARGETS[target_name]
    folder = BUILD / target_name
    folder.mkdir(parents=True, exist_ok=True)
    stamp = folder / ".stamp"
    wanted = _fingerprint(target)
    if stamp.exists() and stamp.read_text() == wanted:
        return folder
    on_work()
    with _unpacked(target) as (light, heavy):
        bases = {
            False: _write_base(light.with_suffix(".zip"), light),
            True: _write_base(heavy.with_suffix(".zip"), light, heavy),
        }
        for action in routes.ACTIONS.values():
            _write_zip(folder, action.name, bases[action.needs_numpy])
        _remove_others(folder)
    stamp.write_text(wanted)
    return folder


def build_function(target_name: str = "3.11") -> Path:
    """Bring the folder of the one AWS Lambda function up to date, and return it.

    It holds what all actions together need, as the runtime wants it in its task root:
    `aws/Dockerfile` copies it into an image.

    Raises:
        BuildError: as `build`.
    """
    target = TARGETS[target_name]
    folder = FUNCTION / target_name
    stamp = FUNCTION / f"{target_name}.stamp"
    wanted = _fingerprint(target)
    FUNCTION.mkdir(parents=True, exist_ok=True)
    with FileLock(FUNCTION / "lock"):  # a folder, unlike a zip, is not made at once
        kept = folder.is_dir() and stamp.exists() and stamp.read_text() == wanted
        if not kept:
            stamp.unlink(missing_ok=True)
            _lay_out(target, folder)
            stamp.write_text(wanted)
    return folder


def _lay_out(target: Target, folder: Path) -> None:
    """Fill an emptied folder. Every user may read it: Lambda's is not its owner."""
    shutil.rmtree(folder, ignore_errors=True)
    with _unpacked(target) as parts:
        for part in parts:
            for file in _shipped(part):
                placed = folder / file.relative_to(part)
                placed.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, placed)
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)


def build_id() -> str:
    """Return a name of the sources and the locked wheels, the same for every target."""
    return _digest(b"").hexdigest()[:12]


@contextmanager
def _unpacked(target: Target) -> Iterator[tuple[Path, Path]]:
    """Yield what every action needs, and what the aggregation needs in addition."""
    with tempfile.TemporaryDirectory(prefix="fedwhisk-build-") as scratch:
        light = _wheels(target, Path(scratch) / "light", "actions")
        no_caches = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ACTIONS / "fedcore", light / "fedcore", ignore=no_caches)
        (light / "fedcore" / "build_id.py").write_text(f'BUILD = "{build_id()}"\n')
        heavy = _wheels(target, Path(scratch) / "heavy", "aggregation")
        _compile(target, light, heavy)
        yield light, heavy


def _fingerprint(target: Target) -> str:
    """Hash all that a build depends on."""
    return _digest(f"{target} {sys.version}".encode()).hexdigest()


def _digest(start: bytes) -> hashlib._Hash:
    digest = hashlib.sha256(start)
    for path in [*_sources(), PROJECT / "uv.lock"]:
        digest.update(f"\0{path.relative_to(PROJECT)}\0".encode())
        digest.update(path.read_bytes())
    return digest


def _sources() -> list[Path]:
    return sorted(ACTIONS.rglob("*.py"))


def _wheels(target: Target, folder: Path, group: str) -> Path:
    """Unpack the locked wheels of a dependency group into a folder."""
    requirements = folder.with_suffix(".txt")
    export = ["export", "--frozen", "--quiet", "--only-group", group]
    _uv(*export, "--no-emit-project", "--output-file", str(requirements))
    install = ["pip", "install", "--quiet", "--target", str(folder), "--no-deps"]
    install += ["--only-binary", ":all:", "--python-version", target.python]
    if target.platform is not None:
        install += ["--python-platform", target.platform]
    _uv(*install, "--link-mode", "copy", "--requirement", str(requirements))
    return folder


def _uv(*arguments: str) -> None:
    beside = [PROJECT / ".uv" / "bin" / "uv", Path(sys.executable).with_name("uv")]
    uv = shutil.which("uv") or next(filter(None, map(shutil.which, beside)), None)
    if uv is None:
        raise BuildError("uv is not on PATH: run `make actions`, or `pip install uv`")
    command = [uv, *arguments]
    done = subprocess.run(  # noqa: S603 - our own arguments
        command, cwd=PROJECT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BuildError(f"uv {arguments[0]} failed: {done.stderr.strip()}")


def _compile(target: Target, *folders: Path) -> None:
    """Add bytecode, which saves a cold start the compilation.

    The runtime's own version of Python must make it. It is never checked against its
    source, so that times in the zip do not matter. Where that version is not installed,
    the zips have none: they work the same, but a cold start is slower.
    """
    python = sys.executable if target.python == HERE else _other_python(target.python)
    if python is None:
        return
    for folder in folders:
        command = [python, "-m", "compileall", "-q", "-j", "1", "-s", str(folder)]
        command += ["--invalidation-mode", "unchecked-hash", str(folder)]
        # A wheel may hold a file that does not compile: it is shipped as it is.
        subprocess.run(command, check=False)  # noqa: S603


def _other_python(version: str) -> str | None:
    return shutil.which(f"python{version}")


def _write_base(path: Path, *parts: Path) -> Path:
    """Write the part that several actions share, once: compressing takes the time."""
    entries = {
        file.relative_to(part): file for part in parts for file in _shipped(part)
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name in sorted(entries):
            _add(archive, name.as_posix(), entries[name].read_bytes())
    return path


def _write_zip(folder: Path, action: str, base: Path) -> None:
    """Put an action's zip in place, whole or not at all."""
    staged = folder / f"{action}.zip.new"
    shutil.copyfile(base, staged)
    with zipfile.ZipFile(staged, "a") as archive:
        main = ACTIONS / action / "__main__.py"
        _add(archive, main.name, main.read_bytes())
    staged.replace(folder / f"{action}.zip")


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    info = zipfile.ZipInfo(name, EPOCH)
    info.external_attr = 0o644 << 16
    archive.writestr(info, data, zipfile.ZIP_DEFLATED, compresslevel=9)


def _shipped(folder: Path) -> Iterator[Path]:
    for file in sorted(folder.rglob("*")):
        inside = file.relative_to(folder).parts
        if file.is_file() and not (
            NOT_SHIPPED & set(inside)
            or file.suffix in NOT_SHIPPED_SUFFIXES
            or (file.suffix == ".pyc" and inside[0] in NO_BYTECODE)
        ):
            yield file


def _remove_others(folder: Path) -> None:
    """Remove the zips of actions that no longer exist."""
    for zipped in folder.glob("*.zip"):
        if zipped.stem not in routes.ACTIONS:
            zipped.unlink()


def main() -> int:
    """Build one target and list what was made."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", nargs="?", default="3.11", choices=sorted(TARGETS))
    parser.add_argument("--function", action="store_true", help="for AWS Lambda")
    arguments = parser.parse_args()
    try:
        if arguments.function:
            made = [build_function(arguments.target)]
        else:
            made = sorted(build(arguments.target).glob("*.zip"))
    except BuildError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    for path in made:
        files = [path, *path.rglob("*")]
        size = sum(each.stat().st_size for each in files if each.is_file()) / 1e6
        sys.stdout.write(f"{path.relative_to(PROJECT)}  {size:.2f} MB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
