"""A recipe for data that nobody has trained on yet: sizes, a split and keys that are likely to do, with their why."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from edgelstm import records
from edgelstm.data import splits
from edgelstm.data.changes import momentum
from edgelstm.data.dataset import Dataset
from edgelstm.data.options import ReadOptions
from edgelstm.data.splits import Split
from edgelstm.data.stretches import STRETCHES, by_stretches, lost
from edgelstm.devices.units import show_duration, show_rate
from edgelstm.judging.shares import listed
from edgelstm.plain import counted
from edgelstm.tasks import CLASSIFY, Anomaly, Forecast, Regress, Tags, Task
from edgelstm.training.aims import class_counts
from edgelstm.training.keys import comments
from edgelstm.training.proposed_sound import sound_lines
from edgelstm.training.sound import Sound

_SECONDS = 4.0  # of a window, where the rate is known
_WINDOWS = (48, 400)  # frames: shorter ones say little, longer ones train slowly
_UNKNOWN_RATE = 100  # frames of a window then
_EVENTS = 20  # recordings of the same length, of which fewer may have it by chance
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
_RARE = 4  # times more of the most frequent class than of a rare one
_SHARE = 0.2  # of the groups or recordings, for each of validation and test


@dataclass(frozen=True)
class Proposal:
    """What is proposed to learn from a data set. Frames and hops are multiples of `stack`."""

    task: Task
    window: int  # frames; 0 = whole recordings
    truncate: bool  # states are carried along recordings, in pieces of `window` frames
    buckets: int  # batches that are sorted by length together; 0: all recordings are as long
    stack: int  # frames that the first layer puts side by side; 1 = none
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
    stack = _stack(dataset) if window and task.normalizes and task.activation != "linear" else 1
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
        past=_past(dataset, task),
        units=64 if dataset.frames > _FEW else 32,
        batch=batch,
        epochs=int(np.clip(-(-_STEPS // steps), 10, 300)),
        split=split,
        lost=tuple(lost),
        test_groups=test,
        validation_groups=validation,
        watches=bool(validation) or _can_watch(dataset),
        is_balanced=not task.counts_classes or counts is None or counts.max() < _RARE * counts[counts > 0].min(),
        is_little=len(dataset) < _LITTLE,
    )


def _stack(dataset: Dataset) -> int:
    """How many frames come side by side: a power of two, as a quarter of a window holds whole ones."""
    if not dataset.sample_rate:
        return _STACK
    return int(2 ** np.clip(np.rint(np.log2(dataset.sample_rate / _ENOUGH)), 0, np.log2(_STACK)))


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
    if _are_events(dataset, task):
        return 0
    if task.each_frame:  # what is told comes from a state that has settled
        seconds = max(seconds, _ALONG)
    # Half of the shortest recording, so that each holds several; in sixteenths, as its quarter is whole stacks.
    window = min(max(seconds, _WINDOWS[0]), _WINDOWS[1], int(lengths.min()) // 2) // 16 * 16
    return window if window >= _WINDOWS[0] else 0


def _are_events(dataset: Dataset, task: Task) -> bool:
    """Whether recordings most likely are one event each, cut out of a signal: all as long, not long, and without a
    rate, as archives of series have them. A part of an event is none."""
    lengths = dataset.lengths
    return (
        not task.each_frame
        and not dataset.sample_rate
        and len(lengths) >= _EVENTS
        and bool(lengths.min() == lengths.max() <= _WINDOWS[1])
    )


def _split(dataset: Dataset) -> tuple[Split, list[str]]:
    """How few long recordings are split, and the labels because of which it is not by time. ValueError where there is
    nothing to learn from or to test on."""
    if dataset.test is not None or not splits.is_by_time(dataset, "auto"):
        return "groups", []
    found = lost(*splits.by_time(dataset, _SHARE))
    if found and dataset.frames >= STRETCHES:
        instead = lost(*by_stretches(dataset, _SHARE))
        if len(instead) < len(found):
            return "stretches", [label for label in found if label not in instead]
    return "time", []


def _check_ahead(dataset: Dataset, task: Task, split: Split) -> None:
    """ValueError that begins with the option's name where nobody would know what came."""
    ahead = max(task.ahead) if isinstance(task, Forecast) else task.ahead if isinstance(task, Anomaly) else 0
    longest = int(dataset.lengths.max())
    what = "the longest recording"
    if split == "time":
        longest = round(_SHARE * (longest - round(_SHARE * longest)))  # the least of the three
        what = "what the best epoch is chosen by"
    if ahead >= longest:
        raise ValueError(f"ahead: {ahead}, expected less than {longest}, the frames of {what}")


