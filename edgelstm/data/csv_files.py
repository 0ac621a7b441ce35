"""CSV as people have it: a folder with a file for each recording, or one long file with all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.columns import Roles, find_roles, unit_of
from edgelstm.data.csv_table import Table, read_header, read_table
from edgelstm.data.labels import labels_of_places
from edgelstm.data.options import ReadOptions
from edgelstm.data.recordings import BadFilesError, Problem, Recording, Recordings
from edgelstm.data.times import fill_values, number_times, open_holes, read_timing, text_times
from edgelstm.stamps import unit_of_time

SUFFIXES = (".csv", ".tsv")


def read_csv_folder(folder: Path, options: ReadOptions) -> Recordings:
    """Every `.csv` and `.tsv` in `folder` and below as recordings with the same columns, told by name.

    A recording's label: its label column; else the folder it lies in, where there are several; else what stands
    before the first dot of its name, where several share one. BadFilesError lists all files that cannot be used.
    """
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    if not paths:
        raise ValueError(f"{folder}: no {' or '.join(SUFFIXES)} files, expected one for each recording")
    problems: list[Problem] = []
    parts: list[_Part] = []
    for path in paths:
        try:
            parts += _read_file(path, path.relative_to(folder).as_posix(), options, parts[0] if parts else None)
        except BadFilesError as error:
            problems += error.problems
    if problems:
        raise BadFilesError(problems)
    labels = labels_of_places([path.relative_to(folder) for path in paths], options)
    recordings = []
    for part in parts:
        label = part.recording.label
        if label is None and part.recording.frame_labels is None:
            label = labels.get(part.file)
        recordings.append(replace(part.recording, label=label))
    return _together(recordings, parts, folder.name)


def read_csv_file(path: Path, options: ReadOptions) -> Recordings:
    """One long CSV file: a recording for each value of its series column, or a single one."""
    parts = _read_file(path, path.name, options, None)
    return _together([part.recording for part in parts], parts, path.stem)


class _Part:
    """A recording and the columns that it came in."""

    def __init__(
        self, file: str, recording: Recording, table: Table, roles: Roles, names: tuple[str, ...], rate: float
    ):
        self.file, self.recording, self.roles, self.names, self.rate = file, recording, roles, names, rate
        self.named = table.named
        self.left_out = tuple(n for n in table.header if n not in names and n not in roles.others)


def _read_file(path: Path, name: str, options: ReadOptions, like: _Part | None) -> list[_Part]:
    header = read_header(path, name)
    try:
        roles = _roles(header, options)
    except ValueError as error:
        raise BadFilesError([Problem(name, None, str(error))]) from None
    table = read_table(path, name, (roles.label, roles.group, roles.series))
    names = roles.features or tuple(n for n in table.header if n and n in table.numbers and n not in roles.others)
    text = next((n for n in names if n in table.texts), None)
    if text is not None:
        raise BadFilesError([Problem(name, None, f"column {text!r} holds text, expected numbers for a feature")])
    if not names:
        raise BadFilesError([Problem(name, None, "no column of numbers, expected at least one")])
    if like is not None:
        lacking = next((n for n in like.names if n not in names), None)
        if lacking is not None:
            reason = (
                f"no column {lacking!r} of numbers, which {like.file} has; found {', '.join(map(repr, names[:12]))}"
            )
            raise BadFilesError([Problem(name, None, reason)])
        names = like.names
    return [
        _part(name, table, roles, names, rows, series, options)
        for series, rows in _series(table, roles.series, Path(name).name)
    ]


def _roles(header: Sequence[str], options: ReadOptions) -> Roles:
    """ValueError for a column that is not there."""
    if header:
        return find_roles(header, options.roles, may_lack=options.may_lack)
    for role in ("time", "label", "group", "series"):  # without names, all are features
        if (name := getattr(options.roles, role)) and role not in options.may_lack:
            raise ValueError(f"no header with names of columns, expected one with {name!r} for {role}")
    return Roles()


def _series(table: Table, column: str, whole: str) -> list[tuple[str, NDArray[np.int64]]]:
    """(name, rows) of each series, in order of appearance."""
    if not column:
        return [(whole, np.arange(len(table.lines)))]
    rows: dict[str, list[int]] = {}
    for row, value in enumerate(table.texts[column]):
        rows.setdefault(value, []).append(row)
    return [(value or "(no series)", np.array(places)) for value, places in rows.items()]


def _part(
    file: str,
    table: Table,
    roles: Roles,
    names: tuple[str, ...],
    rows: NDArray[np.int64],
    name: str,
    options: ReadOptions,
) -> _Part:
    lines = table.lines[rows]
    frames = np.stack([table.numbers[column][rows] for column in names], axis=1)
    rate = 0.0
    holes: Sequence[tuple[int, int]] = ()
    notes: list[str] = []
    if roles.time:
        try:
            if roles.time in table.numbers:
                seconds = number_times(table.numbers[roles.time][rows], unit_of_time(roles.time))
            else:
                seconds = text_times([table.texts[roles.time][row] for row in rows])
        except ValueError as error:
            raise BadFilesError([Problem(file, int(lines[error.args[1]]), error.args[0])]) from None
        timing = read_timing(seconds)
        rows, lines, frames, rate, holes = (
            rows[timing.order], lines[timing.order], frames[timing.order], timing.rate, timing.holes
        )  # fmt: skip
        if timing.back:
            notes.append(f"time goes back {timing.back} times; frames were put in order")
        if timing.repeated:
            notes.append(f"time stands still {timing.repeated} times; all frames stay")
    labels = [table.texts[roles.label][row] for row in rows] if roles.label else None
    groups = [table.texts[roles.group][row] for row in rows] if roles.group else None
    frames, places = _filled(file, frames, names, lines, holes, options, notes)
    label = None
    if labels is not None and len(set(labels)) == 1:
        label, labels = labels[0] or None, None
    if groups is not None and len(set(groups)) > 1:
        raise BadFilesError(
            [Problem(file, None, f"{name}: groups {', '.join(sorted(set(groups))[:5])}, expected one")]
        )
    recording = Recording(
        name,
        frames.astype(np.float32),
        label,
        None if labels is None else tuple(labels[at] if at >= 0 else "" for at in places),
        groups[0] or None if groups else None,
        notes=tuple(notes),
    )
    return _Part(file, recording, table, roles, names, rate)


def _filled(
    file: str,
    frames: NDArray[np.float64],
    names: Sequence[str],
    lines: NDArray[np.int64],
    holes: Sequence[tuple[int, int]],
    options: ReadOptions,
    notes: list[str],
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Frames without NaN, and the place that each came from."""
    places = np.arange(len(frames))
    lacking = sum(count for _, count in holes)
    empty = np.argwhere(np.isnan(frames))
    remedy = "set missing to interpolate or hold to fill it"
    if options.missing == "refuse":
        problems = [
            Problem(file, int(lines[row]), f"column {names[column]}: no value ({remedy})")
            for row, column in empty[:5]
        ]
        problems += [
            Problem(file, int(lines[place]), f"{count} frames lack before this one by its time ({remedy})")
            for place, count in holes[:5]
        ]
        if problems:
            raise BadFilesError(problems)
        return frames, places
    if lacking > len(frames):
        place, count = max(holes, key=lambda hole: hole[1])
        reason = f"{count} frames lack before this one, more than were recorded; expected two recordings"
        raise BadFilesError([Problem(file, int(lines[place]), reason)])
    if holes:
        frames, places = open_holes(frames, holes)
        notes.append(f"{lacking} frames lacked in {len(holes)} holes; filled ({options.missing})")
    if len(empty):
        notes.append(f"{len(empty)} values lacked; filled ({options.missing})")
    frames = fill_values(frames, options.missing)
    unknown = np.isnan(frames).all(axis=0)
    if unknown.any():
        raise BadFilesError([Problem(file, None, f"column {names[int(unknown.argmax())]}: no value at all")])
    return frames, places


def _together(recordings: Sequence[Recording], parts: Sequence[_Part], name: str) -> Recordings:
    first = parts[0]
    rates = np.array([part.rate for part in parts if part.rate])
    rate = float(np.median(rates)) if rates.size else 0.0
    for part in parts:
        if part.rate and not np.isclose(part.rate, rate, rtol=0.05):
            reason = f"{part.rate:g} frames per second by its times, expected {rate:g} as the others have"
            raise BadFilesError([Problem(part.file, None, reason)])
    units = tuple(unit_of(column) for column in first.names)
    return Recordings(
        tuple(recordings),
        first.names if first.named else (),
        units if first.named and any(units) else (),
        rate,
        name,
        left_out=first.left_out,
    )
