"""Probes 47 to 73: web actions."""

import base64
import os

import pytest
import requests

from localwhisk import HostServer, HostSettings
from tests.conformance.conftest import Probed
from tests.conformance.expect import answered, refused
from tests.openwhisk import ECHO

LIMIT = 1024 * 1024
JSON = {"content-type": "application/json"}
BYTES = {"content-type": "application/octet-stream"}


def test_probe_47_a_plain_result_is_lost_by_default(probed):
    answer = probed.responds({"x": 1})
    assert (answer.status_code, answer.content) == (204, b"")
    assert len(answer.headers["x-openwhisk-activation-id"]) == 32


def test_probe_48_json_shows_the_whole_result(probed):
    assert answered(probed.responds({"x": 1}, ".json")) == {"x": 1}


def test_probe_49_http_shows_status_headers_and_body(probed):
    result = {"statusCode": 201, "headers": {"x-a": "b"}, "body": {"k": 1}}
    answer = probed.responds(result)
    assert answered(answer, 201) == {"k": 1}
    assert answer.headers["x-a"] == "b"
    assert answer.headers["content-type"].startswith("application/json")


def test_probe_50_a_binary_body_is_decoded(probed):
    body = base64.b64encode(b"\x00\xff").decode()
    answer = probed.responds({"headers": BYTES, "body": body})
    assert (answer.status_code, answer.content) == (200, b"\x00\xff")


def test_probe_51_a_binary_body_must_be_base64(probed):
    answer = probed.responds({"headers": BYTES, "body": "!!!"})
    refused(answer, 400, "did not match generated content type")


def test_probe_52_a_text_body_is_html(probed):
    answer = probed.responds({"body": "hi"})
    assert (answer.status_code, answer.text) == (200, "hi")
    label = answer.headers["content-type"].lower().replace(" ", "")
    assert label == "text/html;charset=utf-8"


def test_probe_53_an_error_may_be_a_whole_answer(probed):
    answer = probed.responds({"error": {"statusCode": 404, "body": {"m": 1}}})
    assert answered(answer, 404) == {"m": 1}


def test_probe_54_an_error_text_is_no_answer(probed):
    refused(probed.responds({"error": "x"}), 400, "not valid 'message/http'")
    refused(
        probed.responds({"error": "x"}, ".json"), 400, "not valid 'application/json'"
    )


def test_probe_55_developer_errors_are_not_told(probed):
    text = "There was an error processing your request."
    refused(probed.anybody.get(probed.url("none")), 400, text)
    # Over its time; a real server answers 12 s late.
    refused(probed.anybody.get(probed.url("slow?s=5")), 400, text)


def test_probe_56_reserved_parameters_are_refused(probed):
    url = probed.url("echo.json?__ow_method=x")
    refused(probed.anybody.get(url), 400, "parameters that are not allowed")
    body = {"__ow_headers": {}}
    answer = probed.anybody.post(probed.url("echo.json"), json=body)
    refused(answer, 400, "parameters that are not allowed")


def test_probe_57_final_parameters_are_refused(probed):
    answer = probed.anybody.post(probed.url("final.json"), json={"bound": 2})
    refused(answer, 400, "parameters that are not allowed")
    assert answered(probed.anybody.get(probed.url("final.json")))["bound"] == 1


def test_probe_58_the_body_wins_over_the_query(probed):
    answer = probed.anybody.post(probed.url("echo.json?a=q&c=d"), json={"a": "b"})
    seen = answered(answer)
    assert (seen["a"], seen["c"], seen["__ow_method"]) == ("b", "d", "post")
    assert seen["__ow_headers"]["content-type"] == "application/json"
    assert seen["__ow_path"] == ""
    assert "__ow_query" not in seen


def test_probe_59_binary_bodies_are_base64(probed):
    url = probed.url("echo.json")
    seen = answered(probed.anybody.post(url, data=b"\x00\xff", headers=BYTES))
    assert base64.b64decode(seen["__ow_body"]) == b"\x00\xff"


def test_probe_60_json_that_is_no_object_is_the_body(probed):
    answer = probed.anybody.post(probed.url("echo.json"), json=[1, 2])
    assert answered(answer)["__ow_body"] == [1, 2]


def test_probe_61_forms_are_parameters(probed):
    answer = probed.anybody.post(probed.url("echo.json"), data={"a": "1"})
    assert answered(answer)["a"] == "1"


