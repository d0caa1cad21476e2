"""`aws/`: the image's parts, the stack that osls makes of it, and who deploys it."""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from actions.build import FUNCTION, PROJECT, build_function
from fedcore.adapters import deployment
from fedcore.adapters.routes import ROUTES
from fedwhisk.config import Settings
from fedwhisk.deploy import aws
from tests.aws import tools
from tests.aws.lambda_process import HANDLER
from tests.e2e.conftest import Machine

DOCKERFILE = (PROJECT / "aws" / "Dockerfile").read_text()
REGISTRY = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"
IMAGE = f"{REGISTRY}/fedwhisk:0.1.0"
SECRET = "0123456789abcdef" * 2
SETTINGS = Settings(
    # With a digest osls need not ask the registry for it.
    aws_image=f"{REGISTRY}/fedwhisk@sha256:{'0' * 64}",
    mongodb_url="mongodb+srv://u:p@example.mongodb.net/",
    fed_secret=SECRET,
)


# --- the image ------------------------------------------------------------------------


def test_the_image_is_the_base_the_folder_and_the_handler() -> None:
    lines = [x for x in DOCKERFILE.splitlines() if x and not x.startswith(("#", " "))]
    assert lines[0] == "ARG BASE_IMAGE=public.ecr.aws/lambda/python:3.11"
    assert lines[1] == "FROM ${BASE_IMAGE}"
    assert f'CMD ["{HANDLER}"]' in lines
    (copied,) = re.findall(r"^COPY (\S+) \$\{LAMBDA_TASK_ROOT\}/$", DOCKERFILE, re.M)
    assert PROJECT / copied == FUNCTION / "3.11"
    ignore = (PROJECT / "aws" / "Dockerfile.dockerignore").read_text()
    assert f"!{copied.rstrip('/')}" in ignore.split()


def test_the_handler_is_where_the_image_says() -> None:
    module, _, name = HANDLER.rpartition(".")
    assert callable(getattr(importlib.import_module(module), name))


def test_the_folder_holds_what_linux_on_x86_needs_and_every_user_may_read_it() -> None:
    folder = build_function("3.11")
    assert {"fedcore", "pymongo", "msgspec", "numpy"} <= {
        each.name for each in folder.iterdir()
    }
    libraries = [each.name for each in folder.rglob("*.cpython-*.so")]
    assert libraries
    assert all("cpython-311-x86_64-linux-gnu" in name for name in libraries)
    for path in [folder, *folder.rglob("*")]:
        assert path.stat().st_mode & 0o777 == (0o755 if path.is_dir() else 0o644)
    assert not [*folder.rglob("tests"), *folder.rglob("*.pyi")]


def test_an_unchanged_folder_is_left_as_it_is() -> None:
    before = build_function("3.11").stat().st_mtime_ns
    assert build_function("3.11").stat().st_mtime_ns == before


