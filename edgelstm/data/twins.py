"""Recordings that are there twice: one that trains beside one that tests makes a result too good."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.dataset import Dataset

_TELLING = 16  # frames of a recording, of which no two are the same by chance

TOO_GOOD = "the result would be too good; leave one out, or give both one group"

Places = NDArray[np.int64]


def twins(sequences: Sequence[NDArray[np.float32]]) -> Iterator[tuple[int, int]]:
    """(place of the first, place) of each that is the same as one before it. Constant ones and very short ones may be
    alike by chance, and are none."""
    seen: dict[bytes, int] = {}
    for place, x in enumerate(sequences):
        if len(x) < _TELLING or (x.min(axis=0) == x.max(axis=0)).all():
            continue
        first = seen.setdefault(sha256(np.ascontiguousarray(x).data).digest(), place)
        if first != place:
            yield first, place


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
