"""What is legal, and most likely not meant: one line each, with the remedy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.dataset import Dataset
from edgelstm.data.labels import alike
from edgelstm.data.own import Own, runs_of
from edgelstm.data.pieces import Cut, Piece
from edgelstm.data.store import chunked
from edgelstm.data.windows import shorter
from edgelstm.judging.events import ANOMALOUS
from edgelstm.judging.shares import listed
from edgelstm.model import Pooling
from edgelstm.plain import counted, printable
from edgelstm.tasks import Text
from edgelstm.training.aims import class_counts
from edgelstm.training.config import Config, Loss
from edgelstm.training.normalizing import still

_FEW = 5  # recordings
_SHOWN = 4  # anomalies
_IMBALANCE = 20
"""A class with so many times fewer recordings than the largest is hardly learned, and hardly seen in an accuracy."""


def remarks(config: Config, training: Dataset, test: Dataset) -> list[str]:
    """On a run before it begins. `training` and `test` are whole recordings, as `training.split` gives them."""
    found = []
    found += _of_pooling(config.training.loss, config.answer.pooling)
    found += _of_windows(config)
    longest = max(len(x) for x in training.sequences)
    # Symbols may be more than a text has, and a frame of sound is a hop of samples.
    if training.features > longest and config.task.normalizes and not config.sound:
        found.append(
            f"{training.name}: {counted(training.features, 'feature')}, but at most {counted(longest, 'frame')} in a "
            "recording; if X is (cases, channels, time), give X.transpose(0, 2, 1)"
        )
    for key, frames in (("data.window", config.data.window), ("training.truncate", config.training.truncate)):
        if frames > longest:
            found.append(f"{key}: {frames}, but no recording has more than {longest} frames: none is cut")
    if config.task.normalizes and (names := still(training)):  # a symbol may be missing
        found.append(f"never changes in what is trained on, and says nothing: {listed(names)}")
    if config.task.counts_classes:
        found += [f"labels {words}" for words in alike(training.labels)]
    if config.task.kind == Text.kind and config.task.each_frame and config.training.balance != "none":
        found.append(
            f'training.balance: "{config.training.balance}", so rare symbols are told as if they were frequent, '
            'which costs bits; "none" fits texts'
        )
    short = shorter(test, config.data.window)
    if short and not config.task.each_frame:
        found.append(
            f"data.window: {short} of {len(test)} test recordings have fewer than {config.data.window} frames, and "
            "do not count in the accuracy"
        )
    found += _of_few(config, test) + _of_anomalies(training)
    if not config.task.counts_classes:
        return found
    trained, tested = class_counts(training), class_counts(test)
    if trained is None or tested is None:
        return [*found, *_of_tags(training)] if config.task.activation == "sigmoid" else found
    untested = [label for label, here, there in zip(training.labels, trained, tested) if here and not there]
    if untested:
        found.append(f"no recording to test on: {listed(untested)}; the accuracy says nothing of them")
    return [*found, *_of_classes(training, trained, "frames" if config.task.each_frame else "recordings")]


def _of_few(config: Config, test: Dataset) -> list[str]:
    """On a test of so few answers that chance decides it."""
    window = config.data.window
    judged = int((test.lengths >= window).sum())
    if config.task.each_frame or judged >= _FEW:
        return []
    what = "windows of " if window else ""
    return [
        f"tested on {what}{counted(judged, 'recording')} alone, so figures are mostly chance: a larger data.test, or "
        "edgelstm crossvalidate, says more"
    ]


def _of_anomalies(training: Dataset) -> list[str]:
    """On labelled anomalies in what trains: where they are, and that nothing is learned of them."""
    if not isinstance(training.targets, Own):
        return []
    events, frames = [], 0
    for n, truth in enumerate(training.targets.truth):
        piece = training.sequences.pieces[n] if isinstance(training.sequences, Cut) else Piece(n, 0, len(truth))
        is_named = training.is_each_alone and training.group_names
        name = printable(training.group(n), 60) if is_named else f"recording {piece.place}"
        for first, last in (runs_of(part == ANOMALOUS for part in chunked(truth)) + piece.start).tolist():
            events.append(f"{name} frame{f' {first}' if first == last else f's {first} to {last}'}")
            frames += last - first + 1
    if not events:
        return []
    shown = "; ".join(events[:_SHOWN]) + (f"; and {len(events) - _SHOWN} more" if len(events) > _SHOWN else "")
    return [
        f"labelled anomalies in what trains: {len(events)}, {counted(frames, 'frame')} in all: {shown}; nothing is "
        'learned of these frames, and evaluate --all judges them; data.split = "stretches", or data.test_groups, '
        "tests on some"
    ]


def _of_pooling(loss: Loss, pooling: Pooling) -> list[str]:
    """On scores that are pooled otherwise in answers than in training."""
    if loss == "last" and pooling != "last":
        fits = '"frames" or "mean"' if pooling == "mean" else f'"{pooling}"'
        return [
            f'training.loss: "last" trains the newest scores alone, but answer.pooling "{pooling}" answers by the '
            f"{pooling}; {fits} fits it"
        ]
    if "mean+max" in (loss, pooling) and loss != pooling:
        return [f'training.loss: "{loss}" with answer.pooling "{pooling}"; "mean+max" fits itself alone']
    return []


def _of_windows(config: Config) -> list[str]:
    """On what is answered by the mean of other frames than are learned from."""
    trained, answered = config.data.window, config.answer.window
    if config.answer.pooling == "last" or not trained or config.task.each_frame or not config.answer.hop:
        return []
    if not answered:
        return [
            f"answer.window: 0, so it covers all frames since a reset, on a stream that nothing resets ever more; "
            f"{trained} as in data.window fits it"
        ]
    if not trained / 2 <= answered <= trained * 2:
        return [f"answer.window: {counted(answered, 'frame')}, but data.window trains on {trained}: alike fits best"]
    return []


def _of_classes(training: Dataset, counts: NDArray[np.int64], what: str) -> list[str]:
    absent = [label for label, count in zip(training.labels, counts) if not count]
    rare = [label for label, count in zip(training.labels, counts) if 0 < count * _IMBALANCE <= counts.max()]
    found = []
    if absent:
        found.append(f"no recording to train on: {listed(absent)}")
    if rare:
        most = training.labels[int(counts.argmax())]
        found.append(
            f"far fewer {what} than of {printable(most, 40)!r} ({counts.max()}): {listed(rare)}; the accuracy "
            "says little of them: see how many of each class are found"
        )
    return found


def _of_tags(training: Dataset) -> list[str]:
    assert training.targets is not None  # of every task without classes
    true, false = np.zeros((2, len(training.labels)), np.int64)
    for place, length in enumerate(training.lengths.tolist()):
        for part in training.targets.parts(place, length):
            true += (part == 1).sum(axis=0)
            false += (part == 0).sum(axis=0)
    found = []
    for what, here, there in (("never", true, false), ("always", false, true)):
        if names := [label for label, one, other in zip(training.labels, here, there) if other and not one]:
            found.append(f"{what} true in what is trained on: {listed(names)}; nothing is learned of it")
    rare = [label for label, one, other in zip(training.labels, true, false) if 0 < one * _IMBALANCE <= other]
    if rare:
        found.append(f'rarely true: {listed(rare)}; training.balance = "weights" and task.thresholds = "f1" help')
    return found
