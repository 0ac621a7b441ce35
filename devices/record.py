"""Dataclasses ↔ JSON. Reading checks every field and names the one that is wrong."""

from __future__ import annotations

import dataclasses
import difflib
import math
import types
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Missing:
    """A figure that could not be had. In JSON `{"available": false, "reason": …}`, never 0."""

    reason: str


def to_json(value: Any) -> Any:
    """JSON values for a dataclass whose fields are numbers, text, None, tuples, dicts, Missing and such."""
    if isinstance(value, Missing):
        return {"available": False, "reason": value.reason}
    if dataclasses.is_dataclass(value):
        return {field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return [to_json(item) for item in value]
    if isinstance(value, dict):
        return {key: to_json(item) for key, item in value.items()}
    return value


def from_json(kind: type[T], value: Any, where: str) -> T:
    """The inverse of `to_json`. `where` names the file, and in errors the field.

    ValueError for a field that is unknown, not there, of another type, or not finite, and for what the
    dataclass itself refuses.
    """
    result: T = _read(kind, value, where)
    return result


def near(name: str, known: Sequence[str]) -> str:
    """`, perhaps 'x'` for an error about an unknown name that looks like a known one."""
    found = difflib.get_close_matches(name[:80], known, 1)
    return f", perhaps {found[0]!r}" if found else ""


def _read(kind: Any, value: Any, where: str) -> Any:
    if get_origin(kind) is types.UnionType:
        plain, *others = get_args(kind)
        if others == [types.NoneType]:
            return None if value is None else _read(plain, value, where)
        if others != [Missing]:
            raise TypeError(f"{kind}: only `T | Missing` and `T | None` can be read")
        if isinstance(value, dict) and value.get("available") is False:
            return Missing(_read(str, value.get("reason"), f"{where}.reason"))
        return _read(plain, value, where)
    if dataclasses.is_dataclass(kind):
        return _read_fields(kind, value, where)
    if get_origin(kind) is tuple:
        items = _expect(list, "a list", value, where)
        return tuple(_read(get_args(kind)[0], item, f"{where}[{n}]") for n, item in enumerate(items))
    if get_origin(kind) is dict:
        items = _expect(dict, "an object", value, where)
        return {key: _read(get_args(kind)[1], item, f"{where}[{key[:40]!r}]") for key, item in items.items()}
    if kind is int and isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
        raise ValueError(f"{where}: {str(value)[:20]}…, expected a whole number of at most 64 bits")
    if kind is float:
        number = _expect((float, int), "a number", value, where)
        if not -1e300 < number < 1e300:  # NaN too
            raise ValueError(f"{where}: {str(number)[:20]}, expected a finite number")
        return float(number)
    return _expect(kind, {int: "a whole number", str: "text", bool: "true or false"}[kind], value, where)


def _read_fields(kind: Any, value: Any, where: str) -> Any:
    found = _expect(dict, "an object", value, where)
    hints = get_type_hints(kind)
    names = [field.name for field in dataclasses.fields(kind)]
    for name in found:
        if name not in names:
            raise ValueError(f"{where}: unknown field {name[:40]!r}{near(name, names)}")
    for name in names:
        if name not in found:
            raise ValueError(f"{where}: no field {name!r}")
    fields = {name: _read(hints[name], found[name], f"{where}.{name}") for name in names}
    try:
        return kind(**fields)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def _expect(kind: Any, expected: str, value: Any, where: str) -> Any:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ValueError(f"{where}: {str(value)[:40]!r}, expected {expected}")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{where}: {value}, expected a finite number")
    return value
