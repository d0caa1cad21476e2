"""Objects of a user's module, by the names that settings give them."""

from __future__ import annotations

import importlib
from typing import Any


class CannotImport(Exception):
    """A module or its attribute cannot be had; the message says why."""


def attribute(module: str, name: str) -> Any:
    """Return an attribute of a module, which is imported for it.

    Raises:
        CannotImport: there is no such module or attribute, or its import failed.
    """
    try:
        return getattr(importlib.import_module(module), name)
    except KeyboardInterrupt:
        raise
    except (ImportError, AttributeError, ValueError) as error:
        raise CannotImport(str(error)) from error
    except BaseException as error:
        # Its code may raise anything: a program, such as `venv.__main__`, exits.
        raise CannotImport(
            f"importing {module} ended with {type(error).__name__} ({error})"
        ) from error
