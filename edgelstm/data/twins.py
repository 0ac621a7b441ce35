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

_TELLING = 16  # frames of a recording that differ from the one before, of which no two are the same by chance
_OF_SYMBOLS = 64  # of texts and the like: names and phrases come again
_LOOKED = 4096  # frames at a time

TOO_GOOD = "the result would be too good; leave one out (edgelstm data convert --unique does), or give both one group"

Places = NDArray[np.int64]


def twins(sequences: Sequence[NDArray[np.float32]]) -> Iterator[tuple[int, int]]:
    """(place of the first, place) of each that is the same as one before it. Very short ones, and those that hardly
    ever change, may be alike by chance, and are none."""
    seen: dict[bytes, int] = {}
    for place, x in enumerate(sequences):
        if not _tells(x):
            continue
        first = seen.setdefault(sha256(np.ascontiguousarray(x).data).digest(), place)
        if first != place:
            yield first, place


def _tells(x: NDArray[np.float32]) -> bool:
    changes = 1  # the first frame
    least = _OF_SYMBOLS if np.isin(x[:_OF_SYMBOLS], (0, 1)).all() else _TELLING
    for part in chunked(x):
        changes += int((part[1:] != part[:-1]).any(axis=1).sum())
        if changes >= least:
            return True
    return False


def beginnings(sequences: Sequence[NDArray[np.float32]]) -> Iterator[tuple[int, int]]:
    """(place, place of a longer one) of each that is the beginning of another; no symbols: phrases come again."""
    alike: dict[bytes, list[int]] = {}
    for place, x in enumerate(sequences):
        if opening := _opening(x):
            alike.setdefault(opening, []).append(place)
    for places in alike.values():
        by_length = sorted(places, key=lambda place: len(sequences[place]))
        for n, place in enumerate(by_length):
            longer = next(
                (other for other in by_length[n + 1 :] if _begins(sequences[other], sequences[place])), None
            )
            if longer is not None:
                yield place, longer


def _opening(x: NDArray[np.float32]) -> bytes:
    """A mark of its first frames, up to where they tell: what begins with `x` has the same. Empty where they do not
    tell soon."""
    first = np.ascontiguousarray(x[:_LOOKED])
    changes = np.flatnonzero((first[1:] != first[:-1]).any(axis=1))
    if len(changes) < _TELLING - 1 or np.isin(first[:_OF_SYMBOLS], (0, 1)).all():
        return b""
    return sha256(first[: changes[_TELLING - 2] + 2].data).digest()


def _begins(longer: NDArray[np.float32], x: NDArray[np.float32]) -> bool:
    """Whether it begins with `x` and goes on."""
    return len(longer) > len(x) and all(
        np.array_equal(longer[start : start + _LOOKED][: len(x) - start], x[start : start + _LOOKED])
        for start in range(0, len(x), _LOOKED)
    )


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
                f"{dataset.name}: recordings {one} and {other} are the same, and one trains while the other tests: "
                f"{TOO_GOOD}"
            )
