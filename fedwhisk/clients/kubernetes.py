"""The clients of a release on Kubernetes: their pods, and what the experiment knows.

A fleet is the StatefulSet of one release of the chart `fl-clients`, found by its
labels with the user's kubeconfig.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from fedwhisk.errors import InputError, OperatorError

CHART = "fl-clients"
CONTAINER = "client"
"""The chart's container; a service mesh may have put others beside it."""

TIMEOUT_S = 20.0
RESTARTED = "kubectl.kubernetes.io/restartedAt"
"""The annotation that `kubectl rollout restart` sets, so that both do the same."""


@dataclass(frozen=True)
class Pod:
    """A client's pod.

    Attributes:
        name: the pod's name.
        client: the client's name, `<namespace>/<pod>`.
        state: what Kubernetes says of it, in a word or two.
        restarts: how often its container was started again.
    """

    name: str
    client: str
    state: str
    restarts: int


class Fleet:
    """One release's clients.

    Every method raises OperatorError, in words, when there is no cluster, no right, or
    no such release.

    Args:
        release: the name of the helm release.
        namespace: where it is.
        core, apps: the cluster's APIs.
    """

    def __init__(self, release: str, namespace: str, core: Any, apps: Any) -> None:
        self.release = release
        self.namespace = namespace
        self._core = core
        self._apps = apps
        self._labels = (
            f"app.kubernetes.io/name={CHART},app.kubernetes.io/instance={release}"
        )

    def pods(self) -> list[Pod]:
        """Return the client pods, in the order of their numbers."""
        self._name()
        with self._words("list pods"):
            found = self._core.list_namespaced_pod(
                self.namespace,
                label_selector=f"{self._labels},app.kubernetes.io/component=client",
                _request_timeout=TIMEOUT_S,
            )
        return sorted(map(_pod, found.items), key=lambda pod: _number(pod.name))

    def scale(self, count: int) -> None:
        """Set the number of clients."""
        name = self._name()
        with self._words("scale the StatefulSet"):
            self._apps.patch_namespaced_stateful_set_scale(
                name,
                self.namespace,
                {"spec": {"replicas": count}},
                _request_timeout=TIMEOUT_S,
            )

    def restart(self) -> None:
        """Restart the clients, one after the other."""
        name, now = self._name(), datetime.now(UTC).isoformat()
        template = {"metadata": {"annotations": {RESTARTED: now}}}
        with self._words("restart the StatefulSet"):
            self._apps.patch_namespaced_stateful_set(
                name,
                self.namespace,
                {"spec": {"template": template}},
                _request_timeout=TIMEOUT_S,
            )

    def logs(self, pod: str, *, lines: int, follow: bool = False) -> Iterator[str]:
        """Yield the last lines that a client wrote, and those to come if asked."""
        self._name()
        with self._words(f"read the log of {pod}"):
            response = self._core.read_namespaced_pod_log(
                pod,
                self.namespace,
                container=CONTAINER,
                tail_lines=lines,
                follow=follow,
                _preload_content=False,
            )
            for line in response:
                yield line.decode(errors="replace").rstrip("\n")

    def _name(self) -> str:
        """Return the StatefulSet's name."""
        with self._words("find the release"):
            found = self._apps.list_namespaced_stateful_set(
                self.namespace, label_selector=self._labels, _request_timeout=TIMEOUT_S
            )
        if not found.items:
            raise InputError(
                f"no release {self.release!r} of {CHART} in namespace "
                f"{self.namespace!r}; --release and --namespace say which"
            )
        return str(found.items[0].metadata.name)

    @contextmanager
    def _words(self, deed: str) -> Iterator[None]:
        try:
            yield
        except ApiException as error:
            if error.status in (401, 403):
                why = "the cluster does not let you"
            elif error.status == 404:
                why = "there is no such thing"
            else:
                why = f"HTTP {error.status} {error.reason}"
            where = f"in namespace {self.namespace!r}"
            raise OperatorError(f"cannot {deed} {where}: {why}") from error
        except (HTTPError, OSError) as error:
            host = client.Configuration.get_default_copy().host
            raise OperatorError(f"no answer from the cluster at {host}") from error


def connect(release: str, namespace: str | None, context: str | None) -> Fleet:
    """Reach a release with the user's kubeconfig, which also fills in what is None.

    Raises:
        OperatorError: there is no kubeconfig, or no such context in it.
    """
    kubeconfig: Any = config  # which has no types
    try:
        contexts, active = kubeconfig.list_kube_config_contexts()
        kubeconfig.load_kube_config(context=context)
    except config.ConfigException as error:
        raise OperatorError(f"no cluster: {error}") from error
    # Without this, a cluster that is away would be tried for minutes.
    settings = client.Configuration.get_default_copy()
    settings.retries = 0
    client.Configuration.set_default(settings)
    chosen = next((each for each in contexts if each["name"] == context), active)
    namespace = namespace or chosen["context"].get("namespace", "default")
    return Fleet(release, str(namespace), client.CoreV1Api(), client.AppsV1Api())


def _pod(found: Any) -> Pod:
    status = found.status
    containers = {each.name: each for each in status.container_statuses or []}
    container = containers.get(CONTAINER)
    ending = found.metadata.deletion_timestamp
    return Pod(
        name=found.metadata.name,
        client=f"{found.metadata.namespace}/{found.metadata.name}",
        state="ending" if ending else _state(status.phase, container),
        restarts=container.restart_count if container else 0,
    )


def _state(phase: str, container: Any) -> str:
    """Say what a pod does: why its client's container waits, or whether it is ready."""
    if container and container.state.waiting:
        return str(container.state.waiting.reason)
    if container and container.ready:
        return "ready"
    return "starting" if phase == "Running" else str(phase).lower()


def _number(pod: str) -> int:
    return int(pod.rpartition("-")[2])
