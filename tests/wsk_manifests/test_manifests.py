"""The manifests say the same of the same things, and name all that there is."""

from __future__ import annotations

import msgspec
import pytest
import yaml

from actions.build import ACTIONS, action_names
from fedcore.adapters.deployment import BOUND
from fedcore.adapters.routes import ROUTES
from fedwhisk.deploy.manifest import (
    API_MANIFEST,
    IMAGE_MANIFEST,
    MANIFEST,
    PACKAGE,
    ManifestPackage,
    parse_manifest,
)
from fedwhisk.deploy.plan import api_operations
from fedwhisk.project import MANIFESTS


def package(path) -> ManifestPackage:
    """The one package of a manifest."""
    packages = parse_manifest(path)
    assert list(packages) == [PACKAGE]
    return packages[PACKAGE]


def test_the_manifest_names_every_action_and_its_zip():
    actions = package(MANIFEST).actions
    assert sorted(actions) == action_names()
    for name, action in actions.items():
        zipped = f"../build/actions/${{ACTIONS_TARGET}}/{name}.zip"
        assert action.function == zipped


def test_the_routes_are_on_the_web_step_by_step_and_nothing_else_is():
    whole = package(MANIFEST)
    sequences = {
        name: tuple(sequence.actions.split(", "))
        for name, sequence in whole.sequences.items()
        if sequence.web
    }
    alone = {name: (name,) for name, action in whole.actions.items() if action.web}
    assert sequences | alone == {name: route.steps for name, route in ROUTES.items()}


def test_the_package_binds_what_the_actions_read():
    assert package(MANIFEST).inputs == {name: f"${name}" for name in BOUND}


def test_the_manifest_with_gateway_paths_says_the_rest_alike():
    with_paths = package(API_MANIFEST)
    assert msgspec.structs.replace(with_paths, apis={}) == package(MANIFEST)


def test_the_gateway_has_a_path_for_every_public_route():
    operations = api_operations(PACKAGE, package(API_MANIFEST))
    assert {operation.base for operation in operations} == {"/fed"}
    assert {operation.response for operation in operations} == {"http"}
    assert {operation.path: operation.action for operation in operations} == {
        f"/{name}": name for name in ROUTES
    }
    assert {operation.action: operation.method.upper() for operation in operations} == {
        name: route.method for name, route in ROUTES.items()
    }


def test_the_manifest_for_an_image_differs_in_where_the_code_is():
    on_image = package(IMAGE_MANIFEST)
    zipped = package(MANIFEST)
    for name, action in on_image.actions.items():
        assert action.docker == "${ACTIONS_IMAGE}"
        assert (
            MANIFESTS / action.function == MANIFESTS / f"../actions/{name}/__main__.py"
        )
        assert (ACTIONS / name / "__main__.py").exists()
        alike = {*action.__struct_fields__} - {"function", "runtime", "docker"}
        assert all(
            getattr(action, field) == getattr(zipped.actions[name], field)
            for field in alike
        )
    assert msgspec.structs.replace(on_image, actions={}) == msgspec.structs.replace(
        zipped, actions={}
    )


@pytest.mark.parametrize("path", sorted(MANIFESTS.glob("*.yaml")), ids=lambda p: p.stem)
def test_no_path_in_a_manifest_begins_with_what_wskdeploy_trips_over(path):
    assert "function: ./" not in path.read_text()


def test_the_sweep_calls_a_sequence_that_there_is():
    content = yaml.safe_load((MANIFESTS / "alarms.yaml").read_text())
    default = content["packages"]["default"]
    ((name, rule),) = default["rules"].items()
    assert rule["trigger"] in default["triggers"]
    own, _, sequence = rule["action"].partition("/")
    assert own == PACKAGE
    assert sequence in package(MANIFEST).sequences
    assert name.startswith(PACKAGE)
