"""Frames from lines of text: CSV or NDJSON, one by one. What knows of them lies here; files and pipes lie beside it.

CSV has commas, semicolons or tabs between its columns; where these are no commas, numbers may have decimal ones. With
a header, columns are found by name, in any order, and others are left alone; without one there are exactly as many
columns as the model has features. NDJSON has one JSON array of numbers, or one object by name, on each line.

Text is hostile until checked: lines are bounded, and everything that is not a finite float32 is refused with
its source, line and column.
"""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Protocol

import numpy as np

from edgelstm.delimited import DELIMITERS, DecimalSign, has_decimal_comma, number, parsed, split
from edgelstm.plain import counted
from edgelstm.runtime.frame import Float32
from edgelstm.runtime.sources.source import FrameFormat, Gap, NoFramesError, Source
from edgelstm.runtime.sources.time_gaps import TimeGaps
from edgelstm.runtime.sources.timing import TimeCheck, about, time_column

LINE_LIMIT = 64 * 1024
"""Longest line in bytes; wide models get 64 bytes per feature where that is more."""

_MOST_DROPPED = 1 << 20
_LARGEST = float(np.finfo(np.float32).max)
_BOM = b"\xef\xbb\xbf"
_GZIP = b"\x1f\x8b"


class TextSource(Source):
    """The frames in the lines of `stream`: each is there as soon as its line has come. Empty lines are passed over.

    The syntax `auto` takes NDJSON when the first line begins with `[` or `{`, else CSV.

    in_midst: the stream may not stand at the beginning of a line: what comes of the first is dropped, unless it is a
    whole header. Its last line counts only with an end.
    """

    def __init__(self, stream: BinaryIO, name: str, form: FrameFormat, *, in_midst: bool = False) -> None:
        super().__init__(name)
        self._stream, self._form, self._in_midst = stream, form, in_midst
        self._parse: _Parser | None = None
        self._header = ""
        self._line = 0
        self._times: TimeCheck | None = None
        self._gaps: TimeGaps | None = None
        self._column = ""
        self._is_told = False

    @property
    def place(self) -> str:
        return f"{self.name} line {self._line}"

    def resume(self, stream: BinaryIO) -> None:
        """Goes on with a stream that stands in the midst of the same lines: of a device that went and came back. The
        columns stay, unless it begins with a whole header."""
        self._stream, self._in_midst = stream, True

    def __iter__(self) -> Iterator[Float32]:
        found = False
        for text in self._texts(max(LINE_LIMIT, 64 * self._form.features)):
            if self._parse is None:
                self._parse = _parser(self._form, text)
            elif text == self._header:  # of a device that began anew
                continue
            parse = self._parse
            try:
                frame = parse(text)
            except _UnreadableError as error:
                raise ValueError(f"{self.place}{error}") from None
            if self._times is not None or parse.time_column is not None:
                self._check_time(parse)
            if frame is not None:
                found = True
                self._gap = self._time_gap(parse)
                yield frame
            elif self._in_midst:
                self._header = text
        if not found:
            header = " after the header" if self._parse else ""
            raise NoFramesError(f"{self.name}: no frames{header}, expected one on each line")

    def _check_time(self, parser: _Parser) -> None:
        if parser.time is None or self._is_told:
            return
        if self._times is None:
            self._column = parser.time_column or ""
            self._times = TimeCheck(self._column, self._form.sample_rate)
        self._times.add(self._line, parser.time)
        if self._times.is_due:
            self.end()

    def _time_gap(self, parser: _Parser) -> Gap | None:
        if not self._form.has_time_gaps or not self._form.sample_rate or parser.time_column is None:
            return None
        if self._gaps is None:
            self._gaps = TimeGaps(parser.time_column, self._form.sample_rate)
        try:
            return self._gaps.add(parser.time)
        except ValueError as error:
            column = _plain(parser.time_column)
            raise ValueError(f"{self.place}, column {column}: {_time_shown(parser.time)}{error}") from None

    def end(self) -> None:
        remark = self._times.remark() if self._times is not None and not self._is_told else None
        if remark is not None:
            self._is_told = True
            self.tell(about(self.name, self._column, remark))

    def _first_of_midst(self) -> bytes:
        """What came of the first line, if it is a whole header; else nothing. ValueError for the end of a header that
        has other columns than a model that takes them by place."""
        raw = self._stream.readline(_MOST_DROPPED)
        text = raw.decode("utf-8", "replace").strip()
        names = _Columns.of(self._form.features, self._form.names).names
        cells = max((_cells(text, delimiter) for delimiter in DELIMITERS), key=len)
        known = [cell for cell in cells if cell in names]
        if names and set(names) <= set(cells):
            return raw
        if known and tuple(cells[1:]) != names[len(names) - len(cells) + 1 :]:
            raise ValueError(
                f"{self.name} line 1: the end of a header that names {_listed(known, 4)}: its beginning was sent "
                "before, and which column is which cannot be told; expected all of it, or the model's order"
            )
        return b""

    def _texts(self, limit: int) -> Iterator[str]:
        """Each line that is not empty, without its end."""
        waiting = self._first_of_midst() if self._in_midst else b""
        if waiting:
            self._parse = None
        while raw := waiting or self._stream.readline(limit + 1):
            waiting = b""
            self._line += 1
            if self._line == 1 and raw.startswith(_GZIP):
                raise ValueError(f"{self.name}: gzip-compressed, expected text (decompress it first, as gunzip does)")
            if len(raw) > limit and not raw.endswith(b"\n"):
                raise ValueError(f"{self.place}: longer than {limit} bytes, expected one frame on each line")
            if self._in_midst and not raw.endswith(b"\n"):
                return  # cut off: what looks like a number may be the beginning of one
            if self._line == 1:
                raw = raw.removeprefix(_BOM)
            try:
                text = raw.decode("utf-8").rstrip("\r\n")
            except UnicodeDecodeError as error:
                raise ValueError(f"{self.place}: byte 0x{raw[error.start]:02x} is not UTF-8, expected text") from None
            if text.strip(" "):
                yield text