# --- the stack ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def template(tmp_path_factory) -> Path:
    """The CloudFormation template that the real osls makes, without an account."""
    folder = tmp_path_factory.mktemp("stack")
    shutil.copy(PROJECT / "aws" / "serverless.yml", folder)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        **aws.variables(SETTINGS),
    }
    done = subprocess.run(
        [tools.osls(), "package", "--region", "eu-central-1"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    # The one thing that it minds is meant: see `timeout` there.
    assert done.stderr.count("Warning") == 1, done.stderr
    assert "greater than maximum allowed timeout for HTTP API" in done.stderr
    return folder / ".serverless" / "cloudformation-template-update-stack.json"


@pytest.fixture(scope="module")
def resources(template: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(template.read_text())["Resources"]
    return found


def of_type(resources: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [each["Properties"] for each in resources.values() if each["Type"] == kind]


def test_cloudformation_takes_the_stack(template: Path) -> None:
    # W3005: osls says twice what depends on what.
    options = ["--region", "eu-central-1", "--ignore-checks", "W3005"]
    command = [tools.cfn_lint(), *options, "--", template]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_stack_is_one_function_from_the_image(resources) -> None:
    (function,) = of_type(resources, "AWS::Lambda::Function")
    assert function["Code"] == {"ImageUri": SETTINGS.aws_image}
    assert function["Architectures"] == ["x86_64"]
    assert (function["MemorySize"], function["Timeout"]) == (512, 60)
    assert function["ReservedConcurrentExecutions"] == 20
    bound = function["Environment"]["Variables"]
    assert set(bound) == set(deployment.BOUND)
    deployment.read(bound)  # a deployment by these settings is sound


def test_the_stacks_gateway_has_the_routes_of_the_table(resources) -> None:
    keys = [each["RouteKey"] for each in of_type(resources, "AWS::ApiGatewayV2::Route")]
    expected = [f"{route.method} /{route.name}" for route in ROUTES.values()]
    assert sorted(keys) == sorted(expected)
    (integration,) = of_type(resources, "AWS::ApiGatewayV2::Integration")
    assert integration["PayloadFormatVersion"] == "2.0"
    assert integration["TimeoutInMillis"] == 30_000


def test_the_function_may_write_its_log_and_do_nothing_else(resources) -> None:
    (role,) = of_type(resources, "AWS::IAM::Role")
    (policy,) = role["Policies"]
    allowed = [
        action
        for statement in policy["PolicyDocument"]["Statement"]
        for action in statement["Action"]
    ]
    assert {action.partition(":")[0] for action in allowed} == {"logs"}


def test_the_sweep_is_there_and_off(resources) -> None:
    (rule,) = of_type(resources, "AWS::Events::Rule")
    assert rule["State"] == "DISABLED"
    assert "Input" not in rule["Targets"][0]  # the schedule's own event is the sweep


# --- who deploys it -------------------------------------------------------------------

STAND_IN = """#!/bin/sh
echo "$(basename "$0") $* [$(basename "$PWD")] secret=$FED_SECRET" >> {record}
"""


@pytest.fixture
def machine(tmp_path) -> Machine:
    """A machine with settings, and with stand-ins for the tools that reach AWS."""
    machine = Machine(tmp_path, tmp_path)
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("docker", "osls"):
        (tools / name).write_text(STAND_IN.format(record=tmp_path / "record"))
        (tools / name).chmod(0o755)
    machine.environment |= {
        "PATH": f"{tools}:{machine.environment['PATH']}",
        "AWS_IMAGE": IMAGE,
        "MONGODB_URL": SETTINGS.mongodb_url,
        "FED_SECRET": SETTINGS.fed_secret,
    }
    return machine


def calls(machine: Machine) -> list[str]:
    record = machine.folder / "record"
    return record.read_text().splitlines() if record.exists() else []


def test_deploying_builds_pushes_and_makes_the_stack(machine) -> None:
    machine.call("deploy", "--on", "aws")
    build, push, deploy = calls(machine)
    assert build.startswith("docker build --platform linux/amd64 --provenance=false ")
    assert f"-f aws/Dockerfile -t {IMAGE} . [{PROJECT.name}]" in build
    assert push.startswith(f"docker push {IMAGE} ")
    assert deploy == f"osls deploy --region eu-central-1 [aws] secret={SECRET}"


def test_undeploying_removes_the_stack(machine) -> None:
    machine.call("undeploy", "--on", "aws")
    (remove,) = calls(machine)
    assert remove.startswith("osls remove --region eu-central-1 [aws]")


def test_what_is_missing_is_named_before_anything_is_done(machine) -> None:
    machine.environment |= {"AWS_IMAGE": "", "FED_SECRET": ""}
    for command in ("deploy", "undeploy"):
        _, err = machine.call(command, "--on", "aws", code=2)
        assert err == "error: AWS_IMAGE, FED_SECRET: not set, see .env.template\n"
    machine.environment["AWS_IMAGE"] = "fedwhisk:latest"
    _, err = machine.call("deploy", "--on", "aws", code=2)
    assert "AWS_IMAGE: found 'fedwhisk:latest', expected ACCOUNT.dkr.ecr." in err
    assert calls(machine) == []


def test_a_tool_that_is_missing_or_fails_is_named(machine) -> None:
    (machine.folder / "tools" / "docker").write_text("#!/bin/sh\nexit 3\n")
    _, err = machine.call("deploy", "--on", "aws", code=1)
    assert err.endswith("error: docker build ended with code 3\n")
    machine.environment["PATH"] = "/nowhere"
    _, err = machine.call("undeploy", "--on", "aws", code=1)
    assert err == "error: osls is not on PATH: npm install --global osls\n"


def test_the_embedded_platform_is_not_deployed_to(machine) -> None:
    _, err = machine.call("deploy", "--on", "embedded", code=2)
    assert "`fedwhisk up` and `run` deploy it themselves" in err
