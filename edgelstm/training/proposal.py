"""What to learn from data that nobody has trained on yet: sizes, a split and keys that are likely to do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgelstm.data import splits
from edgelstm.data.changes import momentum
from edgelstm.data.dataset import Dataset
from edgelstm.data.splits import Split
from edgelstm.data.store import every_nth
from edgelstm.data.stretches import STRETCHES, by_stretches, lost
from edgelstm.plain import counted
from edgelstm.tasks import CLASSIFY, Anomaly, Forecast, Task
from edgelstm.training.aims import class_counts
from edgelstm.training.uneven import quiet

_SECONDS = 4.0  # of a window, where the rate is known
_WINDOWS = (48, 400)  # frames: shorter ones say little, longer ones train slowly
_STEPS_OF = 100  # of the recurrent layer in a window or an event: in more, what came first is forgotten
_MOST_STACK = 16  # frames side by side, of high rates
_UNKNOWN_RATE = 100  # frames of a window then, where recordings are told apart from events by it
_STEADY = 400  # frames of a window then: in steps as many as the state is learned along at high rates
_EVENTS = 20  # recordings, of which fewer may be alike by chance
_PARTS = 4  # windows in most recordings, from which on each sees a small part
_ALONG = 240  # frames of a window at least, where answers are judged along it
_STACK = 4  # frames side by side at most: a quarter of the steps, and better on what was tried (docs/recipes.md)
_ENOUGH = 12.5  # frames a second, that movements were told by best: frames of higher rates are put side by side
_PAST, _NARROW, _SMOOTH = 24, 4, 0.7  # frames of a forecast's past, of so few features, with so much momentum
_STEPS = 1500  # of the optimizer, that most small sets are learned in
_FEW = 20_000  # frames, below which a small layer is enough
_CHOICES = 50  # of groups that are looked at
_CARRIED = 4  # pieces of a long recording at least, for a state that is carried along it to be worth it
_BUCKETS, _MANY = 8, 64  # batches that are sorted by length together: the recipe's default, and at most
_LITTLE = 1000  # recordings, below which each is changed in more ways
_NOISE = 0.1  # of a deviation, that is added to what is learned from
_FRAMES = 1 << 16  # that spreads are taken over: of more, every n-th
_RARE = 4  # times more of the most frequent class than of a rare one
_MOST_LEVEL = 64  # frames that a level is of
LEVEL = 4
"""Stacks that a level is of."""
SHARE = 0.2
"""Of the groups, recordings or frames, for each of validation and test."""


@dataclass(frozen=True)
class Proposal:
    """What is proposed to learn from a data set. Frames and hops are multiples of `stack`."""

    task: Task
    window: int  # frames; 0 = whole recordings
    truncate: bool  # states are carried along recordings, in pieces of `window` frames
    buckets: int  # batches that are sorted by length together; 0: all recordings are as long
    stack: int  # frames that the first layer puts side by side; 1 = none
    quiet: float  # above 0: the newest `LEVEL` stacks are told by their own mean and spread, beside this variance
    past: int  # newest frames that the first layer sees at every frame; 1 = none but it
    units: int
    batch: int
    epochs: int
    split: Split  # of recordings without a split of their own
    lost: tuple[str, ...]  # labels that the last parts alone would lack, or all the rest
    test_groups: tuple[str, ...]  # empty: a share, or the data's own split
    validation_groups: tuple[str, ...]
    watches: bool  # some recordings are kept to choose the best epoch by
    is_balanced: bool  # no class is rare, or how rare each is belongs to what is learned
    is_little: bool  # few recordings
    noise: float  # of each feature's own deviation


def propose(dataset: Dataset, task: Task = CLASSIFY) -> Proposal:
    """Sizes from lengths, rate and amount of the data, which are of that task. ValueError for a single class, of
    which nothing is learned."""
    counts = class_counts(dataset)
    if counts is not None and (counts > 0).sum() < 2:
        label = dataset.labels[int(counts.argmax())]
        raise ValueError(f"{dataset.name}: one class only ({label}), expected two or more to tell apart")
    split, lost = _split(dataset)
    _check_ahead(dataset, task, split)
    lengths = dataset.lengths // (STRETCHES if split == "stretches" else 1)
    window = _window(dataset, lengths, task)
    soft = quiet(dataset) if task.kind == CLASSIFY.kind and _may_stack(task) else 0.0
    stack = _hop_of_levels(lengths, window) if soft else _stack(dataset, lengths, window, task)
    visits = int(np.maximum(np.rint(lengths / window), 1).sum()) if window else len(lengths)
    batch = min(32, max(visits // 4 if task.each_frame else len(lengths) // 4, 4))
    steps = -(-visits // batch)
    test, validation = _groups(dataset)
    return Proposal(
        task=task.suited(dataset),
        window=window,
        truncate=_truncates(dataset, task, window, batch),
        buckets=0
        if window or lengths.min() == lengths.max()
        else int(np.clip(len(lengths) // batch, _BUCKETS, _MANY)),
        stack=stack,
        quiet=soft,
        past=_past(dataset, task),
        units=64 if dataset.frames > _FEW else 32,
        batch=batch,
        epochs=_epochs(steps),
        split=split,
        lost=tuple(lost),
        test_groups=test,
        validation_groups=validation,
        watches=bool(validation) or _can_watch(dataset),
        is_balanced=not task.counts_classes
        or counts is None
        or bool(counts.max() < _RARE * counts[counts > 0].min()),
        is_little=len(dataset) < _LITTLE,
        noise=0.0 if soft or _would_hide(dataset) else _NOISE,
    )


def _stack(dataset: Dataset, lengths: NDArray[np.int64], window: int, task: Task) -> int:
    """How many frames come side by side: a power of two, as a quarter of a window holds whole ones."""
    if not _may_stack(task) or (task.each_frame and not window):
        return 1
    few = _few_steps(window or int(np.median(lengths)))
    if not window:
        return min(few, 1 << int(lengths.min()).bit_length() - 1)
    if not dataset.sample_rate:
        return max(_STACK, few)
    return max(int(2 ** np.clip(np.rint(np.log2(dataset.sample_rate / _ENOUGH)), 0, np.log2(_STACK))), few)


def _hop_of_levels(lengths: NDArray[np.int64], window: int) -> int:
    """The same where a level is of a quarter of a window, or a recording: a power of two."""
    level = min((window or int(np.median(lengths))) // LEVEL, _MOST_LEVEL)
    most = min(level // LEVEL, int(lengths.min()))
    return max((n for n in (1, 2, 4, 8, _MOST_STACK) if n <= most and window % (4 * n) == 0), default=1)


def _would_hide(dataset: Dataset) -> bool:
    """Whether noise would hide most frames of a feature, beside which a few are far larger."""
    some = every_nth(dataset.sequences, _FRAMES).astype(np.float64)
    low, high = np.percentile(some, (25, 75), axis=0)
    return bool(((high > low) & (_NOISE * some.std(axis=0) > (high - low) / 2)).any())


def _may_stack(task: Task) -> bool:
    return task.normalizes and task.activation != "linear"


def _few_steps(frames: int) -> int:
    """How many frames come side by side for so many to be seen in few steps: a power of two."""
    return next(n for n in (1, 2, 4, 8, _MOST_STACK) if n == _MOST_STACK or frames <= n * _STEPS_OF)


def _past(dataset: Dataset, task: Task) -> int:
    """How many frames a forecast of a smooth column sees at once: a state alone is too coarse for what its next
    changes follow from."""
    if not isinstance(task, Forecast) or dataset.features > _NARROW or dataset.lengths.min() < _CARRIED * _PAST:
        return 1
    names = dataset.feature_names or tuple(map(str, range(dataset.features)))
    told = [n for n, name in enumerate(names) if not task.columns or name in task.columns]
    return _PAST if (momentum(dataset)[told] > _SMOOTH).any() else 1


def _truncates(dataset: Dataset, task: Task, window: int, batch: int) -> bool:
    """Whether recordings are long enough to be learned along, of a task that answers along them; symbols of a text
    depend on so little before them that windows at random places do."""
    return bool(window and task.each_frame and task.normalizes and dataset.frames >= _CARRIED * window * batch)


def _window(dataset: Dataset, lengths: NDArray[np.int64], task: Task) -> int:
    seconds = round(_SECONDS * dataset.sample_rate) if dataset.sample_rate else _UNKNOWN_RATE
    most = _WINDOWS[1]
    if task.each_frame:  # what is told comes from a state that has settled
        seconds = max(seconds, _ALONG)
    elif _may_stack(task):
        most = _STEPS_OF * _MOST_STACK
    window = _in_stacks(min(max(seconds, _WINDOWS[0]), most), lengths)
    if window < _WINDOWS[0] or _are_events(dataset, window, task):
        return 0
    if dataset.sample_rate or task.each_frame or not _may_stack(task):
        return window
    # In few steps a state is learned that a stream leaves: noise of a thousandth may then decide.
    return _in_stacks(max(window, _STEADY), lengths)


def _in_stacks(frames: int, lengths: NDArray[np.int64]) -> int:
    """At most half of the shortest recording, so that each holds several; in quarters that are whole stacks."""
    frames = min(frames, int(lengths.min()) // 2)
    whole = 4 * max(_few_steps(frames), _STACK)
    return frames // whole * whole


def _are_events(dataset: Dataset, window: int, task: Task) -> bool:
    """Whether recordings most likely are one event each, cut out of a signal, of which a part is none: none lasts
    longer than what is learned from at a time, or archives have them so, all as long, or of lengths of which a window
    is a small part. window: frames, of those that would be cut."""
    lengths = dataset.lengths
    steps = lengths.max() / (_few_steps(int(np.median(lengths))) if _may_stack(task) else 1)
    if task.each_frame or len(lengths) < _EVENTS or steps > _WINDOWS[1]:
        return False
    if dataset.sample_rate and lengths.max() > _SECONDS * dataset.sample_rate:
        return False
    is_small = bool(np.median(lengths) > _PARTS * window)
    return is_small or (not dataset.sample_rate and bool(lengths.min() == lengths.max()))


def _epochs(steps: int) -> int:
    """As many as most small sets are learned in. steps: of the optimizer, in each."""
    return int(np.clip(-(-_STEPS // steps), 10, 300))


def _split(dataset: Dataset) -> tuple[Split, list[str]]:
    """How few long recordings are split, and the labels because of which it is not by time. ValueError where there is
    nothing to learn from or to test on."""
    if dataset.test is not None or not splits.is_by_time(dataset, "auto"):
        return "groups", []
    found = lost(*splits.by_time(dataset, SHARE))
    if found and dataset.frames >= STRETCHES:
        instead = lost(*by_stretches(dataset, SHARE))
        if len(instead) < len(found):
            return "stretches", [label for label in found if label not in instead]
    return "time", []


def _check_ahead(dataset: Dataset, task: Task, split: Split) -> None:
    """ValueError that begins with the option's name where nobody would know what came."""
    ahead = max(task.ahead) if isinstance(task, Forecast) else task.ahead if isinstance(task, Anomaly) else 0
    longest = int(dataset.lengths.max())
    what = "the longest recording"
    if split == "time":
        longest = round(SHARE * (longest - round(SHARE * longest)))  # the least of the three
        what = "what the best epoch is chosen by"
    if ahead >= longest:
        raise ValueError(f"ahead: {ahead}, expected less than {longest}, the frames of {what}")


