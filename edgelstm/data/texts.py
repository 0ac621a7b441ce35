"""Texts as recordings: every symbol is a frame of one 1 among zeros, a column for each symbol that is known.

Symbols are the characters of `.txt` files, or of the cells in a CSV column; or whole cells, such as notes of a tune.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.columns import Roles, find_roles
from edgelstm.data.csv_table import Table, read_header, read_table
from edgelstm.data.labels import groups_of_places, labels_of_places
from edgelstm.data.options import ReadOptions
from edgelstm.data.packed import stem_of, suffix_of
from edgelstm.data.recordings import FRAMES_TO_COME, BadFilesError, FrameStore, Problem, Recording, Recordings
from edgelstm.data.store import chunks
from edgelstm.files import read_bounded
from edgelstm.plain import counted, printable

OTHER = "other"
"""The symbol of all that are not known by name."""

TABLES = (".csv", ".tsv")
MAX_BYTES = 64 << 20
"""Of one text file."""
MAX_ENCODED = 4 << 30
"""Of all frames together, in bytes."""


@dataclass(frozen=True)
class _Text:
    name: str
    symbols: Sequence[str]
    label: str | None = None
    group: str | None = None


def read_texts(path: Path, options: ReadOptions, column: str, is_cells: bool, most: int) -> Recordings:
    """The texts at `path`: a `.txt` file, a folder of them, or a CSV file with a column of texts.

    column: of a CSV file, each row a text; is_cells: each cell a symbol, and each series a text. most: how many
    symbols are known by name, the most frequent ones; the rest are `OTHER`. Where the options name features, these
    are the symbols. FileNotFoundError or OSError without it; BadFilesError for all files that cannot be used;
    ValueError for what else does not fit.
    """
    if suffix_of(path) in TABLES:
        texts = list(_of_table(path, options, column, is_cells))
    else:
        texts = _of_files(path, options)
    names = options.roles.features or _alphabet(texts, most)
    size = 4 * len(names) * sum(len(text.symbols) for text in texts)
    if size > MAX_ENCODED:
        raise ValueError(
            f"{path}: {size >> 20} MB as {counted(len(names), 'column')}, expected at most {MAX_ENCODED >> 20} MB"
        )
    places = {name: place for place, name in enumerate(names)}
    frames = FrameStore()
    for text in texts:
        frames.add(_encoded(text, places))
    recordings = [Recording(text.name, FRAMES_TO_COME, text.label, group=text.group) for text in texts]
    return Recordings(frames.given_to(recordings), tuple(names), name=stem_of(path))


def holds_texts(path: Path) -> bool:
    """Whether there are `.txt` files at `path`, and nothing else that could be recordings."""
    if path.is_file():
        return path.suffix.lower() == ".txt"
    return {p.suffix.lower() for p in path.rglob("*") if p.is_file()} == {".txt"}


def _alphabet(texts: Sequence[_Text], most: int) -> tuple[str, ...]:
    """The most frequent symbols in their own order, and the one for all others."""
    counts = Counter(chain.from_iterable(text.symbols for text in texts))
    counts.pop(OTHER, None)
    chosen = sorted(counts, key=lambda symbol: (-counts[symbol], symbol))[:most]
    return (*sorted(chosen), OTHER)


def _encoded(text: _Text, places: dict[str, int]) -> Iterator[NDArray[np.float32]]:
    """Some frames at a time."""
    other = places.get(OTHER)
    for part in chunks(len(text.symbols), 4 * len(places)):
        symbols = text.symbols[part]
        codes = np.array([places.get(symbol, -1) for symbol in symbols], np.int64)
        if (codes < 0).any():
            if other is None:
                symbol = symbols[int((codes < 0).argmax())]
                raise ValueError(
                    f"{text.name}: {printable(symbol, 20)!r} is none of the symbols, and there is no {OTHER!r}"
                )
            codes[codes < 0] = other
        frames = np.zeros((len(codes), len(places)), np.float32)
        frames[np.arange(len(codes)), codes] = 1
        yield frames


def plain_text(text: str) -> str:
    """Without what ends a line beside the newline."""
    return text.replace("\r", "")


def _of_files(path: Path, options: ReadOptions) -> list[_Text]:
    paths = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.suffix.lower() == ".txt")
    if not path.exists():
        raise FileNotFoundError(2, "no such file or folder", str(path))
    if not paths:
        raise ValueError(f"{path}: no .txt files, expected one for each text, or a .csv file with a column of texts")
    root = path if path.is_dir() else path.parent
    names = [one.relative_to(root) for one in paths]
    labels, groups = labels_of_places(names, options), groups_of_places(names, options)
    problems: list[Problem] = []
    texts = []
    for one, name in zip(paths, names):
        try:
            text = plain_text(read_bounded(one, MAX_BYTES).decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            problems.append(Problem(name.as_posix(), None, f"byte {error.start} is not UTF-8, expected text"))
            continue
        if not text:
            problems.append(Problem(name.as_posix(), None, "no text, expected some"))
        texts.append(_Text(name.as_posix(), text, labels.get(name.as_posix()), groups.get(name.as_posix())))
    if problems:
        raise BadFilesError(problems)
    return texts


def _of_table(path: Path, options: ReadOptions, column: str, is_cells: bool) -> Iterator[_Text]:
    header = read_header(path, path.name)
    if column not in header:
        found = ", ".join(repr(printable(name, 40)) for name in header[:12]) or "no names of columns"
        what = f"no column {printable(column, 40)!r}" if column else "no task.column (init --columns)"
        raise ValueError(f"{path.name}: {what}, expected one that holds texts: {found}")
    wanted = Roles(options.roles.time, options.roles.label, options.roles.group, options.roles.series)
    roles = find_roles(header, wanted)
    table = read_table(path, path.name, (column, roles.label, roles.group, roles.series))
    empty = [
        Problem(path.name, int(table.lines[n]), "no text, expected some")
        for n, text in enumerate(table.text(column))
        if not text
    ]
    if empty:
        raise BadFilesError(empty)
    return _series(table, column, roles, path) if is_cells else _rows(table, column, roles)


def _rows(table: Table, column: str, roles: Roles) -> Iterator[_Text]:
    cells = zip(table.lines, _cells(table, column), _cells(table, roles.label), _cells(table, roles.group))
    for line, text, label, group in cells:
        yield _Text(f"line {line}", text, label or None, group or None)


def _series(table: Table, column: str, roles: Roles, path: Path) -> Iterator[_Text]:
    texts, labels, groups = (_cells(table, name) for name in (column, roles.label, roles.group))
    rows: dict[str, list[int]] = {}
    for row, name in enumerate(_cells(table, roles.series)):
        rows.setdefault(name, []).append(row)
    for name, places in rows.items():
        label, group = ({cells[row] for row in places} for cells in (labels, groups))
        if len(label) > 1 or len(group) > 1:
            raise ValueError(f"{path.name}: {printable(name, 40)}: several labels or groups, expected one")
        yield _Text(name or path.name, [texts[row] for row in places], label.pop() or None, group.pop() or None)


def _cells(table: Table, column: str) -> list[str]:
    """Of a column of text; nothing for each row where there is no such column."""
    return table.text(column) if column else [""] * len(table.lines)
