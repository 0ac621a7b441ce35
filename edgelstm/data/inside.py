"""Which files recordings are read from, where they are given as a folder or as a list."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from edgelstm.data.csv_files import SUFFIXES as CSV_SUFFIXES
from edgelstm.data.csv_table import read_header, read_table
from edgelstm.data.packed import suffix_of
from edgelstm.data.recordings import BadFilesError
from edgelstm.data.wav_files import FILE_COLUMNS, SUFFIX, is_wav_list

_SUFFIXES = (*CSV_SUFFIXES, SUFFIX, ".ts", ".txt")


def files_of(path: Path) -> Iterator[Path]:
    """`path`; of a folder every file in it and below that some format reads, of a list of sound what it lists, with
    label tracks. What cannot be read is left to whoever reads it."""
    yield path
    if path.is_dir():
        yield from (one for one in path.rglob("*") if suffix_of(one) in _SUFFIXES)
    elif suffix_of(path) in CSV_SUFFIXES and path.is_file():  # a pipe can be read but once
        with contextlib.suppress(BadFilesError, ValueError, OSError):
            yield from _listed(path)


def _listed(path: Path) -> Iterator[Path]:
    header = read_header(path, path.name)
    if not is_wav_list(header):
        return
    column = next(name for name in header if name.strip().lower() in FILE_COLUMNS)
    for file in read_table(path, path.name, (column,)).text(column):
        yield path.parent / file
        yield (path.parent / file).with_suffix(".txt")
