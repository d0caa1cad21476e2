"""Bytes that go where no others have gone: a coverage-guided fuzzer (atheris).

    make fuzz                                 for a minute
    make fuzz ARGS="-max_total_time=3600"     for an hour

It knows nothing of fields or types: it changes bytes of whole requests and keeps what
reaches new lines of `fedcore`. It stops at the first answer of 500 or above, or that is
no JSON, and prints the request.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import atheris
import pytest

with atheris.instrument_imports(include=["fedcore"]):
    from fedcore import tokens
    from fedcore.adapters import aws_lambda, routes
    from tests.fedcore.world import SECRET
    from tests.security.deployed import BOUND, Deployed, gateway_event

SECONDS = 60
LONGEST = 4_000
FRESH_AFTER = 500
"""Requests after which they meet a new deployment."""

ACTIONS = [name for name, route in routes.ROUTES.items() if route.method == "POST"]
TOKENS = [
    tokens.operator_token(SECRET),
    tokens.enrolment_token(SECRET),
    tokens.client_token(SECRET, "id2", 0),
    "",
]


class Target:
    """One deployment after the other, asked over an HTTP gateway."""

    def __init__(self) -> None:
        self._patch = pytest.MonkeyPatch()
        self._asked = 0
        self.deployed = Deployed(self._patch)

    def __call__(self, data: bytes) -> None:
        """Ask what the bytes say: an action, a token, a body."""
        self._asked += 1
        if self._asked % FRESH_AFTER == 0:
            self.deployed = Deployed(self._patch)
        given = atheris.FuzzedDataProvider(data)
        action = ACTIONS[given.ConsumeIntInRange(0, len(ACTIONS) - 1)]
        token = TOKENS[given.ConsumeIntInRange(0, len(TOKENS) - 1)]
        body = given.ConsumeBytes(LONGEST)
        answer = aws_lambda.handler(gateway_event(action, token, body), None)
        json.loads(answer["body"])
        assert answer["statusCode"] < 500, (action, body, answer)


def sow(folder: Path, deployed: Deployed) -> None:
    """Write requests that make sense, to begin with."""
    score = {"version": 0, "accuracy": 0.5, "loss": 1.0, "examples": 3}
    sensible: dict[str, dict[str, Any]] = {
        "start_experiment": {"experiment": "a", "settings": {"clients": 3}},
        "stop_experiment": {"experiment": "exp"},
        "revoke_client": {"experiment": "exp", "name": "c0"},
        "subscribe": {"name": "z", "experiment": "exp"},
        "check_in": {"experiment": "exp", "client": 0, "evaluation": score},
        "submit_update": deployed.members[0].update(1, 1.0, 2.0),
    }
    for place, action in enumerate(ACTIONS):
        body = json.dumps(sensible.get(action, {"experiment": "exp"})).encode()
        for token in range(len(TOKENS)):
            # The provider takes its numbers from the end of the bytes.
            (folder / f"{action}-{token}").write_bytes(body + bytes([token, place]))


def main() -> None:
    """Fuzz until the time is up or something is found."""
    os.environ.update(BOUND)
    logging.disable(logging.CRITICAL)
    target = Target()
    with tempfile.TemporaryDirectory() as corpus:
        sow(Path(corpus), target.deployed)
        limits = [f"-max_total_time={SECONDS}", f"-max_len={LONGEST}"]
        atheris.Setup([sys.argv[0], *limits, *sys.argv[1:], corpus], target)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
