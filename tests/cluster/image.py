"""The client image without an image registry: one layer on top of a base image.

`python tests/cluster/image.py BASE.tar OUT.tar [NAME]` reads what `docker save` (or
debootstrap and a few lines) made of a Debian with Python 3.11, and adds what the last
stage of `client_image/Dockerfile` adds, save for the packages: those are mounted over
/opt/venv/lib by the chart's `extraVolumes`, since PyTorch need not be packed to be run.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import sys
import tarfile
from pathlib import Path

PROJECT = Path(__file__).parents[2]
NAME = "localhost/fl-client:test"
SOURCES = {"app/fedcore": "actions/fedcore", "app/fedclient": "client_image/fedclient"}
PYTHON = "/usr/bin/python3"


def build(base: Path, out: Path, name: str = NAME) -> None:
    """Write a docker archive: the base's layers and ours."""
    layer = _layer()
    with tarfile.open(base) as archive:
        manifest = json.loads(_read(archive, "manifest.json"))[0]
        config = json.loads(_read(archive, manifest["Config"]))
        layers = {each: _read(archive, each) for each in manifest["Layers"]}
    digest = hashlib.sha256(layer).hexdigest()
    layers[f"{digest}/layer.tar"] = layer
    config["rootfs"]["diff_ids"].append(f"sha256:{digest}")
    config.pop("history", None)
    config["config"] = {**config.get("config", {}), **_instructions()}
    config["config"].pop("Cmd", None)  # an ENTRYPOINT ends the base image's
    body = json.dumps(config).encode()
    title = f"{hashlib.sha256(body).hexdigest()}.json"
    head = [{"Config": title, "RepoTags": [name], "Layers": list(layers)}]
    files = {"manifest.json": json.dumps(head).encode(), title: body, **layers}
    with tarfile.open(out, "w") as archive:
        for path, content in files.items():
            _add(archive, path, content)


def _instructions() -> dict[str, object]:
    """Read ENV, WORKDIR, USER and ENTRYPOINT from the Dockerfile's last stage."""
    text = (PROJECT / "client_image" / "Dockerfile").read_text()
    stage = text.replace("\\\n", " ").rpartition("\nFROM ")[2]
    found = dict(re.findall(r"^(ENV|WORKDIR|USER|ENTRYPOINT) +(.+)$", stage, re.M))
    system = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return {
        "Env": found["ENV"].replace("$PATH", system).split(),
        "WorkingDir": found["WORKDIR"],
        "User": found["USER"],
        "Entrypoint": json.loads(found["ENTRYPOINT"]),
    }


def _layer() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as layer:
        for target, source in SOURCES.items():
            for file in sorted((PROJECT / source).rglob("*")):
                if file.is_file() and "__pycache__" not in file.parts:
                    path = file.relative_to(PROJECT / source)
                    _add(layer, f"{target}/{path}", file.read_bytes())
        # A virtual environment: its Python is a link, its packages come by a mount.
        _add(layer, "opt/venv/pyvenv.cfg", b"home = /usr/bin\n")
        _link(layer, "opt/venv/bin/python", PYTHON)
        _folder(layer, "opt/venv/lib/python3.11/site-packages")
    return buffer.getvalue()


def _add(archive: tarfile.TarFile, path: str, content: bytes) -> None:
    entry = tarfile.TarInfo(path)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))


def _link(archive: tarfile.TarFile, path: str, target: str) -> None:
    entry = tarfile.TarInfo(path)
    entry.type, entry.linkname = tarfile.SYMTYPE, target
    archive.addfile(entry)


def _folder(archive: tarfile.TarFile, path: str) -> None:
    entry = tarfile.TarInfo(path)
    entry.type, entry.mode = tarfile.DIRTYPE, 0o755
    archive.addfile(entry)


def _read(archive: tarfile.TarFile, path: str) -> bytes:
    member = archive.extractfile(path)
    assert member is not None, f"{path}: not in the base image"
    return member.read()


if __name__ == "__main__":
    build(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:4])
