"""Delimited text: which sign stands between cells, how a line falls into cells, and which number a cell holds.

Whatever reads CSV reads it by these rules: a stream on a board, and recordings to train on.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Sequence
from typing import Literal

DELIMITERS = (",", ";", "\t")
MISSING = frozenset(("", "?", "na", "n/a", "nan", "null", "none", "-"))
"""What stands for a value that is not there, in lower case."""

DecimalSign = Literal[".", ","]

_DRESSED = re.compile(  # 12,345.6; 12'345; 1.234.567,8; 12 %; $3.50
    r"[$€£¥]?\s?[+-]?(?:\d{1,3}([,.'’ \u00a0\u2009\u202f])\d{3}(?:\1\d{3})*(?:[.,]\d+)?|\d+(?:[.,]\d+)?)\s?[%‰$€£¥]?"
)
_COMMA = re.compile(r"[+-]?\d+,\d+([eE][+-]?\d+)?", re.ASCII)


def split(line: str, delimiter: str) -> list[str]:
    """The cells of a line without its end, stripped. ValueError where quotes do not match."""
    if '"' not in line:
        return [cell.strip() for cell in line.split(delimiter)]
    try:
        (row,) = csv.reader([line], delimiter=delimiter, strict=True)
    except (csv.Error, ValueError):
        raise ValueError("quotes that do not match, expected one row on each line") from None
    return [cell.strip() for cell in row]


def parsed(cell: str) -> float | None:
    """The number in `cell` in plain digits (Python reads those of any script), NaN and infinity too; None where it
    holds none."""
    try:
        return float(cell) if cell.isascii() and "_" not in cell else None
    except ValueError:
        return None


def is_dressed(cell: str) -> bool:
    """Whether people take it for a number, with signs that no plain one has."""
    return _DRESSED.fullmatch(cell) is not None


def has_decimal_comma(cell: str) -> bool:
    """Whether it is a number but for a comma in the place of its point."""
    return _COMMA.fullmatch(cell) is not None


def number(cell: str, decimal: DecimalSign = ".") -> float | None:
    """The finite number that a cell holds; None where it holds none."""
    if decimal == ",":
        if "." in cell:
            return None
        cell = cell.replace(",", ".", 1)
    value = parsed(cell)
    return value if value is not None and math.isfinite(value) else None


def is_missing(cell: str) -> bool:
    return cell.lower() in MISSING


def is_above(line: str) -> bool:
    """Whether it stands above a table: a remark, or the delimiter as Excel takes it."""
    return line.startswith("#") or (line.lower().startswith("sep=") and len(line.rstrip()) <= len("sep=;"))


def guess_delimiter(lines: Sequence[str]) -> str:
    """The delimiter that makes most sense of a file's first lines: as many cells in each of them, and many. Below a
    name that stands alone, commas in numbers are decimal ones, and so they are beside as many semicolons or tabs in
    each line."""
    name, *cells = [line.strip() for line in lines] or [""]
    if not any(sign in name for sign in DELIMITERS) and all(map(_is_cell, cells)):
        return ";"

    def sense(delimiter: str) -> tuple[int, int]:
        widths = []
        for line in lines:
            try:
                widths.append(len(split(line, delimiter)) if '"' in line else line.count(delimiter) + 1)
            except ValueError:
                return 0, 0
        width = max(set(widths), key=widths.count) if widths else 0
        return (widths.count(width), width) if width > 1 else (0, 0)

    found = max(DELIMITERS, key=sense)
    if found == "," and not any('"' in line for line in lines):  # a name or a text may hold others
        return next((sign for sign in (";", "\t") if sense(sign)[0] == len(lines)), found)
    return found


def _is_cell(text: str) -> bool:
    return has_decimal_comma(text) or parsed(text) is not None or is_missing(text)


def guess_decimal(rows: Sequence[Sequence[str]]) -> DecimalSign:
    """`,` where cells look like 1,5 and none like 1.5."""
    cells = [cell for row in rows for cell in row]
    points = any("." in cell and parsed(cell) is not None for cell in cells)
    return "," if not points and any(map(has_decimal_comma, cells)) else "."
