"""What clients and operators see on Lambda, as on OpenWhisk."""

import base64
import json

import pytest

from fedcore import codec, tokens
from tests.aws.platforms import ENROLMENT, JSON, OPERATOR, SECRET, opened, refusal
from tests.fedcore.world import numbers

pytestmark = pytest.mark.e2e

UNKNOWN = (401, "unauthenticated")
FORBIDDEN = (403, "forbidden")


# --- errors ---------------------------------------------------------------------------


def test_an_answer_is_json_and_says_so(platform) -> None:
    reply = platform.get("status", OPERATOR, experiment=platform.start())
    assert (reply.status, reply.headers["content-type"]) == (200, JSON)
    assert json.loads(reply.body)["state"] == "enrolling"


def test_a_page_is_html(platform) -> None:
    reply = platform.get("status", OPERATOR, experiment=platform.start(), view="page")
    assert reply.status == 200
    assert reply.headers["content-type"].lower().startswith("text/html")
    assert reply.body.startswith(b"<!doctype html>")


def test_an_unknown_action_is_not_found_and_not_ours(platform) -> None:
    reply = platform.post("no_such_action", {}, OPERATOR)
    assert reply.status == 404
    assert not isinstance(json.loads(reply.body).get("error"), dict)


@pytest.mark.parametrize("step", ["fedavg", "select_clients"])
def test_a_step_of_the_sequence_is_not_on_the_web(platform, step) -> None:
    assert platform.post(step, {}, OPERATOR).status in (401, 404)


@pytest.mark.parametrize(
    ("action", "fields", "complaint"),
    [
        ("check_in", {}, "experiment"),
        ("check_in", {"experiment": "e", "client": "0"}, "client"),
        ("check_in", {"experiment": "e", "client": 0, "x": 1}, "x"),
        ("subscribe", {"name": ""}, "name"),
        ("start_experiment", {"experiment": 7}, "experiment"),
    ],
)
def test_a_request_of_a_wrong_shape_is_refused_by_field(
    platform, action, fields, complaint
) -> None:
    reply = platform.post(action, fields, OPERATOR)
    assert refusal(reply) == (400, "invalid_request")
    assert complaint in json.loads(reply.body)["error"]["message"]


@pytest.mark.parametrize(
    ("body", "media_type"),
    [(b"[1, 2]", JSON), (b'"text"', JSON), (b"{}", "text/plain"), (b"\x01", "x/y")],
)
def test_a_body_that_is_no_json_object_is_refused(platform, body, media_type) -> None:
    reply = platform.send("check_in", body, **{"Content-Type": media_type})
    assert refusal(reply) == (400, "invalid_request")
    assert "expected one JSON object" in json.loads(reply.body)["error"]["message"]


def test_broken_json_is_a_bad_request_whoever_says_so(platform) -> None:
    reply = platform.send("check_in", b'{"client": ', **{"Content-Type": JSON})
    assert reply.status == 400


def test_a_request_above_one_mebibyte_is_too_large_everywhere(platform) -> None:
    body = json.dumps({"data": "x" * 2**20}).encode()
    assert platform.send("check_in", body, **{"Content-Type": JSON}).status == 413


@pytest.mark.parametrize("name", ["FED_SECRET", "MONGODB_URL", "__ow_method"])
def test_no_request_can_name_what_a_deployment_sets(platform, name) -> None:
    fields = {"experiment": platform.start(), name: "x"}
    assert platform.post("stop_experiment", fields, OPERATOR).status == 400


def test_the_errors_of_handlers_have_their_codes(platform) -> None:
    name = platform.start()
    again = {"experiment": name, "settings": {"clients": 3, "per_round": 1}}
    bad = {"experiment": "bad", "settings": {"clients": 0}}
    for call, expected in {
        ("start_experiment", json.dumps(again)): (409, "experiment_exists"),
        ("start_experiment", json.dumps(bad)): (422, "invalid_settings"),
        ("stop_experiment", '{"experiment": "none"}'): (404, "unknown_experiment"),
    }.items():
        action, fields = call
        reply = platform.post(action, json.loads(fields), OPERATOR)
        assert refusal(reply) == expected
    reply = platform.get("get_model", OPERATOR, experiment=name)
    assert refusal(reply) == (404, "unknown_model")


def test_a_full_federation_says_so(platform) -> None:
    name = platform.start()
    first, again = platform.enrol(name, "a"), platform.enrol(name, "a")
    assert first.fields == again.fields
    platform.enrol(name, "b")
    reply = platform.post("subscribe", {"experiment": name, "name": "c"}, ENROLMENT)
    assert refusal(reply) == (409, "federation_full")


# --- tokens ---------------------------------------------------------------------------


