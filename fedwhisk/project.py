"""The files that are deployed: the checkout's, or those that the wheel has brought.

In the wheel they lie in `fedwhisk/project`, in folders as in a checkout.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

PACKAGE = Path(__file__).resolve().parent
CHECKOUT = PACKAGE.parent
PROJECT = CHECKOUT if (CHECKOUT / "wsk_manifests").is_dir() else PACKAGE / "project"
MANIFESTS = PROJECT / "wsk_manifests"


def builder() -> ModuleType:
    """Return `actions/build.py`, which builds what is deployed."""
    if str(PROJECT) not in sys.path:  # a checkout has it there
        sys.path.append(str(PROJECT))
    from actions import build

    return build
