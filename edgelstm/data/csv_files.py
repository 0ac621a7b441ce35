"""CSV as people have it: a folder with a file for each recording, or one long file with all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.columns import ROLES, Roles, find_roles, is_of_anomalies, unit_of
from edgelstm.data.csv_gaps import Gaps
from edgelstm.data.csv_table import Rows, Table, open_table
from edgelstm.data.file_names import told_by
from edgelstm.data.frame_labels import FrameLabels
from edgelstm.data.labels import groups_of_places, labels_of_places, place_of_labels
from edgelstm.data.options import ReadOptions
from edgelstm.data.packed import stem_of, suffix_of
from edgelstm.data.recordings import FRAMES_TO_COME, BadFilesError, FrameStore, Problem, Recording, Recordings
from edgelstm.data.store import Growing, chunks, joined
from edgelstm.data.times import (
    calendar_times,
    number_times,
    read_timing,
    unit_of_numbers,
)
from edgelstm.delimited import is_dressed
from edgelstm.devices.units import show_rate
from edgelstm.plain import counted, printable
from edgelstm.stamps import may_be_dates, unit_of_time

SUFFIXES = (".csv", ".tsv")
_MOST_TOLD = 4  # columns in a line


def read_csv_folder(folder: Path, options: ReadOptions) -> Recordings:
    """Every `.csv` and `.tsv` in `folder` and below as recordings with the same columns, told by name.

    A recording's label: its label column; else the folder it lies in, where there are several; else what stands
    before the first dot of its name, where several share one. BadFilesError lists all files that cannot be used.
    """
    paths = sorted(path for path in folder.rglob("*") if suffix_of(path) in SUFFIXES and path.is_file())
    if not paths:
        raise ValueError(f"{folder}: no {' or '.join(SUFFIXES)} files, expected one for each recording")
    problems: list[Problem] = []
    parts: list[_Part] = []
    frames = FrameStore()
    for path in paths:
        try:
            name = path.relative_to(folder).as_posix()
            parts += _read_file(path, name, options, parts[0] if parts else None, frames)
        except BadFilesError as error:
            problems += error.problems
    if problems:
        raise BadFilesError(problems)
    places = [path.relative_to(folder) for path in paths]
    groups = groups_of_places(places, options)
    recordings = [replace(part.recording, group=groups.get(part.file, part.recording.group)) for part in parts]
    if not any(r.label is None and r.frame_labels is None for r in recordings):
        return _together(recordings, parts, frames, folder.name)
    labels = labels_of_places(places, options)
    for n, recording in enumerate(recordings):
        if recording.label is None and recording.frame_labels is None:
            recordings[n] = replace(recording, label=labels.get(parts[n].file))
    return replace(_together(recordings, parts, frames, folder.name), label_from=place_of_labels(places, options))


def read_csv_file(path: Path, options: ReadOptions) -> Recordings:
    """One long CSV file: a recording for each value of its series column, or a single one."""
    frames = FrameStore()
    parts = _read_file(path, path.name, options, None, frames)
    return _together([part.recording for part in parts], parts, frames, stem_of(path))


class _Part:
    """A recording and the columns that it came in."""

    def __init__(
        self, file: str, recording: Recording, table: Table, roles: Roles, names: tuple[str, ...], rate: float
    ):
        self.file, self.recording, self.roles, self.names, self.rate = file, recording, roles, names, rate
        self.named = table.named
        used = {*names, *roles.others}
        self.left_out = tuple(n for n in table.header if n not in used)


def _read_file(path: Path, name: str, options: ReadOptions, like: _Part | None, frames: FrameStore) -> list[_Part]:
    with open_table(path, name) as reader:
        try:
            roles = _roles(reader.names, options)
        except ValueError as error:
            raise BadFilesError([Problem(name, None, str(error))]) from None
        if (halves := reader.halves(roles.time)) is not None:
            roles = replace(roles, time=halves[0], clock=halves[1])
        table = reader.table((roles.label, roles.group, roles.series), roles.time, roles.clock)
    names = roles.features or tuple(n for n in table.header if n and table.is_number(n) and n not in roles.others)
    text = next((n for n in names if not table.is_number(n)), None)
    if text is not None:
        raise BadFilesError([Problem(name, None, f"column {text!r} holds text, expected numbers for a feature")])
    if not names:
        raise BadFilesError([Problem(name, None, _no_numbers(table, "" if options.roles.label else roles.label))])
    if like is not None:
        there = set(names)
        lacking = next((n for n in like.names if n not in there), None)
        if lacking is not None:
            reason = (
                f"no column {lacking!r} of numbers, which {like.file} has; found {', '.join(map(repr, names[:12]))}"
            )
            raise BadFilesError([Problem(name, None, reason)])
        names = like.names
    parts = [
        _part(name, table, roles, names, rows, series, options, frames)
        for series, rows in _series(table, roles.series, Path(name).name)
    ]
    if like is None:
        first = parts[0].recording
        clock = [_unread(table.clock)] if not roles.time and table.clock is not None else []
        if roles.clock:
            day, of_day = (printable(column, 40) for column in (roles.time, roles.clock))
            clock.append(f"days in {day} and times of the day in {of_day} are taken together, as the time")
        comma = [_decimal(table)] if table.comma else []
        parts[0].recording = replace(first, notes=(*first.notes, *clock, *comma, *_left_out(table, roles)))
    return parts


def _no_numbers(table: Table, label: str) -> str:
    """That a table has no column of numbers, and what it has. label: the column that was taken for it by its name."""
    if label:
        return (
            f"no column of numbers but {printable(label, 40)!r}, which its name says are labels: --task forecast, or "
            "--columns of another task, takes it for what is measured"
        )
    found = [
        f"{printable(column, 40)!r} begins with {printable(first.cell, 40)!r}"
        for column, first in table.words.items()
    ]
    shown = f": {', '.join(found[:3])}" if found else ""
    apart = "; cells are told apart by commas, semicolons or tabs" if len(table.header) == 1 else ""
    as_texts = "; a column of texts is read by edgelstm init --task text --columns COLUMN" if found else ""
    return f"no column of numbers, expected at least one{shown}{apart}{as_texts}"


def _left_out(table: Table, roles: Roles) -> list[str]:
    """On columns of text, which are no features: what people take for numbers, numbers below a word, and the rest."""
    told, rest = [], []
    for column, word in table.words.items():
        if column in (*roles.others, table.clock):
            continue
        name, cell = printable(column, 40), printable(word.cell, 40)
        if is_dressed(word.cell):
            told.append(
                f"{name} begins with {cell!r}, which is no plain number, so it is left out: "
                "write numbers without signs between thousands, %, or a currency"
            )
        elif word.number:
            told.append(
                f"{name} is left out, for its first cell is {cell!r} in line {word.line}, though line {word.number} "
                "has a number: write nothing where nothing was measured"
            )
        else:
            rest.append(f"{name} ({cell!r} in line {word.line})")
    if rest:
        more = f" and {len(rest) - _MOST_TOLD} more" if len(rest) > _MOST_TOLD else ""
        told.append(f"left out, as words: {', '.join(rest[:_MOST_TOLD])}{more}")
    return told


def _unread(clock: str) -> str:
    if not clock:
        return "a column without a name holds dates and is not read: name it time in the file"
    return f"{printable(clock, 40)} holds dates and is not read: name it with --time"


def _decimal(table: Table) -> str:
    """That one name stands above what may be two columns, and how it was taken."""
    shown = printable(table.comma, 20)
    return (
        f"{printable(table.header[0], 40)} is the only name, so {shown} is one number, {shown.replace(',', '.')}: "
        "name each column if they are two"
    )


def _roles(header: Sequence[str], options: ReadOptions) -> Roles:
    """ValueError for a column that is not there."""
    said = told_by(options.names)
    for role in said:
        if name := getattr(options.roles, role):
            raise ValueError(f"{role} is column {name!r} and {{{role}}} in names, expected one of them")
    use = [role for role in ROLES if role not in said]
    if header:
        return find_roles(header, options.roles, use, options.may_lack, options.measured)
    for role in ("time", "label", "group", "series"):  # without names, all are features
        if (name := getattr(options.roles, role)) and role not in options.may_lack:
            raise ValueError(f"no header with names of columns, expected one with {name!r} for {role}")
    return Roles()


def _series(table: Table, column: str, whole: str) -> list[tuple[str, Rows]]:
    """(name, rows) of each series, in order of appearance."""
    if not column:
        return [(whole, slice(0, len(table.lines)))]
    names, places = table.texts[column], table.numbers(column)
    ends = [0]  # where the series changes
    for part in chunks(len(places), 8):
        here = places[part.start : part.stop + 1]
        ends += (np.flatnonzero(here[1:] != here[:-1]) + part.start + 1).tolist()
        if len(ends) > len(names):  # rows of several are mixed
            order = np.argsort(places, kind="stable")
            stops = np.searchsorted(places[order], np.arange(len(names)), side="right")
            rows: list[Rows] = [order[start:stop] for start, stop in zip([0, *stops[:-1]], stops)]
            break
    else:
        rows = [slice(start, stop) for start, stop in zip(ends, [*ends[1:], len(places)])]
    return [(name or "(no series)", some) for name, some in zip(names, rows, strict=True)]


def _part(
    file: str,
    table: Table,
    roles: Roles,
    names: tuple[str, ...],
    rows: Rows,
    name: str,
    options: ReadOptions,
    frames: FrameStore,
) -> _Part:
    rate = 0.0
    holes: Sequence[tuple[int, int]] = ()
    notes: list[str] = []
    if roles.time:
        timing = read_timing(_seconds(file, table, roles.time, rows))
        rate, holes = timing.rate, timing.holes
        if timing.order is not None:
            rows = (np.arange(rows.start, rows.stop) if isinstance(rows, slice) else rows)[timing.order]
        if timing.back:
            notes.append(f"time goes back {counted(timing.back, 'time')}; frames were put in order")
        if timing.repeated:
            notes.append(f"time stands still {counted(timing.repeated, 'time')}; all frames stay")
    gaps = Gaps(file, table, rows, names, holes)
    places = gaps.fill(frames, options, notes)
    labels = None if not roles.label else _labels(table, roles.label, rows, places)
    groups = None if not roles.group else _labels(table, roles.group, rows, places)
    label = None
    if labels is not None and len(found := _without_holes(labels, places)) == 1:
        label, labels = found[0] or None, None
    if groups is not None and len(found := _without_holes(groups, places)) > 1:
        raise BadFilesError([Problem(file, None, f"{name}: groups {', '.join(sorted(found)[:5])}, expected one")])
    recording = Recording(
        name,
        FRAMES_TO_COME,
        label,
        labels,
        None if groups is None else _without_holes(groups, places)[0] or None,
        notes=tuple(notes),
        lacking=gaps.lacking if options.looks else (),
    )
    return _Part(file, recording, table, roles, names, rate)


def _seconds(file: str, table: Table, column: str, rows: Rows) -> NDArray[np.float64]:
    """(rows,): when each was recorded."""
    unit = 1.0 if table.dated else unit_of_time(column)
    growing, count = Growing((), np.float64), 0
    are_dates: bool | None = None if may_be_dates(unit) else False
    for values in table.parts(rows, [column]):
        if are_dates is None:
            are_dates = _are_dates(values[:, 0])
        try:
            unit = unit_of_numbers(float(values[0, 0])) if unit is None else unit
            growing.add(calendar_times(values[:, 0]) if are_dates else number_times(values[:, 0], unit))
        except ValueError as error:
            line = int(table.lines[rows][count + error.args[1]])
            raise BadFilesError([Problem(file, line, error.args[0])]) from None
        count += len(values)
    return growing.done()


def _are_dates(values: NDArray[np.float64]) -> bool:
    """Whether numbers are dates by their digits, each of them: of what counts, soon one is not."""
    try:
        calendar_times(values)
        return True
    except ValueError:
        return False


def _labels(table: Table, column: str, rows: Rows, places: NDArray[np.int64] | None) -> FrameLabels:
    """The texts of a column in the frames that became of these rows; none where a frame was put in."""
    texts = table.texts[column]
    names = tuple(text for text in texts if text)
    codes = np.array([names.index(text) if text else -1 for text in texts], np.int32)
    found = joined((codes[part[:, 0].astype(np.int64)] for part in table.parts(rows, [column])), (), np.int32)
    return FrameLabels(names, found if places is None else np.where(places < 0, -1, found[places]))


def _without_holes(labels: FrameLabels, places: NDArray[np.int64] | None) -> list[str]:
    """What the frames that were recorded say, each once."""
    return list((labels if places is None else FrameLabels(labels.names, labels.codes[places >= 0])).counts())


def _together(recordings: Sequence[Recording], parts: Sequence[_Part], frames: FrameStore, name: str) -> Recordings:
    first = parts[0]
    rates = np.array([part.rate for part in parts if part.rate])
    rate = float(np.median(rates)) if rates.size else 0.0
    for part in parts:
        if part.rate and not np.isclose(part.rate, rate, rtol=0.05):
            reason = f"{show_rate(part.rate)} by its times, expected {rate:g} as the others have"
            raise BadFilesError([Problem(part.file, None, reason)])
    units = tuple(unit_of(column) for column in first.names)
    return Recordings(
        frames.given_to(recordings),
        first.names if first.named else (),
        units if first.named and any(units) else (),
        rate,
        name,
        left_out=first.left_out,
        are_of_anomalies=is_of_anomalies(first.roles.label),
    )