def _can_watch(dataset: Dataset) -> bool:
    """Whether a share for validation leaves something on both sides. ValueError where one for the test does not."""
    if dataset.test is None and splits.is_by_time(dataset, "auto"):
        splits.by_time(splits.by_time(dataset, _SHARE)[0], _SHARE)
        return True
    if dataset.test is not None:
        train, test = splits.given(dataset)
    else:
        train, test = splits.by_share(dataset, _SHARE)
    if not (train.size and test.size):
        raise ValueError(
            f"{dataset.name}: {counted(len(dataset), 'recording')}, expected two or more of each label: some to "
            "test on"
        )
    fit, watched = splits.by_share(dataset.subset(train), _SHARE)
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
        chosen = splits.hold_out(dataset, _SHARE, rng)[1]
        test = dataset.subset(chosen).all_groups
        dataset = dataset.subset(~dataset.in_groups(test))
    elif not dataset.test.all():
        dataset = dataset.subset(~dataset.test)
    watched = splits.hold_out(dataset, _SHARE, rng)[1]
    return test, dataset.subset(watched).all_groups


def _labels_everywhere(dataset: Dataset, test: tuple[str, ...], watched: tuple[str, ...]) -> tuple[int, int, int]:
    """How many labels there are to train on, to test on and to watch by."""
    testing, watching = dataset.in_groups(test), dataset.in_groups(watched)
    if dataset.test is not None:
        testing, watching = dataset.test, watching & ~dataset.test
    sides = (~testing & ~watching, testing, watching)
    fit, tested, seen = (len(set(dataset.y[side].tolist())) for side in sides)
    return fit, tested, seen


def recipe(dataset: Dataset, proposal: Proposal, file: str, options: ReadOptions, sound: Sound | None = None) -> str:
    """The recipe's text (TOML). file: the data's path from the recipe's folder."""
    return "\n".join(
        [
            *_heading(dataset),
            "",
            *_task(proposal.task),
            "",
            *_data(dataset, proposal, file, options),
            "",
            *sound_lines(sound or Sound()),
            *_model(dataset, proposal),
            "",
            *_training(proposal),
            "",
            *_answer(dataset, proposal),
            "",
        ]
    )


def _heading(dataset: Dataset) -> list[str]:
    rate = f", {show_rate(dataset.sample_rate)}" if dataset.sample_rate else ""
    what = "label" if class_counts(dataset) is not None else "output"
    return [
        f"# {counted(len(dataset), 'recording')}, {counted(dataset.frames, 'frame')} of "
        f"{counted(dataset.features, 'feature')}{rate}, {counted(len(dataset.labels), what)}.",
        "# A proposal: every key may be changed; docs/recipes.md explains them all.",
    ]


def _task(task: Task) -> list[str]:
    lines = ["[task]", f"kind = {_text(task.kind)}  # {task.summary}"]
    meanings = comments(type(task))
    for key in fields(task):
        value = records.to_json(getattr(task, key.name))
        if not isinstance(value, dict) and value is not None:
            lines.append(f"{key.name} = {json.dumps(value, ensure_ascii=False)}  # {meanings[key.name]}")
    return lines


def _data(dataset: Dataset, proposal: Proposal, file: str, options: ReadOptions) -> list[str]:
    lines = ["[data]", f"file = {_text(file)}  # from this file's folder"]
    named = ((name, getattr(options.roles, name)) for name in ("time", "label", "group", "series"))
    lines += [f"{name} = {_text(value)}" for name, value in named if value]
    if options.roles.features:
        lines.append(f"features = {_texts(options.roles.features)}")
    if options.label_from != "auto":
        lines.append(f"label_from = {_text(options.label_from)}")
    lines.append(f'missing = "{options.missing}"  # refuse, interpolate or hold: what becomes of gaps')
    if proposal.truncate:
        lines.append("window = 0  # recordings are learned along, see truncate")
    elif proposal.window:
        seconds = f": {show_duration(proposal.window / dataset.sample_rate)}" if dataset.sample_rate else ""
        lines.append(f"window = {proposal.window}  # frames that are learned from at a time{seconds}")
    else:
        lines.append("window = 0  # whole recordings")
    if proposal.test_groups:
        lines.append(f"test_groups = {_texts(proposal.test_groups)}  # never seen in training")
    elif dataset.test is not None:
        lines.append(f"# The data say which {counted(int(dataset.test.sum()), 'recording')} to test on.")
    elif proposal.split == "stretches":
        lines.append(f'split = "stretches"  # tenths, as the last part, or the rest, lacks {listed(proposal.lost)}')
        lines.append(f"test = {_SHARE}  # share of them that is never seen in training")
    elif proposal.split == "time":
        lines.append('split = "time"  # the last part of each recording')
        lines.append(f"test = {_SHARE}  # share of each recording that is never seen in training")
    else:
        whole = "groups" if 1 < len(dataset.all_groups) < len(dataset) else "recordings of each label"
        lines.append(f"test = {_SHARE}  # share of the {whole} that is never seen in training")
    if proposal.validation_groups:
        lines.append(f"validation_groups = {_texts(proposal.validation_groups)}  # the best epoch is chosen by these")
    elif proposal.watches:
        lines.append(f"validation = {_SHARE}  # share of the rest that the best epoch is chosen by")
    else:
        lines.append("validation = 0  # too few recordings to choose the best epoch by some")
    return lines


