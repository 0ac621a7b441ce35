"""Recordings as a data set: one label each, or what a task makes of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.dataset import Dataset
from edgelstm.data.file_names import label_hints
from edgelstm.data.labels import in_order, labels_of, whole_numbers
from edgelstm.data.recordings import Recordings
from edgelstm.data.targets import Targets
from edgelstm.plain import printable


def labelled(recordings: Recordings) -> Dataset:
    """A data set of the labels in order of their names. ValueError where a recording has none."""
    whole = recordings.recordings
    lost = next((r for r in whole if r.label is None), None)
    if lost is not None:
        if lost.frame_labels:
            raise ValueError(
                f"{lost.name}: its label changes from frame to frame, expected one for each recording; with "
                'task.kind = "frames" in the recipe, or --task frames, each frame has its own'
            )
        if only := _one_stem(recordings):
            raise ValueError(
                f"{recordings.name}: one class only ({printable(only, 40)!r}, which all file names begin with), "
                "expected two or more to tell apart; or a task that needs no labels, such as forecast"
            )
        if not recordings.target_names and (hints := label_hints([r.name for r in whole])):
            raise ValueError(
                f"{lost.name}: has no label, expected one for each recording: {'; or '.join(map(str, hints[:2]))}; "
                "or a label column (--label NAME), a folder for each; or a task that needs none, such as forecast"
            )
        why = "has no label"
        if recordings.target_names:
            why = f"has numbers ({printable(', '.join(recordings.target_names), 40)}) and no label (--task regress)"
        named = [printable(name, 40) for name in recordings.left_out if name]
        texts = ", ".join(named[:4])
        column = f" --label {named[0]}, or" if len(named) == 1 else ""
        raise ValueError(
            f"{lost.name}: {why}; expected one label for each recording:{column} a label column (--label NAME"
            + (f"; columns of text are {texts}" if texts and not column else "")
            + "), a folder for each label, or the label before the first dot of a file's name; or a task that needs "
            "none, such as forecast"
        )
    labels = labels_of(recordings)
    places = {label: place for place, label in enumerate(labels)}
    return from_recordings(recordings, np.array([places[str(r.label)] for r in whole], np.int64), labels)


def _one_stem(recordings: Recordings) -> str:
    """What all names of files have before their first dot, as labels stand there; "" where they have not, where a dot
    is but that of the suffix, and where something else tells labels."""
    whole = recordings.recordings
    stems = {r.name.split(".", 1)[0] for r in whole}
    told = len(whole) > 1 and len(stems) == 1 and all(r.name.count(".") > 1 and r.label is None for r in whole)
    return stems.pop() if told else ""


def from_recordings(
    recordings: Recordings,
    y: NDArray[np.int64],
    labels: tuple[str, ...],
    targets: Targets | None = None,
    units: tuple[str, ...] = (),
) -> Dataset:
    """The data set of `recordings` with what a task makes of them: fields of `Dataset`; units are of the labels."""
    whole = recordings.recordings
    tests = [r.test for r in whole]
    is_each_alone = any(r.group is None for r in whole)
    groups, names = (np.arange(len(whole)), _names(recordings)) if is_each_alone else _groups(recordings)
    return Dataset(
        sequences=tuple(r.frames for r in whole),
        y=y,
        labels=labels,
        label_units=units if any(units) else (),
        targets=targets,
        groups=groups,
        group_names=names,
        is_each_alone=is_each_alone,
        feature_names=recordings.names,
        feature_units=recordings.units,
        sample_rate=recordings.sample_rate,
        name=recordings.name,
        source=recordings.source,
        test=np.array(tests, np.bool_) if None not in tests else None,
    )


def _names(recordings: Recordings) -> tuple[str, ...]:
    """Of recordings that are told by them; none where some are alike."""
    names = tuple(r.name for r in recordings.recordings)
    return names if len(set(names)) == len(names) else ()


def _groups(recordings: Recordings) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    whole = recordings.recordings
    names = in_order(str(r.group) for r in whole)
    numbers = whole_numbers(names)
    places = {name: place if numbers is None else numbers[place] for place, name in enumerate(names)}
    return np.array([places[str(r.group)] for r in whole], np.int64), names if numbers is None else ()
