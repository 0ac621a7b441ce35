"""Recordings of sound: a folder of WAV files, or a CSV that lists them. Frames are samples, -32768 to 32767."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edgelstm.data.audacity import labels_of_frames, read_label_track
from edgelstm.data.columns import find_roles
from edgelstm.data.csv_table import read_table
from edgelstm.data.labels import groups_of_places, labels_of_places, place_of_labels
from edgelstm.data.options import ReadOptions
from edgelstm.data.packed import stem_of
from edgelstm.data.recordings import FRAMES_TO_COME, BadFilesError, FrameStore, Problem, Recording, Recordings
from edgelstm.data.store import scratch_folder
from edgelstm.files import read_bounded
from edgelstm.plain import counted
from edgelstm.wav import WavFormat, names_of, read_wav

SUFFIX = ".wav"
FILE_COLUMNS = ("file", "path", "filename", "wav", "fname")
_SPEAKER = "_nohash_"  # Speech Commands: what stands before it in a file's name is the speaker
_BACKGROUND = "_background_noise_"
_TESTING = "testing_list.txt"


def read_wav_folder(folder: Path, options: ReadOptions) -> Recordings:
    """Every `.wav` in `folder` and below. BadFilesError lists all files that cannot be used.

    Labels are told as by `read_csv_folder`. A label track of Audacity's beside a file (the same name with `.txt`)
    gives every frame its own. In a folder laid out as Speech Commands the speaker is the group, `testing_list.txt`
    the data's own split, and `_background_noise_` is left out.
    """
    paths = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() == SUFFIX and path.is_file() and _BACKGROUND not in path.parts
    )
    if not paths:
        raise ValueError(f"{folder}: no {SUFFIX} files, expected one for each recording")
    names = [path.relative_to(folder) for path in paths]
    labels, groups = labels_of_places(names, options), groups_of_places(names, options)
    testing = _listed(folder / _TESTING)
    sounds = _read_all(zip(paths, (name.as_posix() for name in names)))
    recordings = []
    for recording in sounds.recordings:
        place = Path(recording.name)
        speaker, found, _ = place.name.partition(_SPEAKER)
        recordings.append(
            replace(
                recording,
                label=None if recording.frame_labels is not None else labels.get(recording.name),
                group=groups.get(recording.name, speaker if found else None),
                test=recording.name in testing if testing else None,
            )
        )
    label_from = place_of_labels(names, options) if any(r.label for r in recordings) else ""
    return replace(_together(recordings, sounds, folder.name), label_from=label_from)


def read_wav_file(path: Path, _: ReadOptions) -> Recordings:
    """One file, with no label but those of frames that a label track beside it gives."""
    sounds = _read_all([(path, path.name)])
    return _together(sounds.recordings, sounds, path.stem)


def is_wav_list(header: Iterable[str]) -> bool:
    """Whether a CSV with these columns lists files."""
    return any(name.strip().lower() in FILE_COLUMNS for name in header)


def read_wav_list(path: Path, options: ReadOptions) -> Recordings:
    """A CSV with a column of files, told from its own folder, and columns for their labels and groups."""
    table = read_table(path, path.name, ())
    column = next(name for name in table.header if name.strip().lower() in FILE_COLUMNS)
    of_list = replace(options.roles, features=())  # which are channels of the files
    roles = find_roles(table.header, of_list, ("label", "group"), options.may_lack)
    table = read_table(path, path.name, (column, *roles.others))
    files = table.text(column)
    labels, groups = (table.text(name) if name else [] for name in (roles.label, roles.group))
    problems = [
        Problem(path.name, int(line), f"{file[:60]!r}, expected a {SUFFIX} file that is there")
        for line, file in zip(table.lines, files)
        if not file.lower().endswith(SUFFIX) or not (path.parent / file).is_file()
    ]
    if problems:
        raise BadFilesError(problems)
    paths = [path.parent / file for file in files]
    sounds = _read_all(zip(paths, files))
    recordings = [
        replace(
            recording,
            label=(labels[row] or None) if labels else None,
            group=(groups[row] or None) if groups else None,
        )
        for row, recording in enumerate(sounds.recordings)
    ]
    return _together(recordings, sounds, stem_of(path))


@dataclass(frozen=True)
class _Sounds:
    """What was read of files, in their order."""

    recordings: list[Recording]  # their frames are in `frames`
    frames: FrameStore
    format: WavFormat  # of all of them, but for how many frames they have


def _read_all(files: Iterable[tuple[Path, str]]) -> _Sounds:
    recordings: list[Recording] = []
    frames = FrameStore()
    problems: list[Problem] = []
    first: tuple[str, WavFormat] | None = None
    for path, name in files:
        try:
            found, samples = read_wav(path)
            first = first or (name, found)
            if (found.rate, found.channels) != (first[1].rate, first[1].channels):
                raise ValueError(
                    f"{counted(found.channels, 'channel')} at {found.rate} Hz, expected "
                    f"{counted(first[1].channels, 'channel')} at {first[1].rate} Hz as in {first[0]}"
                )
            length = frames.add(samples)
            track = path.with_suffix(".txt")
            labels = None
            if track.is_file():
                stretches = read_label_track(track, Path(name).with_suffix(".txt").as_posix())
                labels = labels_of_frames(stretches, length, found.rate)
            recordings.append(Recording(name, FRAMES_TO_COME, frame_labels=labels))
        except BadFilesError as error:
            problems += error.problems
        except (ValueError, OSError) as error:
            if isinstance(error, OSError) and error.filename == scratch_folder():
                raise
            problems.append(Problem(name, None, str(error)))
    if problems:
        raise BadFilesError(problems)
    assert first is not None  # nobody asks for no files
    return _Sounds(recordings, frames, first[1])


def _listed(path: Path) -> frozenset[str]:
    if not path.is_file():
        return frozenset()
    return frozenset(read_bounded(path, 64 << 20).decode("utf-8", "replace").split("\n")) - {""}


def _together(recordings: Sequence[Recording], sounds: _Sounds, name: str) -> Recordings:
    """`recordings`: those of `sounds`, with what else is known of each."""
    channels = sounds.format.channels
    names = names_of(channels)
    return Recordings(sounds.frames.given_to(recordings), names, sample_rate=float(sounds.format.rate), name=name)
