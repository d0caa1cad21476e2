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
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from fedclient.tasks import ClientContext, Work, mnist
from fedcore import codec
from fedcore.handlers import get_model
from fedcore.settings import parse
from tests.fedcore.world import OPERATOR, Member, World, members_of
from tests.mnist import write_few_images

Vector = NDArray[np.float32]
Lie = Callable[[Vector, Vector], Vector]
"""From the trained weights and those of the version before to what is sent."""

EXAMPLES, MANY = 320, 10_000_000
"""What an honest client claims, and the most that a hostile one may."""


class Attack(NamedTuple):
    """What a hostile client sends, and how many examples it claims for it."""

    lie: Lie
    examples: int = EXAMPLES


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

MAX_NORM = 4.0


def _just_within(trained: Vector, base: Vector) -> Vector:
    """A step backwards, just shorter than `max_norm` allows."""
    step = trained - base
    return base - step * np.float32(0.975 * MAX_NORM / np.linalg.norm(step))


LIES: dict[str, Lie] = {
    "none": lambda trained, base: trained,
    "weights x 1000": lambda trained, base: trained * 1000,
    "sign flipped": lambda trained, base: -trained,
    "step x -10": lambda trained, base: base - 10 * (trained - base),
    "step of -3.9": _just_within,
    "NaN": lambda trained, base: np.full_like(trained, np.nan),
}

ATTACKS: dict[str, Attack] = {
    **{name: Attack(lie) for name, lie in LIES.items()},
    **{
        f"{name}, 10 M": Attack(LIES[name], MANY)
        for name in ("sign flipped", "step x -10", "step of -3.9")
    },
}
"""By name; "10 M" claims ten million examples."""

UNCAPPED, AS_THE_MEDIAN = {"max_weight": 0.0}, {"max_weight": 1.0}
REFUSE = {"max_norm": MAX_NORM}
CLIP = {"max_norm": MAX_NORM, "norm_action": "clip"}

DEFENCES: dict[str, dict[str, Any]] = {
    "`max_weight: 0` (no defence)": UNCAPPED,
    "`max_weight: 3` (the default)": {},
    "`max_weight: 1`": AS_THE_MEDIAN,
    "`max_norm`, refuse; `max_weight: 0`": REFUSE | UNCAPPED,
    "`max_norm`, refuse": REFUSE,
    "`max_norm`, refuse; `max_weight: 1`": REFUSE | AS_THE_MEDIAN,
    "`max_norm`, clip; `max_weight: 0`": CLIP | UNCAPPED,
    "`max_norm`, clip": CLIP,
    "`max_norm`, clip; `max_weight: 1`": CLIP | AS_THE_MEDIAN,
    "`strategy: median`": {"strategy": "median"},
    "`strategy: trimmed_mean`": {"strategy": "trimmed_mean", "trim": 0.2},
    "`strategy: krum`": {"strategy": "krum", "byzantine": 1},
    "`strategy: krum`, `krum_keep: 7`": {
        "strategy": "krum",
        "byzantine": 1,
        "krum_keep": 7,
    },
}
"""Settings by name; `max_weight` is 3 where nothing else is said."""


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
        examples = EXAMPLES
        if member.index == HOSTILE:
            with np.errstate(over="ignore", invalid="ignore"):
                lied = attack.lie(_vector(trained), _vector(base))
            trained, examples = lied.astype("<f4").tobytes(), attack.examples
        member.send(_request(member, number, trained, examples))

    @functools.cache  # noqa: B019 - one federation a process, and the same first rounds
    def _trained(self, base: bytes, index: int, number: int) -> bytes:
        context = ClientContext(parse(SETTINGS), index, self._folder)
        shares = mnist.TASK.load(context)
        return mnist.TASK.train(base, shares, Work(context, number)).model


def _request(
    member: Member, number: int, model: bytes, examples: int = EXAMPLES
) -> dict[str, Any]:
    (request,) = member.updates(number, model, mnist.LAYOUT, examples=examples)
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
        sys.stderr.write(lines[-1] + "\n")
    return "\n".join(lines)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        sys.stdout.write(table(Path(scratch)) + "\n")
