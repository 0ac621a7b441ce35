"""One CSV file as a table of columns, numbers and text, with everything that is wrong in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.csv_lines import blocks
from edgelstm.data.packed import open_text
from edgelstm.data.plain_numbers import plain_numbers
from edgelstm.data.recordings import BadFilesError, Problem
from edgelstm.data.store import Growing, chunks
from edgelstm.data.times import text_times
from edgelstm.delimited import (
    DecimalSign,
    guess_decimal,
    guess_delimiter,
    is_above,
    is_dressed,
    is_missing,
    number,
    split,
)
from edgelstm.plain import counted, first_twice
from edgelstm.stamps import clock_seconds, date_seconds, is_day, joined, may_be_half

MOST_PROBLEMS = 5  # of one file
_LOOK = 50  # lines that settle delimiter and decimal sign
_COUNTED = 3  # rows that are numbered, of which fewer may be so by chance
_LARGEST = float(np.finfo(np.float32).max)


class Word(NamedTuple):
    """Why a column is text."""

    cell: str  # the first that is not missing
    line: int  # its line
    number: int  # the line of a number below it; 0 = none was seen


Rows = slice | NDArray[np.int64]  # of a table


@dataclass(frozen=True, eq=False)
class Table:
    """A table, which may be larger than memory. A cell of numbers that is missing is NaN, a missing text is empty."""

    header: tuple[str, ...]  # the names in the file, or 1, 2 … where it has no header
    named: bool  # the file has a header
    lines: NDArray[np.int64]  # (rows,): of each row, counted from 1
    cells: NDArray[np.float64]  # (rows, columns): numbers, seconds of dates, or places in `texts`
    texts: Mapping[str, tuple[str, ...]]  # of each column of text that was asked for: what it may say
    words: Mapping[str, Word]  # the other columns of text
    dated: bool  # the column of times holds dates
    clock: str | None  # the first of the other columns of text that begins with a date
    comma: str  # a cell in which a comma was taken for a decimal point, since one name stands alone above; or ""

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.header)}

    def numbers(self, column: str) -> NDArray[np.float64]:
        """(rows,): a column of numbers, or of dates as seconds since 1970."""
        return self.cells[:, self._places[column]]

    def text(self, column: str) -> list[str]:
        """A column of text that was asked for, row by row."""
        texts = self.texts[column]
        return [texts[int(place)] for place in self.numbers(column)]

    def parts(self, rows: Rows, columns: Sequence[str]) -> Iterator[NDArray[np.float64]]:
        """These columns of these rows, some rows at a time."""
        places = [self._places[column] for column in columns]
        count = rows.stop - rows.start if isinstance(rows, slice) else len(rows)
        for part in chunks(count, 8 * self.cells.shape[1]):
            here = slice(rows.start + part.start, rows.start + part.stop) if isinstance(rows, slice) else rows[part]
            yield self.cells[here][:, places]

    def is_number(self, column: str) -> bool:
        return column not in self.texts and column not in self.words


def read_table(path: Path, name: str, text: Sequence[str] = (), time: str = "") -> Table:
    """Read a table. `name`: what errors call the file; `text`: columns that are kept as text whatever they hold;
    `time`: the one that may hold dates.

    A column is text where its first cell that is not missing is no number. BadFilesError names each bad row.
    """
    with open_table(path, name) as reader:
        return reader.table(text, time)


def read_header(path: Path, name: str) -> tuple[str, ...]:
    """The names of the columns; none without a header. BadFilesError where the file is no table."""
    with open_table(path, name) as reader:
        return reader.names


@contextmanager
def open_table(path: Path, name: str) -> Iterator[TableReader]:
    """Its first lines are read: who asks for the names of the columns and then for the table reads a file once."""
    with open_text(path, name) as stream:
        yield TableReader(name, blocks(stream, name))


Lines = list[tuple[int, str]]  # each with its number, counted from 1


class TableReader:
    """Settles delimiter, decimal sign and header on the first lines, then takes the rows."""

    def __init__(self, name: str, blocks: Iterator[tuple[int, list[str]]]) -> None:
        self._name, self._rest = name, blocks
        self._problems: list[Problem] = []
        self._first: Lines = []
        for first, texts in blocks:
            lines = _useful(first, texts)
            while not self._first and lines and is_above(lines[0][1]):
                lines.pop(0)
            self._first += lines
            if len(self._first) >= _LOOK:
                break
        if not self._first:
            raise BadFilesError([Problem(name, None, "no rows, expected a table")])
        look = self._first[:_LOOK]
        if any("\r" in text for _, text in look):
            reason = "carriage returns alone end its lines, expected line feeds (save the file with other line ends)"
            raise BadFilesError([Problem(name, None, reason)])
        self._delimiter = guess_delimiter([text for _, text in look])
        rows = [[cell.strip() for cell in cells] for _, cells in self._split(look)]
        self._raise_problems()
        self._decimal: DecimalSign = guess_decimal(rows) if self._delimiter != "," else "."
        self.named = not any(number(cell, self._decimal) is not None for cell in rows[0])
        self.header = tuple(rows[0]) if self.named else tuple(str(n + 1) for n in range(len(rows[0])))
        if self.named and all(map(is_dressed, filter(None, self.header))):
            reason = (
                f"{self.header[0][:40]!r}, expected names or plain numbers, without signs between thousands, % and $"
            )
            raise BadFilesError([Problem(name, self._first[0][0], reason)])
        doubled = first_twice(filter(None, self.header))
        if doubled is not None:
            raise BadFilesError([Problem(name, self._first[0][0], f"column {doubled!r} occurs twice, expected once")])
        alone = [row[0] for row in rows[1:]] if self.named and len(rows[0]) == 1 and self._decimal == "," else []
        self._comma = next((cell for cell in alone if "," in cell), "")
        if _counts([cell.partition(",") for cell in alone]):
            reason = (
                f"{self.header[0]!r} alone above rows such as {self._comma}, of which the first numbers count: "
                "expected a name for each column, or decimal points if they are one"
            )
            raise BadFilesError([Problem(name, self._first[0][0], reason)])

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns; none without a header."""
        return self.header if self.named else ()

    def halves(self, time: str) -> tuple[str, str] | None:
        """(column of days, column of clock times) where these stand apart, `time` is one, and the other alone has the
        name of a time; None where not."""
        rows = self._first[1 : self.named + 1]
        for _, cells in self._split(rows):
            first = dict(zip(self.header, cells))
            named = [name for name in first if name == time or may_be_half(name)]
            days = [name for name in named if is_day(first[name])]
            clocks = [name for name in named if clock_seconds(first[name]) is not None]
            if len(days) == len(clocks) == 1 and time in (*days, *clocks):
                return days[0], clocks[0]
        return None

    def table(self, text: Sequence[str] = (), time: str = "", clock: str = "") -> Table:
        """As `read_table`. clock: a column with times of the day, of days in the column `time`."""
        columns = [_Column(name, name in text and name != "", name == time != "") for name in self.header]
        at, of_day = (self.header.index(name) if clock else -1 for name in (time, clock))
        cells, lines = Growing((len(columns),), np.float64), Growing((), np.int64)
        for places, found in self._chunks():
            chunk = np.full((len(places), len(columns)), np.nan)
            for n, column in enumerate(found):
                if n != of_day or not clock:
                    whole = list(map(joined, column, found[of_day])) if clock and n == at else column
                    chunk[:, n] = self._read(columns[n], whole, places)
            cells.add(chunk)
            lines.add(np.array(places, np.int64))
            self._raise_problems(MOST_PROBLEMS)
        self._raise_problems()
        found_lines = lines.done()
        if not len(found_lines):
            raise BadFilesError([Problem(self._name, None, "no rows after the header, expected some")])
        return Table(
            self.header,
            self.named,
            found_lines,
            cells.done(),
            {column.name: tuple(column.places.texts) for column in columns if column.is_kept},
            {column.name: column.word for column in columns if column.is_text and not column.is_kept},
            any(column.is_time and column.is_text for column in columns),
            next((column.name for column in columns if column.begins_with_date and not column.is_time), None),
            self._comma,
        )

    def _read(
        self, column: _Column, cells: Sequence[str], places: Sequence[int]
    ) -> Sequence[float] | NDArray[np.float64]:
        """What a column's cells are in a table."""
        if column.is_kept:
            return [column.places[cell] for cell in cells]
        if not column.is_settled:
            place, first = next(((n, c) for n, c in enumerate(map(str.strip, cells)) if not is_missing(c)), (0, None))
            if first is not None:
                column.is_settled, column.is_text = True, number(first, self._decimal) is None
                column.word = Word(first, places[place], 0)
                column.begins_with_date = column.is_text and date_seconds(first) is not None
                if column.is_text:
                    self._look_below(column, cells, places)
        elif column.is_text and not column.word.number:  # one cell of many: texts are read fast
            self._look_below(column, cells[-1:], places[-1:])
        if column.is_text and column.is_time:
            return self._dates(cells, places)
        return np.full(len(cells), np.nan) if column.is_text else self._numbers(column.name, cells, places)

    def _look_below(self, column: _Column, cells: Sequence[str], places: Sequence[int]) -> None:
        """Notes the first number among cells of a column of text."""
        found = (place for place, cell in zip(places, cells) if number(cell.strip(), self._decimal) is not None)
        column.word = column.word._replace(number=next(found, 0))

    def _dates(self, cells: Sequence[str], places: Sequence[int]) -> NDArray[np.float64]:
        try:
            return text_times([cell.strip() for cell in cells])
        except ValueError as error:
            self._note(places[error.args[1]], error.args[0])
            return np.zeros(len(cells))

    def _chunks(self) -> Iterator[tuple[Sequence[int], list[Sequence[str]]]]:
        """(line numbers, the cells of each column) of rows that have all columns."""
        yield from self._by_row(self._first[1:] if self.named else self._first)
        for first, texts in self._rest:
            columns = self._at_once(texts)
            if columns is None:
                yield from self._by_row(_useful(first, texts))
            else:
                yield range(first, first + len(texts)), columns

    def _at_once(self, texts: list[str]) -> list[Sequence[str]] | None:
        """The columns of lines that are all plain rows; None where one is not."""
        width, sign = len(self.header), self._delimiter
        joined = sign.join(texts)
        if width == 1 or '"' in joined or {text.count(sign) for text in texts} != {width - 1}:
            return None
        cells = joined.split(sign)
        return [cells[n::width] for n in range(width)]

    def _by_row(self, lines: Lines) -> Iterator[tuple[Sequence[int], list[Sequence[str]]]]:
        width = len(self.header)
        places, rows = [], []
        for place, cells in self._split(lines):
            if len(cells) == width:
                places.append(place)
                rows.append(cells)
            else:
                self._note(place, f"{counted(len(cells), 'column')}, expected {width} as in line {self._first[0][0]}")
        if rows:
            yield places, list(zip(*rows))

    def _split(self, lines: Lines) -> Iterator[tuple[int, list[str]]]:
        """(line, cells) of each line; cells without quotes keep the blanks around them."""
        for place, text in lines:
            if '"' not in text:
                yield place, text.split(self._delimiter)
                continue
            try:
                yield place, split(text, self._delimiter)
            except ValueError as error:
                self._note(place, str(error))

    def _numbers(self, column: str, cells: Sequence[str], places: Sequence[int]) -> NDArray[np.float64]:
        values = _all_numbers(cells, self._decimal)
        if values is not None:
            return values
        stripped = [cell.strip() for cell in cells]
        found = [number(cell, self._decimal) for cell in stripped]
        for row, value in enumerate(found):
            if value is None and not is_missing(stripped[row]):
                self._note(places[row], f"column {column}: {stripped[row][:40]!r} is not a number")
            elif value is not None and abs(value) > _LARGEST:
                self._note(
                    places[row],
                    f"column {column}: {stripped[row][:40]} is too large for float32 (at most 3.4e38)",
                )
        return np.array(found, np.float64)  # None becomes NaN

    def _note(self, line: int, reason: str) -> None:
        if len(self._problems) < MOST_PROBLEMS:
            self._problems.append(Problem(self._name, line, reason))

    def _raise_problems(self, least: int = 1) -> None:
        if len(self._problems) >= least:
            raise BadFilesError(self._problems)


