"""What a real OpenWhisk was seen to do with web actions, beyond the probes."""

import pytest
import requests

from fedcore.adapters.serving import Outcome
from fedcore.handlers import status
from fedcore.messages import Page
from localwhisk import HostServer, HostSettings
from tests.fedcore.world import OPERATOR, World
from tests.openwhisk import ECHO, RESP, SLOW, OpenWhisk


@pytest.fixture(scope="module")
def web(whisk):
    whisk.put("packages/p", {})
    whisk.web_action("p/resp", RESP)
    whisk.web_action("p/echo", ECHO)
    return f"{whisk.web}/p"


@pytest.fixture
def respond(web):
    def call(result, extension=""):
        return requests.post(f"{web}/resp{extension}", json={"r": result}, timeout=30)

    return call


@pytest.mark.parametrize(
    ("result", "status", "body"),
    [
        ({"statusCode": "201", "body": "x"}, 201, "x"),
        ({"statusCode": 200}, 200, ""),
        ({"body": None}, 204, ""),
        ({"body": ""}, 204, ""),
        ({"body": 0}, 200, "0"),
        ({"error": {"body": "x"}}, 200, "x"),
        ({"error": {"message": "x"}}, 204, ""),
    ],
)
def test_http_shows_status_and_body(respond, result, status, body):
    answer = respond(result)
    assert (answer.status_code, answer.text) == (status, body)


def test_the_page_forbids_scripts_where_an_extension_drops_the_headers(respond):
    world = World()
    world.start()
    asked = {"experiment": "exp", "view": "page"}
    html = world.call(status.ACTION, asked, OPERATOR)["html"]
    outcome = Outcome(200, Page(html=html))
    result = {"statusCode": 200, "headers": outcome.headers, "body": outcome.body}
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    whole, bare = respond(result), respond(result, ".html")
    assert whole.headers["content-security-policy"].startswith(policy)
    assert "content-security-policy" not in bare.headers
    meta = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    assert bare.text.index(meta) < bare.text.index("<style")


@pytest.mark.parametrize("extension", [".json", ".text"])
def test_an_extension_drops_what_forbids_keeping_an_answer(respond, extension):
    outcome = Outcome(401, {"error": {"code": "unauthenticated"}})
    result = {"statusCode": 401, "headers": outcome.headers, "body": outcome.body}
    assert respond(result).headers["cache-control"] == "no-store"
    answer = respond(result, extension)
    assert answer.status_code == 200
    assert "cache-control" not in answer.headers


@pytest.mark.parametrize(
    "result",
    [
        {"statusCode": "abc"},
        {"statusCode": 200.5},
        {"statusCode": 999},
        {"statusCode": True},
        {"headers": {"a": {}}},
        {"headers": {"a": "b\r\nc: d"}},
        {"headers": "a"},
        {"body": "x", "error": None},
    ],
)
def test_what_is_no_http_answer_is_refused(respond, result):
    answer = respond(result)
    assert answer.status_code == 400
    assert answer.json()["error"] == "Response is not valid 'message/http'."
    assert len(answer.headers["x-openwhisk-activation-id"]) == 32


def test_a_header_with_several_values_is_sent_several_times(respond):
    answer = respond({"headers": {"set-cookie": ["a=1", "b=2"], "n": 1, "t": True}})
    assert answer.raw.headers.getlist("set-cookie") == ["a=1", "b=2"]
    assert (answer.headers["n"], answer.headers["t"]) == ("1", "true")


def test_a_json_text_that_looks_like_base64_is_decoded(respond):
    label = {"content-type": "application/json"}
    assert respond({"headers": label, "body": "abcd"}).content == b"i\xb7\x1d"
    assert respond({"headers": label, "body": '{"a":1}'}).json() == {"a": 1}


def test_an_object_needs_a_json_content_type(respond):
    answer = respond({"headers": {"content-type": "text/plain"}, "body": {}})
    assert (answer.status_code, answer.json()["error"]) == (
        400,
        "Response type in header did not match generated content type.",
    )
    unknown = respond({"headers": {"content-type": "nonsense"}, "body": "x"})
    assert unknown.json()["error"] == "Response did not specify a known content-type."


def test_text_html_and_svg_show_one_field(respond):
    assert respond({"text": "hi"}, ".text").text == "hi"
    assert respond({"body": {"a": 1}}, ".text").json() == {"a": 1}
    assert respond({"x": 1}, ".text").status_code == 404
    assert respond({"html": "<p>"}, ".html").text == "<p>"
    assert respond({"html": 1}, ".html").status_code == 400
    assert respond({"svg": "<svg/>"}, ".svg").headers["content-type"] == "image/svg+xml"


def test_a_list_as_the_result_is_an_internal_error(respond):
    answer = respond([1], ".json")
    assert (answer.status_code, answer.text) == (
        500,
        "There was an internal server error.",
    )


@pytest.mark.parametrize(
    ("label", "seen"),
    [
        ("foo/bar; charset=utf-8", "abc"),
        ("text/csv", "abc"),
        ("application/xml", "abc"),
        ("application/x-foo", "YWJj"),
        ("multipart/form-data; boundary=x", "YWJj"),
    ],
)
def test_text_arrives_as_text_and_the_rest_as_base64(web, label, seen):
    headers = {"content-type": label}
    answer = requests.post(f"{web}/echo.json", data=b"abc", headers=headers, timeout=30)
    assert answer.json()["__ow_body"] == seen


def test_bad_json_is_refused(web):
    headers = {"content-type": "application/json"}
    answer = requests.post(f"{web}/echo", data=b"{", headers=headers, timeout=30)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("The request content was malformed:\n")
    assert answer.headers["access-control-allow-origin"] == "*"


def test_head_runs_the_action_and_sends_no_body(web):
    query = {"r": '{"body": "four"}'}
    answer = requests.head(f"{web}/resp", params=query, timeout=30)
    assert (answer.headers["content-length"], answer.content) == ("4", b"")


def test_a_body_of_exactly_the_limit_is_taken_whole(whisk, web):
    whisk.web_action("p/size", "def main(args):\n    return {'n': len(args['a'])}\n")
    body = b'{"a":"' + b"x" * ((1 << 20) - 8) + b'"}'
    headers = {"content-type": "application/json"}
    answer = requests.post(f"{web}/size.json", data=body, headers=headers, timeout=30)
    assert answer.json() == {"n": (1 << 20) - 8}


def test_a_uri_over_its_limit_is_refused(web):
    answer = requests.get(f"{web}/echo?a={'x' * 8192}", timeout=30)
    assert answer.status_code == 414


def test_an_answer_that_is_not_ready_in_time_is_accepted():
    with HostServer(HostSettings(port=0, blocking_wait_s=0.3)) as impatient:
        other = OpenWhisk(impatient.url, impatient.auth)
        other.web_action("slow", SLOW)
        answer = requests.get(f"{other.web}/default/slow.json?s=1", timeout=30)
        assert answer.status_code == 202
        assert answer.json()["error"] == "Response not yet ready."
        activation = answer.headers["x-openwhisk-activation-id"]
        assert other.record(activation)["response"]["success"] is True
