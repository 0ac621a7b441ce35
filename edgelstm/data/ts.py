"""The `.ts` files of sktime and aeon: one series to a line, its dimensions between colons, then its label."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.csv_lines import blocks
from edgelstm.data.filling import REMEDY
from edgelstm.data.options import DEFAULTS, ReadOptions
from edgelstm.data.packed import open_text, stem_of
from edgelstm.data.plain_numbers import plain_numbers
from edgelstm.data.recordings import FRAMES_TO_COME, BadFilesError, FrameStore, Problem, Recording, Recordings
from edgelstm.data.times import fill_values
from edgelstm.delimited import is_missing, number
from edgelstm.plain import counted

MAX_LINE = 1 << 28
"""Bytes of one series."""
_MOST_PROBLEMS = 20
_YES = ("true", "yes")


@dataclass(frozen=True)
class _Header:
    name: str = ""
    timestamps: bool = False
    labels: tuple[str, ...] = ()  # the classes that the header lists
    labelled: bool = True
    measured: bool = False  # labels are numbers to be told


def read_ts(path: Path, options: ReadOptions) -> Recordings:
    """One `.ts` file. BadFilesError names each bad line."""
    return _together([(path, None)], stem_of(path), options)


def read_ts_pair(train: Path, test: Path, options: ReadOptions) -> Recordings:
    """`…_TRAIN.ts` and `…_TEST.ts` as one set with the split that they are."""
    return _together([(train, False), (test, True)], stem_of(train), options)


def parse_ts(text: str, where: str) -> Recordings:
    """The series of a file's text."""
    reader = _Reader(DEFAULTS)
    reader.take(enumerate(text.splitlines(), start=1), where, None)
    return reader.done(where)


def _together(files: Sequence[tuple[Path, bool | None]], name: str, options: ReadOptions) -> Recordings:
    reader = _Reader(options)
    for path, test in files:
        with open_text(path, path.name) as stream:
            lines = (
                (n, line) for first, some in blocks(stream, path.name, MAX_LINE) for n, line in enumerate(some, first)
            )
            reader.take(lines, path.name, test)
    return reader.done(name)


class _Reader:
    """The series of all files, which may be more than memory holds."""

    def __init__(self, options: ReadOptions) -> None:
        self._options = options
        self._frames = FrameStore()
        self._recordings: list[Recording] = []
        self._width = 0  # dimensions
        self._name = ""
        self._measured = False

    def take(self, lines: Iterator[tuple[int, str]], where: str, test: bool | None) -> None:
        """A file's numbered lines. test: whether it is the data's own test split."""
        header = _header(lines, where)
        self._name = self._name or header.name
        self._measured |= header.measured
        problems: list[Problem] = []
        count = 0  # of this file
        for place, line in lines:
            if not line.strip() or line.startswith("#"):
                continue
            try:
                found, label = _series(line, header)
                lacking = tuple(np.isnan(found).sum(axis=0).tolist()) if self._options.looks else ()
                frames = _filled(found, self._options)
                self._width = self._width or frames.shape[1]
                if frames.shape[1] != self._width:
                    raise ValueError(f"{counted(frames.shape[1], 'dimension')}, expected {self._width} as before")
            except ValueError as error:
                problems.append(
                    Problem(where, place, *map(str, error.args))
                )  # a reason, and its remedy if it has one
                if len(problems) == _MOST_PROBLEMS:
                    break
                continue
            count += 1
            self._frames.add([frames])
            self._recordings.append(Recording(f"series {count}", FRAMES_TO_COME, label, test=test, lacking=lacking))
        if not count and not problems:
            problems.append(Problem(where, None, "no series after @data, expected some"))
        if problems:
            raise BadFilesError(problems)

    def done(self, name: str) -> Recordings:
        """name: of the set, where no header says it."""
        recordings = self._frames.given_to(self._recordings)
        return Recordings(recordings, (), name=self._name or name, are_measured=self._measured)


def _header(lines: Iterator[tuple[int, str]], where: str) -> _Header:
    header = _Header()
    for _, line in lines:
        word, _, rest = line.strip().partition(" ")
        key, values = word.lower(), rest.split()
        if key == "@data":
            return header
        if key == "@problemname":
            header = replace(header, name=rest.strip())
        elif key == "@timestamps":
            header = replace(header, timestamps=rest.strip().lower() in _YES)
        elif key in ("@classlabel", "@targetlabel") and values:
            labelled = values[0].lower() in _YES
            measured = labelled and key == "@targetlabel"
            header = replace(header, labels=tuple(values[1:]), labelled=labelled, measured=measured)
    raise BadFilesError([Problem(where, None, "no @data line, expected the header of a .ts file")])


def _series(line: str, header: _Header) -> tuple[NDArray[np.float64], str | None]:
    """(frames (values, dimensions), NaN where a value is missing; label)."""
    if header.timestamps:
        raise ValueError("time stamps, expected @timestamps false (save as CSV with a time column)")
    columns = line.split(":")
    label = columns.pop().strip() if header.labelled else None
    if label is not None and header.labels and label not in header.labels:
        raise ValueError(f"label {label[:40]!r}, expected one of {', '.join(header.labels[:12])}")
    if not columns:
        raise ValueError("no dimensions, expected numbers before the label")
    dimensions = [_dimension(column, place) for place, column in enumerate(columns, start=1)]
    if len({len(dimension) for dimension in dimensions}) > 1:
        raise ValueError(
            f"dimensions of {', '.join(str(len(d)) for d in dimensions[:12])} values, expected equal ones"
        )
    return np.stack(dimensions, axis=1), label or None


def _filled(frames: NDArray[np.float64], options: ReadOptions) -> NDArray[np.float32]:
    if np.isnan(frames).any():
        if options.missing == "refuse" and not options.looks:
            raise ValueError("a value is missing (?)", REMEDY)
        frames = fill_values(frames, "hold" if options.looks else options.missing)
        if options.looks:
            frames = np.nan_to_num(frames)
        if np.isnan(frames).any():
            raise ValueError("a dimension without any value")
    return frames.astype(np.float32)


def _dimension(text: str, place: int) -> NDArray[np.float64]:
    if (plain := _plain_numbers(text)) is not None:
        return plain
    cells = [cell.strip() for cell in text.split(",")]
    values = [number(cell) for cell in cells]
    for cell, value in zip(cells, values):
        if value is None and not is_missing(cell):
            raise ValueError(f"dimension {place}: {cell[:40]!r} is not a number")
        if value is not None and abs(value) > np.finfo(np.float32).max:
            raise ValueError(f"dimension {place}: {cell[:40]} is too large for float32")
    return np.array(values, np.float64)  # None becomes NaN


def _plain_numbers(text: str) -> NDArray[np.float64] | None:
    """Numbers of float32's range and nothing else; None where one is none: then it takes longer."""
    if (plain := plain_numbers(text, ",")) is not None:
        return plain
    if not text.isascii() or "_" in text:
        return None
    try:
        values = np.array(list(map(float, text.split(","))))
    except ValueError:
        return None
    return values if bool((np.abs(values) <= np.finfo(np.float32).max).all()) else None
