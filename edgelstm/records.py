"""Checked records: dataclasses ↔ what JSON and TOML hold. The standard library only.

The dataclass is the definition. Reading checks every field and names the one that is wrong, what was found there and
what would be right. Types that can be read: int, float, str, bool, object (whatever it is); `Literal` for a choice;
`tuple[T, ...]` and `tuple[A, B]` for lists, `dict[str, T]`, other dataclasses; `T | None`, `int | str`,
`T | Unavailable`;
`Annotated[Base, Tagged("kind", …)]` for one of several dataclasses. Rules stand beside the type:
`Annotated[int, Bounds(1, 8)]`, `Annotated[tuple[str, ...], Length(least=1), Distinct()]`. A field with a default may
be left out.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import re
import types
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Literal,
    NoReturn,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from edgelstm.files import read_bounded
from edgelstm.hints import near
from edgelstm.plain import plain_values

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

T = TypeVar("T")

_NAMES = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}


@dataclass(frozen=True, slots=True)
class Unavailable:
    """A figure that could not be had. In JSON `{"available": false, "reason": …}`, never 0."""

    reason: str


class Rule(ABC):
    """What a value must keep to beside its type; stands in `Annotated`."""

    @abstractmethod
    def problem(self, value: Any) -> str | None:
        """What would be right, in words; None where `value` is."""


@dataclass(frozen=True)
class Bounds(Rule):
    """Of a number: from `least` to `most`, or more than `above`, or less than `below`."""

    least: float | None = None
    most: float | None = None
    above: float | None = None
    below: float | None = None

    def problem(self, value: Any) -> str | None:
        inside = (
            (self.least is None or value >= self.least)
            and (self.most is None or value <= self.most)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )
        return None if inside else self._expected()

    def _expected(self) -> str:
        if self.least is not None and self.most is not None:
            return f"{_number(self.least)} to {_number(self.most)}"
        words = ("at least", self.least), ("more than", self.above), ("at most", self.most), ("less than", self.below)
        return " and ".join(f"{word} {_number(limit)}" for word, limit in words if limit is not None)


@dataclass(frozen=True)
class Length(Rule):
    """Of a text in letters, of a list or an object in items."""

    least: int = 0
    most: int | None = None

    def problem(self, value: Any) -> str | None:
        if self.least <= len(value) and (self.most is None or len(value) <= self.most):
            return None
        unit = "letters" if isinstance(value, str) else "items"
        return f"at least {self.least} {unit}" if self.most is None else f"{self.least} to {self.most} {unit}"


@dataclass(frozen=True)
class Pattern(Rule):
    """Of a text: a regular expression that all of it matches, and in words what that is."""

    regex: str
    expected: str

    def problem(self, value: Any) -> str | None:
        return None if re.fullmatch(self.regex, value) else self.expected


@dataclass(frozen=True)
class Line(Rule):
    """Of a text: one line that can be printed, of at most `most` letters; it says something unless `least` is 0."""

    most: int = 120
    least: int = 1

    def problem(self, value: Any) -> str | None:
        right = len(value.strip()) >= self.least and value.isprintable() and len(value) <= self.most
        return None if right else f"one line of at most {self.most} letters"


class Distinct(Rule):
    """Of a list: nothing twice."""

    def problem(self, value: Any) -> str | None:
        return None if len(set(value)) == len(value) else "each once"


@dataclass(frozen=True, eq=False)  # by identity: types beside None must have a hash, and tables have none
class Tagged:
    """Of an object: the text of its field `key` says which dataclass the others make. `to_json` leaves it out."""

    key: str
    kinds: Mapping[str, type]


def to_json(value: Any) -> Any:
    """JSON values for a dataclass of the types above."""
    if isinstance(value, Unavailable):
        return {"available": False, "reason": value.reason}
    if dataclasses.is_dataclass(value):
        return {field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return [to_json(item) for item in value]
    if isinstance(value, Mapping):
        return {key: to_json(item) for key, item in value.items()}
    return value


def to_text(value: Any) -> str:
    """`to_json(value)` for people and programs to read, with a line's end. ValueError for what is not finite."""
    return json.dumps(to_json(value), indent=2, allow_nan=False) + "\n"


