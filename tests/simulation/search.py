"""Every state of a small world, each once; and from each, a way to a good end."""

from __future__ import annotations

from array import array
from collections import deque
from dataclasses import dataclass

from tests.simulation.checker import Broken
from tests.simulation.game import Game
from tests.simulation.state import SmallWorld, State
from tests.simulation.world import chunks_of


@dataclass(frozen=True)
class Found:
    """What a search came to. `complete`: no state was left out."""

    states: int
    moves: int
    complete: bool


class Search:
    """A depth-first walk that turns back at every state that it has met.

    Args:
        world: what to explore.
        most: states after which it stops.
    """

    def __init__(self, world: SmallWorld, most: int) -> None:
        self._world = world
        self._most = most
        self._game = Game(world)
        self._numbers: dict[bytes, int] = {}
        self._parents = array("q")
        self._turns = array("H")
        self._sources = array("q")
        self._targets = array("q")
        self._good: list[int] = []

    def run(self) -> Found:
        """Walk through all states.

        Raises:
            Broken: an invariant does not hold, or there is no way to a good end; its
                text tells the way there.
        """
        with chunks_of(self._world.chunk_values):
            complete = self._walk()
            if complete:
                self._check_ways_out()
        return Found(len(self._parents), len(self._sources), complete)

    def _walk(self) -> bool:
        first = self._game.first()
        self._meet(first, first.mark(), -1, 0)
        open_states = [(0, first)]
        while open_states:
            number, state = open_states.pop()
            for turn, after in enumerate(self._moves(number, state)):
                mark = after.mark()
                known = self._numbers.get(mark)
                if known is None:
                    if len(self._parents) >= self._most:
                        return False
                    known = self._meet(after, mark, number, turn)
                    open_states.append((known, after))
                self._sources.append(number)
                self._targets.append(known)
        return True

    def _moves(self, number: int, state: State) -> list[State]:
        try:
            self._game.check(state)
            return [after for _, after in self._game.moves(state)]
        except Broken as broken:
            raise Broken(f"{broken}\nafter\n{self._way_to(number)}") from broken

    def _meet(self, state: State, mark: bytes, parent: int, turn: int) -> int:
        number = len(self._parents)
        self._numbers[mark] = number
        self._parents.append(parent)
        self._turns.append(turn)
        if state.experiment["state"] == "finished":
            self._good.append(number)
        return number

    def _way_to(self, number: int) -> str:
        """Tell the way again: to remember each step would take too much room."""
        turns = []
        while self._parents[number] >= 0:
            turns.append(self._turns[number])
            number = self._parents[number]
        state, lines = self._game.first(), []
        for turn in reversed(turns):
            words, state = list(self._game.moves(state))[turn]
            lines.append(" ".join(str(word) for word in words))
        return "\n".join(lines)

    def _check_ways_out(self) -> None:
        """Walk backwards from the good ends: nobody may be left out."""
        sources: list[list[int]] = [[] for _ in self._parents]
        for source, target in zip(self._sources, self._targets, strict=True):
            sources[target].append(source)
        reached = set(self._good)
        waiting = deque(self._good)
        while waiting:
            for source in sources[waiting.popleft()]:
                if source not in reached:
                    reached.add(source)
                    waiting.append(source)
        stuck = next((n for n in range(len(sources)) if n not in reached), None)
        if stuck is not None:
            raise Broken(f"there is no way out after\n{self._way_to(stuck)}")
