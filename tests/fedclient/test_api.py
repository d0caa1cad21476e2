from __future__ import annotations

import math
import random
import re

import msgspec
import pytest

from fedclient.api import Actions, Unreachable
from fedclient.replies import Refused
from fedclient.transport import HttpTransport, Message, NoAnswer, Reply
from fedcore import messages
from tests.fedclient.scripted import Script, Server, ok, ours

ASK = messages.CheckIn(experiment="e", client=0)
WAIT = messages.CheckedIn(assignment=messages.Wait(retry_after=3.0))


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.naps: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.now += seconds


def actions_on(transport: Script | HttpTransport, time: Time, **more: float) -> Actions:
    return Actions(
        transport,
        clock=lambda: time.now,
        sleep=time.sleep,
        rng=random.Random(0),
        **more,
    )


def check_in(actions: Actions) -> messages.CheckedIn:
    actions.use("secret-token")
    return actions.call("check_in", ASK, messages.CheckedIn)


# --- what travels, over real HTTP ----------------------------------------------------


def test_a_post_carries_json_and_the_token(server: Server) -> None:
    server.answer = lambda message: ok(WAIT)
    assert check_in(Actions(HttpTransport(server.url + "/"))) == WAIT
    (request,) = server.requests
    assert (request.method, request.action) == ("POST", "check_in")
    assert msgspec.json.decode(request.body, type=messages.CheckIn) == ASK
    assert request.headers["x-fed-token"] == "secret-token"
    assert request.headers["content-type"] == "application/json"


def test_reading_is_a_get_with_a_query_without_empty_fields(server: Server) -> None:
    answer = messages.ModelChunk(
        experiment="e",
        version=2,
        chunk=messages.Chunk(number=0, of=1, data="", hash=""),
        layout=[("w", [1])],
    )
    server.answer = lambda message: ok(answer)
    request = messages.GetModel(experiment="e", version=2)
    found = Actions(HttpTransport(server.url)).call(
        "get_model", request, messages.ModelChunk
    )
    assert found == answer
    assert server.requests[0].method == "GET"
    assert server.requests[0].query == {"experiment": "e", "version": "2", "chunk": "0"}


def test_a_connection_is_used_again(server: Server) -> None:
    server.answer = lambda message: ok(WAIT)
    actions = Actions(HttpTransport(server.url))
    for _ in range(3):
        check_in(actions)
    assert actions.traffic.calls == {"check_in": 3}
    assert actions.traffic.bytes_out == sum(len(r.body) for r in server.requests)
    assert actions.traffic.bytes_in == 3 * len(ok(WAIT).body)


@pytest.mark.parametrize(
    "failure",
    [
        Reply(429, b'{"error":"Too many requests","code":"x"}'),
        Reply(500, b"Internal Server Error"),
        Reply(502, b"<html>bad gateway</html>"),
        Reply(502, b'{"error": "\xfcberlastet"}'),
        Reply(502, b"[" * 100_000),
        Reply(202, b'{"activationId":"0123"}'),
        Reply(204),
        Reply(200, b"Hello"),
        Reply(200, b'{"unexpected": 1}'),
        Reply(200, b'[{"assignment": 1}]'),
        Reply(404, b'{"error":"The requested resource does not exist.","code":"x"}'),
        Reply(400, b'{"error":"Response is not valid"}'),
        Reply(413, b"too large"),
        Reply(302, headers={"Location": "/elsewhere"}),
        ours(503, "database_unavailable"),
    ],
    ids=lambda reply: f"{reply.status} {reply.body[:12].decode(errors='replace')}",
)
def test_what_the_platform_says_is_asked_again(server: Server, failure: Reply) -> None:
    replies = [failure, failure, ok(WAIT)]
    server.answer = lambda message: replies.pop(0)
    time = Time()
    actions = actions_on(HttpTransport(server.url), time)
    assert check_in(actions) == WAIT
    assert len(time.naps) == actions.traffic.retries == 2
    assert actions.traffic.calls == {"check_in": 3}
    assert actions.traffic.throttled == (2 if failure.status == 429 else 0)


