import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedcore.adapters import aws_events
from fedcore.adapters.aws_events import LARGEST_BODY
from fedcore.errors import InvalidRequest, TooLarge
from tests.gateway_events import JSON, format_1, format_2


def call_of(event):
    return aws_events.web_request(event).call()


@pytest.mark.parametrize("event_of", [format_1, format_2])
def test_a_post_is_its_json_and_its_token_whatever_the_headers_case(event_of) -> None:
    headers = {"Content-Type": "Application/JSON; charset=utf-8", "X-FED-Token": "t"}
    call = call_of(event_of(headers=headers, body='{"client": 3}'))
    assert call.fields == {"client": 3}
    assert (call.credentials.token, call.credentials.trusted) == ("t", False)
    assert call.from_query is False


@pytest.mark.parametrize("event_of", [format_1, format_2])
def test_a_body_that_the_gateway_took_for_binary_is_decoded(event_of) -> None:
    body = base64.b64encode(b'{"client": 3}').decode()
    assert call_of(event_of(body=body, encoded=True)).fields == {"client": 3}


def test_a_get_is_its_query_and_the_last_of_a_repeated_field_counts() -> None:
    new = call_of(format_2("GET", "/status", "view=a&experiment=b%20c&view=page"))
    old = call_of(format_1("GET", "/status", {"view": "page", "experiment": "b c"}))
    assert new == old
    assert new.fields == {"view": "page", "experiment": "b c"}
    assert new.from_query is True


def test_the_body_wins_over_the_query() -> None:
    event = format_2(query="a=q&b=q", body='{"a": "b"}')
    assert call_of(event).fields == {"a": "b", "b": "q"}


@pytest.mark.parametrize("event", [format_2(headers={}), format_1(headers=None)])
def test_an_empty_request_asks_nothing_and_is_nobodys(event) -> None:
    call = call_of(event)
    assert (call.fields, call.credentials.token) == ({}, "")


@pytest.mark.parametrize(
    "broken",
    [
        {"body": "[1]"},
        {"body": '"text"'},
        {"body": "{"},
        {"body": '{"a": NaN}'},
        {"body": '{"a": "\ud800"}'},
        {"body": "[" * 100_000},
        {"body": '{"a":' * 50_000},
        {"body": "{}", "headers": {}},
        {"body": "{}", "headers": {"content-type": "text/plain"}},
        {"body": "a=1", "headers": {"content-type": "application/x-www-form"}},
        {"body": "e30", "encoded": True},
        {"body": "/w==", "encoded": True},
    ],
)
@pytest.mark.parametrize("event_of", [format_1, format_2])
def test_what_is_no_json_object_is_refused(event_of, broken) -> None:
    with pytest.raises(InvalidRequest, match="body"):
        call_of(event_of(**broken))


def test_the_limit_of_a_body_is_the_smallest_platforms() -> None:
    body = json.dumps({"a": "x" * (LARGEST_BODY - 9)})
    assert len(body) == LARGEST_BODY
    assert len(call_of(format_2(body=body)).fields["a"]) == LARGEST_BODY - 9
    with pytest.raises(TooLarge, match="found 1048577 bytes, expected at most 1048576"):
        call_of(format_2(body=body + " "))


@given(
    query=st.dictionaries(st.text(min_size=1), st.text()),
    fields=st.dictionaries(
        st.text(), st.integers(-(2**53), 2**53) | st.text() | st.booleans()
    ),
    token=st.text(),
    encoded=st.booleans(),
)
def test_both_formats_say_the_same(query, fields, token, encoded) -> None:
    from urllib.parse import urlencode

    body = json.dumps(fields)
    if encoded:
        body = base64.b64encode(body.encode()).decode()
    headers = {**JSON, "x-fed-token": token}
    new = format_2("POST", "/x", urlencode(query), headers, body, encoded)
    old = format_1("POST", "/x", query, headers, body, encoded)
    assert call_of(new) == call_of(old)
    assert call_of(new).fields == query | fields


def test_a_schedules_event_is_the_sweep_and_its_owners() -> None:
    event = {
        "version": "0",
        "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "123456789012",
        "time": "2015-10-08T16:53:06Z",
        "region": "us-east-1",
        "resources": ["arn:aws:events:us-east-1:123456789012:rule/sweep"],
        "detail": {},
    }
    action, call = aws_events.own_call(event)
    assert (action, call.fields) == ("advance_round", {})
    assert call.credentials.trusted is True


def test_an_owners_own_call_names_the_action_and_its_request() -> None:
    event = {"action": "status", "request": {"experiment": "e"}}
    action, call = aws_events.own_call(event)
    assert (action, call.fields) == ("status", {"experiment": "e"})
    assert call.credentials.trusted is True


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"Records": []},
        {"action": 1},
        {"action": "status", "request": "e"},
        {"action": "status", "headers": {}},
        {"detail-type": "EC2 Instance State-change Notification"},
    ],
)
def test_an_event_of_another_kind_is_refused_by_what_was_found(event) -> None:
    with pytest.raises(InvalidRequest, match="event: found"):
        aws_events.own_call(event)


def test_only_a_gateways_event_is_the_webs() -> None:
    assert aws_events.is_web(format_1())
    assert aws_events.is_web(format_2())
    assert not aws_events.is_web({"action": "status"})
