"""Frames in rows of CSV."""

from __future__ import annotations

import re

import numpy as np

from edgelstm.delimited import DELIMITERS, DecimalSign, has_decimal_comma, number, parsed, split
from edgelstm.plain import counted
from edgelstm.runtime.frame import Float32
from edgelstm.runtime.sources.columns import LARGEST, Columns, UnreadableError, clip, first_bad, plain
from edgelstm.runtime.sources.timing import time_column
from edgelstm.stamps import joined, may_be_half

_PLAIN = b"0123456789+-.eE\r\n"


class Csv:
    """Parses one line after another; the first settles delimiter, header and columns.

    needs_header: a row without one before is unreadable: its columns cannot be told by place.
    """

    def __init__(self, columns: Columns, *, needs_header: bool = False) -> None:
        self._columns, self._needs_header = columns, needs_header
        self._delimiter = ""
        self._decimal: DecimalSign | None = None
        self._width = 0
        self._takes: list[tuple[int, str]] = []  # for each feature: its place in a row, its name in errors
        self.time_column: str | None = None
        self.time: object = None
        self._time_place = 0
        self._clock_place: int | None = None  # of a second column of times: days and clock may stand apart
        self._header: tuple[str, ...] = ()

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
            elif self._needs_header:
                raise UnreadableError("no header has named these columns, expected one", of_header=True)
            else:
                self._width = self._columns.features
                self._takes = [(place, self._columns.label(place)) for place in range(self._width)]
        else:
            frame = self._plain(line)
            if frame is not None:
                return frame
            cells = cells_in(line, self._delimiter)
        if len(cells) != self._width:
            raise UnreadableError(f"{counted(len(cells), 'column')}, expected {self._width}")
        if self.time_column is not None:
            self.time = self._time(cells)
        values = self._values([cells[place] for place, _ in self._takes])
        if (bad := first_bad(values)) is not None:
            place, name = self._takes[bad]
            raise UnreadableError(_cell_problem(cells[place], self._decimal), name, values)
        return np.array(values, np.float32)

    def rows(self, lines: bytes) -> Float32 | None:
        """The frames (rows, features) of whole lines that all hold plain numbers with decimal points, and no times; a
        tenth of the time of one by one. None for others, which may be frames as well."""
        if not self._has_points or self.time_column is not None:
            return None
        delimiter = self._delimiter.encode()
        if lines.translate(None, _PLAIN + delimiter) or lines.count(b"\r") != lines.count(b"\r\n"):
            return None
        signs = np.frombuffer(lines, np.uint8)
        parts = signs[(signs == ord(delimiter)) | (signs == ord(b"\n"))]
        if len(parts) % self._width:
            return None
        parts = parts.reshape(-1, self._width)
        if (parts[:, -1] != ord(b"\n")).any() or (parts[:, :-1] != ord(delimiter)).any():
            return None
        cells = lines.decode().replace(self._delimiter, " ").split()
        if len(cells) != parts.size:  # some are empty
            return None
        try:
            values = np.array([float(cell) for cell in cells])
        except ValueError:
            return None
        if not (np.abs(values) <= LARGEST).all():
            return None
        return values.reshape(parts.shape)[:, [place for place, _ in self._takes]].astype(np.float32)

    @property
    def _has_points(self) -> bool:
        """Whether numbers cannot have decimal commas, nor tell by their points that they have none."""
        return self._delimiter == "," or self._decimal == "."

    def _plain(self, line: str) -> Float32 | None:
        """The frame of a row that holds what most do, in half of the time: plain numbers with decimal points. None
        for others, which may be frames as well."""
        if not self._has_points or '"' in line or "_" in line or not line.isascii():
            return None
        cells = line.split(self._delimiter)
        if len(cells) != self._width:
            return None
        try:
            values = [float(cells[place]) for place, _ in self._takes]
        except ValueError:
            return None
        if not sum(map(abs, values)) <= LARGEST:  # so that each of them is finite
            return None
        if self.time_column is not None:
            self.time = self._time([cell.strip() for cell in cells])
        return np.array(values, np.float32)

    @property
    def header(self) -> tuple[str, ...]:
        """The cells of the newest header, else the model's names, by which columns are told then."""
        return self._header or self._columns.given or self._columns.names

    def begun_anew(self, line: str) -> Csv | None:
        """For a row that cannot be read: a parser that has read it as a whole header, which names the model's columns
        in another order or among others. None for what is no header, or one of this parser's cut off.
        UnreadableError, of_header, for one that names others than the model's: rows behind it cannot be told by
        place."""
        anew = Csv(Columns(self._columns.features, self._columns.names))
        try:
            cells = anew._first(line)
        except UnreadableError:
            return None
        known = any(cell in self._columns.names for cell in cells)
        if not known or len(cells) == 1 or any(map(_is_number, cells)) or _is_part(cells, self.header):
            return None
        anew._read_header(cells)
        return anew

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

    def _time(self, cells: list[str]) -> str:
        """A row's time with a decimal point: its comma is one where the values' are, or could be."""
        cell = cells[self._time_place]
        if self._clock_place is not None:
            cell = joined(cell, cells[self._clock_place])
        is_comma = self._delimiter != "," and self._decimal != "." and has_decimal_comma(cell)
        return cell.replace(",", ".") if is_comma else cell

    def _first(self, line: str) -> list[str]:
        """The first line's cells, by the delimiter that makes most sense of it."""

        def sense(delimiter: str) -> tuple[int, bool, int, int]:
            try:
                cells = cells_in(line, delimiter)
            except UnreadableError:
                return -1, False, 0, 0
            known = sum(cell in self._columns.names for cell in cells)
            numbers = sum(map(_is_number, cells))
            return known, len(cells) == (len(self._columns.given) or self._columns.features), numbers, len(cells)

        # Below a name that stands alone, commas in numbers are decimal ones.
        self._delimiter = max(DELIMITERS, key=sense) if any(sign in line for sign in DELIMITERS) else ";"
        return cells_in(line, self._delimiter)

    def _read_header(self, cells: list[str]) -> None:
        try:
            self._find(cells)
        except UnreadableError as error:
            # Rows behind names that are not the model's must not be taken by place. Other words, as boards say when
            # they start, name nothing.
            known = any(cell in self._columns.names for cell in cells)
            error.of_header = known or 1 < len(cells) == self._columns.features
            raise

    def _find(self, cells: list[str]) -> None:
        self._width = len(cells)
        names = self._columns.names
        if not names:
            if self._width != self._columns.features:
                raise UnreadableError(
                    f"{counted(self._width, 'column')}, expected {self._columns.features} "
                    "(the model has no feature names to choose by)"
                )
            self._takes = [(place, plain(cell)) for place, cell in enumerate(cells)]
            return
        self._columns.refuse_missing(cells)
        for name in names:
            if cells.count(name) > 1:
                raise UnreadableError(f"column {clip(name)} appears {cells.count(name)} times, expected once")
        self._header = tuple(cells)
        self._takes = [(cells.index(name), plain(name)) for name in names]
        self.time_column = time_column([cell for cell in cells if cell not in names])
        if self.time_column is not None:
            self._time_place = cells.index(self.time_column)
            others = [n for n, cell in enumerate(cells) if may_be_half(cell) and cell not in names]
            self._clock_place = next((n for n in others if n != self._time_place), None)


