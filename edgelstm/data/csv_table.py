"""One CSV file as a table of columns, numbers and text, with everything that is wrong in it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.recordings import BadFilesError, Problem
from edgelstm.delimited import DecimalSign, guess_decimal, guess_delimiter, is_missing, number, split

LINE_LIMIT = 1 << 20  # bytes
MOST_PROBLEMS = 5  # of one file
_CHUNK = 1 << 13  # rows that are text at a time
_LOOK = 50  # lines that settle delimiter and decimal sign
_LARGEST = float(np.finfo(np.float32).max)


@dataclass(eq=False)
class Table:
    """Columns by name. `numbers` hold NaN where a cell is missing, `texts` an empty text."""

    path: Path
    header: tuple[str, ...]  # the names in the file, or 1, 2 … where it has no header
    named: bool  # the file has a header
    lines: NDArray[np.int64]  # of each row, counted from 1
    numbers: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    texts: dict[str, list[str]] = field(default_factory=dict)


def read_table(path: Path, name: str, text: Sequence[str] = ()) -> Table:
    """Read a table. `name`: what errors call the file; `text`: columns that are kept as text whatever they hold.

    A column is text where its first cell that is not missing is no number. BadFilesError names each bad row.
    """
    with path.open("rb") as stream:
        reader = _Reader(name, _lines(stream, name))
        return reader.table(path, set(text))


def read_header(path: Path, name: str) -> tuple[str, ...]:
    """The names of the columns; none without a header. BadFilesError where the file is no table."""
    with path.open("rb") as stream:
        reader = _Reader(name, _lines(stream, name))
        return reader.header if reader.named else ()


def _lines(stream: object, name: str) -> Iterator[tuple[int, str]]:
    """(number, text) of each line that is neither empty nor a remark above the table."""
    begun = False
    count = 0
    while raw := stream.readline(LINE_LIMIT + 1):  # type: ignore[attr-defined]
        count += 1
        if len(raw) > LINE_LIMIT:
            raise BadFilesError(
                [Problem(name, count, f"longer than {LINE_LIMIT} bytes, expected one row on each line")]
            )
        if count == 1:
            raw = raw.removeprefix(b"\xef\xbb\xbf")
        try:
            text = raw.decode("utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            reason = f"byte 0x{raw[error.start]:02x} is not UTF-8, expected text (save the file as UTF-8)"
            raise BadFilesError([Problem(name, count, reason)]) from None
        if text.strip() and (begun or not text.startswith("#")):
            begun = True
            yield count, text


class _Reader:
    """Settles delimiter, decimal sign and header on the first lines, then takes the rows."""

    def __init__(self, name: str, lines: Iterator[tuple[int, str]]) -> None:
        self._name, self._rest = name, lines
        self._problems: list[Problem] = []
        self._first = [line for _, line in zip(range(_LOOK), lines)]
        if not self._first:
            raise BadFilesError([Problem(name, None, "no rows, expected a table")])
        texts = [text for _, text in self._first]
        self._delimiter = guess_delimiter(texts)
        rows = [cells for _, cells in self._split(self._first)]
        self._raise_problems()
        self._decimal: DecimalSign = guess_decimal(rows) if self._delimiter != "," else "."
        self.named = not any(number(cell, self._decimal) is not None for cell in rows[0])
        self.header = tuple(rows[0]) if self.named else tuple(str(n + 1) for n in range(len(rows[0])))
        doubled = next((cell for cell in self.header if cell and self.header.count(cell) > 1), None)
        if doubled is not None:
            raise BadFilesError([Problem(name, self._first[0][0], f"column {doubled!r} occurs twice, expected once")])

    def table(self, path: Path, text: set[str]) -> Table:
        kinds: dict[int, str] = {n: "text" for n, column in enumerate(self.header) if column in text}
        texts: dict[int, list[str]] = {n: [] for n in range(len(self.header))}
        numbers: dict[int, list[NDArray[np.float64]]] = {n: [] for n in range(len(self.header))}
        lines: list[int] = []
        for places, rows in self._chunks():
            lines += places
            for n, cells in enumerate(zip(*rows)):
                if n not in kinds:
                    first = next((cell for cell in cells if not is_missing(cell)), None)
                    if first is not None:
                        kinds[n] = "text" if number(first, self._decimal) is None else "number"
                if kinds.get(n) == "text":
                    texts[n] += ["" if is_missing(cell) else sys.intern(cell) for cell in cells]
                else:
                    numbers[n].append(self._numbers(self.header[n], cells, places))
            self._raise_problems(MOST_PROBLEMS)
        self._raise_problems()
        if not lines:
            raise BadFilesError([Problem(self._name, None, "no rows after the header, expected some")])
        table = Table(path, self.header, self.named, np.array(lines, np.int64))
        for n, column in enumerate(self.header):
            if kinds.get(n) == "text":
                missing = len(lines) - len(texts[n])  # chunks in which nothing was there to tell the kind
                table.texts[column] = [""] * missing + texts[n]
            else:
                table.numbers[column] = np.concatenate(numbers[n])
        return table

    def _chunks(self) -> Iterator[tuple[list[int], list[list[str]]]]:
        """(line numbers, rows of equal width)."""
        rows = self._rows()
        while chunk := [row for _, row in zip(range(_CHUNK), rows)]:
            yield [place for place, _ in chunk], [cells for _, cells in chunk]

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        width = len(self.header)
        first = self._first[1:] if self.named else self._first
        for lines in (first, self._rest):
            for place, cells in self._split(lines):
                if len(cells) == width:
                    yield place, cells
                elif len(self._problems) < MOST_PROBLEMS:
                    self._problems.append(Problem(self._name, place, f"{len(cells)} columns, expected {width}"))

    def _split(self, lines: Iterator[tuple[int, str]] | list[tuple[int, str]]) -> Iterator[tuple[int, list[str]]]:
        for place, text in lines:
            try:
                yield place, split(text, self._delimiter)
            except ValueError as error:
                self._problems.append(Problem(self._name, place, str(error)))

    def _numbers(self, column: str, cells: Sequence[str], places: list[int]) -> NDArray[np.float64]:
        values = [number(cell, self._decimal) for cell in cells]
        for row, value in enumerate(values):
            if value is None and not is_missing(cells[row]):
                problem = f"column {column}: {cells[row][:40]!r} is not a number"
            elif value is not None and abs(value) > _LARGEST:
                problem = f"column {column}: {cells[row][:40]} is too large for float32 (at most 3.4e38)"
            else:
                continue
            if len(self._problems) < MOST_PROBLEMS:
                self._problems.append(Problem(self._name, places[row], problem))
        return np.array(values, np.float64)  # None becomes NaN

    def _raise_problems(self, least: int = 1) -> None:
        if len(self._problems) >= least:
            raise BadFilesError(self._problems)
