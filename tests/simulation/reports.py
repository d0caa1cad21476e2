"""Many schedules on many cores, and the story of the one that failed."""

from __future__ import annotations

import gc
import logging
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from enum import IntEnum
from functools import partial
from multiprocessing import get_context

from tests.simulation.timeline import Tell
from tests.simulation.world import World, run


class Size(IntEnum):
    """How much time there is: for `make test`, a run of CI, or `make soak`."""

    TEST = 0
    CI = 1
    SOAK = 2


SIZE = {"": Size.TEST, "ci": Size.CI, "1": Size.SOAK}[os.environ.get("SOAK", "")]
"""What `SOAK=ci` or `SOAK=1` chooses."""

SELDOM = 100_000
"""New objects after which garbage is collected."""

LINES = 300
"""How much of a story is told, from its end."""

Run = Callable[[int, Tell | None], World]


def hush() -> None:
    """Let clients and handlers keep their logs to themselves."""
    for name in ("fedclient", "fedcore"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def story(seed: int, play: Run = run) -> str | None:
    """Return what happens in the run of a seed, if it ends badly."""
    lines: list[str] = []
    try:
        play(seed, lines.append)
    except Exception as error:  # noqa: BLE001 - whatever escapes is a finding
        told = "\n".join(lines[-LINES:])
        return f"seed {seed}: {type(error).__name__}: {error}\n\n{told}"
    return None


def first_failure(seeds: range, play: Run = run) -> int | None:
    """Play the runs of these seeds; return the first that ends badly."""
    for seed in seeds:
        try:
            play(seed, None)
        except Exception:  # noqa: BLE001 - told again, as a story
            return seed
    return None


def on_every_core() -> ProcessPoolExecutor:
    """Return a pool of as many processes as there are cores."""
    return ProcessPoolExecutor(mp_context=get_context("spawn"), initializer=_prepare)


def _prepare() -> None:
    hush()
    gc.set_threshold(SELDOM)


@contextmanager
def seldom_collecting() -> Iterator[None]:
    """Let the collector of garbage rest: worlds are many, and gone soon."""
    usual = gc.get_threshold()
    gc.set_threshold(SELDOM)
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def play_many(schedules: int, play: Run = run, batch: int = 100) -> str | None:
    """Play so many runs; return the story of one that ends badly, if any does."""
    batches = [range(first, first + batch) for first in range(0, schedules, batch)]
    with on_every_core() as pool:
        for found in pool.map(partial(first_failure, play=play), batches):
            if found is not None:
                pool.shutdown(cancel_futures=True)
                unseen = f"seed {found} failed, but not when it was played again"
                return story(found, play) or unseen
    return None