def test_probe_62_raw_actions_see_the_body_as_it_came(probed):
    answer = probed.anybody.post(
        probed.url("raw.json?z=1"), data=b'{"a": 1}', headers=JSON
    )
    seen = answered(answer)
    assert base64.b64decode(seen["__ow_body"]) == b'{"a": 1}'
    assert seen["__ow_query"] == "z=1"
    assert "z" not in seen
    assert "a" not in seen


def test_probe_63_raw_actions_see_empty_texts(probed):
    seen = answered(probed.anybody.get(probed.url("raw.json")))
    assert (seen["__ow_body"], seen["__ow_query"]) == ("", "")


def test_probe_64_the_rest_of_the_path_is_told(probed):
    seen = answered(probed.anybody.get(probed.url("echo.json/x/y")))
    assert seen["__ow_path"] == "/x/y"


def test_probe_65_options_are_answered_for_the_action(probed):
    answer = probed.anybody.options(probed.url("echo"))
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "PATCH" in answer.headers["access-control-allow-methods"]
    assert "Authorization" in answer.headers["access-control-allow-headers"]
    assert "x-openwhisk-activation-id" not in answer.headers
    asked = {"Access-Control-Request-Headers": "x-mine"}
    echoed = probed.anybody.options(probed.url("echo"), headers=asked)
    assert echoed.headers["access-control-allow-headers"] == "x-mine"


def test_probe_66_an_action_may_answer_options_itself(probed):
    query = {"r": '{"statusCode": 202, "body": "mine"}'}
    answer = probed.anybody.options(probed.url("options"), params=query)
    assert (answer.status_code, answer.text) == (202, "mine")
    assert "access-control-allow-origin" not in answer.headers


def test_probe_67_an_action_may_want_a_secret(probed):
    url = probed.url("secret.json")
    header = "X-Require-Whisk-Auth"
    refused(probed.anybody.get(url), 401)
    refused(probed.anybody.get(url, headers={header: "wrong"}), 401)
    assert probed.anybody.get(url, headers={header: "secret"}).status_code == 200


def test_probe_68_an_action_may_want_credentials(probed):
    url = probed.url("private.json")
    refused(probed.anybody.get(url), 401)
    seen = answered(probed.session.get(url))
    assert seen["__ow_user"] == probed.namespace


def test_probe_69_bad_credentials_are_nobody(probed):
    user = probed.auth.partition(":")[0]
    answer = probed.anybody.get(probed.url("echo.json"), auth=(user, "x" * 64))
    assert "__ow_user" not in answered(answer)


def test_probe_70_what_is_not_on_the_web_is_not_found(probed):
    for tail in ("inner", "echo.xyz", "missing"):
        answer = probed.anybody.get(probed.url(tail))
        refused(answer, 404, "The requested resource does not exist.")
        assert "access-control-allow-origin" not in answer.headers


def test_probe_71_a_caller_must_take_the_type(probed):
    url = probed.url("echo.json")
    answer = probed.anybody.get(url, headers={"accept": "image/png"})
    assert answer.status_code == 406
    assert "only available with these types" in answer.text


def test_probe_72_a_request_has_a_limit(probed):
    body = b'{"a":"' + b"x" * (LIMIT + 1 - 8) + b'"}'
    answer = probed.anybody.post(probed.url("echo"), data=body, headers=JSON)
    refused(answer, 413, "Request larger than allowed: 1048577 > 1048576 bytes.")


def test_probe_73_a_minutes_calls_are_limited(probed):
    if "APIHOST" in os.environ:
        spend_a_minutes_calls(probed.url("echo"), probed)
        return
    settings = HostSettings(port=0, invocations_per_minute=5)
    with HostServer(settings) as host:
        throttled = Probed(host.url, host.auth)
        throttled.web_action("echo", ECHO)
        spend_a_minutes_calls(f"{throttled.web}/default/echo", throttled)


def spend_a_minutes_calls(url: str, host: Probed) -> None:
    """Call until the throttle answers; OPTIONS costs a call, and runs nothing."""
    allowed = answered(host.get("limits"))["invocationsPerMinute"]
    if allowed > 200:
        pytest.skip(f"{allowed} calls a minute are too many to spend")
    answers = [requests.options(url, timeout=30) for _ in range(allowed)]
    answer = answers[-1]
    while answer.status_code == 200 and len(answers) < 2 * allowed + 2:
        answer = requests.options(url, timeout=30)  # the minute changed on the way
        answers.append(answer)
    refused(answer, 429, "Too many requests in the last minute (count: ")
    assert f"allowed: {allowed})." in answer.json()["error"]
    assert "retry-after" not in answer.headers
