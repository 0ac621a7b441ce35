"""What a report says of events: of the labels that a model keeps rules for, on the recordings of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from edgelstm.data.dataset import Dataset
from edgelstm.judging import Said
from edgelstm.judging.false_events import Point, curve
from edgelstm.model import Model
from edgelstm.report.record import FalseEvents, WatchedLabel
from edgelstm.runtime.events.rule import Rule


def kept_events(model: Model, dataset: Dataset, said: Sequence[Said] | None) -> FalseEvents | None:
    """The points of every label that the model keeps a rule for. said: along each recording, by one stream; None
    where it gives no answers meanwhile. None where there is nothing to be counted: no rules, no label for each
    recording, no sample rate."""
    if said is None or model.activation != "softmax" or not model.sample_rate or dataset.targets is not None:
        return None
    of_time, points = replace(dataset, sample_rate=model.sample_rate), {}
    for label, rule in model.events.items():
        is_own = dataset.y == dataset.labels.index(label) if label in dataset.labels else None
        if is_own is not None and is_own.any() and not is_own.all():
            points[label] = curve(of_time, said, model.answer.hop, label, rule)
    return false_events(dataset.name, points, model.events, None) if points else None


def false_events(
    data: str, points: Mapping[str, Sequence[Point]], rules: Mapping[str, Rule], most: float | None
) -> FalseEvents:
    """What is drawn of the points of each label, one for each threshold; rules: with those that were chosen. data:
    the recordings' name. most: false events an hour that were allowed; None where nobody said."""
    labels = []
    for label, told in points.items():
        places = [place for place, one in enumerate(told) if one.threshold == rules[label].threshold]
        labels.append(WatchedLabel(label, tuple(told), places[0] if places else None))
    return FalseEvents(data, most, tuple(labels))
