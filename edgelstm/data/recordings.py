"""Recordings as they were found: what a reader of any format gives, before a task says what is to be learned."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.frame_labels import FrameLabels
from edgelstm.data.store import Growing, split
from edgelstm.plain import counted, first_twice


@dataclass(frozen=True, eq=False)
class Recording:
    """One signal from its beginning to its end."""

    name: str  # of the file, or the series
    frames: NDArray[np.float32]  # (frames, columns), finite
    label: str | None = None  # of the whole recording
    frame_labels: Sequence[str] | None = None  # of each frame; "" = none; kept as `FrameLabels`
    group: str | None = None  # who or where it was recorded
    test: bool | None = None  # in the data's own test split
    notes: tuple[str, ...] = ()  # holes, disorder, what was filled: one line each
    lacking: tuple[int, ...] = ()  # values of each column that are not there, where data are only looked at
    targets: NDArray[np.float32] | None = None  # numbers to be told: (1 or frames, targets), NaN = not known

    def __post_init__(self) -> None:
        if self.frame_labels is not None:
            object.__setattr__(self, "frame_labels", FrameLabels.of(self.frame_labels))


@dataclass(frozen=True, eq=False)
class Recordings:
    """Recordings with the same columns. ValueError, naming the recording, where they do not fit one another."""

    recordings: tuple[Recording, ...]
    names: tuple[str, ...]  # of the columns; empty = not known
    units: tuple[str, ...] = ()  # of the columns, "" where not known; empty = none known
    sample_rate: float = 0.0  # frames per second; 0 = unknown
    name: str = "data"
    source: str = ""  # where it comes from, and its licence
    left_out: tuple[str, ...] = field(default=())  # columns that are no numbers
    target_names: tuple[str, ...] = ()  # of the recordings' targets; empty = there are none
    labels: tuple[str, ...] = ()  # all that recordings and frames may have, in their order; empty = none is given
    are_measured: bool = False  # labels are numbers to be told, as the data say; else that depends on the task
    label_from: Literal["", "folder", "name"] = ""  # what of files told their labels; empty = something else
    are_of_anomalies: bool = False  # labels say what is anomalous, by their column's name

    def __post_init__(self) -> None:
        if not self.recordings:
            raise ValueError(f"{self.name}: no recordings, expected at least one")
        width = self.columns
        for recording in self.recordings:
            frames = recording.frames
            if frames.ndim != 2 or 0 in frames.shape or frames.shape[1] != width:
                raise ValueError(f"{recording.name}: frames of shape {frames.shape}, expected (1 or more, {width})")
            if recording.frame_labels is not None and len(recording.frame_labels) != len(frames):
                raise ValueError(
                    f"{recording.name}: {counted(len(recording.frame_labels), 'label')} of frames, expected "
                    f"{len(frames)}"
                )
            shape = () if recording.targets is None else recording.targets.shape
            if self.target_names and shape not in [(rows, len(self.target_names)) for rows in (1, len(frames))]:
                raise ValueError(
                    f"{recording.name}: targets of shape {shape}, expected (1 or {len(frames)}, "
                    f"{len(self.target_names)})"
                )
        for what, texts in (("names", self.names), ("units", self.units)):
            if texts and len(texts) != width:
                raise ValueError(f"{self.name}: {len(texts)} {what} of columns, expected {width} or none")
        known = set(self.labels)
        lost = next(
            (r.label for r in self.recordings if known and r.label is not None and r.label not in known), None
        )
        if lost is not None:
            raise ValueError(f"{self.name}: label {lost[:40]!r}, expected one of labels")
        doubled = first_twice(self.names)
        if doubled is not None:
            raise ValueError(f"{self.name}: column {doubled!r} occurs twice, expected each name once")

    def __len__(self) -> int:
        return len(self.recordings)

    @property
    def columns(self) -> int:
        return int(self.recordings[0].frames.shape[-1])

    @property
    def column_names(self) -> tuple[str, ...]:
        """What columns are told by: their names, or their numbers from 0."""
        return self.names or tuple(str(n) for n in range(self.columns))

    @property
    def frames(self) -> int:
        """Of all recordings together."""
        return sum(len(recording.frames) for recording in self.recordings)


FRAMES_TO_COME: NDArray[np.float32] = np.empty((0, 0), np.float32)
"""Of recordings whose frames are in a `FrameStore` while files are read."""


class FrameStore:
    """Frames of all recordings while files are read, one after another: together they may be more than memory
    holds."""

    def __init__(self) -> None:
        self._growing: Growing | None = None
        self._lengths: list[int] = []

    def add(self, parts: Iterable[NDArray[np.floating[Any]]]) -> int:
        """A recording's frames, some (frames, columns) at a time; how many they are."""
        length = 0
        for part in parts:
            self._growing = self._growing or Growing(part.shape[1:], np.float32)
            self._growing.add(part)
            length += len(part)
        self._lengths.append(length)
        return length

    def given_to(self, recordings: Sequence[Recording]) -> tuple[Recording, ...]:
        """As many recordings as were added, in that order, each with its frames."""
        assert self._growing is not None  # no reader gives none
        frames = split(self._growing.done(), self._lengths)
        return tuple(replace(recording, frames=x) for recording, x in zip(recordings, frames, strict=True))


@dataclass(frozen=True)
class Problem:
    """Why a file cannot be used."""

    file: str
    row: int | None  # counted from 1, as an editor does
    reason: str
    remedy: str = ""  # that others may have, too

    def __str__(self) -> str:
        return f"{self.file}: {self.reason}" if self.row is None else f"{self.file} line {self.row}: {self.reason}"


class BadFilesError(ValueError):
    """Everything that is wrong with a set of files, found in one go. Its text has a line for each problem, and then
    one for each remedy."""

    MOST = 20

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(problems)
        shown = [str(problem) for problem in problems[: self.MOST]]
        if len(problems) > self.MOST:
            shown.append(f"and {len(problems) - self.MOST} more")
        remedies = dict.fromkeys(problem.remedy for problem in problems if problem.remedy)
        if len(problems) == 1:
            shown = [f"{shown[0]} ({remedy})" for remedy in remedies] or shown
        else:
            shown += remedies
        super().__init__("\n".join(shown))
