"""How all tables look."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table


def table(heads: Iterable[str], *, words: Iterable[str] = ()) -> Table:
    """Return a table without lines: figures to the right, columns of words left."""
    made = Table(box=None, pad_edge=False, header_style="dim")
    left = set(words)
    for head in heads:
        made.add_column(
            head, justify="left" if head in left else "right", overflow="fold"
        )
    return made