def test_after_an_outage_a_client_asks_again_soon_but_not_where_it_is_throttled(
    server: Server,
) -> None:
    replies = [Reply(502)] * 9 + [Reply(429)] * 2 + [ok(WAIT)]
    server.answer = lambda message: replies.pop(0)
    time = Time()
    actions = actions_on(HttpTransport(server.url), time)
    actions.back_off_s = 10.0
    check_in(actions)
    assert max(time.naps[:9]) <= 10
    assert min(time.naps[9:]) >= 30  # of 60 s, up to a half less


def test_a_throttled_call_is_made_again_whatever_the_patience(server: Server) -> None:
    replies = [Reply(429)] * 9 + [ok(WAIT)]
    server.answer = lambda message: replies.pop(0)
    time = Time()
    assert check_in(actions_on(HttpTransport(server.url), time, patience_s=20)) == WAIT
    assert time.now > 60


def test_a_server_that_hangs_up_is_asked_again(server: Server) -> None:
    calls = 0

    def answer(message: Message) -> Reply:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise NoAnswer("hang up")
        return ok(WAIT)

    server.answer = answer
    assert check_in(actions_on(HttpTransport(server.url), Time())) == WAIT


def test_nobody_at_the_url_ends_patience_in_words() -> None:
    nobody = HttpTransport("http://user:password@127.0.0.1:1/fed")
    actions = actions_on(nobody, Time(), patience_s=5.0)
    with pytest.raises(Unreachable) as caught:
        check_in(actions)
    assert str(caught.value) == (
        "check_in: no answer (Connection refused). Nothing is to be reached at "
        "http://127.0.0.1:1/fed: is BASE_URL_OW (or BASE_URL_AWS) right?"
    )


