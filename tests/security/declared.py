"""The actions and their fields, as the handlers declare them: nothing is listed here.

A new action has a line in `routes`, a folder with a `__main__.py` and a module with an
`ACTION`; a new field is in its request. Both are tested from then on.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import pkgutil
from collections.abc import Callable, Mapping
from typing import Any

import msgspec.inspect as inspect
from hypothesis import strategies as st

from actions import build
from fedcore import handlers
from fedcore.handlers.action import Action


def _declared() -> dict[str, Action[Any]]:
    modules = [
        importlib.import_module(f"fedcore.handlers.{each.name}")
        for each in pkgutil.iter_modules(handlers.__path__)
    ]
    found = [module.ACTION for module in modules if hasattr(module, "ACTION")]
    return {action.name: action for action in found}


ACTIONS = _declared()
"""Every action by its name."""


@functools.cache
def entry(name: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """What the platform calls: `main` of an action's folder."""
    path = build.ACTIONS / name / "__main__.py"
    spec = importlib.util.spec_from_file_location(f"entry_of_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


def fields(action: Action[Any]) -> tuple[Any, ...]:
    """The fields of an action's request: encode_name, type, required."""
    return inspect.type_info(action.request).fields


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a declared type, as JSON carries them."""
    match kind:
        case inspect.IntType():
            return st.integers(kind.ge, kind.le)
        case inspect.FloatType():
            return st.floats(kind.ge, kind.le, allow_nan=False, allow_infinity=False)
        case inspect.StrType():
            return _texts(kind)
        case inspect.BoolType():
            return st.booleans()
        case inspect.NoneType():
            return st.none()
        case inspect.AnyType():
            return st.none() | st.integers() | st.text(max_size=5)
        case inspect.LiteralType():
            return st.sampled_from(kind.values)
        case _:
            return _compound(kind)


def _texts(kind: Any) -> st.SearchStrategy[str]:
    if kind.pattern is None:
        return st.text(max_size=kind.max_length or 30)
    longest, shortest = kind.max_length or 100, kind.min_length or 0
    matching = st.from_regex(kind.pattern, fullmatch=True)
    cut = matching.map(lambda text: text[:longest])
    return cut.filter(lambda text: len(text) >= shortest)


def _compound(kind: Any) -> st.SearchStrategy[Any]:
    match kind:
        case inspect.UnionType():
            return st.one_of(*(values(each) for each in kind.types))
        case inspect.ListType():
            longest = min(kind.max_length or 3, 3)
            return st.lists(
                values(kind.item_type), min_size=kind.min_length or 0, max_size=longest
            )
        case inspect.TupleType():
            return st.tuples(*(values(each) for each in kind.item_types)).map(list)
        case inspect.DictType():
            return st.dictionaries(
                values(kind.key_type), values(kind.value_type), max_size=3
            )
        case inspect.StructType():
            return st.fixed_dictionaries(
                {field.encode_name: values(field.type) for field in kind.fields}
            )
    raise TypeError(f"no values are known of {kind}")


def plain(kind: Any) -> Any:
    """One small value of a declared type."""
    match kind:
        case inspect.IntType() | inspect.FloatType():
            return max(kind.ge or 0, 0)
        case inspect.StrType():
            return "0" * 64 if "{64}" in (kind.pattern or "") else "x"
        case inspect.BoolType():
            return False
        case inspect.LiteralType():
            return kind.values[0]
        case inspect.UnionType():
            return None
        case inspect.DictType():
            return {}
        case inspect.ListType():
            return [plain(kind.item_type)] * (kind.min_length or 0)
    raise TypeError(f"no plain value is known of {kind}")


def request(action: Action[Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """A request that can be read: what is known by name, else a plain value."""
    return {
        field.encode_name: known.get(field.encode_name, plain(field.type))
        for field in fields(action)
        if field.required or field.encode_name in known
    }
