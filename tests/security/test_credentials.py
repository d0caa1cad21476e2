"""Who may call what: every action with every credential, from the declarations."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import pytest

from fedcore import tokens
from fedcore.adapters import routes
from fedcore.handlers.action import Role
from tests.fedcore.world import SECRET
from tests.security.declared import ACTIONS, entry, request
from tests.security.deployed import BOUND, Deployed

OTHER = b"another secret of thirty-two bytes"
NAME = "c0"
"""The client 0 of the experiment; requests are about it."""

KNOWN = {"experiment": "exp", "client": 0, "name": NAME, "chunks": 1, "examples": 1}

GENUINE: dict[Role, Callable[[bytes], str]] = {
    Role.OPERATOR: tokens.operator_token,
    Role.ENROLMENT: tokens.enrolment_token,
    Role.NAMED_ENROLMENT: lambda secret: tokens.enrolment_token(secret, NAME),
    Role.CLIENT: lambda secret: tokens.client_token(secret, "id2", 0),
}
"""The token of each role, in `exp` and for the client 0 where that matters."""

WRONG: dict[str, str | None] = {
    "none": None,
    "empty": "",
    "malformed": "Bearer abc",
    "not ascii": "\u00e4\ud800",
    "very long": "a" * 10_000,
    "only a key id": tokens.key_id(SECRET) + ".",
    "another client's": tokens.client_token(SECRET, "id2", 1),
    "of the client in another experiment": tokens.client_token(SECRET, "id1", 0),
    "of an experiment that is none": tokens.client_token(SECRET, "id9", 0),
    "named for another": tokens.enrolment_token(SECRET, "c1"),
    "named for another experiment": tokens.enrolment_token(
        SECRET, NAME, experiment="other"
    ),
    "for another experiment": tokens.enrolment_token(SECRET, experiment="other"),
    "for an experiment, ended": tokens.enrolment_token(
        SECRET, experiment="exp", expires=999
    ),
    "ended": tokens.enrolment_token(SECRET, expires=999),
    "ended and named": tokens.enrolment_token(SECRET, NAME, expires=1000),
    "of a secret that was replaced: operator": tokens.operator_token(OTHER),
    "of a secret that was replaced: enrolment": tokens.enrolment_token(OTHER),
    "of a secret that was replaced: client": tokens.client_token(OTHER, "id2", 0),
}
"""Credentials that are wrong for every action."""


def wrong_for(action: str) -> dict[str, str | None]:
    """Return the credentials that an action refuses, by what is wrong with them."""
    others = set(GENUINE) - ACTIONS[action].allowed
    return WRONG | {f"genuine, of {role}": GENUINE[role](SECRET) for role in others}


@pytest.fixture
def deployed(monkeypatch) -> Deployed:
    return Deployed(monkeypatch)


def test_every_action_is_declared_once_and_has_its_folder() -> None:
    assert set(ACTIONS) == set(routes.ACTIONS)
    assert all(action.allowed for action in ACTIONS.values())


def test_what_the_owner_alone_may_call_is_not_on_the_web() -> None:
    for name, action in ACTIONS.items():
        assert (name in routes.ROUTES) <= (action.allowed != {Role.OWNER}), name


@pytest.mark.parametrize("action", ACTIONS)
def test_a_wrong_credential_is_refused_and_changes_nothing(
    deployed, action, subtests
) -> None:
    before = deployed.stored()
    for kind, token in wrong_for(action).items():
        with subtests.test(kind):
            answer = deployed.call(action, request(ACTIONS[action], KNOWN), token)
            assert answer["statusCode"] in (401, 403), answer["body"]
            assert answer["body"]["error"]["code"] in ("unauthenticated", "forbidden")
            assert deployed.stored() == before


def test_a_revoked_client_is_refused_everywhere_and_changes_nothing(
    deployed, subtests
) -> None:
    deployed.world.revoke(NAME)
    before = deployed.stored()
    token = GENUINE[Role.CLIENT](SECRET)
    for name, action in ACTIONS.items():
        with subtests.test(name):
            asked = request(action, KNOWN)
            answer = deployed.call(name, asked, token)
            # Who says no index is not known at all.
            expected = 403 if "client" in asked else 401
            assert answer["statusCode"] == expected, answer["body"]
            assert deployed.stored() == before


def test_while_secrets_are_rotated_the_tokens_of_both_let_in(
    monkeypatch, subtests
) -> None:
    for name, action in ACTIONS.items():
        for role, secret in itertools.product(action.allowed, (OTHER, SECRET)):
            if role not in GENUINE:
                continue
            with subtests.test(action=name, role=role, new=secret is OTHER):
                deployed = Deployed(monkeypatch)
                deployed.services = replace(deployed.services, secrets=(OTHER, SECRET))
                asked = request(action, KNOWN)
                answer = deployed.call(name, asked, GENUINE[role](secret))
                assert answer["statusCode"] not in (401, 403), answer["body"]


def test_without_a_method_the_call_is_the_owners_and_needs_no_token(deployed) -> None:
    answer = entry("status")({**BOUND, "experiment": "exp"})
    assert answer["statusCode"] == 200


def test_status_is_private_unless_the_experiment_says_otherwise(deployed) -> None:
    deployed.world.start("open", public_status=True)
    for method in ("get", "post"):
        shown = deployed.call("status", {"experiment": "open"}, None, method=method)
        hidden = deployed.call("status", {"experiment": "exp"}, None, method=method)
        assert (shown["statusCode"], hidden["statusCode"]) == (200, 401)
    # Without a name it would be the newest one's, whichever that is.
    assert deployed.call("status", {}, None)["statusCode"] == 401


def test_a_stranger_cannot_tell_which_experiments_there_are(deployed, subtests) -> None:
    for (name, action), kind in itertools.product(ACTIONS.items(), WRONG):
        with subtests.test(action=name, kind=kind):
            asked, token = request(action, KNOWN), WRONG[kind]
            known = deployed.call(name, asked | {"experiment": "exp"}, token)
            unknown = deployed.call(name, asked | {"experiment": "nothing"}, token)
            assert known == unknown


@pytest.mark.parametrize("name", ["FED_SECRET", "FED_SECRET_PREVIOUS"])
def test_an_action_with_a_weak_secret_lets_nobody_in(
    deployed, monkeypatch, name
) -> None:
    monkeypatch.setitem(BOUND, name, "q" * 32)
    answer = deployed.call("status", {"experiment": "exp"}, None)
    assert answer["statusCode"] == 500
    message = answer["body"]["error"]["message"]
    assert message.startswith(f"{name}: found 1 distinct bytes")
    assert "qq" not in message


@pytest.mark.parametrize("name", ["FED_SECRET", "FED_SECRET_PREVIOUS", "MONGODB_URL"])
def test_an_action_without_a_bound_parameter_lets_nobody_bring_it(
    deployed, monkeypatch, name
) -> None:
    monkeypatch.delitem(BOUND, name)
    answer = deployed.call("status", {"experiment": "exp"}, None)
    assert answer["statusCode"] == 500
    assert answer["body"]["error"]["message"] == f"{name}: not bound to this action"
