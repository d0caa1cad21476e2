"""The chart is well formed: for helm, and for several versions of Kubernetes."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from tests.helm.conftest import CHART, CI_FILES, of_kind, pod_specs

pytestmark = pytest.mark.helm
VERSIONS = ("1.27", "1.30", "1.34", "1.36")
LONG = "a-release-whose-name-has-all-the-53-characters-of-max"

by_file = pytest.mark.parametrize("values", CI_FILES, ids=lambda path: path.stem)


@by_file
def test_helm_finds_no_fault_with_it(helm, values):
    done = helm("lint", "--strict", CHART, "-f", values)
    assert done.returncode == 0, done.stdout


@by_file
@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_would_take_every_object(render, values, version):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for each in render(values):
            kubernetes_validate.validate(each, version, strict=True)


@by_file
def test_every_container_is_restricted(render, values):
    for kind, spec in pod_specs(render(values)).items():
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"].get("runAsUser") != 0
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is (kind == "CronJob")
        for container in spec["containers"]:
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["readOnlyRootFilesystem"] is True
            assert context["capabilities"] == {"drop": ["ALL"]}


@by_file
def test_every_container_has_limits_and_its_memory_is_its_own(render, values):
    for spec in pod_specs(render(values)).values():
        for container in spec["containers"]:
            resources = container["resources"]
            assert resources["limits"]["cpu"]
            assert resources["limits"]["memory"] == resources["requests"]["memory"]


@by_file
def test_every_mount_has_its_volume_and_every_volume_its_mount(render, values):
    objects = render(values)
    claims = of_kind(objects, "StatefulSet")["spec"].get("volumeClaimTemplates", [])
    for kind, spec in pod_specs(objects).items():
        volumes = {each["name"] for each in spec["volumes"]}
        if kind == "StatefulSet":
            volumes |= {each["metadata"]["name"] for each in claims}
        (container,) = spec["containers"]
        assert {each["name"] for each in container["volumeMounts"]} == volumes


@by_file
def test_no_secret_stands_in_an_object(render, values):
    objects = render(values)
    assert all(each["kind"] != "Secret" for each in objects)
    for spec in pod_specs(objects).values():
        for variable in spec["containers"][0]["env"]:
            assert variable["name"] != "FED_ENROLMENT_TOKEN"


@by_file
def test_selectors_match_the_client_pods_and_no_others(render, values):
    objects = render(values)
    fleet = of_kind(objects, "StatefulSet")
    labels = fleet["spec"]["template"]["metadata"]["labels"]
    budget = of_kind(objects, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"]
    service = of_kind(objects, "Service")["spec"]["selector"]
    assert fleet["spec"]["selector"]["matchLabels"] == budget == service
    assert budget.items() <= labels.items()
    assert not budget.items() <= of_kind(objects, "Pod")["metadata"]["labels"].items()
    assert (
        fleet["spec"]["serviceName"] == of_kind(objects, "Service")["metadata"]["name"]
    )


@by_file
@pytest.mark.parametrize("release", ["f", "fl-clients", "my-fl-clients", LONG])
def test_names_leave_room_for_what_kubernetes_adds(render, values, release):
    objects = render(values, release=release)
    for each in objects:
        name = each["metadata"]["name"]
        assert re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", name)
        longest = 52 if each["kind"] in ("StatefulSet", "CronJob") else 63
        assert len(name) <= longest, each["kind"]


def test_two_long_names_that_begin_alike_stay_apart(render):
    one, other = (
        of_kind(render(release=LONG[:-1] + end), "StatefulSet")["metadata"]["name"]
        for end in "xy"
    )
    assert one != other


def test_a_new_version_of_the_chart_restarts_no_pod(render, helm, tmp_path):
    copy = tmp_path / "fl-clients"
    import shutil

    shutil.copytree(CHART, copy)
    text = (copy / "Chart.yaml").read_text()
    (copy / "Chart.yaml").write_text(text.replace("version: 0.1.0", "version: 9.9.9"))
    done = helm("template", "fl-clients", copy, "-f", CHART / CI_FILES[2])
    newer = [each for each in yaml.safe_load_all(done.stdout) if each]
    template = of_kind(newer, "StatefulSet")["spec"]["template"]
    assert template == of_kind(render(CI_FILES[2]), "StatefulSet")["spec"]["template"]


def test_files_of_the_repository_stay_out_of_the_package(helm, tmp_path):
    done = helm("package", CHART, "--destination", tmp_path)
    assert done.returncode == 0, done.stderr
    import tarfile

    with tarfile.open(next(tmp_path.glob("*.tgz"))) as package:
        names = package.getnames()
    assert not [name for name in names if "/ci/" in name]
    assert {Path(name).name for name in names} >= {"values.schema.json", "README.md"}