class _Parser(Protocol):
    """Parses one line after another."""

    time_column: str | None
    """That of times, if there is one that is no feature."""
    time: object
    """What the newest line holds there; None where it holds nothing."""

    def __init__(self, columns: _Columns) -> None: ...

    def __call__(self, line: str, /) -> Float32 | None:
        """The frame in `line`; None where it holds none."""


def _parser(form: FrameFormat, first: str) -> _Parser:
    syntax = form.syntax
    if syntax == "auto":
        syntax = "ndjson" if first.lstrip().startswith(("[", "{")) else "csv"
    return _PARSERS[syntax](_Columns.of(form.features, form.names, form.columns))


class _UnreadableError(ValueError):
    """What is wrong within a line. Its text goes on where the line's number ends."""

    def __init__(self, problem: str, column: str | None = None) -> None:
        super().__init__(f": {problem}" if column is None else f", column {column}: {problem}")


@dataclass(frozen=True)
class _Columns:
    """What a frame must hold."""

    features: int
    names: tuple[str, ...]  # one per feature; none where columns can only be told by their place
    given: tuple[str, ...] = ()  # those of CSV without a header, where somebody says them

    @classmethod
    def of(cls, features: int, names: Sequence[str], given: Sequence[str] = ()) -> _Columns:
        stripped = tuple(name.strip() for name in names)
        return cls(features, stripped if len(set(stripped)) == features else (), tuple(given))

    def label(self, place: int) -> str:
        """What to call feature `place` of a frame that is told by position, in an error."""
        return f"{place + 1} ({_plain(self.names[place])})" if self.names else str(place + 1)

    def refuse_missing(self, found: Collection[str]) -> None:
        missing = [name for name in self.names if name not in found]
        if not missing:
            return
        near = difflib.get_close_matches(missing[0], list(found)[:1000], 1)
        raise _UnreadableError(
            f"no column {_listed(missing, 4)}"
            + (f" (nearest: {_clip(near[0])})" if near else "")
            + f"; found {_listed(list(found), 12) if found else 'nothing'}"
        )


