"""Who trains and who tests. A split is two arrays of places in a data set, (train, test)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.dataset import Dataset
from edgelstm.data.pieces import Piece
from edgelstm.plain import counted

Places = NDArray[np.int64]
Split = Literal["auto", "groups", "time", "stretches"]
"""What is kept apart: whole groups, the last part of each recording, or stretches of it (`edgelstm.data.stretches`).
auto: the last part of fewer than `FEW` recordings."""

FEW = 4


def by_groups(dataset: Dataset, test_groups: Sequence[int | str]) -> tuple[Places, Places]:
    """All sequences of `test_groups` (subjects, speakers), told by name, test; all others train."""
    test = dataset.in_groups(test_groups) if len(dataset) > 1 else np.ones(1, np.bool_)
    if len(dataset.all_groups) == 1:
        raise ValueError(_no_sides(dataset, test_groups))
    if test.all() or not test.any():
        raise ValueError(f"groups {list(test_groups)}: expected some to test on and others to train on")
    return np.flatnonzero(~test), np.flatnonzero(test)


def _no_sides(dataset: Dataset, test_groups: Sequence[int | str]) -> str:
    names = ", ".join(map(str, test_groups))
    whole = "a single recording" if len(dataset) == 1 else f"{counted(len(dataset), 'recording')} of one group"
    return (
        f"groups {names}: {dataset.name} is {whole}, of which none is left to train on; without this key, "
        'data.split = "time" tests on the last part of each recording'
    )


def leave_one_group_out(dataset: Dataset) -> Iterator[tuple[str, Places, Places]]:
    """(name of a group, train, test) for each group in turn."""
    for group in dataset.all_groups:
        yield group, *by_groups(dataset, [group])


def given(dataset: Dataset) -> tuple[Places, Places]:
    """The split that the data brought along."""
    if dataset.test is None or dataset.test.all() or not dataset.test.any():
        raise ValueError(f"{dataset.name}: brings no split of its own, expected test groups")
    return np.flatnonzero(~dataset.test), np.flatnonzero(dataset.test)


def stratified(dataset: Dataset, fraction: float, rng: np.random.Generator) -> tuple[Places, Places]:
    """`fraction` of each class tests, at least one and never all of a class of two or more."""
    test: list[int] = []
    for label in np.unique(dataset.y):
        places = rng.permutation(np.flatnonzero(dataset.y == label))
        count = min(max(round(fraction * len(places)), 1), len(places) - 1)
        test += places[: max(count, 0)].tolist()
    rest = np.setdiff1d(np.arange(len(dataset)), test)
    return rest, np.array(sorted(test), dtype=np.int64)


def hold_out(dataset: Dataset, fraction: float, rng: np.random.Generator) -> tuple[Places, Places]:
    """About `fraction` to watch training by: whole groups, or by class where each sequence is its own group."""
    found = held_groups(dataset, fraction, rng)
    return by_groups(dataset, found) if found else stratified(dataset, fraction, rng)


def held_groups(dataset: Dataset, fraction: float, rng: np.random.Generator, turn: int = 0) -> tuple[str, ...]:
    """The groups that `hold_out` chooses; none where each sequence is its own. turn: the same number of groups after
    so many such choices, none of them again as long as there are others."""
    groups = dataset.all_groups
    if len(groups) in (1, len(dataset)):
        return ()
    count, order = min(max(round(fraction * len(groups)), 1), len(groups) - 1), rng.permutation(len(groups))
    return tuple(groups[order[(turn * count + n) % len(groups)]] for n in range(count))


def by_share(dataset: Dataset, share: float, teaches: NDArray[np.bool_] | None = None) -> tuple[Places, Places]:
    """About `share` tests, as `hold_out` chooses. Whatever the seed of the weights it is the same: runs with several
    seeds are told by the same recordings. teaches (sequences,): those that can train; all others test."""
    train, test = hold_out(dataset, share, np.random.default_rng(0))
    if teaches is None:
        return train, test
    return train[teaches[train]], np.union1d(test, np.flatnonzero(~teaches))


def is_by_time(dataset: Dataset, split: object) -> bool:
    """Whether `split` means the last part of each recording of `dataset`."""
    return split == "time" or (split == "auto" and len(dataset) < FEW)


def by_time(dataset: Dataset, share: float) -> tuple[Dataset, Dataset]:
    """(earlier, later): of each recording the last `share`, in frames, is the later part. ValueError where a part
    would have no frame."""
    early, late = [], []
    for place, x in enumerate(dataset.sequences):
        middle = len(x) - round(share * len(x))
        early += [Piece(place, 0, middle)] * (middle > 0)
        late += [Piece(place, middle, len(x))] * (middle < len(x))
    if not (early and late):
        longest = max(map(len, dataset.sequences))
        raise ValueError(
            f"{dataset.name}: the last {share:g} of each recording cannot be kept for a test: the longest has "
            f"{counted(longest, 'frame')}; expected longer recordings, or several of them"
        )
    return dataset.pieces(early), dataset.pieces(late)


def every_fifth(dataset: Dataset) -> tuple[Places, Places]:
    """(to calibrate on, to prove with): every fifth sequence proves, class by class; none of fewer than five."""
    proves = np.sort(np.argsort(dataset.y, kind="stable")[4::5])
    return np.setdiff1d(np.arange(len(dataset)), proves), proves
