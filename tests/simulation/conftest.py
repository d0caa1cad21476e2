import logging
from collections.abc import Iterator

import pytest

from tests.simulation.reports import hush


@pytest.fixture(autouse=True)
def _hush() -> Iterator[None]:
    levels = {each: logging.getLogger(each).level for each in ("fedclient", "fedcore")}
    hush()
    yield
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