def from_json(kind: type[T], value: object, where: str = "", *, strict: bool = True) -> T:
    """The inverse of `to_json`; `value` may come from TOML as well.

    where: what errors begin with, such as the file's name.
    strict: refuse fields that `kind` does not have; else skip them.
    ValueError, one line, for a field that is unknown, not there, of another type, out of bounds or not finite, and
    for what the dataclass itself refuses.
    """
    try:
        result: T = _read(kind, value, "", strict)
    except _WrongError as error:
        raise ValueError(": ".join(part for part in (where, error.place, error.problem) if part)) from None
    return result


def check(record: object) -> None:
    """For `__post_init__`: the bounds and choices of its fields. ValueError that begins with the field's name.

    Types are left to the type checker: this is for records that a program makes.
    """
    kind: Any = type(record)
    for name, hint in _hints(kind).items():
        try:
            _check(hint, getattr(record, name), name)
        except _WrongError as error:
            raise ValueError(f"{error.place}: {error.problem}") from None


def parse_json(text: str | bytes, where: str, *, is_ours: bool = False) -> Any:
    """ValueError, one line that begins with `where`, for what is no JSON. NaN, infinity and halves of a surrogate
    pair are none; nor is what cannot be written again: deeper than 64, or numbers that float64 does not hold.

    is_ours: from this program to itself, with paths of any bytes.
    """
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{where}: no JSON ({_one_line(error)})") from None
    return plain_values(value, where, is_ours=is_ours)


def parse_toml(text: str | bytes, where: str) -> dict[str, Any]:
    """ValueError, one line that begins with `where`, for what is no TOML in UTF-8, and for what JSON cannot say."""
    import tomllib  # here and below: not every program needs it

    try:
        values = tomllib.loads(text.decode() if isinstance(text, bytes) else text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{where}: no TOML ({_one_line(error)})") from None
    found: dict[str, Any] = plain_values(values, where)
    return found


def load(path: str | Path | Traversable, most: int) -> Any:
    """The values of a JSON file, or of one whose suffix is .toml. OSError as `open`; ValueError, one line, for one
    that is larger than `most` bytes, or not what its suffix says."""
    parse = parse_toml if str(path).endswith(".toml") else parse_json
    return parse(read_bounded(path, most), str(path))


class _WrongError(Exception):
    """A value that does not fit, and where it is."""

    def __init__(self, place: str, problem: str):
        super().__init__(place, problem)
        self.place, self.problem = place, problem


@functools.cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)


def _read(kind: Any, value: Any, place: str, strict: bool) -> Any:
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        tags = [rule for rule in inner[1:] if isinstance(rule, Tagged)]
        found = _read_tagged(tags[0], value, place, strict) if tags else _read(inner[0], value, place, strict)
        _bound(inner[1:], found, place)
        return found
    if origin in (types.UnionType, Union):
        return _read_union(kind, value, place, strict)
    if origin is Literal:
        if type(value) not in map(type, inner) or value not in inner:
            raise _WrongError(
                place, f"{_shown(value)}, expected one of {', '.join(str(one) or repr(one) for one in inner)}"
            )
        return value
    if origin is tuple:
        return _read_tuple(inner, value, place, strict)
    if origin is dict:
        items = _expect(dict, "an object", value, place)
        return {
            _read(inner[0], key, place, strict): _read(inner[1], item, _within(place, repr(key[:40])), strict)
            for key, item in items.items()
        }
    if dataclasses.is_dataclass(kind):
        return _read_fields(kind, value, place, strict)
    return value if kind in (object, Any) else _read_plain(kind, value, place)


def _read_union(kind: Any, value: Any, place: str, strict: bool) -> Any:
    plain, *others = get_args(kind)
    if {plain, *others} == {int, str}:
        return _read_plain(str if isinstance(value, str) else int, value, place)
    if others == [types.NoneType]:
        return None if value is None else _read(plain, value, place, strict)
    if others != [Unavailable]:
        raise TypeError(f"{kind}: only `T | Unavailable`, `T | None` and `int | str` can be read")
    if isinstance(value, dict) and value.get("available") is False:
        return Unavailable(_read(str, value.get("reason"), _field(place, "reason"), strict))
    return _read(plain, value, place, strict)


