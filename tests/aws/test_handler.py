"""The function's handler, called as the runtime calls it, over a real database."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as settings_of
from hypothesis import strategies as st

from fedcore.adapters import deployment
from fedcore.adapters.aws_lambda import CALLS_PER_MINUTE, handler
from fedcore.adapters.routes import ROUTES
from tests.aws import tools
from tests.aws.platforms import ENROLMENT, OPERATOR
from tests.gateway_events import format_1, format_2

Fields = dict[str, Any]
SWEEP = {"detail-type": "Scheduled Event", "source": "aws.events", "detail": {}}


@pytest.fixture(autouse=True)
def environment(settings, monkeypatch) -> Iterator[None]:
    """The function's environment; its connections are closed at the end."""
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    yield
    deployment.services(deployment.read(settings)).store.database.close()
    deployment.services.cache_clear()


def own(action: str, **request: Any) -> Fields:
    """The answer to a call of the owner's own."""
    return handler({"action": action, "request": request}, None)


def start(name: str, **settings: Any) -> Fields:
    few = {"clients": 1, "per_round": 1, "rounds": 1, "evaluate": False}
    return own("start_experiment", experiment=name, settings=few | settings)


def enrol(experiment: str) -> None:
    headers = {"x-fed-token": ENROLMENT, "content-type": "application/json"}
    body = json.dumps({"name": "a", "experiment": experiment})
    handler(format_2("POST", "/subscribe", "", headers, body), None)


@pytest.mark.parametrize("event_of", [format_1, format_2])
def test_a_gateways_request_has_an_http_answer(event_of) -> None:
    start("e")
    headers = {"X-Fed-Token": OPERATOR, "Content-Type": "application/json"}
    body = json.dumps({"experiment": "e"})
    answer = handler(event_of("POST", "/prod/stop_experiment", None, headers, body), {})
    assert json.loads(answer.pop("body")) == {"experiment": "e", "state": "stopped"}
    assert answer.pop("headers")["content-type"] == "application/json"
    assert answer == {"statusCode": 200, "isBase64Encoded": False}


@pytest.mark.parametrize("event_of", [format_1, format_2])
def test_a_refusal_over_a_gateway_is_our_error(event_of) -> None:
    answer = handler(event_of("POST", "/stop_experiment", body="{}"), None)
    assert answer["statusCode"] == 400
    assert json.loads(answer["body"])["error"]["code"] == "invalid_request"


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@settings_of(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    event_of=st.sampled_from([format_1, format_2]),
    route=st.sampled_from([*ROUTES.values()]),
    token=st.sampled_from(["", OPERATOR, "x.y"]) | st.text(),
    body=JUNK.map(json.dumps) | st.text(),
    encoded=st.booleans(),
)
def test_no_request_over_a_gateway_breaks_the_function(
    event_of, route, token, body, encoded
) -> None:
    headers = {"content-type": "application/json", "x-fed-token": token}
    event = event_of(route.method, f"/{route.name}", None, headers, body, encoded)
    answer = handler(event, None)
    assert answer["statusCode"] in (200, 400, 401, 403, 404, 409, 422)
    json.loads(answer["body"])


def test_a_query_lets_texts_stand_for_numbers() -> None:
    start("e")
    headers = {"x-fed-token": OPERATOR}
    event = format_2("GET", "/get_model", "experiment=e&version=0&chunk=0", headers)
    answer = handler(event, None)
    assert json.loads(answer["body"])["error"]["code"] == "unknown_model"


def test_the_owners_own_call_needs_no_token_and_has_a_plain_answer() -> None:
    assert start("e")["created"] is True
    assert own("status", experiment="e")["state"] == "enrolling"
    assert "<!doctype html>" in own("status", experiment="e", view="page")["html"]
    refused = own("status", experiment="none")
    assert refused["error"]["code"] == "unknown_experiment"


@pytest.mark.parametrize("event", [{"action": "fedavg"}, {"action": "x"}, {}])
def test_what_no_route_serves_is_refused_by_name(event) -> None:
    assert handler(event, None)["error"]["code"] == "invalid_request"


def test_the_two_steps_run_one_after_the_other() -> None:
    start("e")
    enrol("e")
    assert own("status", experiment="e")["live"] is None
    advanced = own("advance_round", experiment="e")
    assert advanced["experiment"] == "e"
    live = own("status", experiment="e")["live"]
    assert (live["round"], live["state"], live["cohort"]) == (0, "training", [0])


def test_a_schedule_moves_on_every_experiment_that_runs() -> None:
    for name in ("one", "two"):
        start(name)
        enrol(name)
    assert handler(SWEEP, None) == {"experiment": None}
    rounds = [own("status", experiment=name)["live"] for name in ("one", "two")]
    assert [each["round"] for each in rounds] == [0, 0]


def test_a_step_that_refuses_ends_the_sequence() -> None:
    refused = own("advance_round", experiment="none")
    assert refused["error"]["code"] == "unknown_experiment"


def test_a_setting_that_is_missing_is_named_and_nothing_more(monkeypatch) -> None:
    monkeypatch.delenv("FED_SECRET")
    answer = own("status")
    assert answer["error"] == {
        "code": "misconfigured",
        "message": "FED_SECRET: not set in this deployment",
    }


@pytest.mark.parametrize("value", ["", "0", None])
def test_without_a_budget_the_platforms_own_counts(settings, value) -> None:
    found = deployment.read(
        settings | {"CALLS_PER_MINUTE": value}, calls_per_minute=CALLS_PER_MINUTE
    )
    assert found.CALLS_PER_MINUTE == "6000"


LIGHT = """
import sys
from fedcore.adapters.aws_lambda import handler
assert handler({"action": "status"}, None)["error"]["code"] == "unknown_experiment"
heavy = {"numpy", "torch", "requests", "fedclient"} & set(sys.modules)
assert not heavy, heavy
assert handler({"action": "advance_round"}, None) == {"experiment": None}
assert "numpy" in sys.modules
"""


def test_a_light_route_loads_no_numpy_and_the_folder_is_all_there_is(settings) -> None:
    done = subprocess.run(
        [sys.executable, "-S", "-c", LIGHT],
        cwd=tools.function(),
        env={"PATH": os.environ["PATH"], **settings},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
