"""Small worlds, every state of them: nothing breaks, and a good end is always near."""

import logging
from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from tests.simulation.reports import SOAK, on_every_core
from tests.simulation.search import Found
from tests.simulation.worlds import WORLDS, explore

log = logging.getLogger(__name__)

HERE = [name for name, world in WORLDS.items() if SOAK or not world.soak]


@pytest.fixture(scope="module")
def searches() -> Iterator[dict[str, Future[Found]]]:
    """All searches, on all cores; each test waits for its own."""
    with on_every_core() as pool:
        yield {name: pool.submit(explore, name) for name in HERE}
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("name", HERE)
def test_a_small_world_holds_in_every_state(name, searches) -> None:
    found = searches[name].result()
    log.info("%s: %d states, %d moves", name, found.states, found.moves)
    assert found.complete
