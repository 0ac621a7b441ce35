"""Frames that several recordings hold are found, and never train and test."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelstm.data import Dataset, overlaps, store
from edgelstm.data.leaks import find_leak, together
from edgelstm.data.overlaps import Shared
from edgelstm.data.recordings import Recording, Recordings
from edgelstm.evaluation import kept_for_testing
from edgelstm.tasks import CLASSIFY, Anomaly, Task
from edgelstm.training import RecipeError, parse_config, split
from edgelstm.training.crossvalidation import folds

ANOMALY = Anomaly()
RNG = np.random.default_rng(5)
SIGNAL = RNG.normal(size=(400, 2)).astype(np.float32)


def dataset_of(sequences: list[np.ndarray], task: Task = ANOMALY, labels: str = "") -> Dataset:
    """Each a recording of its own, called r0, r1 and so on, with one letter of `labels` for its label."""
    of = labels or [None] * len(sequences)
    parts = (Recording(f"r{n}", x.astype(np.float32), label) for n, (x, label) in enumerate(zip(sequences, of)))
    return task.dataset(Recordings(tuple(parts), ()))


SPANS = st.lists(st.tuples(st.integers(0, 350), st.integers(1, 200)), min_size=1, max_size=6)


@given(SPANS, st.integers(1, 3), st.integers(20, 4000))
def test_parts_of_one_signal_are_found_where_they_begin(
    spans: list[tuple[int, int]], repeats: int, held: int
) -> None:
    """Of two parts of a signal whose frames are all different the one that begins later is found in the other, if
    there are 17 different frames from there on: that is known without looking at a frame."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "CHUNK", held)  # walked some at a time
        stops = [(start, min(start + length, len(SIGNAL))) for start, length in spans]
        found = list(overlaps.overlaps([np.repeat(SIGNAL[a:b], repeats, axis=0) for a, b in stops]))
    expected = set()
    for place, (a, b) in enumerate(stops):
        for other, (c, d) in enumerate(stops):
            begins = c < a < d or (c == a and (b - a, place) < (d - c, other))
            if begins and place != other and min(b, d) - a > 16:
                expected.add(Shared(place, other, (a - c) * repeats, (min(b, d) - a) * repeats))
    assert len(found) == len(set(found))
    assert set(found) == expected


def test_symbols_and_switches_share_nothing_by_chance() -> None:
    switches = np.tile(np.float32([[0], [5], [5], [0], [7]]), (40, 1))
    symbols = np.eye(3, dtype=np.float32)[RNG.integers(0, 3, 200)]
    assert not list(overlaps.overlaps([switches, switches[5:], symbols, symbols[7:]]))


@given(SPANS, st.data())
def test_what_trains_is_left_out_of_a_test(spans: list[tuple[int, int]], data: st.DataObject) -> None:
    """And nothing else: the signal's frames are all different, so numbers of frames tell what has to be left."""
    parts = [range(start, min(start + length, len(SIGNAL))) for start, length in [*spans, (0, 60)]]
    whole = dataset_of([SIGNAL[part.start : part.stop] for part in parts])
    tests = np.array([*(data.draw(st.booleans()) for _ in spans[1:]), True, False])
    learned = [part for part, tested in zip(parts, tests) if not tested]
    expected = [
        SIGNAL[n]
        for part, tested in zip(parts, tests)
        for n in part
        if tested and not any(n in other and _common(part, other) > 16 for other in learned)
    ]
    asked = whole.subset(tests)
    leak = find_leak(whole.subset(~tests), asked, 1)
    rest = asked if leak is None else leak.rest
    left = [] if rest is None else [frame for x in rest.sequences for frame in x]
    assert np.array_equal(left, expected)
    assert asked.frames - len(left) == (0 if leak is None else leak.frames)


def _common(one: range, other: range) -> int:
    return min(one.stop, other.stop) - max(one.start, other.start)


def anomalies() -> Dataset:
    """Two recordings, of which one is the beginning of the other, as archives of anomalies have them."""
    whole = np.sin(np.arange(1500)[:, None] / 7) + RNG.normal(size=(1500, 1)) / 10
    return dataset_of([whole[:300], whole])


def test_the_beginning_that_trains_is_left_out_of_the_test() -> None:
    dataset = replace(anomalies(), test=np.array([False, True]))
    said: list[str] = []
    train, test = split(dataset, parse_config('[task]\nkind = "anomaly"\n'), said.append)
    assert (train.lengths.tolist(), test.lengths.tolist()) == ([300], [1200])
    assert np.array_equal(test.sequences[0], dataset.sequences[1][300:])
    assert said == [
        "300 of 1,500 frames to test on are in recordings that train, too, such as r1 in r0: they "
        "are left out of the test"
    ]


def test_the_last_part_of_a_beginning_is_left_out_of_the_test() -> None:
    """Split by time, the last fifth of the short one is in what trains of the long one."""
    train, test = split(anomalies(), parse_config('[task]\nkind = "anomaly"\n'))
    assert (train.lengths.tolist(), test.lengths.tolist()) == ([240, 1200], [300])


def test_what_is_judged_as_a_whole_is_refused() -> None:
    windows = [SIGNAL[start : start + 40] for start in range(0, 360, 20)]
    dataset = dataset_of(windows, CLASSIFY, "ab" * 9)
    with pytest.raises(RecipeError, match=r"frames to test on are in recordings that train, too, such as r"):
        split(dataset, parse_config(""))
    windows[9] = RNG.normal(size=(40, 2))  # nothing reaches over from one group to the other
    of_two = replace(
        dataset_of(windows, CLASSIFY, "ab" * 9), groups=np.arange(18) // 9, group_names=(), is_each_alone=False
    )
    assert [len(part) for part in split(of_two, parse_config(""))] == [9, 9]


def test_folds_keep_what_overlaps_on_one_side() -> None:
    parts = [SIGNAL[:60], SIGNAL[40:120], SIGNAL[100:200], SIGNAL[200:260], SIGNAL[260:300], SIGNAL[300:]]
    found = folds(dataset_of(parts), 2)
    assert sorted(len(fold.test) for fold in found) in ([2, 4], [1, 5], [3, 3])
    for fold in found:
        assert find_leak(fold.train, fold.test, 1) is None
    with pytest.raises(ValueError, match=r"are on one side, which leaves 4 of 6 folds"):
        folds(dataset_of(parts), 6)
    assert together([Shared(2, 1, 0, 9), Shared(4, 2, 3, 9)], 5).tolist() == [0, 1, 1, 3, 1]


@pytest.mark.parametrize("own", [True, False])
def test_evaluate_finds_the_same_test_again(own: bool) -> None:
    dataset = replace(anomalies(), test=np.array([False, True]) if own else None)
    config = parse_config('[task]\nkind = "anomaly"\n')
    test = split(dataset, config)[1]
    again = kept_for_testing(dataset, {"data": dataset.name, "config": config.to_json()}, ANOMALY)
    assert [x.tolist() for x in again.sequences] == [x.tolist() for x in test.sequences]
    of_others = kept_for_testing(dataset, {"data": "others"}, ANOMALY)
    assert of_others.frames == (1500 if own else 1800)  # nothing of it trained
