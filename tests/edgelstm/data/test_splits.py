"""Windows and splits: nobody is on both sides, and nothing is invented."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgelstm.data import Dataset
from edgelstm.data.splits import by_groups, hold_out, leave_one_group_out, stratified
from edgelstm.data.splits import given as given_split
from edgelstm.data.windows import cut


def made(lengths: list[int], y: list[int] | None = None, groups: list[int] | None = None) -> Dataset:
    """Frames that say where they come from: (sequence, frame)."""
    count = len(lengths)
    return Dataset(
        sequences=tuple(np.stack([np.full(n, k), np.arange(n)], axis=1) for k, n in enumerate(lengths)),
        y=np.array(y or [k % 2 for k in range(count)]),
        labels=("a", "b", "c"),
        groups=np.array(groups or range(count)),
        feature_names=("sequence", "frame"),
    )


@settings(max_examples=60, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=5), frames=st.integers(1, 20), hop=st.integers(1, 20)
)
def test_windows_are_pieces_of_their_recording(lengths: list[int], frames: int, hop: int) -> None:
    dataset = made(lengths)
    expected = [(k, a) for k, n in enumerate(lengths) for a in range(0, n, hop) if a + frames <= n]
    if not expected:
        with pytest.raises(ValueError, match="windows"):
            cut(dataset, frames, hop)
        return
    windows = cut(dataset, frames, hop)
    assert [(int(x[0, 0]), int(x[0, 1])) for x in windows.sequences] == expected
    for x, y, group in zip(windows.sequences, windows.y, windows.groups):
        assert x.shape == (frames, 2)
        assert (np.diff(x[:, 1]) == 1).all()
        assert (y, group) == (dataset.y[int(x[0, 0])], dataset.groups[int(x[0, 0])])


@settings(max_examples=60, deadline=None)
@given(
    groups=st.lists(st.integers(0, 4), min_size=2, max_size=20),
    fraction=st.floats(0.05, 0.9),
    seed=st.integers(0, 99),
)
def test_every_sequence_is_on_one_side_and_no_group_on_both(groups: list[int], fraction: float, seed: int) -> None:
    dataset = made([3] * len(groups), groups=groups)
    kinds = len(set(groups))
    train, test = hold_out(dataset, fraction, np.random.default_rng(seed))
    assert sorted([*train, *test]) == list(range(len(groups)))
    assert len(train)
    if 1 < kinds < len(groups):
        assert not set(dataset.groups[train]) & set(dataset.groups[test])
        assert len(test)


def test_leave_one_out_tests_everyone_once() -> None:
    dataset = made([3] * 6, groups=[7, 2, 7, 5, 2, 5])
    seen = [(group, test.tolist()) for group, _, test in leave_one_group_out(dataset)]
    assert seen == [("2", [1, 4]), ("5", [3, 5]), ("7", [0, 2])]


def test_recordings_without_groups_are_told_by_name_or_place() -> None:
    named = replace(made([3] * 4), is_each_alone=True, group_names=("2", "hall.csv", "roof.csv", "yard.csv"))
    for asked, places in ((["roof.csv"], [2]), ([1, "yard.csv"], [1, 3]), (["2"], [0])):  # a name comes first
        assert by_groups(named, asked)[1].tolist() == places
    with pytest.raises(ValueError, match=r"group m5: .*by its name \(2, hall.csv, roof.csv, yard.csv\) or place"):
        by_groups(named, ["m5"])
    with pytest.raises(ValueError, match=r"group 1: not in data, expected one of 2, hall.csv, "):
        by_groups(replace(named, is_each_alone=False), [1])


def test_stratified_keeps_the_shares_of_classes() -> None:
    dataset = made([2] * 50, y=[0] * 30 + [1] * 19 + [2])
    train, test = stratified(dataset, 0.2, np.random.default_rng(0))
    assert np.bincount(dataset.y[test], minlength=3).tolist() == [6, 4, 0]  # never all of a class
    assert sorted([*train, *test]) == list(range(50))


def test_wrong_groups_are_named() -> None:
    dataset = made([3] * 3, groups=[1, 1, 2])
    with pytest.raises(ValueError, match="group 9: not in data, expected one of 1, 2"):
        by_groups(dataset, [9])
    alone = replace(made([3] * 3), is_each_alone=True)
    with pytest.raises(ValueError, match=r"group m5: .*by its name or place, 0 to 2: no group is named \(data.group"):
        by_groups(alone, ["m5"])
    with pytest.raises(ValueError, match="others to train on"):
        by_groups(dataset, [1, 2])
    with pytest.raises(ValueError, match="no split of its own"):
        given_split(dataset)
