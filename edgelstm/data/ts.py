"""The `.ts` files of sktime and aeon: one series to a line, its dimensions between colons, then its label."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.options import DEFAULTS, ReadOptions
from edgelstm.data.recordings import BadFilesError, Problem, Recording, Recordings
from edgelstm.data.times import fill_values
from edgelstm.delimited import is_missing, number
from edgelstm.files import read_bounded

MAX_BYTES = 1 << 30
_MOST_PROBLEMS = 20
_YES = ("true", "yes")


@dataclass(frozen=True)
class _Header:
    name: str = ""
    timestamps: bool = False
    labels: tuple[str, ...] = ()  # the classes that the header lists
    labelled: bool = True


def read_ts(path: Path, options: ReadOptions) -> Recordings:
    """One `.ts` file. BadFilesError names each bad line."""
    recordings, name = _read(path, path.name, options)
    return Recordings(tuple(recordings), (), name=name or path.stem)


def read_ts_pair(train: Path, test: Path, options: ReadOptions) -> Recordings:
    """`…_TRAIN.ts` and `…_TEST.ts` as one set with the split that they are."""
    first, name = _read(train, train.name, options, test=False)
    second, _ = _read(test, test.name, options, test=True)
    return Recordings((*first, *second), (), name=name or train.stem)


def parse_ts(text: str, where: str, options: ReadOptions = DEFAULTS, test: bool | None = None) -> list[Recording]:
    """The series of a file's text."""
    return _parse(text, where, options, test)[0]


def _read(path: Path, where: str, options: ReadOptions, test: bool | None = None) -> tuple[list[Recording], str]:
    try:
        text = read_bounded(path, MAX_BYTES).decode("utf-8")
    except UnicodeDecodeError:
        raise BadFilesError([Problem(where, None, "not UTF-8, expected text")]) from None
    return _parse(text, where, options, test)


def _parse(text: str, where: str, options: ReadOptions, test: bool | None) -> tuple[list[Recording], str]:
    lines = iter(enumerate(text.splitlines(), start=1))
    header = _header(lines, where)
    recordings: list[Recording] = []
    problems: list[Problem] = []
    width = 0
    for place, line in lines:
        if not line.strip() or line.startswith("#"):
            continue
        try:
            recording = _series(line, header, f"series {len(recordings) + 1}", options, test)
            width = width or recording.frames.shape[1]
            if recording.frames.shape[1] != width:
                raise ValueError(f"{recording.frames.shape[1]} dimensions, expected {width} as before")
            recordings.append(recording)
        except ValueError as error:
            problems.append(Problem(where, place, str(error)))
            if len(problems) == _MOST_PROBLEMS:
                break
    if not recordings and not problems:
        problems.append(Problem(where, None, "no series after @data, expected some"))
    if problems:
        raise BadFilesError(problems)
    return recordings, header.name


def _header(lines: object, where: str) -> _Header:
    header = _Header()
    for _, line in lines:  # type: ignore[attr-defined]
        word, _, rest = line.strip().partition(" ")
        key, values = word.lower(), rest.split()
        if key == "@data":
            return header
        if key == "@problemname":
            header = _Header(rest.strip(), header.timestamps, header.labels, header.labelled)
        elif key == "@timestamps":
            header = _Header(header.name, rest.strip().lower() in _YES, header.labels, header.labelled)
        elif key in ("@classlabel", "@targetlabel") and values:
            header = _Header(header.name, header.timestamps, tuple(values[1:]), values[0].lower() in _YES)
    raise BadFilesError([Problem(where, None, "no @data line, expected the header of a .ts file")])


def _series(line: str, header: _Header, name: str, options: ReadOptions, test: bool | None) -> Recording:
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
    frames = np.stack(dimensions, axis=1)
    if np.isnan(frames).any():
        if options.missing == "refuse":
            raise ValueError("a value is missing (?); set missing to interpolate or hold to fill it")
        frames = fill_values(frames, options.missing)
        if np.isnan(frames).any():
            raise ValueError("a dimension without any value")
    return Recording(name, frames.astype(np.float32), label or None, test=test)


def _dimension(text: str, place: int) -> NDArray[np.float64]:
    cells = [cell.strip() for cell in text.split(",")]
    values = [number(cell) for cell in cells]
    for cell, value in zip(cells, values):
        if value is None and not is_missing(cell):
            raise ValueError(f"dimension {place}: {cell[:40]!r} is not a number")
        if value is not None and abs(value) > np.finfo(np.float32).max:
            raise ValueError(f"dimension {place}: {cell[:40]} is too large for float32")
    return np.array(values, np.float64)  # None becomes NaN
