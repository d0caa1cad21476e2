"""The REST API beyond the probes: names, paths, pages, bindings, sequences."""

import pytest

from localwhisk.entities import next_version
from localwhisk.errors import Refused
from tests.openwhisk import BOOM, COUNT, ECHO, annotation


def error(answer, status):
    assert answer.status_code == status, answer.text
    return answer.json()["error"]


def test_unknown_paths_and_methods_are_told_apart(whisk):
    text = "HTTP method not allowed, supported methods: OPTIONS"
    assert error(whisk.session.get(f"{whisk.host}/foo"), 405) == text
    answer = whisk.session.get(f"{whisk.host}/api/v1/foo")
    assert error(answer, 404) == "The requested resource could not be found."
    assert "supported methods" in error(whisk.session.patch(whisk.namespaces), 405)


def test_another_namespace_is_forbidden(whisk):
    answer = whisk.session.get(f"{whisk.namespaces}/whisk.system/actions/x")
    assert "not authorized to access 'whisk.system/x'." in error(answer, 403)


def test_a_call_takes_a_json_object_only(whisk):
    whisk.action("echo", ECHO)
    text = "The request content was malformed:\nJSON object expected"
    assert error(whisk.post("actions/echo", [1]), 400) == text
    url = f"{whisk.here}/actions/echo"
    plain = {"content-type": "text/plain"}
    error(whisk.session.post(url, data=b"{}", headers=plain), 415)


def test_a_call_may_not_set_a_final_parameter(whisk):
    bound = {"parameters": [{"key": "bound", "value": 1}]}
    whisk.web_action("final", ECHO, {"final": True}, **bound)
    assert "parameters that are not allowed" in error(
        whisk.call("final", {"bound": 2}), 400
    )


@pytest.mark.parametrize("limit", ["-1", "abc"])
def test_a_page_needs_a_sensible_limit(whisk, limit):
    error(whisk.get("activations", limit=limit), 400)


def test_lists_are_counted_and_skipped(whisk):
    whisk.put("packages/one", {})
    whisk.put("packages/two", {})
    count = whisk.get("packages", count="true").json()["packages"]
    listed = whisk.get("packages", skip=1).json()
    assert len(listed) == count - 1
    assert whisk.get("packages", count="true", skip=1).json()["packages"] == count - 1


def test_activations_are_selected_by_time(whisk):
    whisk.action("timed", ECHO)
    record = whisk.record(whisk.call("timed").json()["activationId"])
    start = record["start"]
    found = whisk.get("activations", name="timed", since=start, upto=start).json()
    assert [a["activationId"] for a in found] == [record["activationId"]]
    assert whisk.get("activations", name="timed", since=start + 1).json() == []
    whole = whisk.get("activations", name="timed", docs="true").json()
    assert whole[0]["response"]["result"] == {}
    assert "name" in error(whisk.get("activations", name="a/b/c"), 400)


def test_a_packages_parameters_reach_its_actions_and_a_binding_changes_them(whisk):
    def parameters(**values):
        return [{"key": key, "value": value} for key, value in values.items()]

    whisk.put("packages/base", {"parameters": parameters(a=1, b=1, c=1)})
    whisk.action("base/echo", ECHO, parameters=parameters(c=3))
    binding = {"namespace": "_", "name": "base"}
    whisk.put("packages/bound", {"binding": binding, "parameters": parameters(b=2)})
    assert whisk.call("base/echo", result="true").json() == {"a": 1, "b": 1, "c": 3}
    called = whisk.call("bound/echo", {"d": 4}, result="true").json()
    assert called == {"a": 1, "b": 2, "c": 3, "d": 4}
    assert whisk.get("packages/bound").json()["actions"][0]["name"] == "echo"


def test_annotations_are_removed_by_name(whisk):
    notes = [{"key": "a", "value": 1}, {"key": "b", "value": 2}]
    whisk.action("noted", ECHO, annotations=notes)
    written = whisk.put("actions/noted", {"delAnnotations": ["a"]}).json()
    assert (annotation(written, "a"), annotation(written, "b")) == (None, 2)


def sequence(*components):
    return {"exec": {"kind": "sequence", "components": list(components)}}


def test_a_sequence_stops_at_an_error(whisk):
    whisk.action("echo", ECHO)
    whisk.action("boom", BOOM)
    whisk.action("counts", COUNT)
    whisk.put("actions/breaks", sequence("/_/echo", "/_/boom", "/_/counts"))
    answer = whisk.call("breaks", {"a": 1})
    assert answer.status_code == 502
    assert answer.json()["response"]["result"] == {"error": "boom"}
    assert len(whisk.record(answer.json()["activationId"])["logs"]) == 2


def test_a_sequence_may_hold_a_sequence_but_not_itself(whisk):
    whisk.action("echo", ECHO)
    whisk.put("actions/inner", sequence("/_/echo"))
    whisk.put("actions/outer", sequence("/_/inner", "/_/echo"))
    assert whisk.call("outer", {"a": 1}, result="true").json() == {"a": 1}
    text = "Sequence may not refer to itself."
    assert error(whisk.put("actions/inner", sequence("/_/outer")), 400) == text
    many = sequence(*["/_/echo"] * 51)
    assert error(whisk.put("actions/many", many), 400) == (
        "Too many actions in the sequence."
    )


def test_an_over_full_entity_is_refused(whisk):
    code = "x" * (48 * 1024 * 1024 + 1)
    answer = whisk.action("huge", code)
    assert error(answer, 413).startswith("exec larger than allowed: 50331649 > ")
    large = [{"key": "k", "value": "x" * (1 << 20)}]
    answer = whisk.action("large", ECHO, parameters=large)
    assert error(answer, 413).startswith("parameters larger than allowed: ")


def test_versions_are_given_or_count_up():
    assert next_version(None, None) == "0.0.1"
    assert next_version("0.0.9", None) == "0.0.10"
    assert next_version("0.0.9", "1.0") == "1.0.0"
    with pytest.raises(Refused):
        next_version(None, "one")
