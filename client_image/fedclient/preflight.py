"""Would this client be let in? One call that takes no place, and one sentence.

`python -m fedclient.preflight` reads a client's environment, asks the federation and
ends with 0, or says which of the settings is wrong and ends with 1.
"""

from __future__ import annotations

import logging
import os
import sys

from fedclient import environment
from fedclient.api import Actions, Unreachable, connect
from fedclient.environment import BadEnvironment, ClientConfig
from fedclient.replies import Refused
from fedcore.messages import Rehearsed, Subscribe

PATIENCE_S = 30.0
"""How long to ask a URL that does not answer; a cold action takes seconds."""


def ask(config: ClientConfig) -> Rehearsed:
    """Enrol as a trial: the answer says into which experiment the client would come.

    Raises:
        Refused, Unreachable: as when enrolling.
    """
    transport = connect(config.base_url)
    try:
        token = config.enrolment_token
        actions = Actions(transport, token=token, patience_s=PATIENCE_S)
        request = Subscribe(
            name=config.name, experiment=config.experiment, dry_run=True
        )
        return actions.call("subscribe", request, Rehearsed)
    finally:
        transport.close()


def verdict(config: ClientConfig) -> tuple[bool, str]:
    """Return whether the client may enrol, and a sentence that says so."""
    try:
        place = ask(config)
    except Unreachable as error:
        return False, f"wrong URL, or no way to it: {config.base_url}: {error}"
    except Refused as refusal:
        return _judge(refusal, config)
    return True, (f"{config.name} may enrol in {place.experiment} at {config.base_url}")


def _judge(refusal: Refused, config: ClientConfig) -> tuple[bool, str]:
    if refusal.code in ("unauthenticated", "forbidden"):
        return False, f"wrong token: {config.base_url} answers, but {refusal}"
    if refusal.code == "unknown_experiment" and config.experiment is None:
        return True, (
            f"{config.name} may enrol, once an experiment is open: the URL and the "
            "token are right"
        )
    return False, f"the URL and the token are right, but {refusal}"


def main() -> int:
    """Print the verdict; return the exit status."""
    logging.basicConfig(level=logging.ERROR)  # retries are not the verdict
    try:
        passed, sentence = verdict(environment.read(os.environ))
    except BadEnvironment as error:
        passed, sentence = False, str(error)
    (sys.stdout if passed else sys.stderr).write(sentence + "\n")
    return 0 if passed else 1


if __name__ == "__main__":
    raise SystemExit(main())
