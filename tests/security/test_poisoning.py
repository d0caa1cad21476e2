"""One hostile client of ten, on few images of MNIST: with and without each defence."""

from __future__ import annotations

import pytest

from tests.security.poisoning import DEFENCES, HOSTILE, ROUNDS, Federation

pytestmark = pytest.mark.e2e

IMAGES = 2_000
HARM = "step x -10"
"""The attack that does most harm here: it passes for an update in every way but one."""


@pytest.fixture(scope="module")
def federation(tmp_path_factory) -> Federation:
    return Federation(tmp_path_factory.mktemp("few"), IMAGES)


@pytest.fixture(scope="module")
def honest(federation) -> float:
    """The accuracy that ten honest clients reach."""
    accuracy, _ = federation.accuracy("none")
    assert accuracy > 0.6
    return accuracy


def test_undefended_one_client_ruins_the_model(federation, honest) -> None:
    accuracy, world = federation.accuracy(HARM)
    assert accuracy < honest / 2
    # But the record names it: it lies farther off than anybody, in every round.
    rounds = world.report()["rounds"][1:]
    assert [next(iter(each["distances"])) for each in rounds] == [str(HOSTILE)] * ROUNDS


@pytest.mark.parametrize("defence", ["max_norm, refuse", "median"])
def test_a_defence_keeps_the_model_as_good_as_without_it(
    federation, honest, defence
) -> None:
    accuracy, _ = federation.accuracy(HARM, **DEFENCES[defence])
    assert accuracy > honest - 0.1


def test_weights_that_are_no_numbers_are_refused_without_any_setting(
    federation, honest
) -> None:
    accuracy, world = federation.accuracy("NaN")
    assert accuracy > honest - 0.1
    refused = [each["refused"] for each in world.report()["rounds"][1:]]
    assert refused == [{str(HOSTILE): "chunk 0: value 0 is not finite"}] * ROUNDS