def _model(dataset: Dataset, proposal: Proposal) -> list[str]:
    lines = ["[model]", f"name = {_text(dataset.name[:100] or 'model')}"]
    if proposal.past > 1:
        return [
            *lines,
            "layers = [",
            f'    {{ kind = "context", rows = {proposal.past} }},  # the newest frames, at every frame',
            f'    {{ kind = "lstm", units = {proposal.units} }},  # more see more and cost more',
            "]",
        ]
    if proposal.stack == 1:
        return [*lines, f"units = [{proposal.units}]  # of one LSTM layer; more see more and cost more"]
    return [
        *lines,
        "layers = [",
        f'    {{ kind = "context", rows = {proposal.stack}, hop = {proposal.stack} }},  '
        f"# {proposal.stack} frames side by side: {_rows_told(dataset, proposal.stack)}",
        f'    {{ kind = "lstm", units = {proposal.units} }},',
        "]",
    ]


def _rows_told(dataset: Dataset, stack: int) -> str:
    if not dataset.sample_rate:
        return f"what follows runs every {stack}th frame"
    return f"what follows runs at {show_rate(dataset.sample_rate / stack)}"


def _training(proposal: Proposal) -> list[str]:
    loss, why = "last", "of each recording's last frame"
    if proposal.task.each_frame:
        loss, why = "frames", "of the scores of each frame, as they are judged"
    elif proposal.window:
        loss, why = "mean", "of the scores over a window, as the answer is"
    lines = [
        "[training]",
        f"epochs = {proposal.epochs}",
        f"batch = {proposal.batch}",
        "learning_rate = 0.005",
        "dropout = 0.2  # more where the training data are learned by heart",
        f'loss = "{loss}"  # {why}',
    ]
    if not proposal.is_balanced:
        lines.append('balance = "weights"  # rare classes weigh more')
    if proposal.window:
        lines.append(f"skip = {proposal.window // 10}  # frames in which the state settles")
    if proposal.truncate:
        lines.append(f"truncate = {proposal.window}  # frames of a piece: from one to the next the state goes on")
    if proposal.buckets:
        lines.append(f"buckets = {proposal.buckets}  # batches that are sorted by length together: little is padded")
    return [
        *lines,
        "averaging = 0.98  # of the weights, per step",
        *_patience(proposal),
        *(
            ["", "[augment]", _noise(proposal), *_mixup(proposal), *_shift(proposal)]
            if proposal.task.normalizes
            else []
        ),
    ]


def _noise(proposal: Proposal) -> str:
    if proposal.task.kind in (Forecast.kind, Regress.kind):
        return (
            "noise = 0  # of each feature's own deviation: numbers cannot be told closer than what they are told of"
        )
    return "noise = 0.1  # of each feature's own deviation; 0 = off"


def _mixup(proposal: Proposal) -> list[str]:
    if not _tells_wholes(proposal) or not (proposal.window or proposal.is_little):
        return []
    what = "windows" if proposal.window else "recordings"
    return [f"mixup = 0.4  # {what} are mixed in pairs, and so is what they are; 0 = off"]


def _shift(proposal: Proposal) -> list[str]:
    if not _tells_wholes(proposal) or proposal.window or not proposal.is_little:
        return []
    return [
        "shift = 0.2  # each feature of a recording, by as many of its deviations; 0 where its level tells the label"
    ]


def _tells_wholes(proposal: Proposal) -> bool:
    """Whether labels of whole recordings, or windows, are told."""
    return proposal.task.kind in (CLASSIFY.kind, Tags.kind) and not proposal.task.each_frame


def _patience(proposal: Proposal) -> list[str]:
    if not proposal.watches:
        return []
    return [f"patience = {max(proposal.epochs // 3, 5)}  # epochs without a better validation loss"]


def _answer(dataset: Dataset, proposal: Proposal) -> list[str]:
    if proposal.task.each_frame:
        every = f"{proposal.stack} frames" if proposal.stack > 1 else "frame"
        return ["[answer]", 'pooling = "last"  # of the scores', f"hop = {proposal.stack}  # an answer every {every}"]
    if not proposal.window:
        return ["[answer]", 'pooling = "last"  # of the scores', "hop = 1  # an answer for every frame"]
    hop = proposal.window // 4
    seconds = f", every {show_duration(hop / dataset.sample_rate)}" if dataset.sample_rate else ""
    return [
        "[answer]",
        'pooling = "mean"  # of the scores',
        f"window = {proposal.window}  # frames that the mean covers",
        f"hop = {hop}  # frames from one answer to the next{seconds}",
    ]


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _texts(values: Iterable[str]) -> str:
    return f"[{', '.join(map(_text, values))}]"
