"""`python -m tests.simulation SEED` tells what happens in the run of that seed."""

import sys

from tests.simulation.reports import hush
from tests.simulation.world import run

if __name__ == "__main__":
    hush()
    world = run(int(sys.argv[1]), tell=print)
    print(f"fine, after {world.timeline.events} events")  # noqa: T201
