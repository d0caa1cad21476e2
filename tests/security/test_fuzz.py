"""Hostile requests: each gets an answer of ours, and no answer shows our insides."""

from __future__ import annotations

import itertools
import json
import os
import re
import tracemalloc
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fedcore import tokens
from fedcore.handlers.action import Role
from tests.fedcore.world import SECRET, SMALL
from tests.security.declared import ACTIONS, fields, request, values
from tests.security.deployed import Deployed

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "25"))
LIMIT = 1_048_576
"""Bytes of an answer that OpenWhisk carries."""

INSIDES = re.compile(
    r"Traceback|File \"|\.py\b|/site-packages|pymongo|msgspec|\bbson\b|mongodb:|"
    r"\b[A-Z][A-Za-z]+(Error|Exception)\b|<class|object at 0x"
)
"""What no answer may hold: tracebacks, files, classes, the database's own words."""

TOKENS = [
    None,
    tokens.operator_token(SECRET),
    tokens.enrolment_token(SECRET),
    tokens.enrolment_token(SECRET, "c0"),
    tokens.client_token(SECRET, "id2", 0),
]


def nested(depth: int) -> dict[str, Any]:
    """An object in an object, so many levels deep."""
    value: dict[str, Any] = {}
    for _ in range(depth):
        value = {"a": value}
    return value


NUMBERS = [0, -1, 2**31, 2**63, -(2**63) - 1, 10**40, 10**400, 1e308, 5e-324, -0.0]
NUMBERS += [float("nan"), float("inf"), -float("inf"), True, 0.5]
TEXTS = ["", "\x00", "a\nb", "\ud800", "\u202e", "é" * 300, "A" * 5000, "0" * 64 + "\n"]
TEXTS += ["../../etc/passwd", "<script>alert(1)</script>", "%s%n{0}", "$where", "a.b"]
OPERATORS = [{"$ne": None}, {"$gt": ""}, {"$where": "1"}, {"$in": [[], {}]}, {"a.b": 1}]
NESTED = [nested(5), nested(500), [[[[]]]], {"": ""}, {"__proto__": {}}]

EVERY_FIELD = [
    (name, field.encode_name)
    for name, action in ACTIONS.items()
    for field in fields(action)
]
HOSTILE = st.sampled_from([*NUMBERS, *TEXTS, *OPERATORS, *NESTED, None]) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["$ne", "$set", "a.b", "a"]), inner)
    ),
    max_leaves=6,
)
NAMES = st.sampled_from(
    ["__ow_user", "__ow_body2", "$where", "a.b", "", "_id", "\ud800"]
)


@pytest.fixture(scope="module")
def patch():
    with pytest.MonkeyPatch.context() as patched:
        yield patched


def check(answer: dict[str, Any]) -> None:
    """Whatever was asked: ours, below 500, JSON, small, and no word of our insides."""
    assert answer["statusCode"] < 500, answer["body"]
    text = json.dumps(answer, allow_nan=False)
    assert len(text) < LIMIT
    if answer["statusCode"] != 200:
        error = answer["body"]["error"]
        assert not INSIDES.search(error["message"]), error
        assert set(error) <= {"code", "message", "retry_after"}


def known(deployed: Deployed) -> dict[str, Any]:
    """Fields that make sense: of a real update, and of everything else."""
    (member, *_) = deployed.members
    update = member.update(1, 1.0, 2.0)
    return {"name": "c0", "version": 0, "settings": SMALL, **update}


@st.composite
def requests(draw: st.DrawFn, action: str, sensible: dict[str, Any]) -> dict[str, Any]:
    """A request of which some fields are as they should be and some are not."""
    sent: dict[str, Any] = {}
    for field in fields(ACTIONS[action]):
        name = field.encode_name
        kind = draw(st.sampled_from(["known", "known", "declared", "hostile", "none"]))
        if kind == "known" and name in sensible:
            sent[name] = sensible[name]
        elif kind in ("known", "declared"):
            sent[name] = draw(values(field.type))
        elif kind == "hostile":
            sent[name] = draw(HOSTILE)
    if draw(st.integers(0, 4)) == 0:
        sent[draw(NAMES)] = draw(HOSTILE)
    return sent


def as_query(sent: dict[str, Any]) -> dict[str, str]:
    """A request as a query string carries it: texts alone."""
    return {
        name: each if isinstance(each, str) else str(each)
        for name, each in sent.items()
    }


@pytest.mark.parametrize("action", ACTIONS)
@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_request_gets_more_than_a_refusal(patch, action, data) -> None:
    deployed = Deployed(patch)
    sent = data.draw(requests(action, known(deployed)))
    token = data.draw(st.sampled_from(TOKENS))
    if data.draw(st.booleans()):
        check(deployed.call(action, sent, token))
    else:
        check(deployed.call(action, as_query(sent), token, method="get"))
    # And whatever it did, the experiment can still be read.
    check(deployed.call("status", {"experiment": "exp"}, TOKENS[1]))


