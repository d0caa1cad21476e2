"""One hostile client of ten on MNIST, and what each bound makes of it.

    python -m tests.security.poisoning      prints the table of SECURITY.md

Everything is real but the platform: the handlers, over the database in memory, and
the clients' own training. The hostile client trains like the others, then lies.
"""

from __future__ import annotations

import functools
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fedclient.tasks import Place, Work, mnist
from fedcore import codec
from fedcore.handlers import get_model
from fedcore.settings import parse
from tests.fedcore.world import OPERATOR, Member, World, members_of
from tests.mnist import write_few_images

Vector = NDArray[np.float32]
Attack = Callable[[Vector, Vector], Vector]
"""From the trained weights and those of the version before to what is sent."""

CLIENTS, HOSTILE, ROUNDS = 10, 3, 3
SETTINGS: dict[str, Any] = {
    "clients": CLIENTS,
    "per_round": CLIENTS,
    "rounds": ROUNDS,
    "epochs": 3,
    "batch_size": 20,
    "lr": 0.05,
    "attempts": 1,
    "evaluate": False,
}

ATTACKS: dict[str, Attack] = {
    "none": lambda trained, base: trained,
    "weights x 1000": lambda trained, base: trained * 1000,
    "sign flipped": lambda trained, base: -trained,
    "step x -10": lambda trained, base: base - 10 * (trained - base),
    "NaN": lambda trained, base: np.full_like(trained, np.nan),
}

DEFENCES: dict[str, dict[str, Any]] = {
    "none": {},
    "max_norm, refuse": {"max_norm": 4.0},
    "max_norm, clip": {"max_norm": 4.0, "norm_action": "clip"},
    "median": {"strategy": "median"},
    "trimmed_mean": {"strategy": "trimmed_mean", "trim": 0.2},
    "krum": {"strategy": "krum", "byzantine": 1},
    "krum, keep 7": {"strategy": "krum", "byzantine": 1, "krum_keep": 7},
}


class Federation:
    """Ten clients of MNIST in one process; training is remembered between runs."""

    def __init__(self, folder: Path, images: int = 4_000) -> None:
        write_few_images(folder, train=images)
        torch.set_num_threads(1)  # as every client does
        self._folder = folder
        mnist.TASK.preload(folder)

    def accuracy(self, attack: str, **defence: Any) -> tuple[float, World]:
        """The last version's accuracy on the test images; the world that made it."""
        world = World()
        model = mnist.TASK.initial_model(0)
        world.pin(model, mnist.LAYOUT, **SETTINGS, **defence)
        world.put(model)
        members = [world.enrol(f"c{number}") for number in range(CLIENTS)]
        world.advance()
        for number in range(1, ROUNDS + 1):
            base = _newest(world)
            for member in members_of(world, members):
                self._submit(member, number, base, ATTACKS[attack])
            # Where updates were refused, the quorum suffices once all have answered.
            world.advance()
            if world.report()["version"] < number:
                break
        score = mnist.TASK.evaluate(_newest(world), self._folder, lambda: None)
        return score.accuracy, world

    def _submit(self, member: Member, number: int, base: bytes, attack: Attack) -> None:
        trained = self._trained(base, member.index, number)
        if member.index == HOSTILE:
            with np.errstate(over="ignore", invalid="ignore"):
                lied = attack(_vector(trained), _vector(base))
            trained = lied.astype("<f4").tobytes()
        member.send(_request(member, number, trained))

    @functools.cache  # noqa: B019 - one federation a process, and the same first rounds
    def _trained(self, base: bytes, index: int, number: int) -> bytes:
        place = Place(parse(SETTINGS), index, self._folder)
        shares = mnist.TASK.load(place)
        return mnist.TASK.train(base, shares, Work(place, number)).model


def _request(member: Member, number: int, model: bytes) -> dict[str, Any]:
    (request,) = member.updates(number, model, mnist.LAYOUT, examples=320)
    return request


def _newest(world: World) -> bytes:
    answer = world.call(get_model.ACTION, {"experiment": "exp"}, OPERATOR)
    return codec.decode(answer["chunk"]["data"])


def _vector(model: bytes) -> Vector:
    return np.frombuffer(model, "<f4")


def table(folder: Path) -> str:
    """Accuracy by attack and defence, as rows of Markdown."""
    federation = Federation(folder)
    lines = [
        f"| {' | '.join(['defence', *ATTACKS])} |",
        "|---" * (len(ATTACKS) + 1) + "|",
    ]
    for name, defence in DEFENCES.items():
        found = [federation.accuracy(attack, **defence)[0] for attack in ATTACKS]
        cells = [f"{100 * accuracy:.1f} %" for accuracy in found]
        lines.append(f"| {' | '.join([name, *cells])} |")
    return "\n".join(lines)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        sys.stdout.write(table(Path(scratch)) + "\n")