def test_who_may_do_what(platform) -> None:
    name = platform.start()
    member = platform.enrol(name, "a")
    other = platform.enrol(platform.start(), "a")
    stranger = tokens.operator_token(b"another secret of thirty-two bytes")
    stop = {"experiment": name}
    for action, fields, token, expected in (
        ("stop_experiment", stop, "", UNKNOWN),
        ("stop_experiment", stop, stranger, UNKNOWN),
        ("stop_experiment", stop, SECRET, UNKNOWN),
        ("stop_experiment", stop, ENROLMENT, FORBIDDEN),
        ("check_in", member.fields, other.token, UNKNOWN),
        ("check_in", member.fields, ENROLMENT, FORBIDDEN),
        ("check_in", member.fields | {"client": 1}, member.token, UNKNOWN),
        ("advance_round", {}, "", UNKNOWN),
        ("advance_round", {}, ENROLMENT, FORBIDDEN),
    ):
        assert refusal(platform.post(action, fields, token)) == expected, action
    assert member.check_in()["kind"] == "wait"


def test_a_headers_name_has_no_case(platform) -> None:
    body = json.dumps({"experiment": platform.start()}).encode()
    for header in ("x-fed-token", "X-FED-TOKEN"):
        headers = {"content-type": JSON, header: OPERATOR}
        assert platform.send("stop_experiment", body, **headers).status == 200


def test_an_operator_moves_on_all_that_runs_without_naming_it(platform) -> None:
    answer = platform.ask("advance_round", {}, OPERATOR)
    assert answer == {"experiment": None}


# --- updates --------------------------------------------------------------------------


def test_a_round_is_the_mean_of_its_updates(platform) -> None:
    a, b = opened(platform, 1.0, 2.0)
    assert a.check_in()["kind"] == b.check_in()["kind"] == "train"
    assert a.submit(1, 1.0, 4.0)["accepted"] is True
    assert a.submit(1, 1.0, 4.0)["accepted"] is True  # the same again counts once
    last = b.submit(1, 3.0, 8.0)
    assert last["assignment"]["kind"] == "advance"
    fields = {"experiment": a.fields["experiment"], "client": b.fields["client"]}
    platform.ask("advance_round", fields, b.token)
    reply = platform.get("get_model", OPERATOR, experiment=a.fields["experiment"])
    model = json.loads(reply.body)
    assert model["version"] == 1
    data = base64.b64decode(model["chunk"]["data"])
    assert numbers(data) == [2.0, 6.0]  # (1 + 3) / 2, (4 + 8) / 2


def test_a_late_or_early_update_is_told_the_truth_and_what_to_do_next(platform) -> None:
    a, b = opened(platform, 1.0)
    a.submit(1, 1.0)
    b.submit(1, 1.0)
    platform.advance(a.fields["experiment"])
    late = a.submit(1, 5.0)
    assert late["accepted"] is True  # its first one is
    early = b.submit(7, 5.0)
    assert early["accepted"] is False
    assert early["reason"]
    assert early["assignment"]["kind"] == "train"


def test_an_update_that_cannot_be_is_refused_with_its_reason(platform) -> None:
    a, _ = opened(platform, 1.0)
    (chunk,) = a.chunks(1, [1.0], examples=0)
    answer = a.send(chunk)
    assert answer["accepted"] is False
    assert answer["reason"].startswith("examples: found 0")


# --- chunks ---------------------------------------------------------------------------


def test_a_model_of_two_chunks_travels_in_any_order(platform) -> None:
    count = codec.CHUNK_VALUES + 1
    a, b = opened(platform, *[0.5] * count)
    first, second = a.chunks(1, [1.0] * count)
    answer = a.send(second)
    assert (answer["accepted"], answer["missing"]) == (None, [0])
    assert a.send(second)["missing"] == [0]
    assert a.send(first)["accepted"] is True
    b.submit(1, *[2.0] * count)
    platform.advance(a.fields["experiment"])
    query = {"experiment": a.fields["experiment"], "version": "1"}
    sizes = []
    for number in range(2):
        reply = platform.get("get_model", OPERATOR, **query, chunk=str(number))
        chunk = json.loads(reply.body)["chunk"]
        data = base64.b64decode(chunk["data"])
        assert (chunk["number"], chunk["of"]) == (number, 2)
        assert chunk["hash"] == codec.sha256(data)
        assert set(numbers(data)) == {1.5}
        sizes.append(len(numbers(data)))
    assert sizes == [codec.CHUNK_VALUES, 1]


def test_other_content_under_a_chunks_hash_is_a_mismatch(platform) -> None:
    a, _ = opened(platform, 1.0)
    (chunk,) = a.chunks(1, [1.0])
    other = codec.encode(b"\x00\x00\x00\x00")
    reply = platform.post("submit_update", chunk | {"data": other}, a.token)
    assert refusal(reply) == (409, "upload_mismatch")