KINDS = {
    "numbers": NUMBERS,
    "texts": TEXTS,
    "operators": OPERATORS,
    "nested": NESTED,
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_field_of_each_action_withstands_each_hostile_value(
    patch, kind, subtests
) -> None:
    for hostile in KINDS[kind]:
        deployed = Deployed(patch)
        sensible = known(deployed)
        for name, field in EVERY_FIELD:
            with subtests.test(action=name, field=field, hostile=ascii(hostile)[:40]):
                sent = request(ACTIONS[name], sensible) | {field: hostile}
                for token in TOKENS:
                    check(deployed.call(name, sent, token))
                check(deployed.call(name, as_query(sent), TOKENS[1], method="get"))


def test_a_body_that_is_no_object_is_refused(patch, subtests) -> None:
    deployed = Deployed(patch)
    bodies = (None, [], "text", 7, b"\xff".decode("latin-1"))
    for action, body in itertools.product(ACTIONS, bodies):
        with subtests.test(action=action, body=body):
            answer = deployed.call(action, {"__ow_body": body}, TOKENS[1])
            assert answer["statusCode"] == 400


BOMBS: dict[str, dict[str, Any]] = {
    "deep": {"metrics": nested(20_000), "settings": nested(20_000)},
    "wide": {f"k{i}": 0 for i in range(70_000)},
    "many metrics": {"metrics": {f"m{i}": 0.0 for i in range(60_000)}},
    "many tensors": {"layout": [["w", [1]]] * 60_000},
    "many dimensions": {"layout": [["w", [1] * 200_000]]},
    "long names": {"layout": [["w" * 199 + chr(i), [1]] for i in range(40, 5000)]},
    "large model": {"layout": [["w", [10**9] * 16]]},
    "long text": {"data": "A" * 1_000_000},
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_takes_no_more_memory_than_a_few_times_its_size(patch, bomb) -> None:
    deployed = Deployed(patch)
    sensible = known(deployed)
    for name, action in ACTIONS.items():
        sent = request(action, sensible) | BOMBS[bomb]
        tracemalloc.start()
        try:
            check(deployed.call(name, sent, TOKENS[4]))
            check(deployed.call(name, sent, TOKENS[1]))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 32 * 2**20, (name, peak)


def test_claims_beyond_measure_leave_the_status_readable(patch) -> None:
    deployed = Deployed(patch)
    world = deployed.world
    cohort = world.live["cohort"]
    for member in deployed.members:
        if member.index in cohort:
            asked = member.update(1, 3.4e38, -3.4e38, examples=10_000_000)
            claims = {"loss": 1e9, "train_s": -1e9}
            assert member.send(asked | {"metrics": claims})["accepted"] is True
    world.advance()
    assert world.live["round"] == 2
    answer = deployed.call("status", {"experiment": "exp"}, TOKENS[1])
    check(answer)
    metrics = answer["body"]["rounds"][1]["metrics"]
    assert metrics == {"loss": 1e9, "train_s": -1e9}
    check(deployed.call("status", {"experiment": "exp", "view": "page"}, TOKENS[1]))


def test_a_page_shows_hostile_names_as_text_and_runs_nothing(patch) -> None:
    deployed = Deployed(patch)
    deployed.world.start("named", clients=3)
    deployed.world.enrol("<script>alert(1)</script>", "named")
    asked = {"experiment": "named", "view": "page"}
    answer = deployed.call("status", asked, TOKENS[1])
    assert "<script" not in answer["body"]
    assert "default-src 'none'" in answer["headers"]["content-security-policy"]


@pytest.mark.parametrize("action", ACTIONS)
def test_an_accident_inside_is_told_to_the_log_alone_and_without_values(
    patch, caplog, action
) -> None:
    deployed = Deployed(patch)

    class Broken:
        """A store of which every question fails."""

        def __getattr__(self, name: str) -> Any:
            raise RuntimeError("mongodb://operator:hush-hush@example.org")

    sent = request(ACTIONS[action], known(deployed))
    deployed.services = replace(deployed.services, store=Broken())
    statuses = set()
    for token in TOKENS:
        answer = deployed.call(action, sent, token)
        statuses.add(answer["statusCode"])
        error = answer["body"]["error"]
        assert not INSIDES.search(error["message"]), error
    assert 500 in statuses or ACTIONS[action].allowed == {Role.OWNER}
    assert "hush" not in caplog.text


def test_no_log_and_no_refusal_repeats_a_token(patch, caplog, subtests) -> None:
    caplog.set_level("DEBUG")
    deployed = Deployed(patch)
    sensible = known(deployed)
    given = (*TOKENS[1:], tokens.operator_token(b"x" * 32))
    for (name, action), token in itertools.product(ACTIONS.items(), given):
        with subtests.test(action=name, token=given.index(token)):
            answer = deployed.call(name, request(action, sensible), token)
            assert token not in caplog.text
            if answer["statusCode"] != 200:
                assert token not in json.dumps(answer)


def test_nobody_on_the_way_keeps_an_answer(patch) -> None:
    deployed = Deployed(patch)
    for token in TOKENS:
        answer = deployed.call("status", {"experiment": "exp"}, token)
        assert answer["headers"]["cache-control"] == "no-store"
