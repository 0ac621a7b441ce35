"""Values and frames that are not there in a table: told, filled, or refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.csv_table import Rows, Table
from edgelstm.data.filling import REMEDY, filled
from edgelstm.data.options import ReadOptions
from edgelstm.data.recordings import BadFilesError, FrameStore, Problem
from edgelstm.data.store import chunked
from edgelstm.data.times import Missing, open_holes, places_about
from edgelstm.plain import counted

_SHOWN = 5  # of one file


class Gaps:
    """Those of one recording: cells of columns `names` without a value, and `holes`, (row, frames that lack before
    it by its time)."""

    def __init__(
        self, file: str, table: Table, rows: Rows, names: Sequence[str], holes: Sequence[tuple[int, int]]
    ) -> None:
        self._file, self._table, self._rows, self._names, self._holes = file, table, rows, names, holes
        self._empty: list[tuple[int, int]] = []  # the first of them
        self._count = 0
        lacking = np.zeros(len(names), np.int64)
        for part in table.parts(rows, names):
            lacks = np.argwhere(np.isnan(part))
            self._empty += [
                (self._count + row, column) for row, column in lacks[: _SHOWN - len(self._empty)].tolist()
            ]
            lacking += np.bincount(lacks[:, 1], minlength=len(names))
            self._count += len(part)
        self.lacking: tuple[int, ...] = tuple(lacking.tolist())  # values of each column

    @cached_property
    def _frames_lacking(self) -> int:
        return sum(lack for _, lack in self._holes)

    def fill(self, frames: FrameStore, options: ReadOptions, notes: list[str]) -> NDArray[np.int64] | None:
        """Put the recording's frames without NaN to those of others, as the options say. Returns the place among the
        rows that each came from (-1: none); None where all are rows."""
        lost = sum(self.lacking)
        if not lost and not self._holes:
            frames.add(self._table.parts(self._rows, self._names))
            return None
        if options.looks:
            if self._holes:
                frames_lack = _lacking(self._frames_lacking)
                notes.append(
                    f"{frames_lack} in {counted(len(self._holes), 'hole')} by its times, the first "
                    f"{self._first_hole()}; --missing fills them: interpolate or hold"
                )
            frames.add(self._filled(self._parts(), "hold", are_known=False))
            return None
        if options.missing == "refuse":
            raise BadFilesError(self._problems())
        if self._frames_lacking > self._count:
            place, lack = max(self._holes, key=lambda hole: hole[1])
            reason = f"{_lacking(lack)} before this one, more than were recorded; expected two recordings"
            raise BadFilesError([Problem(self._file, self._line(place), reason)])
        if self._holes:
            notes.append(
                f"{counted(self._frames_lacking, 'frame')} lacked in {counted(len(self._holes), 'hole')}; filled "
                f"({options.missing})"
            )
        if lost:
            notes.append(f"{counted(lost, 'value')} lacked; filled ({options.missing})")
        frames.add(self._filled(open_holes(self._parts(), self._holes), options.missing))
        return places_about(self._holes, self._count)

    def _parts(self) -> Iterator[NDArray[np.float64]]:
        return self._table.parts(self._rows, self._names)

    def _filled(
        self, parts: Iterable[NDArray[np.float64]], missing: Missing, are_known: bool = True
    ) -> Iterator[NDArray[np.float64]]:
        """are_known: refuse a column without any value, which is zeros else."""
        frames, empty = filled(parts, len(self._names), missing)
        if are_known and empty:
            raise BadFilesError([Problem(self._file, None, f"column {self._names[empty[0]]}: no value at all")])
        return chunked(frames)

    def _line(self, row: int) -> int:
        return int(self._table.lines[self._rows][row])

    def _first_hole(self) -> str:
        return f"before line {self._line(self._holes[0][0])}"

    def _problems(self) -> list[Problem]:
        """What lacks, line by line."""
        problems = [(row, f"column {self._names[column]}: no value") for row, column in self._empty]
        problems += [
            (place, f"{_lacking(frames)} before this one by its time") for place, frames in self._holes[:_SHOWN]
        ]
        lines = ((self._line(row), reason) for row, reason in problems)
        found = [Problem(self._file, line, reason, REMEDY) for line, reason in sorted(lines)]
        if (more := sum(self.lacking) - len(self._empty)) > 0:
            found.append(Problem(self._file, None, f"and {counted(more, 'more value')} missing"))
        if len(self._holes) > _SHOWN:
            found.append(
                Problem(self._file, None, f"and {counted(len(self._holes) - _SHOWN, 'more hole')} by its times")
            )
        return found


def _lacking(frames: int) -> str:
    return f"{counted(frames, 'frame')} lack{'s' if frames == 1 else ''}"
