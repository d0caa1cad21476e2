"""What an update claims to stand for, and what it counts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedcore.documents import Update
from fedcore.settings import ExperimentSettings
from fedcore.weights import CAPPED_TOLD, capped, counted, in_words
from tests.fedcore.world import World, members_of, open_round_1


def updates(*claims: int) -> list[Update]:
    """Updates of the clients 0, 1, … with these claims."""
    return [
        Update(
            client=client,
            upload="",
            examples=claim,
            metrics={},
            norm=0.0,
            received=0.0,
        )
        for client, claim in enumerate(claims)
    ]


@pytest.mark.parametrize(
    ("most", "claims", "expected"),
    [
        (3, [320, 320, 10_000_000], [320, 320, 960]),
        (3, [100, 300], [100, 300]),
        (3, [100, 301], [100, 300]),  # of two the lower one is the median
        (3, [1, 1, 9, 9], [1, 1, 3, 3]),  # so half of the clients cannot lift it
        (1, [5, 7, 9], [5, 7, 7]),
        (1.5, [1, 1, 2], [1, 1, 1]),
        (0, [1, 1, 10_000_000], [1, 1, 10_000_000]),
        (3, [7], [7]),
        (3, [], []),
    ],
)
def test_an_update_counts_at_most_a_multiple_of_the_median(
    most, claims, expected
) -> None:
    settings = ExperimentSettings(max_weight=most)
    assert counted(settings, updates(*claims)) == expected


@given(st.lists(st.integers(1, 10**12), min_size=1, max_size=30), st.integers(0, 14))
def test_less_than_half_of_the_clients_cannot_lift_what_one_counts(
    honest, hostile
) -> None:
    lies = [10**12] * min(hostile, len(honest) - 1)
    counts = counted(ExperimentSettings(), updates(*honest, *lies))
    assert max(counts) <= 3 * max(honest)


def open_round(**settings) -> tuple[World, list]:
    """Round 1 of three clients; the version before is (1, 2)."""
    world = World()
    world.start(clients=3, per_round=3, **settings)
    members = members_of(world, open_round_1(world))
    return world, sorted(members, key=lambda member: member.index)


CLAIMS = (10, 20, 10_000_000)
CAPPED = {"2": {"claimed": 10_000_000, "counted": 60}}


def play(world: World, members: list) -> list[float]:
    """Version 1: two clients say (0, 0), the one that claims most (9, 9)."""
    for member, claim in zip(members, CLAIMS, strict=True):
        value = 9.0 if claim == max(CLAIMS) else 0.0
        request = member.update(1, value, value, examples=claim)
        member.send(request | {"metrics": {"val_loss": value}})
    world.advance()
    return world.model(1)


def test_a_claim_does_not_buy_the_round() -> None:
    world, members = open_round()
    assert play(world, members) == [6, 6]  # 60 x 9 / (10 + 20 + 60)
    closed = world.report()["rounds"][1]
    assert closed["metrics"] == {"val_loss": 6}
    assert closed["examples"] == 90
    assert closed["capped"] == CAPPED
    assert closed["distances"] == {"1": 8.48528, "0": 8.48528, "2": 4.24264}


def test_without_the_bound_it_does() -> None:
    world, members = open_round(max_weight=0)
    assert play(world, members)[0] == pytest.approx(9, abs=1e-4)
    closed = world.report()["rounds"][1]
    assert closed["examples"] == sum(CLAIMS)
    assert closed["capped"] == {}


def test_a_strategy_that_counts_all_updates_alike_is_left_alone() -> None:
    world, members = open_round(strategy="median")
    assert play(world, members) == [0, 0]
    assert world.report()["rounds"][1]["capped"] == CAPPED


def test_the_page_says_whose_update_counts_less() -> None:
    from fedcore.handlers import status
    from tests.fedcore.world import OPERATOR

    world, members = open_round(rounds=1)
    play(world, members)
    fields = {"experiment": "exp", "view": "page"}
    html = world.call(status.ACTION, fields, OPERATOR)["html"]
    cap = "client 2 (c2) 60 of 10,000,000 examples"
    assert f"round 1: 1 counted less than claimed (max_weight): {cap}<" in html


def test_the_record_names_the_largest_claims_alone() -> None:
    many = updates(*[1] * 150, *range(100, 249))
    told = capped(ExperimentSettings(), many)
    assert len(told) == CAPPED_TOLD
    assert next(iter(told)) == "298"
    assert told["298"].claimed == 248
    assert in_words(told, {}) == (
        "100 counted less than claimed (max_weight): client 298 3 of 248 examples, and "
        "99 more"
    )


def test_the_largest_claims_add_up_to_what_every_database_keeps() -> None:
    settings = ExperimentSettings(max_weight=0, max_examples=10**12)
    total = sum(counted(settings, updates(*[10**12] * 10_000)))
    assert total == 10**16 < 2**63