def complaints(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was logged, less the delays."""
    said = [record.getMessage() for record in caplog.records]
    return [re.sub(r"again in [\d.]+ s", "again", each) for each in said]


def test_a_url_without_actions_is_explained_now_and_then(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    replies = [*[Reply(404)] * 11, Reply(405), Reply(502), ok(WAIT)]
    server.answer = lambda message: replies.pop(0)
    check_in(actions_on(HttpTransport(server.url), Time()))
    url = f"{server.url}/check_in"
    hint = f". There is no action at {url}: is BASE_URL_OW (or BASE_URL_AWS) right?"
    short = "check_in: HTTP 404; again"
    assert complaints(caplog) == [
        short + hint,
        *[short] * 9,
        short + hint,
        "check_in: HTTP 405; again" + hint,
        "check_in: HTTP 502; again",
    ]


def test_a_url_that_has_answered_is_right(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    replies = [ok(WAIT), Reply(404), ok(WAIT)]
    server.answer = lambda message: replies.pop(0)
    actions = actions_on(HttpTransport(server.url), Time())
    check_in(actions)
    check_in(actions)
    assert complaints(caplog) == ["check_in: HTTP 404; again"]


@pytest.mark.parametrize(
    ("url", "reason", "unreached"),
    [
        ("http://127.0.0.1:1", "Connection refused", True),
        ("http://nobody.invalid", "", True),  # in the resolver's words
        ("{hangs up}", "Remote end closed connection without response", False),
    ],
)
def test_a_failed_connection_is_told_in_a_few_words(
    server: Server, url: str, reason: str, unreached: bool
) -> None:
    def hang_up(message: Message) -> Reply:
        raise NoAnswer("hang up")

    server.answer = hang_up
    url = url.replace("{hangs up}", server.url)
    with pytest.raises(NoAnswer) as caught:
        HttpTransport(url).send(Message("status", "GET"))
    assert reason in str(caught.value)
    assert 0 < len(str(caught.value)) < 100
    assert caught.value.unreached == (url if unreached else "")


def test_a_proxy_that_is_not_there_is_no_fault_of_the_url(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with pytest.raises(NoAnswer, match="proxy: Connection refused") as caught:
        HttpTransport("http://fed.invalid").send(Message("status", "GET"))
    assert caught.value.unreached == ""


def test_a_slow_server_is_no_answer(server: Server) -> None:
    import threading

    late = threading.Event()

    def answer(message: Message) -> Reply:
        late.wait(5)
        raise NoAnswer("too late")

    server.answer = answer
    transport = HttpTransport(server.url, timeout=(1.0, 0.05))
    with pytest.raises(NoAnswer, match=r"nothing came back within 0\.05 s"):
        transport.send(Message("check_in", "POST"))
    late.set()


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "invalid_request"),
        (401, "unauthenticated"),
        (404, "unknown_experiment"),
        (409, "federation_full"),
        (413, "too_large"),
    ],
)
def test_our_own_refusal_is_final(server: Server, status: int, code: str) -> None:
    server.answer = lambda message: ours(status, code, retry_after=30)
    with pytest.raises(Refused, match=f"check_in: {code}: because") as caught:
        check_in(actions_on(HttpTransport(server.url), Time()))
    assert (caught.value.status, caught.value.retry_after) == (status, 30.0)
    assert len(server.requests) == 1


def test_errors_do_not_show_the_token(server: Server) -> None:
    server.answer = lambda message: ours(401, "unauthenticated")
    with pytest.raises(Refused) as caught:
        check_in(Actions(HttpTransport(server.url)))
    assert "secret-token" not in str(caught.value)


# --- pace --------------------------------------------------------------------------


def naps_of(replies: list[Reply | msgspec.Struct]) -> list[float]:
    time = Time()
    check_in(actions_on(Script(check_in=replies), time))
    return time.naps


def test_delays_double_up_to_a_minute_less_up_to_a_half() -> None:
    naps = naps_of([*[Reply(500)] * 10, WAIT])
    for nap, full in zip(naps, [1, 2, 4, 8, 16, 32, 60, 60, 60, 60], strict=True):
        assert full / 2 <= nap <= full


def test_delays_differ_between_clients() -> None:
    times = [Time(), Time()]
    for seed, time in enumerate(times):
        script = Script(check_in=[Reply(429), WAIT])
        rng = random.Random(seed)
        check_in(Actions(script, sleep=time.sleep, rng=rng))
    assert times[0].naps != times[1].naps


def test_a_named_delay_is_kept() -> None:
    assert naps_of([Reply(429, headers={"retry-after": "17"}), WAIT]) == [17.0]
    assert naps_of([ours(503, "database_unavailable", retry_after=9), WAIT]) == [9.0]


def test_an_absurd_or_odd_delay_is_not_believed() -> None:
    assert naps_of([Reply(429, headers={"retry-after": "99999"}), WAIT]) == [600.0]
    date = {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}
    assert naps_of([Reply(503, headers=date), WAIT])[0] <= 1.0


def test_patience_bounds_the_waiting_and_not_the_first_try() -> None:
    time = Time()
    script = Script(check_in=[Reply(500)] * 9)
    with pytest.raises(Unreachable, match="check_in: HTTP 500"):
        check_in(actions_on(script, time, patience_s=10.0))
    assert time.now <= 10.0
    assert len(script.sent) > 2
    with pytest.raises(Unreachable):
        check_in(actions_on(Script(check_in=[Reply(500)]), time, patience_s=0.0))


# --- JSON --------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_json_refuses_what_it_cannot_say(bad: float) -> None:
    score = messages.Evaluation(version=1, accuracy=0.5, loss=bad, examples=1)
    request = messages.CheckIn(experiment="e", client=0, evaluation=score)
    script = Script()
    with pytest.raises(ValueError, match="JSON compliant"):
        Actions(script).call("check_in", request, messages.CheckedIn)
    assert script.sent == []
