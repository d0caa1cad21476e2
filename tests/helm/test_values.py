"""Values: unknown and contradictory ones are refused, in words; all are described."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.helm.conftest import CHART, of_kind, pod_specs

pytestmark = pytest.mark.helm

VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA = json.loads((CHART / "values.schema.json").read_text())


def paths(values: Any, prefix: str = "") -> Iterator[str]:
    """Every mapping's path in the values, the root's ("") first."""
    yield prefix
    for name, value in values.items():
        if isinstance(value, dict) and value and not name.startswith("limits"):
            yield from paths(value, f"{prefix}{name}.")


SECTIONS = [each for each in paths(VALUES) if "resources.requests" not in each]


@pytest.mark.parametrize("section", SECTIONS)
def test_a_value_that_nobody_knows_is_refused_by_name(refusal, section):
    said = refusal("--set", f"{section}cuont=3")
    assert "additional properties 'cuont' not allowed" in said


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ("openwhisk.baseUrl=", "openwhisk.baseUrl: found nothing, expected the URL"),
        ("openwhisk.baseUrl=ftp://x/y", 'openwhisk.baseUrl: found "ftp://x/y"'),
        ("enrolment.existingSecret=", "expected the name of the Secret with the"),
        ("experiment.name=Big_One", 'experiment.name: found "Big_One", expected 1 to'),
        ("clients.resources.limits.cpu=null", "start a thread for every core"),
        ("clients.resources.limits.memory=null", "take its whole node down"),
        ("extraEnv[0].name=FED_STAY", "found FED_STAY, which the chart sets itself"),
        ("autoscale.enabled=true,clients.count=0", "that autoscale brings up"),
        (
            "podLabels.app\\.kubernetes\\.io/name=x",
            "found app.kubernetes.io/name, by which the chart finds its pods",
        ),
        ("fullnameOverride=Über", "expected lower-case letters"),
        (
            "data.sharedClaim=a,data.claimPerClient.size=1Gi",
            "found sharedClaim and claimPerClient.size, expected one of them",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused_in_a_sentence(refusal, option, sentence):
    assert sentence in refusal("--set", option)


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ("clients.count=many", "at '/clients/count': got string, want integer"),
        ("clients.hangSeconds=3", "at '/clients/hangSeconds': minimum: got 3, want 30"),
        ("userId=0", "at '/userId': minimum: got 0, want 1"),
        ("image.pullPolicy=Sometimes", "at '/image/pullPolicy'"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_by_its_place(refusal, option, sentence):
    assert sentence in refusal("--set", option)


def test_the_schema_closes_every_object_and_knows_every_value():
    check_closed(SCHEMA, VALUES)


def check_closed(schema: dict[str, Any], values: dict[str, Any]) -> None:
    assert schema["additionalProperties"] is False
    assert set(schema["properties"]) - {"global"} == set(values)
    for name, value in values.items():
        inner = schema["properties"][name]
        if isinstance(value, dict) and value and "properties" in inner:
            if all("$ref" in each for each in inner["properties"].values()):
                continue  # quantities, named by Kubernetes
            check_closed(inner, value)


def test_every_value_is_described_and_the_readme_says_the_same():
    spec = importlib.util.spec_from_file_location("readme", CHART.parent / "readme.py")
    assert spec is not None
    assert spec.loader is not None
    readme = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(readme)
    text = (CHART / "values.yaml").read_text()
    described = [path for path, _ in readme.described(text)]
    for leaf in leaves(VALUES):
        assert any(leaf == each or leaf.startswith(f"{each}.") for each in described)
    written = (CHART / "README.md").read_text()
    assert readme.renewed(written, text) == written, "run: python helm/readme.py"


def leaves(values: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def client(objects: list[dict[str, Any]]) -> dict[str, Any]:
    return pod_specs(objects)["StatefulSet"]["containers"][0]


def environment(container: dict[str, Any]) -> dict[str, Any]:
    return {each["name"]: each.get("value") for each in container["env"]}


def test_a_client_is_named_after_its_pod_and_threads_follow_its_limit(render):
    container = client(render())
    assert environment(container)["FED_CLIENT_NAME"] == "$(POD_NAMESPACE)/$(POD_NAME)"
    names = [each["name"] for each in container["env"]]
    assert names.index("POD_NAME") < names.index("FED_CLIENT_NAME")
    sources = {each["name"]: each.get("valueFrom") for each in container["env"]}
    for name in ("FED_THREADS", "OMP_NUM_THREADS"):
        assert sources[name]["resourceFieldRef"]["resource"] == "limits.cpu"


def test_no_variable_of_the_chart_is_unknown_to_the_client_or_free_for_users(
    render, refusal
):
    from fedclient.environment import KNOWN

    full = CHART / "ci" / "own-data-values.yaml"
    names = [each["name"] for each in client(render(full))["env"]]
    assert len(names) == len(set(names))
    assert {each for each in names if each.startswith("FED_")} <= KNOWN
    for name in names:
        said = refusal("--set", f"extraEnv[0].name={name}")
        assert f"found {name}, which the chart sets itself" in said


@pytest.mark.parametrize(
    ("options", "ports"),
    [
        ("openwhisk.baseUrl=https://h/x", [443]),
        ("openwhisk.baseUrl=http://h/x", [80]),
        ("openwhisk.baseUrl=http://10.0.0.1:3233/x", [3233]),
        ("openwhisk.baseUrl=https://[2001:db8::1]/x", [443]),
        ("openwhisk.baseUrl=https://h/x,openwhisk.proxy=http://p:3128", [3128]),
        ("openwhisk.baseUrl=https://h/x,networkPolicy.ports={8080}", [8080]),
    ],
)
def test_the_policy_lets_clients_reach_dns_and_the_api_alone(render, options, ports):
    policy = of_kind(
        render(CHART / "ci/minimal-values.yaml", "--set", options), "NetworkPolicy"
    )["spec"]
    dns, api = policy["egress"]
    assert policy["ingress"] == []
    assert {each["port"] for each in dns["ports"]} == {53}
    assert [each["port"] for each in api["ports"]] == ports


def test_each_client_sees_its_own_token_alone(render):
    full = CHART / "ci" / "own-data-values.yaml"
    mounts = {each["name"]: each for each in client(render(full))["volumeMounts"]}
    assert mounts["enrolment"]["subPathExpr"] == "$(POD_NAME)"
    assert mounts["enrolment"]["mountPath"] == "/etc/fedwhisk/enrolment/token"


def test_an_autoscaled_fleet_keeps_its_size_through_an_upgrade(render):
    fleet = of_kind(render(CHART / "ci" / "in-cluster-values.yaml"), "StatefulSet")
    assert "replicas" not in fleet["spec"]
    role = of_kind(render(CHART / "ci" / "in-cluster-values.yaml"), "Role")
    (rule,) = role["rules"]
    assert rule["resourceNames"] == [fleet["metadata"]["name"]]
    assert rule["verbs"] == ["get", "patch"]


def test_the_autoscaler_is_a_module_of_the_image(render):
    objects = render(CHART / "ci" / "in-cluster-values.yaml")
    fleet = of_kind(objects, "StatefulSet")["metadata"]["name"]
    job = of_kind(objects, "CronJob")["spec"]["jobTemplate"]["spec"]
    (container,) = job["template"]["spec"]["containers"]
    python, flag, module, statefulset, clients = container["command"]
    assert [python, flag, statefulset] == ["python", "-m", fleet]
    assert importlib.util.find_spec(module) is not None
    assert int(clients) > 0
