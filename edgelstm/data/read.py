"""Data as people have it: one door for every format."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edgelstm.data.csv_files import SUFFIXES as CSV_SUFFIXES
from edgelstm.data.csv_files import read_csv_file, read_csv_folder
from edgelstm.data.csv_list import is_csv_list, read_csv_list
from edgelstm.data.csv_table import read_header
from edgelstm.data.npz_file import read_npz_file
from edgelstm.data.numbers import places_of
from edgelstm.data.options import DEFAULTS, ReadOptions
from edgelstm.data.packed import suffix_of
from edgelstm.data.recordings import Recordings
from edgelstm.data.store import select_columns
from edgelstm.data.ts import read_ts, read_ts_pair
from edgelstm.data.wav_files import is_wav_list, read_wav_file, read_wav_folder, read_wav_list
from edgelstm.devices.units import show_rate


@dataclass(frozen=True)
class DataFormat:
    """One way in which recordings lie on a disk."""

    name: str
    summary: str
    takes: Callable[[Path], bool]
    read: Callable[[Path, ReadOptions], Recordings]


Suffix = Callable[[Path], str]

_SAME_RATE = 0.05  # of it, by which recordings of one set may differ

_TS = (".ts", ".ts.gz")


def _suffix(path: Path) -> str:
    return path.suffix.lower()


def _holds(*suffixes: str, suffix: Suffix = _suffix) -> Callable[[Path], bool]:
    return lambda path: path.is_dir() and any(suffix(p) in suffixes and p.is_file() for p in path.rglob("*"))


def _ends(*suffixes: str, suffix: Suffix = _suffix) -> Callable[[Path], bool]:
    return lambda path: path.is_file() and suffix(path) in suffixes


_holds_tables, _is_table = _holds(*CSV_SUFFIXES, suffix=suffix_of), _ends(*CSV_SUFFIXES, suffix=suffix_of)


def _is_wav_list(path: Path) -> bool:
    return _is_table(path) and is_wav_list(read_header(path, path.name))


def _pair(folder: Path) -> tuple[Path, Path] | None:
    """The `…_TRAIN.ts` of a folder and its `…_TEST.ts`, each packed or not."""
    for train in sorted(folder.glob("*_TRAIN.ts*")) if folder.is_dir() else ():
        name = train.name.partition("_TRAIN.ts")[0]
        for end in _TS if train.name.removeprefix(f"{name}_TRAIN") in _TS else ():
            test = train.with_name(f"{name}_TEST{end}")
            if test.is_file():
                return train, test
    return None


def _read_pair(folder: Path, options: ReadOptions) -> Recordings:
    pair = _pair(folder)
    assert pair is not None  # `takes` has found it
    return read_ts_pair(*pair, options)


FORMATS = (
    DataFormat("npz", "an .npz file", _ends(".npz"), read_npz_file),
    DataFormat("ts", "a .ts file", _ends(".ts", suffix=suffix_of), read_ts),
    DataFormat("ts-pair", "a folder of NAME_TRAIN.ts, NAME_TEST.ts", lambda p: _pair(p) is not None, _read_pair),
    DataFormat("wav", "a .wav file", _ends(".wav"), read_wav_file),
    DataFormat("wav-folder", "a folder of these", _holds(".wav"), read_wav_folder),
    DataFormat("csv-list", "a list of .csv files", lambda path: _is_table(path) and is_csv_list(path), read_csv_list),
    DataFormat("wav-list", "or of .wav", _is_wav_list, read_wav_list),
    DataFormat(
        "csv-folder",
        "a folder of .csv or .tsv files",
        _holds_tables,
        read_csv_folder,
    ),
    DataFormat("csv", "one such file", _is_table, read_csv_file),
)
"""Asked in this order; the first that takes a path reads it."""

OF_FILES = ("csv-folder", "wav-folder")
"""Formats of a file for each recording, whose names may say something."""

_PACKED = (".gz", ".zip", ".bz2", ".xz", ".zst", ".7z", ".tar", ".tgz", ".rar")
_TABLES = (".xlsx", ".xls", ".ods", ".parquet", ".feather", ".mat", ".h5", ".hdf5", ".json", ".arff", ".dat")


def _packed(path: Path) -> Path | None:
    """It, if it is packed, or the first file in the folder that is; None where there is none."""
    files = (p for p in sorted(path.rglob("*")) if p.is_file()) if path.is_dir() else (path,)
    return next((p for p in files if p.suffix.lower() in _PACKED), None)


def _unpack(path: Path, packed: Path) -> str:
    """Why a path with that packed file, or that is it, cannot be read."""
    where = f"{path}" if packed == path else f"{path}: a folder with {packed.relative_to(path)}"
    if packed.suffix.lower() == ".gz":
        begin = f"{where}: gzip-compressed" if packed == path else f"{where}, gzip-compressed"
        return f"{begin}, expected what is in it: decompress it first (gunzip)"
    begin = f"{where}: packed" if packed == path else f"{where}, packed"
    return f"{begin}, expected what is in it: unpack it first"


def find_format(path: Path) -> DataFormat:
    """How the recordings at `path` lie there. FileNotFoundError without it, ValueError where no format takes it."""
    if not path.exists():
        raise FileNotFoundError(2, "no such file or folder", str(path))
    for data_format in FORMATS:
        if data_format.takes(path):
            return data_format
    packed = _packed(path)
    if packed is not None:
        raise ValueError(_unpack(path, packed))
    if path.suffix.lower() in _TABLES:
        raise ValueError(f"{path}: suffix {path.suffix}, expected its table saved as .csv")
    found = "a folder without any of these" if path.is_dir() else f"suffix {path.suffix or 'missing'}"
    wanted = ", ".join(data_format.summary for data_format in FORMATS)
    raise ValueError(f"{path}: {found}, expected {wanted} (.csv.gz, .tsv.gz, .ts.gz too; .txt: init --task text)")


def read_recordings(path: Path | str, options: ReadOptions = DEFAULTS) -> Recordings:
    """The recordings at `path`, in whichever format they lie there.

    Raises FileNotFoundError without it, BadFilesError with everything that is wrong in its files, and ValueError, one
    line, for anything else.
    """
    path = Path(path)
    data_format = find_format(path)
    if options.names and data_format.name not in OF_FILES:
        raise ValueError(
            f"{path}: names = {options.names!r}, expected it for a folder of files alone, a recording each"
        )
    found = _with_features(data_format.read(path, options), options.roles.features)
    return with_rate(found, options.rate, str(path))


def with_rate(recordings: Recordings, rate: float, where: str) -> Recordings:
    """With the rate that somebody states, in frames per second, where the data say none; 0 states none. ValueError
    where they say another."""
    found = recordings.sample_rate
    if rate and found and not np.isclose(rate, found, rtol=_SAME_RATE):
        raise ValueError(
            f"{where}: {show_rate(found)} as its times or its header say, expected the {show_rate(rate)} that are "
            "stated (--rate, data.rate), or none stated"
        )
    return replace(recordings, sample_rate=found or rate)


def _with_features(recordings: Recordings, features: Sequence[str]) -> Recordings:
    """With these columns alone, in this order, where the data name theirs. ValueError for one that is not there."""
    if not features or not recordings.names or recordings.names == tuple(features):
        return recordings
    places = places_of(recordings, features)
    frames = select_columns([r.frames for r in recordings.recordings], places)
    return replace(
        recordings,
        recordings=tuple(replace(r, frames=x) for r, x in zip(recordings.recordings, frames)),
        names=tuple(features),
        units=tuple(recordings.units[n] for n in places) if recordings.units else (),
    )
