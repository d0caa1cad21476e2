"""What an action prints: two pipes, read as it comes, cut into stamped lines."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime

CHUNK = 64 * 1024
STREAMS = ("stdout", "stderr")


class LogPipes:
    """The stdout and stderr of one process.

    The process flushes both before it answers, so everything of an activation is in
    the pipes by then: `take` reads them dry, and no end marker is needed.
    """

    def __init__(self) -> None:
        self._ends = {stream: os.pipe() for stream in STREAMS}
        self._partial = dict.fromkeys(STREAMS, b"")
        self._lines: list[str] = []
        self._size = 0
        self.allowed = 0
        for stream, (reading, _) in self._ends.items():
            os.set_blocking(reading, False)
            asyncio.get_running_loop().add_reader(reading, self._read, stream)

    def writing_end(self, stream: str) -> int:
        """The file descriptor to hand to the process."""
        return self._ends[stream][1]

    def handed_over(self) -> None:
        """Close our copies of the writing ends."""
        for _, writing in self._ends.values():
            os.close(writing)

    def take(self) -> list[str]:
        """Everything printed since the last call, line by line."""
        for stream in STREAMS:
            while self._read(stream):
                pass
            self._add(stream, self._partial[stream])
            self._partial[stream] = b""
        if self._size > self.allowed:
            self._lines.append(
                "Logs were truncated because the total bytes size exceeds the limit "
                f"of {self.allowed} bytes."
            )
        lines, self._lines, self._size = self._lines, [], 0
        return lines

    def close(self) -> None:
        """Close the reading ends."""
        for reading, _ in self._ends.values():
            asyncio.get_running_loop().remove_reader(reading)
            os.close(reading)

    def _read(self, stream: str) -> bool:
        """Read one chunk; False where there is nothing to read."""
        reading = self._ends[stream][0]
        try:
            chunk = os.read(reading, CHUNK)
        except BlockingIOError:
            return False
        if not chunk:  # the process is gone: stop being woken
            asyncio.get_running_loop().remove_reader(reading)
            return False
        *lines, rest = (self._partial[stream] + chunk).split(b"\n")
        self._partial[stream] = rest[: self.allowed + 1]
        for line in lines:
            self._add(stream, line)
        return True

    def _add(self, stream: str, line: bytes) -> None:
        """Keep a line, unless the activation has printed too much already."""
        self._size += len(line)
        if line and self._size <= self.allowed:
            now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "000Z"
            self._lines.append(f"{now} {stream}: {line.decode(errors='replace')}")
