"""Size the fleet by need: all clients while an experiment is open, none otherwise.

`python -m fedclient.autoscale STATEFULSET CLIENTS`, in a pod, asks the federation as
the first client would, without enrolling, and sets the StatefulSet's size through the
cluster's API.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from pathlib import Path

import requests

from fedclient import environment, preflight
from fedclient.replies import Refused
from fedcore.messages import Stop

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
SECOND_LOOK_S = 60.0
"""The last scores of an experiment come in after its end: look twice before sleep."""


def is_open() -> bool:
    """Return True if there is an experiment with something to do.

    Raises:
        Refused, Unreachable: the federation refuses this client, or does not answer.
    """
    try:
        answer = preflight.ask(environment.read(os.environ))
    except Refused as refusal:
        if refusal.code in ("unknown_experiment", "federation_full"):
            return refusal.code == "federation_full"
        raise
    return not isinstance(answer.assignment, Stop)


def size_of(statefulset: str, wanted: int | None = None) -> int:
    """Return the StatefulSet's size, after setting it to `wanted` if that is given."""
    host = os.environ["KUBERNETES_SERVICE_HOST"]
    port = os.environ["KUBERNETES_SERVICE_PORT"]
    namespace = (ACCOUNT / "namespace").read_text()
    with requests.Session() as session:
        session.trust_env = False  # a proxy leads out of the cluster
        session.verify = str(ACCOUNT / "ca.crt")
        response = session.request(
            "GET" if wanted is None else "PATCH",
            f"https://{f'[{host}]' if ':' in host else host}:{port}/apis/apps/v1"
            f"/namespaces/{namespace}/statefulsets/{statefulset}/scale",
            json=None if wanted is None else {"spec": {"replicas": wanted}},
            headers={
                "Authorization": f"Bearer {(ACCOUNT / 'token').read_text()}",
                "Content-Type": "application/merge-patch+json",
            },
            timeout=30,
        )
        response.raise_for_status()
        return int(response.json()["spec"].get("replicas", 0))


def main(statefulset: str, clients: int) -> None:
    """Bring the fleet to the size that is needed now."""
    found = size_of(statefulset)
    wanted = clients if is_open() else 0
    if found and not wanted:
        time.sleep(SECOND_LOOK_S)
        wanted = clients if is_open() else 0
    if wanted != found:
        size_of(statefulset, wanted)
    logging.info("%s: %d clients, %d wanted", statefulset, found, wanted)


if __name__ == "__main__":
    logging.basicConfig(format="%(levelname)s %(message)s", level=logging.INFO)
    main(sys.argv[1], int(sys.argv[2]))
