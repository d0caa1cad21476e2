"""Probes 8 to 23: packages and actions, written and read."""

from tests.conformance.expect import answered, refused
from tests.openwhisk import ECHO, annotation


def test_probe_08_a_new_package_has_version_0_0_1(probed, fresh):
    package = answered(probed.get(f"packages/{fresh}"))
    assert (package["name"], package["version"]) == (fresh, "0.0.1")
    assert package["binding"] == {}


def test_probe_09_a_package_is_not_overwritten_unasked(probed, fresh):
    answer = probed.put(f"packages/{fresh}", {}, overwrite=False)
    refused(answer, 409, "resource already exists")


def test_probe_10_an_overwritten_package_has_the_next_version(probed, fresh):
    assert answered(probed.put(f"packages/{fresh}", {}))["version"] == "0.0.2"


def test_probe_11_the_default_package_is_reserved(probed):
    refused(probed.put("packages/default", {}), 400, "'default' is reserved")


def test_probe_12_an_action_needs_its_package(probed):
    refused(probed.action("no-such-package/a", ECHO), 404)


def test_probe_13_a_new_action_has_defaults(probed, fresh):
    action = answered(probed.action(f"{fresh}/echo", ECHO))
    assert (action["name"], action["version"]) == ("echo", "0.0.1")
    assert action["namespace"].endswith(f"/{fresh}")
    assert annotation(action, "provide-api-key") is False
    assert annotation(action, "exec") == action["exec"]["kind"]
    limits = {"timeout": 60_000, "memory": 256, "logs": 10, "concurrency": 1}
    assert limits.items() <= action["limits"].items()


def test_probe_14_an_update_keeps_what_it_does_not_name(probed, fresh):
    path = f"actions/{fresh}/echo"
    notes = [{"key": "note", "value": "kept"}]
    old = {"parameters": [{"key": "old", "value": 1}], "annotations": notes}
    answered(probed.action(f"{fresh}/echo", ECHO, **old))
    new = answered(probed.put(path, {"parameters": [{"key": "new", "value": 2}]}))
    assert new["version"] == "0.0.2"
    assert [(p["key"], p["value"]) for p in new["parameters"]] == [("new", 2)]
    assert annotation(new, "note") == "kept"
    assert answered(probed.get(path))["exec"]["code"] == ECHO


def test_probe_15_annotations_are_merged(probed, fresh):
    notes = [{"key": "note", "value": "kept"}]
    answered(probed.action(f"{fresh}/echo", ECHO, annotations=notes))
    more = {"annotations": [{"key": "web-export", "value": True}]}
    new = answered(probed.put(f"actions/{fresh}/echo", more))
    assert annotation(new, "note") == "kept"
    assert annotation(new, "web-export") is True


def test_probe_16_an_unknown_kind_is_refused(probed, fresh):
    body = {"exec": {"kind": "python:99", "code": ECHO}}
    answer = probed.put(f"actions/{fresh}/a", body)
    refused(answer, 400, "'python:99' is not supported by this platform")


def test_probe_17_a_new_action_needs_code(probed, fresh):
    refused(probed.put(f"actions/{fresh}/a", {}), 400, "exec undefined")


def test_probe_18_memory_has_a_limit(probed, fresh):
    answer = probed.action(f"{fresh}/a", ECHO, limits={"memory": 1024})
    refused(answer, 400, "memory size 1024 MB exceeds allowed threshold of 512 MB")
    low = probed.action(f"{fresh}/a", ECHO, limits={"memory": 64})
    refused(low, 400, "memory size 64 MB below allowed threshold of 128 MB")


def test_probe_19_the_timeout_has_a_limit(probed, fresh):
    answer = probed.action(f"{fresh}/a", ECHO, limits={"timeout": 400_000})
    refused(
        answer,
        400,
        "duration 400000 milliseconds exceeds allowed threshold of 300000 milliseconds",
    )


def test_probe_20_concurrency_has_a_limit(probed, fresh):
    answer = probed.action(f"{fresh}/a", ECHO, limits={"concurrency": 2})
    refused(answer, 400, "concurrency 2 exceeds allowed threshold of 1")


def test_probe_21_an_action_is_shown_without_its_code_when_asked(probed):
    action = answered(probed.get(f"actions/{probed.path('echo')}", code="false"))
    assert "code" not in action["exec"]
    assert action["exec"]["binary"] is False


def test_probe_22_a_page_has_at_most_200_items(probed):
    answer = probed.get("actions", limit=201)
    refused(answer, 400, "The value '201' is not in the range of 0 to 200 for actions.")


def test_probe_23_a_list_is_newest_first_and_without_code(probed, fresh):
    for name in ("older", "newer"):
        answered(probed.action(f"{fresh}/{name}", ECHO))
    listed = answered(probed.get("actions", limit=0))
    mine = [a for a in listed if a["namespace"].endswith(f"/{fresh}")]
    assert [a["name"] for a in mine] == ["newer", "older"]
    assert all("code" not in action.get("exec", {}) for action in listed)
