import re

import pytest

from fedcore.advice import notes
from fedcore.settings import ExperimentSettings


@pytest.mark.parametrize("per_round", [2, 3, 4, 7, 300])
def test_the_quorum_that_is_named_tolerates_one_missing_client(per_round) -> None:
    strict = ExperimentSettings(clients=300, per_round=per_round, quorum=1.0)
    (note,) = notes(strict)
    assert f"all {per_round} clients that it draws" in note
    named = float(re.search(r"quorum: ([\d.]+) tolerates one", note)[1])
    milder = ExperimentSettings(clients=300, per_round=per_round, quorum=named)
    assert notes(milder) == []
    assert 1 <= milder.quorum_of(per_round) < per_round


def test_where_one_is_drawn_another_one_is_advised() -> None:
    (note,) = notes(ExperimentSettings(clients=2, per_round=1))
    assert note == (
        "a round needs the update of the one client that it draws, so it tolerates "
        "no missing client; the setting over_select: 1 tolerates one"
    )


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"clients": 5, "per_round": 5},
        {"clients": 4, "per_round": 3, "over_select": 1},
        {"clients": 1, "per_round": 1},
    ],
)
def test_where_a_client_may_miss_or_is_the_only_one_nothing_is_said(settings) -> None:
    assert notes(ExperimentSettings(**settings)) == []
