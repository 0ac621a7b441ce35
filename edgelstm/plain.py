"""What is plain: values that JSON in UTF-8 can say, text that a terminal only shows. The standard library only."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

MOST_NESTED = 64
"""Lists and objects in one another: far below what Python's own JSON can write again."""


def printable(text: str, most: int | None = None) -> str:
    """`text` without what a terminal would obey, which becomes question marks, cut to `most` letters."""
    shown = text if text.isprintable() else "".join(letter if letter.isprintable() else "?" for letter in text)
    return shown if most is None or len(shown) <= most else shown[: most - 1] + "…"


def is_unicode(text: str) -> bool:
    """Whether UTF-8 can say it: no halves of surrogate pairs, which JSON's escapes can smuggle in."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def file_name(path: Path) -> str:
    """`path.name` for a file that others read: bytes that are no UTF-8 become U+FFFD, as in what people are shown."""
    return path.name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def plain_values(value: T, where: str, *, is_ours: bool = False) -> T:
    """`value` as a parser gave it, if JSON in UTF-8 can say it again. ValueError, one line: `where`, place, what is
    wrong there.

    is_ours: of this program's own: paths may hold bytes that are no UTF-8, as Python has them.
    """
    try:
        _check(value, "", 0, is_ours)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    return value


def _check(value: Any, place: str, depth: int, is_ours: bool) -> None:
    if depth > MOST_NESTED:
        problem = f"deeper than {MOST_NESTED} lists and objects in one another, expected less"
    elif isinstance(value, str):
        problem = (
            "" if is_ours or is_unicode(value) else f"{value[:40]!r}, expected text without halves of surrogate pairs"
        )
    elif isinstance(value, dict):
        for key, item in value.items():
            within = f"{place}.{printable(key, 40)}" if place else printable(key, 40)
            _check(key, within, depth, is_ours)
            _check(item, within, depth + 1, is_ours)
        return
    elif isinstance(value, list):
        for number, item in enumerate(value):
            _check(item, f"{place}[{number}]", depth + 1, is_ours)
        return
    elif isinstance(value, float):
        problem = "" if math.isfinite(value) else f"{value}, expected a finite number"
    else:  # TOML has dates and times too
        is_known = value is None or isinstance(value, int)
        problem = (
            "" if is_known else f"{str(value)[:40]!r}, expected text, a number, true or false, a list or a table"
        )
    if problem:
        raise ValueError(f"{printable(place, 80)}: {problem}" if place else problem)


def in_unit(name: str, unit: str) -> str:
    """`speed [m/s]`. A name that has its unit in brackets stays as it is."""
    has_it = f"[{unit}]" in name or f"({unit})" in name
    return name if not unit or has_it else f"{name} [{unit}]"


def four_digits(value: float) -> str:
    """Four significant ones, zeros at the end too, so that figures below one another are as long."""
    return f"{value:#.4g}".removesuffix(".") if value else "0"


def first_twice(names: Iterable[str]) -> str | None:
    """The first that occurs again; None where each is there once."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


def counted(count: int, thing: str) -> str:
    """1 value, 2 values; 1 stretch, 2 stretches."""
    ending = "" if count == 1 else "es" if thing.endswith(("tch", "s", "x")) else "s"
    return f"{count:,} {thing}{ending}"


def ordinal(number: int) -> str:
    """2nd, 3rd, 11th."""
    ending = "th" if number // 10 % 10 == 1 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number:,}{ending}"