def _is_header(cells: list[str], names: tuple[str, ...]) -> bool:
    """Names may look like numbers and a bad row may hold words, so both are looked at."""
    words = [cell for cell in cells if not _is_number(cell)]
    known = set(names)
    return len(words) == len(cells) or any(word in known for word in words) or (bool(known) and known <= set(cells))


def _is_part(cells: list[str], whole: tuple[str, ...]) -> bool:
    """Whether these, and not all of it, stand in it one behind another; the outer ones may be cut off."""
    size = len(cells)
    return cells != list(whole) and any(
        whole[n].endswith(cells[0])
        and list(whole[n + 1 : n + size - 1]) == cells[1:-1]
        and whole[n + size - 1].startswith(cells[-1])
        for n in range(len(whole) - size + 1)
    )


def _is_number(cell: str) -> bool:
    return parsed(cell) is not None or has_decimal_comma(cell)


def cells_of(line: str, delimiter: str) -> list[str]:
    """Of what may be no row at all."""
    try:
        return cells_in(line, delimiter)
    except UnreadableError:
        return []


def cells_in(line: str, delimiter: str) -> list[str]:
    try:
        return split(line, delimiter)
    except ValueError as error:
        raise UnreadableError(str(error)) from None


def _cell_problem(cell: str, decimal: DecimalSign | None) -> str:
    """Why the text of a CSV cell is no finite float32. decimal: the sign that numbers have had so far."""
    if not cell:
        return "empty, expected a number"
    if decimal == "," and "." in cell and parsed(cell) is not None:
        return f"{clip(cell)} has a decimal point, expected a comma as before"
    if has_decimal_comma(cell):
        return f"{clip(cell)} is not a number, expected a decimal point ({clip(cell.replace(',', '.'))})"
    if parsed(cell) is None:
        digits = ", expected the digits 0 to 9" if any(sign.isdigit() and not sign.isascii() for sign in cell) else ""
        return f"{clip(cell)} is not a number{digits}"
    if not re.search(r"\d", cell):
        return f"{clip(cell)} is not a finite number"
    return f"{clip(cell)} is too large for float32 (at most 3.4e38)"
