"""A split of few long recordings in which every class is on both sides, though it comes at some times alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.dataset import Dataset
from edgelstm.data.own import Own
from edgelstm.data.pieces import Pieces
from edgelstm.data.store import chunked
from edgelstm.plain import counted

STRETCHES = 10  # of the longest recording

Table = NDArray[np.float64]  # (stretches, classes): frames


def by_stretches(dataset: Dataset, share: float) -> tuple[Dataset, Dataset]:
    """(train, test): tenths of the longest recording, and as long ones of the others, of which about `share` test.
    ValueError where one side would have none."""
    return chosen(dataset.pieces(_stretches(dataset.lengths)), share)


def chosen(stretches: Dataset, share: float) -> tuple[Dataset, Dataset]:
    """(train, test): sequences as they are, of which about `share` of the frames test, in every class alike as far as
    may be. What is in two or more of them is on both sides."""
    table = _table(stretches)
    learned = np.ones(table.shape[1], np.bool_)
    learned[1:] = not isinstance(stretches.targets, Own)  # of anomalies nothing is
    test = _choose(table, share, learned)
    if test.all() or not test.any():
        some = f"{counted(len(stretches), 'stretch')} of at most {counted(int(stretches.lengths.max()), 'frame')}"
        raise ValueError(
            f"{stretches.name}: {some}, too few or too short: expected some to test on and others to learn"
        )
    return stretches.subset(~test), stretches.subset(test)


def lost(train: Dataset, test: Dataset) -> list[str]:
    """The labels, among those that the data have, that are on one side alone; "anomaly" where all that are labelled
    lie in what trains."""
    both = np.stack([_table(part).sum(axis=0) > 0 for part in (train, test)])
    if isinstance(train.targets, Own):
        return ["anomaly"] if both[0, 1] and not both[1, 1] else []
    return [label for label, here, there in zip(train.labels, *both) if here != there] if both.shape[1] > 1 else []


def _stretches(lengths: NDArray[np.int64]) -> Pieces:
    each = -(-int(lengths.max()) // STRETCHES)
    counts = np.maximum(np.rint(lengths / each), 1).astype(np.int64)
    places = np.repeat(np.arange(len(lengths)), counts)
    number = np.concatenate([np.arange(count) for count in counts])
    starts, stops = (lengths[places] * n // counts[places] for n in (number, number + 1))
    return Pieces(places, starts, stops)


def _table(dataset: Dataset) -> Table:
    """Frames of each class, in which each label is true, or which are normal and anomalous; all of a sequence where
    it tells numbers."""
    if isinstance(dataset.targets, Own):
        truths = (chunked(truth) for truth in dataset.targets.truth)
        return np.array([sum(np.array([(p == 0).sum(), (p == 1).sum()]) for p in truth) for truth in truths], float)
    rows, are_labels = np.zeros((len(dataset), len(dataset.labels))), True
    for place, length in enumerate(dataset.lengths.tolist()):
        if dataset.targets is None:
            rows[place, dataset.y[place]] = length
            continue
        for found in dataset.targets.parts(place, length):
            if found.ndim == 1:
                rows[place] += np.bincount(found[found >= 0], minlength=rows.shape[1])
            else:
                rows[place] += (found == 1).sum(axis=0)
                are_labels &= bool(((found == 0) | (found == 1) | np.isnan(found)).all())
    if not are_labels:
        return dataset.lengths[:, None].astype(float)
    if dataset.targets is not None and dataset.targets.at(0, np.zeros(1, np.int64)).ndim > 1:
        rows = np.column_stack([rows, dataset.lengths])  # where none is true there are frames too
    return rows


def _choose(table: Table, share: float, learned: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(stretches,): those that test. The rarest class first, then whatever comes nearest to the share of all.
    learned (classes,): those that what trains has to have, too."""
    test = np.zeros(len(table), np.bool_)
    in_stretches = (table > 0).sum(axis=0)
    for label in np.argsort(in_stretches, kind="stable"):
        if in_stretches[label] > learned[label] and not table[test, label].any():
            _take(test, table, share, learned, table[:, label] > 0)
    while table[test].sum() < (share - share / 4) * table.sum() and _take(
        test, table, share, learned, np.ones_like(test)
    ):
        pass
    return test


def _take(
    test: NDArray[np.bool_], table: Table, share: float, learned: NDArray[np.bool_], among: NDArray[np.bool_]
) -> bool:
    """Choose one more for the test, which leaves every class where it can be learned; False where none does."""
    last = learned & ((table[~test] > 0).sum(axis=0) == 1)  # classes that one stretch alone is left of
    allowed = among & ~test & ~((table > 0) & last).any(axis=1)
    if not allowed.any():
        return False
    wanted = np.maximum(share * table.sum(axis=0), 1)
    far = ((((table[test].sum(axis=0) + table) / wanted) - 1) ** 2).sum(axis=1)
    test[np.where(allowed, far, np.inf).argmin()] = True
    return True
