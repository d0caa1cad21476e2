"""One release of the chart, worked with as its users do: by helm and kubectl."""

from __future__ import annotations

import json
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from tests.tools import wait_until

CHART = Path(__file__).parents[2] / "helm" / "fl-clients"
RELEASE = "fl-clients"
PATIENCE_S = 1800
CLIENTS = "app.kubernetes.io/component=client"


def run(*command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, capture_output=True, text=True)
    if check:
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done


until = partial(wait_until, patience_s=PATIENCE_S, pause_s=1)


class Fleet:
    """A release in a namespace of its own. `values` may be added to before it comes."""

    def __init__(
        self, namespace: str, file: Path, values: dict[str, Any], url: str
    ) -> None:
        self.namespace = namespace
        self.values = values
        self._file = file
        self._url = url

    def kubectl(self, *arguments: str, check: bool = True) -> str:
        return run("kubectl", "-n", self.namespace, *arguments, check=check).stdout

    def helm(
        self, verb: str, *options: str, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        place = ("--namespace", self.namespace)
        return run("helm", verb, RELEASE, *options, *place, check=check)

    def secret(self, name: str, token: str) -> None:
        self.kubectl(
            "create", "secret", "generic", name, f"--from-literal=token={token}"
        )

    def install(self, *options: str) -> None:
        self._apply("install", *options)

    def upgrade(self, *options: str, check: bool = True) -> str:
        return self._apply("upgrade", *options, check=check)

    def _apply(self, verb: str, *options: str, check: bool = True) -> str:
        self._file.write_text(yaml.safe_dump(self.values))
        done = self.helm(
            verb,
            str(CHART),
            "-f",
            str(self._file),
            "--set",
            f"openwhisk.baseUrl={self._url}",
            "--set",
            "enrolment.existingSecret=fl-enrolment",
            *options,
            check=check,
        )
        return done.stdout + done.stderr

    def pods(self) -> list[dict[str, Any]]:
        """The client pods that are not on their way out."""
        found = json.loads(self.kubectl("get", "pods", "-l", CLIENTS, "-o", "json"))
        return [
            each
            for each in found["items"]
            if "deletionTimestamp" not in each["metadata"]
        ]

    def ready(self) -> list[str]:
        """The names of the ready pods."""
        return [
            pod["metadata"]["name"]
            for pod in self.pods()
            for condition in pod["status"].get("conditions", [])
            if condition["type"] == "Ready" and condition["status"] == "True"
        ]

    def wait_ready(self, count: int) -> None:
        until(lambda: len(self.ready()) == count, f"{count} ready pods")

    def wait_rolled_out(self) -> None:
        """Wait until every pod is of the newest template, and ready."""
        self.kubectl(
            "rollout", "status", f"statefulset/{RELEASE}", f"--timeout={PATIENCE_S}s"
        )

    def restarts(self, pod: str) -> int:
        """How often the pod's container was started again."""
        path = "jsonpath={.status.containerStatuses[0].restartCount}"
        return int(self.kubectl("get", "pod", pod, "-o", path) or 0)

    def last_end(self, pod: str) -> str:
        """Why the pod's container ended the last time, if it did."""
        path = "jsonpath={.status.containerStatuses[0].lastState.terminated.reason}"
        return self.kubectl("get", "pod", pod, "-o", path)

    def uid(self, pod: str) -> str:
        """The pod's unique id: another one after it was replaced; "" without it."""
        place = ("get", "pod", pod, "--ignore-not-found")
        return self.kubectl(*place, "-o", "jsonpath={.metadata.uid}")

    def wait_replaced(self, pod: str, before: str) -> None:
        """Wait until there is another pod of the name than the one of that uid."""
        until(lambda: self.uid(pod) not in ("", before), f"another {pod}")

    def everything(self) -> set[str]:
        """All objects of the namespace, of whatever kind, save for events."""
        kinds = run(
            "kubectl", "api-resources", "--namespaced", "--verbs=list", "-oname"
        )
        wanted = [each for each in kinds.stdout.split() if "event" not in each]
        return set(self.kubectl("get", ",".join(wanted), "-o", "name").split())
