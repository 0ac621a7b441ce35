"""A CSV that lists CSV files, a recording each, with their labels: as `edgelstm annotate` writes it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from edgelstm.data.columns import find_roles
from edgelstm.data.csv_files import SUFFIXES, read_csv_file
from edgelstm.data.csv_table import read_header, read_table
from edgelstm.data.options import ReadOptions
from edgelstm.data.packed import stem_of, suffix_of
from edgelstm.data.recordings import BadFilesError, Problem, Recording, Recordings
from edgelstm.data.wav_files import FILE_COLUMNS, is_wav_list


def is_csv_list(path: Path) -> bool:
    """Whether the first file that a CSV lists is one, too."""
    header = read_header(path, path.name)
    if not is_wav_list(header):
        return False
    files = read_table(path, path.name, (_column(header),)).text(_column(header))
    return bool(files) and suffix_of(Path(files[0])) in SUFFIXES


def read_csv_list(path: Path, options: ReadOptions) -> Recordings:
    """The files of the list, told from its own folder, each one recording, with the columns of the first. Labels and
    groups are the list's. BadFilesError lists all files that cannot be used."""
    header = read_header(path, path.name)
    of_list = replace(options.roles, features=())  # which are columns of the files
    column, roles = _column(header), find_roles(header, of_list, ("label", "group"), options.may_lack)
    table = read_table(path, path.name, (column, *roles.others))
    labels, groups = (table.text(name) if name else [] for name in (roles.label, roles.group))
    free = replace(options, may_lack=("time", "label", "group", "series"))
    found: list[Recordings] = []
    recordings: list[Recording] = []
    problems: list[Problem] = []
    for row, file in enumerate(table.text(column)):
        try:
            found.append(_read(path, file, int(table.lines[row]), free, found[0] if found else None))
        except BadFilesError as error:
            problems += error.problems
            continue
        label, group = (texts[row] or None if texts else None for texts in (labels, groups))
        recordings.append(replace(found[-1].recordings[0], name=file, label=label, group=group))
    if problems:
        raise BadFilesError(problems)
    return replace(found[0], recordings=tuple(recordings), name=stem_of(path))


def _column(header: tuple[str, ...]) -> str:
    return next(name for name in header if name.strip().lower() in FILE_COLUMNS)


def _read(path: Path, file: str, line: int, options: ReadOptions, first: Recordings | None) -> Recordings:
    """One file. BadFilesError where it is no such file, or is not like the first."""
    place = path.parent / file
    if suffix_of(place) not in SUFFIXES or not place.is_file():
        expected = f"expected a {' or '.join(SUFFIXES)} file that is there"
        raise BadFilesError([Problem(path.name, line, f"{file[:60]!r}, {expected}")])
    found = read_csv_file(place, options)
    if len(found) > 1:
        raise BadFilesError([Problem(file, None, f"{len(found)} recordings, expected one")])
    if first is not None and (found.columns, found.names) != (first.columns, first.names):
        reason = f"columns {', '.join(found.column_names[:6])}, expected {', '.join(first.column_names[:6])}"
        raise BadFilesError([Problem(file, None, reason)])
    return found
