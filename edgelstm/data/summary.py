"""What was understood of a set of recordings: what `edgelstm data inspect` shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.file_names import group_hints, label_hints
from edgelstm.data.frame_labels import FrameLabels
from edgelstm.data.hops import are_samples, say_sound
from edgelstm.data.labels import NUMBERS, alike, are_numbers
from edgelstm.data.overlaps import overlaps
from edgelstm.data.read import OF_FILES
from edgelstm.data.recordings import Recording, Recordings
from edgelstm.data.store import chunked, every_nth
from edgelstm.data.twins import TOO_GOOD, twins
from edgelstm.plain import counted, printable

_FAR = 20.0  # spreads from the median, beyond which a value is an outlier
_FEW = 0.01  # of all frames, that may be glitches
_LEAST_STEPS = 8  # by which a column is known to count frames
_EVEN = 0.01  # of a step, by which steps of a counter may differ
_STEPS = 64  # of float32 at a column's magnitude that its deviation has at least, or it cannot be learned from
_MOST_TWINS = 5
_MOST_ALIKE = 5  # columns that are named of those of which the same is said
_MOST_VALUES = 1 << 21  # that medians are taken over: of more, every n-th frame's


@dataclass(frozen=True)
class Column:
    """One column over all recordings."""

    name: str
    unit: str
    least: float
    median: float
    most: float
    deviation: float  # standard
    missing: int  # values that are not there
    outliers: int  # values more than 20 spreads from the median; a spread is that of the middle half
    remark: str  # what makes it useless, and what to do; or ""


@dataclass(frozen=True)
class Summary:
    """All of it. Counts are of recordings, those of `frame_labels` of frames."""

    name: str
    format: str
    recordings: int
    frames: int
    shortest: int
    median_length: int
    longest: int
    sample_rate: float  # frames per second; 0 = unknown
    labels: dict[str, int]
    frame_labels: dict[str, int]
    groups: dict[str, int]
    test: int | None  # recordings of the data's own test split
    columns: tuple[Column, ...]
    left_out: tuple[str, ...]  # columns that are no numbers
    notes: tuple[str, ...]  # of recordings: holes, disorder, what was filled
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        from edgelstm.records import to_json

        values: dict[str, Any] = to_json(self)
        return values


def summarize(recordings: Recordings, data_format: str) -> Summary:
    """Count and measure."""
    lengths = [len(recording.frames) for recording in recordings.recordings]
    labels = Counter(r.label for r in recordings.recordings if r.label is not None)
    frame_labels: Counter[str] = Counter()
    for recording in recordings.recordings:
        if recording.frame_labels is not None:
            frame_labels.update(FrameLabels.of(recording.frame_labels).counts())
    groups = Counter(r.group for r in recordings.recordings if r.group is not None)
    tests = [r.test for r in recordings.recordings if r.test is not None]
    columns = _columns(recordings)
    return Summary(
        recordings.name,
        data_format,
        len(lengths),
        sum(lengths),
        min(lengths),
        int(np.median(lengths)),
        max(lengths),
        recordings.sample_rate,
        dict(sorted(labels.items())),
        dict(sorted(frame_labels.items())),
        dict(sorted(groups.items())),
        sum(tests) if tests else None,
        columns,
        recordings.left_out,
        tuple(f"{r.name}: {note}" for r in recordings.recordings for note in r.notes),
        tuple(_warnings(recordings, labels, frame_labels, columns) + _names(recordings, data_format)),
    )


def _columns(recordings: Recordings) -> tuple[Column, ...]:
    names = recordings.names or tuple(str(n + 1) for n in range(recordings.columns))
    units = recordings.units or ("",) * recordings.columns
    arrays = [r.frames for r in recordings.recordings]
    some = every_nth(arrays, _MOST_VALUES // recordings.columns + 1).astype(np.float64)
    low, median, high = np.percentile(some, (25, 50, 75), axis=0)
    spread = high - low
    least, most = (
        np.min([p.min(axis=0) for p in _parts(arrays)], axis=0),
        np.max([p.max(axis=0) for p in _parts(arrays)], axis=0),
    )
    mean = sum(p.sum(axis=0, dtype=np.float64) for p in _parts(arrays)) / recordings.frames
    deviation = np.sqrt(sum(((p - mean) ** 2).sum(axis=0) for p in _parts(arrays)) / recordings.frames)
    far = sum((np.abs(p - median) > _FAR * spread).sum(axis=0) for p in _parts(arrays))
    outliers = np.where(spread > 0, far, 0)
    rise = _rise(arrays)
    missing = np.sum([r.lacking or (0,) * recordings.columns for r in recordings.recordings], axis=0)
    return tuple(
        Column(
            names[n],
            units[n],
            float(least[n]),
            float(median[n]),
            float(most[n]),
            float(deviation[n]),
            int(missing[n]),
            int(outliers[n]),
            _remark(float(least[n]), float(median[n]), float(most[n]), float(deviation[n]), float(rise[n])),
        )
        for n in range(recordings.columns)
    )


def _parts(arrays: list[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
    return (part for array in arrays for part in chunked(array))


def _rise(arrays: list[NDArray[np.float32]]) -> NDArray[np.float64]:
    """(columns,): by how much each rises from frame to frame where that is always the same, nearly; else 0."""
    columns = arrays[0].shape[1]
    least, most, coarse = np.full(columns, np.inf), np.full(columns, -np.inf), np.zeros(columns)
    count = 0
    for part in _parts(arrays):
        steps = np.diff(part, axis=0)
        if len(steps):
            least, most = np.minimum(least, steps.min(axis=0)), np.maximum(most, steps.max(axis=0))
            coarse = np.maximum(coarse, np.spacing(np.abs(part).max(axis=0)))
        count += len(steps)
    if count < _LEAST_STEPS:
        return np.zeros(columns)
    rise = np.where(np.isfinite(least), least + most, 0) / 2
    return np.where((least > 0) & (most - least <= _EVEN * rise + 2 * coarse), rise, 0.0)


def _remark(least: float, median: float, most: float, deviation: float, rise: float) -> str:
    """What makes a column useless, and what to do."""
    step = float(np.spacing(np.float32(abs(median))))
    if least == most:
        coarse = f" (float32 has steps of {step:g} there: if it changes in your data, subtract an offset)"
        return f"is always {median:g}: it tells nothing{coarse if step >= 1 else ''}"
    if deviation < _STEPS * step:
        return (
            f"is {median:.6g} with a deviation of {deviation:.3g}, which float32 can hardly tell: subtract an offset"
        )
    if rise:
        return (
            f"rises by {rise:.4g} at every frame: it counts, and measures nothing; name it with --time, or take it "
            "out"
        )
    return ""


def _warnings(
    recordings: Recordings, labels: Counter[str], frame_labels: Counter[str], columns: tuple[Column, ...]
) -> list[str]:
    found = []
    unlabelled = sum(r.label is None and r.frame_labels is None for r in recordings.recordings)
    if 0 < unlabelled < len(recordings.recordings):
        found.append(f"{unlabelled} of {len(recordings.recordings)} recordings have no label")
    if len(labels) == 1:
        only = next(iter(labels))
        found.append(f"one class only ({only}): nothing to tell apart, unless as normal from what is not (anomaly)")
    found += [f"labels {words}" for words in alike([*labels, *frame_labels])]
    if not recordings.are_measured and are_numbers(list(labels), len(recordings.recordings)):
        found.append(NUMBERS.format(len(labels)))
    elif (
        not recordings.are_measured
        and len(labels) > 1
        and (few := [label for label, count in labels.items() if count < 5])
    ):
        found.append(f"fewer than 5 recordings of {', '.join(few[:5])}: too few to learn from and to test on")
    if any(any(r.lacking) for r in recordings.recordings):
        found.append(_lacking(recordings, columns))
    found += _twins(recordings) + _overlaps(recordings)
    longest = max(len(r.frames) for r in recordings.recordings)
    if recordings.columns > longest:
        found.append(
            f"{counted(recordings.columns, 'column')} and at most {counted(longest, 'frame')}: are the axes "
            "exchanged? X is (sequences, frames, features)"
        )
    is_sound = say_sound(recordings.names) and are_samples(
        [r.frames for r in recordings.recordings], recordings.names, recordings.sample_rate
    )
    return found + _remarks(columns, recordings.frames, is_sound)


def _names(recordings: Recordings, data_format: str) -> list[str]:
    """A line where parts of the names of files most likely tell groups, or labels that nothing else does."""
    whole = recordings.recordings
    if data_format not in OF_FILES or any(r.group is not None or r.frame_labels is not None for r in whole):
        return []
    names = [r.name for r in whole]
    if hints := group_hints(names, [r.label or "" for r in whole], recordings.label_from == "name"):
        said = "; or ".join(map(str, hints))
        return [
            f"a part of the files' names comes again under several labels: {said}: if it says who or where was "
            "recorded, a split then keeps each on one side"
        ]
    if any(r.label is not None for r in whole) or not (hints := label_hints(names)):
        return []
    return [f"no label: {'; or '.join(map(str, hints[:2]))}"]


def _remarks(columns: Sequence[Column], frames: int, is_sound: bool) -> list[str]:
    """What makes columns useless, of those together of which the same is said, and values far outside: few are
    glitches, many are how the column is."""
    alike: dict[str, list[str]] = {}
    for column in columns:
        alike.setdefault(column.remark, []).append(column.name)
    found = []
    for column in columns:
        same = alike[column.remark]
        if column.remark and len(same) == 1:
            found.append(f"column {column.name} {column.remark}")
        elif column.remark and same[0] == column.name:
            more = f" and {len(same) - _MOST_ALIKE} more" if len(same) > _MOST_ALIKE else ""
            found.append(f"columns {', '.join(same[:_MOST_ALIKE])}{more}: each {column.remark}")
    if is_sound:
        return found  # it is still most of the time
    for column in columns:
        far = f"{column.outliers} far outside ({column.least:g} to {column.most:g})"
        if column.outliers > _FEW * frames and max(abs(column.least), abs(column.most)) > _FAR * abs(column.median):
            found.append(
                f"column {column.name}: {far}: what is small is hardly seen beside what is large; learn of its "
                "logarithm, or of frames by their own level (a layer_norm)"
            )
        elif column.outliers:
            found.append(f"column {column.name}: {far}")
    return found


def _lacking(recordings: Recordings, columns: tuple[Column, ...]) -> str:
    """A line about values that are not there, and what to do: a hole in a recording lets nobody know its ends."""
    known = all(column.missing < recordings.frames for column in columns)
    empty = "" if known else "; data.features in a recipe names columns to learn from, without those that are empty"
    lost = counted(sum(column.missing for column in columns), "value")
    return (
        f"{lost} missing: --missing interpolate (a line between neighbours) or --missing hold (the value before) for "
        f"init fills them; here they are held{empty}"
    )


def _twins(recordings: Recordings) -> list[str]:
    """A line about recordings that are there twice."""
    whole = recordings.recordings
    pairs = list(twins([r.frames for r in whole]))
    if not pairs:
        return []
    shown = _pairs_told(whole, pairs, "and")
    return [f"the same recordings: {shown}; with one to train on and one to test on {TOO_GOOD}"]


def _pairs_told(whole: Sequence[Recording], pairs: Sequence[tuple[int, int]], word: str) -> str:
    """The first of the pairs, `word` between the two, and how many more there are."""
    shown = "; ".join(f"{_told(whole[one])} {word} {_told(whole[other])}" for one, other in pairs[:_MOST_TWINS])
    return shown + (f" and {len(pairs) - _MOST_TWINS} more" if len(pairs) > _MOST_TWINS else "")


def _overlaps(recordings: Recordings) -> list[str]:
    """A line about recordings that hold frames of others."""
    whole = recordings.recordings
    frames = [r.frames for r in whole]
    pairs = [
        (shared.place, shared.other)
        for shared in overlaps(frames)
        if not len(frames[shared.place]) == len(frames[shared.other]) == shared.frames
    ]
    if not pairs:
        return []
    shown = _pairs_told(whole, pairs, "in")
    return [
        f"recordings that hold frames of others: {shown}; train leaves those out of the test that it learns from, or "
        "refuses where they are most of it: keep them on one side by --group, or leave some out"
    ]


def _told(recording: Recording) -> str:
    """Its name, and its side of the data's own split, in which names may come again."""
    side = {True: " (test)", False: " (train)", None: ""}[recording.test]
    return printable(recording.name, 60) + side