def _read_tuple(inner: tuple[Any, ...], value: Any, place: str, strict: bool) -> tuple[Any, ...]:
    items = _expect(list, "a list", value, place)
    if inner[1:] == (...,):
        inner = (inner[0],) * len(items)
    if len(items) != len(inner):
        raise _WrongError(place, f"a list of {len(items)}, expected {len(inner)} items")
    return tuple(_read(kind, item, _within(place, n), strict) for n, (kind, item) in enumerate(zip(inner, items)))


def _read_fields(kind: Any, value: Any, place: str, strict: bool) -> Any:
    found = _expect(dict, "an object", value, place)
    hints, fields = _hints(kind), [field for field in dataclasses.fields(kind) if field.init]
    names = [field.name for field in fields]
    for name in found if strict else ():
        if name not in names:
            raise _WrongError(place, f"unknown field {name[:40]!r}{near(name, names)}")
    for field in fields:
        if field.name not in found and _is_needed(field):
            raise _WrongError(place, f"no field {field.name!r}")
    given = {name: _read(hints[name], found[name], _field(place, name), strict) for name in names if name in found}
    try:
        return kind(**given)
    except ValueError as error:
        raise _WrongError(place, str(error)) from None


def _read_tagged(tag: Tagged, value: Any, place: str, strict: bool) -> Any:
    found = dict(_expect(dict, "an object", value, place))
    kind = _read(Literal[tuple(tag.kinds)], found.pop(tag.key, None), _field(place, tag.key), strict)
    names = [field.name for field in dataclasses.fields(tag.kinds[kind]) if field.init]
    for name in found if strict else ():
        if name not in names:
            expected = near(name, names) or f", expected one of {', '.join(names)}"
            wanted = f"{expected} for {kind}" if names else f", {kind} has none"
            raise _WrongError(place, f"unknown field {name[:40]!r}{wanted}")
    return _read(tag.kinds[kind], found, place, strict)


def _is_needed(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _read_plain(kind: Any, value: Any, place: str) -> Any:
    if kind is float:
        number = _expect((float, int), _NAMES[float], value, place)
        if not -1e300 < number < 1e300:  # NaN too
            raise _WrongError(place, f"{_shown(value)}, expected a finite number")
        return float(number)
    found = _expect(kind, _NAMES[kind], value, place)
    if kind is int and not -(1 << 63) <= found < 1 << 63:
        raise _WrongError(place, f"{_shown(value)}, expected a whole number of at most 64 bits")
    return found


def _check(hint: Any, value: Any, place: str) -> None:
    """The bounds of a value that a program gave."""
    origin, inner = get_origin(hint), get_args(hint)
    if value is None or isinstance(value, Unavailable):
        return
    if origin is Annotated:
        _check(inner[0], value, place)
        _bound(inner[1:], value, place)
    elif origin in (types.UnionType, Union):
        _check(inner[0], value, place)
    elif origin is Literal:
        _read(hint, value, place, True)
    elif origin is tuple:
        kinds = inner[:1] * len(value) if inner[1:] == (...,) else inner
        for n, (kind, item) in enumerate(zip(kinds, value)):
            _check(kind, item, _within(place, n))
    elif origin is dict:
        for key, item in value.items():
            _check(inner[0], key, place)
            _check(inner[1], item, _within(place, repr(key[:40])))


def _bound(rules: Iterable[Any], value: Any, place: str) -> None:
    if value is None or isinstance(value, Unavailable):
        return
    for rule in rules:
        if isinstance(rule, Rule) and (expected := rule.problem(value)) is not None:
            raise _WrongError(place, f"{_shown(value)}, expected {expected}")


def _expect(kind: Any, expected: str, value: Any, place: str) -> Any:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise _WrongError(place, f"{_shown(value)}, expected {expected}")
    return value


def _field(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _within(place: str, index: int | str) -> str:
    return f"{place}[{index}]"


def _shown(value: Any) -> str:
    """What was found, in a few letters."""
    if isinstance(value, str):
        return repr(value[:40])
    if isinstance(value, dict | list | tuple):
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value)}"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 1 << 63:
        return "a number of over 64 bits"  # Python refuses to print very long ones
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return str(value)[:40]


def _number(limit: float) -> str:
    return f"{limit:,}" if isinstance(limit, int) else f"{limit:g}"


def _one_line(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "lists and objects too deep in one another"
    return " ".join(str(error).split())[:120]


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number in JSON")
