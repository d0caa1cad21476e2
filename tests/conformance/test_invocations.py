"""Probes 24 to 39 and 79: actions invoked by the API, and the records of it."""

import re
import time

from tests.conformance.expect import answered, refused
from tests.openwhisk import COUNT, ECHO, annotation, zipped

LIMIT = 1024 * 1024


def test_probe_24_a_call_without_waiting_is_answered_with_an_id(probed):
    answer = probed.post(f"actions/{probed.path('echo')}", {"a": 1})
    activation_id = answered(answer, 202)["activationId"]
    assert re.fullmatch(r"[0-9a-f]{32}", activation_id)
    assert answer.headers["x-openwhisk-activation-id"] == activation_id


def test_probe_25_a_blocking_call_is_answered_with_the_record(probed):
    record = answered(probed.call(probed.path("echo"), {"a": 1}))
    assert record["response"]["success"] is True
    assert record["response"]["status"] == "success"
    assert record["response"]["result"]["a"] == 1
    assert annotation(record, "path").endswith(f"/{probed.path('echo')}")
    assert annotation(record, "kind").startswith("python:")
    assert annotation(record, "limits")["memory"] == 256


def test_probe_26_a_blocking_call_may_ask_for_the_result_alone(probed):
    answer = probed.call(probed.path("final"), {"a": 1}, result="true")
    assert answered(answer) == {"a": 1, "bound": 1}


def test_probe_27_an_error_in_the_result_is_an_application_error(probed):
    record = answered(probed.call(probed.path("resp"), {"r": {"error": "x"}}), 502)
    assert record["response"]["status"] == "application error"
    assert record["response"]["result"] == {"error": "x"}


def test_probe_28_an_exception_is_an_error_in_the_result(probed):
    answer = probed.call(probed.path("boom"), result="true")
    assert answered(answer, 502)["error"] == "boom"


def test_probe_29_an_action_without_a_result_is_a_developer_error(probed):
    record = answered(probed.call(probed.path("none")), 502)
    assert record["response"]["status"] == "action developer error"


def test_probe_30_an_action_over_its_time_is_a_developer_error(probed):
    # A real server looks for an out-of-memory state first, and answers 12 s late.
    record = answered(probed.call(probed.path("slow"), {"s": 5}), 502)
    assert record["response"]["status"] == "action developer error"
    error = record["response"]["result"]["error"]
    assert "exceeded its time limits of 1000 milliseconds" in error
    assert annotation(record, "timeout") is True


def test_probe_31_a_caller_may_stop_waiting(probed):
    answer = probed.call(probed.path("sleepy"), {"s": 3}, timeout=500)
    record = probed.record(answered(answer, 202)["activationId"])
    assert record["response"]["result"] == {"slept": 3}


def test_probe_32_a_request_has_a_limit(probed):
    body = b'{"a":"' + b"x" * (LIMIT + 1 - 8) + b'"}'
    url = f"{probed.here}/actions/{probed.path('echo')}"
    headers = {"content-type": "application/json"}
    answer = probed.session.post(url, data=body, headers=headers)
    refused(answer, 413, "Request larger than allowed: 1048577 > 1048576 bytes.")


def test_probe_33_a_result_has_a_limit(probed):
    record = answered(probed.call(probed.path("big"), {"n": 1_100_000}), 502)
    assert "exceeded the allowed length" in record["response"]["result"]["error"]


def test_probe_34_an_unknown_action_is_not_found(probed):
    refused(probed.post(f"actions/{probed.path('missing')}"), 404)


def test_probe_35_a_record_its_result_and_its_logs_are_kept(probed, fresh):
    code = "def main(args):\n    print('said')\n    return args\n"
    answered(probed.action(f"{fresh}/says", code))
    activation_id = answered(probed.call(f"{fresh}/says", {"a": 1}))["activationId"]
    record = probed.record(activation_id)
    assert record["response"]["result"]["a"] == 1
    result = answered(probed.get(f"activations/{activation_id}/result"))
    assert (result["result"], result["success"]) == ({"a": 1}, True)
    assert result["status"] == "success"
    logs = answered(probed.get(f"activations/{activation_id}/logs"))["logs"]
    assert len(logs) == 1
    assert logs[0].endswith("said")


def test_probe_36_a_malformed_activation_id_is_refused(probed):
    refused(probed.get("activations/xyz"), 400, "length is 3 but must be 32")


def test_probe_37_activations_are_listed_by_name(probed):
    wanted = answered(probed.call(probed.path("echo")))["activationId"]
    probed.record(wanted)
    (item,) = answered(probed.get("activations", limit=1, name=probed.path("echo")))
    assert item["activationId"] == wanted
    assert item["statusCode"] == 0
    assert item["duration"] >= 0


def test_probe_38_a_second_call_is_warm(probed, fresh):
    answered(probed.action(f"{fresh}/count", COUNT))
    first = answered(probed.call(f"{fresh}/count"))
    time.sleep(1)  # a real server collects the logs before it reuses a container
    second = answered(probed.call(f"{fresh}/count"))
    assert first["response"]["result"] == {"n": 1}
    assert second["response"]["result"] == {"n": 2}
    assert annotation(first, "initTime") > 0
    assert annotation(second, "initTime") is None


def test_probe_39_a_redeployed_action_is_cold(probed, fresh):
    for _ in range(2):
        answered(probed.action(f"{fresh}/count", COUNT))
        result = answered(probed.call(f"{fresh}/count", result="true"))
        assert result == {"n": 1}


def test_probe_79_a_zip_with_a_nested_main_does_not_start(probed, fresh):
    answered(probed.action(f"{fresh}/zip", zipped({"inner/__main__.py": ECHO})))
    record = answered(probed.call(f"{fresh}/zip"), 502)
    assert record["response"]["status"] == "action developer error"
    error = record["response"]["result"]["error"]
    assert "failed to generate or locate a binary" in error