class _Csv:
    """Parses one line after another; the first settles delimiter, header and columns."""

    def __init__(self, columns: _Columns) -> None:
        self._columns = columns
        self._delimiter = ""
        self._decimal: DecimalSign | None = None
        self._width = 0
        self._takes: list[tuple[int, str]] = []  # for each feature: its place in a row, its name in errors
        self.time_column: str | None = None
        self.time: object = None
        self._time_place = 0

    def __call__(self, line: str, /) -> Float32 | None:
        """The frame in `line`; None for the header."""
        if not self._delimiter:
            cells = self._first(line)
            if self._columns.given:
                self._read_header(list(self._columns.given))
                if cells == list(self._columns.given):
                    return None
            elif _is_header(cells, self._columns.names):
                self._read_header(cells)
                return None
            else:
                self._width = self._columns.features
                self._takes = [(place, self._columns.label(place)) for place in range(self._width)]
        else:
            cells = _split(line, self._delimiter)
        if len(cells) != self._width:
            raise _UnreadableError(f"{counted(len(cells), 'column')}, expected {self._width}")
        values = self._values([cells[place] for place, _ in self._takes])
        if (bad := _first_bad(values)) is not None:
            place, name = self._takes[bad]
            raise _UnreadableError(_cell_problem(cells[place], self._decimal), name)
        if self.time_column is not None:
            self.time = self._time(cells[self._time_place])
        return np.array(values, np.float32)

    def _values(self, cells: list[str]) -> list[float | None]:
        """Their numbers. Where commas do not part the columns, the first that stands in a number's midst makes them
        decimal, unless there have been points."""
        if self._decimal != ",":
            values = [parsed(cell) for cell in cells]
            if self._delimiter == "," or self._decimal == ".":
                return values
            if any("." in cell for cell in cells):
                self._decimal = "."
            elif any(map(has_decimal_comma, cells)):
                self._decimal = ","
        return [number(cell, ",") for cell in cells] if self._decimal == "," else values

    def _time(self, cell: str) -> str:
        """A time with a decimal point: its comma is one where the values' are, or could be."""
        is_comma = self._delimiter != "," and self._decimal != "." and has_decimal_comma(cell)
        return cell.replace(",", ".") if is_comma else cell

    def _first(self, line: str) -> list[str]:
        """The first line's cells, by the delimiter that makes most sense of it."""

        def sense(delimiter: str) -> tuple[int, bool, int, int]:
            try:
                cells = _split(line, delimiter)
            except _UnreadableError:
                return -1, False, 0, 0
            known = sum(cell in self._columns.names for cell in cells)
            numbers = sum(map(_is_number, cells))
            return known, len(cells) == (len(self._columns.given) or self._columns.features), numbers, len(cells)

        self._delimiter = max(DELIMITERS, key=sense)
        return _split(line, self._delimiter)

    def _read_header(self, cells: list[str]) -> None:
        self._width = len(cells)
        names = self._columns.names
        if not names:
            if self._width != self._columns.features:
                raise _UnreadableError(
                    f"{counted(self._width, 'column')}, expected {self._columns.features} "
                    "(the model has no feature names to choose by)"
                )
            self._takes = [(place, _plain(cell)) for place, cell in enumerate(cells)]
            return
        self._columns.refuse_missing(cells)
        for name in names:
            if cells.count(name) > 1:
                raise _UnreadableError(f"column {_clip(name)} appears {cells.count(name)} times, expected once")
        self._takes = [(cells.index(name), _plain(name)) for name in names]
        self.time_column = time_column([cell for cell in cells if cell not in names])
        if self.time_column is not None:
            self._time_place = cells.index(self.time_column)


def _is_header(cells: list[str], names: tuple[str, ...]) -> bool:
    """Names may look like numbers and a bad row may hold words, so both are looked at."""
    words = [cell for cell in cells if not _is_number(cell)]
    known = set(names)
    return len(words) == len(cells) or any(word in known for word in words) or (bool(known) and known <= set(cells))


def _is_number(cell: str) -> bool:
    return parsed(cell) is not None or has_decimal_comma(cell)


def _cells(line: str, delimiter: str) -> list[str]:
    """Of what may be no row at all."""
    try:
        return _split(line, delimiter)
    except _UnreadableError:
        return []


