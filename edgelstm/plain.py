"""What is plain: values that JSON in UTF-8 can say, text that a terminal only shows. The standard library only."""

from __future__ import annotations

import math
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


def plain_values(value: T, where: str) -> T:
    """`value` as a parser gave it, if JSON in UTF-8 can say it again. ValueError, one line: `where`, place, what is
    wrong there."""
    try:
        _check(value, "", 0)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    return value


def _check(value: Any, place: str, depth: int) -> None:
    if depth > MOST_NESTED:
        problem = f"deeper than {MOST_NESTED} lists and objects in one another, expected less"
    elif isinstance(value, str):
        problem = "" if is_unicode(value) else f"{value[:40]!r}, expected text without halves of surrogate pairs"
    elif isinstance(value, dict):
        for key, item in value.items():
            within = f"{place}.{printable(key, 40)}" if place else printable(key, 40)
            _check(key, within, depth)
            _check(item, within, depth + 1)
        return
    elif isinstance(value, list):
        for number, item in enumerate(value):
            _check(item, f"{place}[{number}]", depth + 1)
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