def _can_watch(dataset: Dataset) -> bool:
    """Whether a share for validation leaves something on both sides. ValueError where one for the test does not."""
    if dataset.test is None and splits.is_by_time(dataset, "auto"):
        splits.by_time(splits.by_time(dataset, SHARE)[0], SHARE)
        return True
    if dataset.test is not None:
        train, test = splits.given(dataset)
    else:
        train, test = splits.by_share(dataset, SHARE)
    if not (train.size and test.size):
        raise ValueError(
            f"{dataset.name}: {counted(len(dataset), 'recording')}, expected two or more of each label: some to "
            "test on"
        )
    fit, watched = splits.by_share(dataset.subset(train), SHARE)
    return bool(fit.size and watched.size)


def _groups(dataset: Dataset) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(groups to test on, groups to watch by): none where there are too few, or where each recording is its own. Of
    many choices, the one that leaves the most labels on every side."""
    names = dataset.all_groups
    if len(names) < 4 or len(names) == len(dataset):
        return (), ()
    choices = [_choose_groups(dataset, np.random.default_rng(seed)) for seed in range(_CHOICES)]
    return max(choices, key=lambda choice: _labels_everywhere(dataset, *choice))


def _choose_groups(dataset: Dataset, rng: np.random.Generator) -> tuple[tuple[str, ...], tuple[str, ...]]:
    test: tuple[str, ...] = ()
    if dataset.test is None:
        chosen = splits.hold_out(dataset, SHARE, rng)[1]
        test = dataset.subset(chosen).all_groups
        dataset = dataset.subset(~dataset.in_groups(test))
    elif not dataset.test.all():
        dataset = dataset.subset(~dataset.test)
    watched = splits.hold_out(dataset, SHARE, rng)[1]
    return test, dataset.subset(watched).all_groups


def _labels_everywhere(dataset: Dataset, test: tuple[str, ...], watched: tuple[str, ...]) -> tuple[int, int, int]:
    """How many labels there are to train on, to test on and to watch by."""
    testing, watching = dataset.in_groups(test), dataset.in_groups(watched)
    if dataset.test is not None:
        testing, watching = dataset.test, watching & ~dataset.test
    sides = (~testing & ~watching, testing, watching)
    fit, tested, seen = (len(set(dataset.y[side].tolist())) for side in sides)
    return fit, tested, seen
