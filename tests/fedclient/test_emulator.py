from __future__ import annotations

import base64
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from fedclient import emulator
from fedclient.api import Actions, connect
from fedclient.emulator import EmulatorTransport
from fedclient.transport import HttpTransport, Message, NoAnswer, Reply
from fedcore import messages
from fedcore.adapters import aws_events
from tests.fedclient.scripted import Server

PATH = "/2015-03-31/functions/function/invocations"
ASK = Message("check_in", "POST", body=b'{"client": 0}', headers={"X-Fed-Token": "t"})


def answer(status: int = 200, body: str = "{}", **more: Any) -> Reply:
    """What the emulator says when the function has answered."""
    inner = {"statusCode": status, "headers": {"Content-Type": "a/b"}, "body": body}
    return Reply(200, json.dumps(inner | more).encode())


@pytest.fixture
def transport(server: Server) -> EmulatorTransport:
    server.answer = lambda message: answer()
    return EmulatorTransport(server.url + PATH)


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        (f"http://localhost:8080{PATH}", EmulatorTransport),
        (f"http://localhost:8080{PATH}/", EmulatorTransport),
        ("http://h:9/2015-03-31/functions/fed/invocations", EmulatorTransport),
        ("https://id.execute-api.us-east-1.amazonaws.com/prod", HttpTransport),
        ("https://h/2015-03-31/functions/function/invocations/x", HttpTransport),
        ("http://127.0.0.1:3233/api/v1/web/guest/fedwhisk", HttpTransport),
    ],
)
def test_the_path_of_a_url_tells_how_it_is_spoken_to(url: str, kind: type) -> None:
    assert isinstance(connect(url), kind)


@pytest.mark.parametrize(
    "message",
    [
        ASK,
        Message("status", "GET", query={"experiment": "a b", "view": "ü"}),
        Message("get_model", "GET", headers={"X-Fed-Token": "t"}),
    ],
)
def test_the_function_reads_in_the_event_what_was_sent(
    server: Server, transport: EmulatorTransport, message: Message
) -> None:
    transport.send(message)
    (request,) = server.requests
    assert (request.method, request.action) == ("POST", "invocations")
    event = json.loads(request.body)
    assert aws_events.is_web(event)
    arrived = aws_events.web_request(event)
    assert (arrived.method, arrived.path) == (message.method, f"/{message.action}")
    assert arrived.query == dict(message.query)
    assert arrived.body.encode() == message.body
    assert arrived.headers == {k.lower(): v for k, v in message.headers.items()}


def test_the_reply_is_the_one_inside_the_emulators(
    server: Server, transport: EmulatorTransport
) -> None:
    server.answer = lambda message: answer(409, '{"é": 1}')
    assert transport.send(ASK) == Reply(
        409, '{"é": 1}'.encode(), {"content-type": "a/b"}
    )
    encoded = base64.b64encode(b"\x00\xff").decode()
    server.answer = lambda message: answer(body=encoded, isBase64Encoded=True)
    assert transport.send(ASK).body == b"\x00\xff"


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        # Seen of the real emulator: a crash, a time-out, a second call at once.
        (Reply(200, b'{"errorMessage": "x", "errorType": "KeyError"}'), 502),
        (Reply(200, b"Task timed out after 60.00 seconds"), 502),
        (Reply(200, b"null"), 502),
        (Reply(200, b'{"statusCode": "soon"}'), 502),
        (Reply(200, b'{"statusCode": 200, "body": 1}'), 502),
        (Reply(400), 400),
        (Reply(500), 500),
    ],
)
def test_what_is_no_answer_is_the_platforms_and_is_asked_again(
    server: Server, transport: EmulatorTransport, reply: Reply, status: int
) -> None:
    server.answer = lambda message: reply
    assert transport.send(ASK).status == status
    stop = messages.CheckedIn(assignment=messages.Stop(reason="finished"))
    good = answer(body='{"assignment": {"kind": "stop", "reason": "finished"}}')
    replies = iter([reply, good])
    server.answer = lambda message: next(replies)
    actions = Actions(transport, sleep=lambda seconds: None)
    request = messages.CheckIn(experiment="e", client=0)
    assert actions.call("check_in", request, messages.CheckedIn) == stop


def test_nobody_there_is_no_answer() -> None:
    with pytest.raises(NoAnswer):
        EmulatorTransport(f"http://127.0.0.1:1{PATH}").send(ASK)


def test_clients_of_a_machine_take_turns(server: Server) -> None:
    inside, most = 0, 0
    counting = threading.Lock()

    def slow(message: Message) -> Reply:
        nonlocal inside, most
        with counting:
            inside += 1
            most = max(most, inside)
        time.sleep(0.02)
        with counting:
            inside -= 1
        return answer()

    server.answer = slow
    callers = [EmulatorTransport(server.url + PATH) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        replies = [*pool.map(lambda each: each.send(ASK).status, callers * 3)]
    assert (replies, most) == ([200] * 12, 1)


def test_a_call_that_gets_no_turn_has_no_answer(
    server: Server, transport: EmulatorTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emulator, "LONGEST_TURN_S", 0.1)
    other = EmulatorTransport(server.url + PATH)
    came, go = threading.Event(), threading.Event()

    def slow(message: Message) -> Reply:
        came.set()
        go.wait(30)
        return answer()

    server.answer = slow
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(other.send, ASK)
        assert came.wait(30)
        with pytest.raises(NoAnswer, match="other clients of this machine"):
            transport.send(ASK)
        go.set()
        assert first.result().status == 200
    assert transport.send(ASK).status == 200
