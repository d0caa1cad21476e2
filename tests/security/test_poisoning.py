"""One hostile client of ten, on few images of MNIST: with and without each defence."""

from __future__ import annotations

import pytest

from tests.security.poisoning import (
    AS_THE_MEDIAN,
    CLIP,
    DEFENCES,
    HOSTILE,
    REFUSE,
    ROUNDS,
    UNCAPPED,
    Federation,
)

pytestmark = pytest.mark.e2e

IMAGES = 2_000
HARM = "step x -10"
"""The attack that does most harm without a claim: it passes for an update else."""

MANY = "step of -3.9, 10 M"
"""The attack that no bound on norms sees: it claims ten million examples."""


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


@pytest.mark.parametrize(
    "defence",
    [
        "`max_norm`, refuse",
        "`max_norm`, clip; `max_weight: 1`",
        "`strategy: median`",
        "`strategy: trimmed_mean`",
        "`strategy: krum`, `krum_keep: 7`",
    ],
)
def test_a_defence_keeps_the_model_as_good_as_without_it(
    federation, honest, defence
) -> None:
    accuracy, _ = federation.accuracy(HARM, **DEFENCES[defence])
    assert accuracy > honest - 0.1


@pytest.mark.parametrize("bound", [REFUSE, CLIP], ids=["refuse", "clip"])
def test_no_norm_is_a_defence_against_a_claim_that_buys_the_round(
    federation, honest, bound
) -> None:
    accuracy, world = federation.accuracy(MANY, **bound | UNCAPPED)
    assert accuracy < honest / 2
    assert not any(each["refused"] for each in world.report()["rounds"])


def test_a_norm_and_a_weight_no_larger_than_the_median_keep_the_model(
    federation, honest
) -> None:
    accuracy, world = federation.accuracy(MANY, **REFUSE | AS_THE_MEDIAN)
    assert accuracy > honest - 0.15
    capped = [each["capped"] for each in world.report()["rounds"][1:]]
    assert capped == [{str(HOSTILE): {"claimed": 10_000_000, "counted": 320}}] * ROUNDS


def test_weights_that_are_no_numbers_are_refused_without_any_setting(
    federation, honest
) -> None:
    accuracy, world = federation.accuracy("NaN")
    assert accuracy > honest - 0.1
    refused = [each["refused"] for each in world.report()["rounds"][1:]]
    assert refused == [{str(HOSTILE): "chunk 0: value 0 is not finite"}] * ROUNDS
