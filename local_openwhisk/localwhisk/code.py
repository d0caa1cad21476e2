"""Code on disk: every zip is unpacked once, and shared by all processes that run it."""

from __future__ import annotations

import base64
import binascii
import io
import os
import shutil
import tempfile
import zipfile
from pathlib import Path

import msgspec


class CodeFolders:
    """Unpacked code, one folder per digest."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def folder(self, digest: str) -> Path:
        """Where the code of this digest is, or will be, unpacked."""
        return self._root / digest

    def unpack(self, digest: str, text: str, binary: bool) -> Path:
        """Unpack code so that it can be imported as `main__`; done once per digest.

        Blocking, and safe to run twice at once: the first to finish wins.

        Args:
            digest: names the folder.
            text: source, or a zip in base64.
            binary: which of the two.
        """
        folder = self.folder(digest)
        if not folder.exists():
            self._root.mkdir(parents=True, exist_ok=True)
            fresh = Path(tempfile.mkdtemp(dir=self._root))
            write_code(fresh, text, binary)
            try:
                fresh.rename(folder)
            except OSError:  # a twin was faster
                shutil.rmtree(fresh)
        return folder

    def forget_all_but(self, digests: set[str]) -> None:
        """Remove the folders of code that is no longer used."""
        if self._root.exists():
            for folder in self._root.iterdir():
                if folder.name not in digests:
                    shutil.rmtree(folder)


def write_code(folder: Path, text: str, binary: bool) -> None:
    """Write code into a folder the way OpenWhisk's Python runtime does.

    The root's `__main__.py` becomes `main__.py`. Code that can't be unpacked leaves no
    such file, and its process then can't start. Files are read-only: processes share
    them.
    """
    if not binary:
        # A shebang is taken for an executable, which the runtime then can't start.
        if not text.startswith("#!"):
            (folder / "main__.py").write_text(text, encoding="utf-8")
        return
    try:
        with zipfile.ZipFile(io.BytesIO(base64.b64decode(text))) as archive:
            archive.extractall(folder)
    except (zipfile.BadZipFile, binascii.Error):
        return
    if (folder / "__main__.py").exists():
        (folder / "__main__.py").rename(folder / "main__.py")
    for parent, _, names in os.walk(folder):
        for name in names:
            Path(parent, name).chmod(0o444)


def is_binary(text: str) -> bool:
    """Whether code is a zip in base64 rather than source, by its looks.

    OpenWhisk decides in the same way: source has a character that base64 hasn't.
    """
    if not text or len(text) % 4:
        return False
    try:
        base64.b64decode(text, validate=True)
    except binascii.Error:
        return False
    return True


def environment_text(value: object) -> str:
    """A parameter as an environment variable: text as it is, all else as JSON."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
