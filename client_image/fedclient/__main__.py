"""The container's entry point: one client, settings from the environment."""

from __future__ import annotations

import os
import sys

from fedclient import environment, logs
from fedclient.process import run_client


def main() -> int:
    """Be a client until there is nothing left to do; return the exit status."""
    logs.to_standard_error()
    try:
        config = environment.read(os.environ)
    except environment.BadEnvironment as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return run_client(config)


if __name__ == "__main__":
    raise SystemExit(main())