def _split(line: str, delimiter: str) -> list[str]:
    try:
        return split(line, delimiter)
    except ValueError as error:
        raise _UnreadableError(str(error)) from None


class _Ndjson:
    """Parses one line after another; each may be an array or an object."""

    def __init__(self, columns: _Columns) -> None:
        self._columns = columns
        self.time_column: str | None = None
        self.time: object = None

    def __call__(self, line: str, /) -> Float32:
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            raise _UnreadableError(f"{_clip(line)} is not JSON, expected an array or an object of numbers") from None
        columns = self._columns
        if isinstance(value, list):
            if len(value) != columns.features:
                raise _UnreadableError(f"{counted(len(value), 'number')}, expected {columns.features}")
            found = value
        elif isinstance(value, dict):
            if not columns.names:
                raise _UnreadableError(
                    f"an object, but the model has no feature names; expected an array of {columns.features} numbers"
                )
            columns.refuse_missing(value.keys())
            found = [value[name] for name in columns.names]
            if self.time_column is None and len(value) > len(found):
                self.time_column = time_column([name for name in value if name not in columns.names])
            self.time = value.get(self.time_column) if self.time_column is not None else None
        else:
            raise _UnreadableError(f"{_clip(line)}, expected an array or an object of numbers")

        values = [cell if type(cell) in (float, int) else None for cell in found]  # bool is an int to Python
        if (bad := _first_bad(values)) is not None:
            name = _plain(columns.names[bad]) if isinstance(value, dict) else columns.label(bad)
            raise _UnreadableError(_value_problem(found[bad]), name)
        return np.array(values, np.float32)


_PARSERS: dict[str, type[_Parser]] = {"csv": _Csv, "ndjson": _Ndjson}


def _first_bad(values: list[float | None]) -> int | None:
    """The place of the first value that is no finite float32."""
    for place, value in enumerate(values):
        if value is None or not -_LARGEST <= value <= _LARGEST:  # NaN is in no range
            return place
    return None


def _cell_problem(cell: str, decimal: DecimalSign | None) -> str:
    """Why the text of a CSV cell is no finite float32. decimal: the sign that numbers have had so far."""
    if not cell:
        return "empty, expected a number"
    if decimal == "," and "." in cell and parsed(cell) is not None:
        return f"{_clip(cell)} has a decimal point, expected a comma as before"
    if has_decimal_comma(cell):
        return f"{_clip(cell)} is not a number, expected a decimal point ({_clip(cell.replace(',', '.'))})"
    if parsed(cell) is None:
        digits = ", expected the digits 0 to 9" if any(sign.isdigit() and not sign.isascii() for sign in cell) else ""
        return f"{_clip(cell)} is not a number{digits}"
    if not re.search(r"\d", cell):
        return f"{_clip(cell)} is not a finite number"
    return f"{_clip(cell)} is too large for float32 (at most 3.4e38)"


def _value_problem(value: object) -> str:
    """Why a JSON value is no finite float32."""
    shown = _clip(value if isinstance(value, str) else json.dumps(value), quoted=isinstance(value, str))
    if type(value) not in (float, int):
        return f"{shown} is not a number"
    if isinstance(value, float) and not math.isfinite(value):
        return f"{shown} is not a finite number"
    return f"{shown} is too large for float32 (at most 3.4e38)"


def _time_shown(given: object) -> str:
    """What stands where a time should, as an error begins."""
    if given is None or given == "":
        return "empty: "
    if isinstance(given, str):
        point = f" (with a decimal point: {_clip(given.replace(',', '.'))})" if has_decimal_comma(given) else ""
        return f"{_clip(given)}{point} is "
    return f"{_clip(json.dumps(given), quoted=False)} is "


def _clip(text: str, *, quoted: bool = True) -> str:
    short = text if len(text) <= 40 else text[:37] + "..."
    return repr(short) if quoted else short


def _plain(name: str) -> str:
    return name if name.isprintable() else _clip(name)


def _listed(names: list[str], most: int) -> str:
    text = ", ".join(_clip(name) for name in names[:most])
    return text if len(names) <= most else f"{text} and {len(names) - most} more"