def _counts(cells: Sequence[tuple[str, str, str]]) -> bool:
    """Whether what stands before the commas of all cells rises by one from cell to cell, as rows are numbered."""
    if len(cells) < _COUNTED or not all(comma and before.isdecimal() for before, comma, _ in cells):
        return False
    first = int(cells[0][0])
    return all(int(before) == first + n for n, (before, _, _) in enumerate(cells))


def _useful(first: int, texts: list[str]) -> Lines:
    """The lines that are not empty."""
    return [(first + n, text.rstrip("\r")) for n, text in enumerate(texts) if text.strip()]


class _Column:
    """What is known of one while a table is read."""

    def __init__(self, name: str, is_kept: bool, is_time: bool):
        self.name, self.is_kept, self.is_time = name, is_kept, is_time
        self.is_settled = self.is_text = is_kept
        self.begins_with_date = False
        self.word = Word("", 0, 0)
        self.places = _Places()


class _Places(dict[str, int]):
    """Cell → place of its text, in order of appearance; cells that say the same have one place."""

    def __init__(self) -> None:
        self.texts: dict[str, int] = {}

    def __missing__(self, cell: str) -> int:
        text = cell.strip()
        place = self[cell] = self.texts.setdefault("" if is_missing(text) else text, len(self.texts))
        return place


def _all_numbers(cells: Sequence[str], decimal: DecimalSign) -> NDArray[np.float64] | None:
    """Cells that all hold plain numbers of float32's range, as `number` reads them; None where one does not."""
    text = "\n".join(cells)
    if not text.isascii() or "_" in text:
        return None
    if decimal == ",":
        if "." in text:
            return None
        text = text.replace(",", ".")
    if (plain := plain_numbers(text, "\n")) is not None:
        return plain
    try:
        values = np.array(list(map(float, text.split("\n"))))
    except ValueError:
        return None
    return values if bool((np.abs(values) <= _LARGEST).all()) else None
