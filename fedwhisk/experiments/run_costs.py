"""What an experiment has cost, over all commands that have worked on it.

Another command may go on with a run that was cut off. Clients count their calls when
they end, so each command enters its part, and the sum is the cost.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from fedwhisk.experiments.results import NOTHING, Totals
from fedwhisk.local.home import write_private


class Entry(msgspec.Struct, frozen=True):
    """The sum so far; `is_open` while a command works on it."""

    totals: Totals = NOTHING
    is_open: bool = False


class RunCosts:
    """The costs of one experiment, in a file.

    Args:
        folder: where the files are.
        experiment: the experiment's id: another of the same name is another one.
    """

    def __init__(self, folder: Path, experiment: str) -> None:
        self._file = folder / f"{experiment}.json"

    @property
    def totals(self) -> Totals:
        """The sum so far."""
        return self._read().totals

    def open(self) -> None:
        """Begin a part. One that was begun and never entered is counted as unknown."""
        found = self._read()
        totals = found.totals
        if found.is_open:
            totals = msgspec.structs.replace(totals, unknown=totals.unknown + 1)
        self._write(Entry(totals, is_open=True))

    def enter(self, part: Totals) -> None:
        """End a part."""
        self._write(Entry(self.totals.plus(part)))

    def _read(self) -> Entry:
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=Entry)
        except FileNotFoundError:
            return Entry()

    def _write(self, entry: Entry) -> None:
        self._file.parent.mkdir(exist_ok=True)
        write_private(self._file, msgspec.json.encode(entry))
