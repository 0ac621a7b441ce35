"""Recordings that are there twice: one that trains beside one that tests makes a result too good."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.dataset import Dataset
from edgelstm.data.recordings import Recordings
from edgelstm.data.store import chunked
from edgelstm.plain import printable

_TELLING = 16  # frames of a recording that differ from the one before, of which no two are the same by chance
_OF_SYMBOLS = 64  # of texts and the like: names and phrases come again

TOO_GOOD = "the result would be too good; leave one out (edgelstm data convert --unique does), or give both one group"

Places = NDArray[np.int64]


def twins(sequences: Sequence[NDArray[np.float32]]) -> Iterator[tuple[int, int]]:
    """(place of the first, place) of each that is the same as one before it. Very short ones, and those that hardly
    ever change, may be alike by chance, and are none."""
    seen: dict[bytes, int] = {}
    for place, x in enumerate(sequences):
        if not tells(x):
            continue
        first = seen.setdefault(sha256(np.ascontiguousarray(x).data).digest(), place)
        if first != place:
            yield first, place


def tells(x: NDArray[np.float32]) -> bool:
    """Whether x (frames, features) changes so often that another is not the same by chance."""
    changes = 1  # the first frame
    least = _OF_SYMBOLS if np.isin(x[:_OF_SYMBOLS], (0, 1)).all() else _TELLING
    for part in chunked(x):
        changes += int((part[1:] != part[:-1]).any(axis=1).sum())
        if changes >= least:
            return True
    return False


def unique(recordings: Recordings) -> Recordings:
    """Without recordings that are the same as one before them."""
    again = {place for _, place in twins([r.frames for r in recordings.recordings])}
    return replace(
        recordings, recordings=tuple(r for place, r in enumerate(recordings.recordings) if place not in again)
    )


def refuse_twins(dataset: Dataset, train: Places, test: Places) -> None:
    """ValueError for a recording that is there twice, to learn from and to test on."""
    side = np.full(len(dataset), -1)
    side[train], side[test] = 0, 1
    for one, other in twins(dataset.sequences):
        if {int(side[one]), int(side[other])} == {0, 1}:
            raise ValueError(
                f"{dataset.name}: {recording_told(dataset, one)} and {recording_told(dataset, other)} are the same, "
                f"and one trains while the other tests: {TOO_GOOD}"
            )


def recording_told(dataset: Dataset, place: int) -> str:
    """A recording by its name, or by its place where it has none of its own."""
    if dataset.is_each_alone and dataset.group_names:
        return printable(dataset.group(place), 60)
    return f"recording {place}"
