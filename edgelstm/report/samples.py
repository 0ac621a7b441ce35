"""Recordings with what every precision answered along them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.dataset import Dataset
from edgelstm.data.own import runs
from edgelstm.evaluation import said_along
from edgelstm.judging import Said
from edgelstm.judging.symbols import bits_of
from edgelstm.model import Model
from edgelstm.report.chosen import Chosen, choose
from edgelstm.report.counts import score_chart
from edgelstm.report.drawing import HUES, MOST_CHANNELS, course, input_charts, moved, origin, title
from edgelstm.report.record import Chart, Course, Sample, Sign, Stretch
from edgelstm.tasks import Anomaly, Forecast, Frames, Regress, Tags, Text

if TYPE_CHECKING:
    from edgelstm.runtime.engines.engine import EngineModel

_MOST_LABELS, _MOST_OUTPUTS = 3, 4
_MOST_STRETCHES = 200

Hue = Literal["0", "1", "2", "3", "4"]
_HUES: tuple[Hue, ...] = ("0", "1", "2", "3", "4")


@dataclass(frozen=True, eq=False)
class Voice:
    """One precision: its engine, and what it said of each sequence."""

    precision: str
    engine: EngineModel
    said: Sequence[Said]

    @property
    def manner(self) -> Literal["float", "int8"]:
        return "float" if self.precision == "float32" else "int8"


def samples(model: Model, dataset: Dataset, voices: Sequence[Voice]) -> tuple[str, tuple[Sample, ...]]:
    """(the rule, samples). The first of `voices` decides which; the others are shown beside it."""
    rule, chosen = choose(model.task, dataset, voices[0].said)
    hues: dict[int, int] = {}
    return rule, tuple(_sample(model, dataset, voices, one, hues) for one in chosen)


def hues_of(labels: Sequence[int], known: dict[int, int]) -> list[int]:
    """A hue for each of at most five labels of a chart, no two alike. A label keeps the one that is `known` of it
    from charts before, unless another one of this chart has it; those that are new become known."""
    found: dict[int, int] = {}
    for label in labels:
        if label in known and known[label] not in found.values():
            found[label] = known[label]
    for label in labels:
        if label not in found:
            free = [hue for hue in range(HUES) if hue not in found.values()]
            found[label] = min(free, key=list(known.values()).count)
            known.setdefault(label, found[label])
    return [found[label] for label in labels]


def _sample(model: Model, dataset: Dataset, voices: Sequence[Voice], chosen: Chosen, hues: dict[int, int]) -> Sample:
    task, place = model.task, chosen.place
    one = dataset.subset([place])
    along = [_along(model, one, voice, place) for voice in voices]
    frames = one.sequences[0][chosen.first : chosen.last]
    names, units = dataset.feature_names, dataset.feature_units
    spelled = isinstance(task, Text) and task.tell == "next"
    is_text = isinstance(task, Text)
    _, start = origin(dataset, place)
    inputs = () if is_text else input_charts(frames, chosen.first, names, units)
    answers = () if spelled else _answers(model, one, along, voices, chosen, hues)
    return Sample(
        title=title(dataset, chosen.place, chosen.first, chosen.last),
        why=chosen.why,
        is_right=chosen.is_right,
        first=start + chosen.first,
        last=start + chosen.last,
        verdict=() if task.each_frame else _verdict(model, one, [voice.said[place] for voice in voices], voices),
        input=tuple(moved(chart, start) for chart in inputs),
        channels_left_out=0 if is_text else max(dataset.features - MOST_CHANNELS, 0),
        answers=tuple(moved(chart, start) for chart in answers),
        text=_text(task, one, along, chosen) if isinstance(task, Text) and spelled else (),
    )


def _along(model: Model, one: Dataset, voice: Voice, place: int) -> Said:
    """What `voice` says along a sequence; where it answers at the end, what it would have answered at every run."""
    if model.task.each_frame:
        return voice.said[place]
    stream = voice.engine.stream(hop=model.stride)
    return said_along(stream, one.sequences[0], model.thresholds)


def _verdict(
    model: Model, one: Dataset, said: Sequence[Said], voices: Sequence[Voice]
) -> tuple[tuple[str, str], ...]:
    """What is true of a whole sequence, and what each precision said of it."""
    task, labels = model.task, one.labels
    if isinstance(task, Regress):
        told = [task.told(one, [each]) for each in said]
        rows = [("true", told[0].truth[-1])] + [(v.precision, t.answers[-1]) for v, t in zip(voices, told)]
        return tuple((name, ", ".join(f"{value:.4g}" for value in row[:_MOST_OUTPUTS])) for name, row in rows)
    if isinstance(task, Tags):
        true = task.both(one, said[:1])[1][-1]
        limits = np.array(model.thresholds or (0.5,) * len(labels))
        rows = [("true", true == 1)] + [(v.precision, each.answers[-1] >= limits) for v, each in zip(voices, said)]
        return tuple(
            (name, ", ".join(label for label, is_said in zip(labels, row) if is_said) or "none") for name, row in rows
        )
    found = [("true", labels[int(one.y[0])])]
    for voice, each in zip(voices, said):
        best = int(each.answers[-1].argmax())
        found.append((voice.precision, f"{labels[best]}, {100 * float(each.answers[-1][best]):.0f} %"))
    return tuple(found)


def _answers(
    model: Model,
    one: Dataset,
    along: Sequence[Said],
    voices: Sequence[Voice],
    chosen: Chosen,
    hues: dict[int, int],
) -> tuple[Chart, ...]:
    task = model.task
    inside = [(said.at > chosen.first) & (said.at <= chosen.last) for said in along]
    if isinstance(task, Anomaly):
        scored = [task.scored(one, [said], streamed=False)[0] for said in along]
        return (score_chart(scored[0], chosen.first, chosen.last, scored[1] if len(scored) > 1 else None),)
    if isinstance(task, Forecast | Regress):
        return _numbers(task, one, along, voices, inside)
    if isinstance(task, Tags):
        return _tags(task, model, one, along, voices, inside)
    return (_classes(task, one, along, voices, inside, chosen, hues),)


def _numbers(
    task: Forecast | Regress,
    one: Dataset,
    along: Sequence[Said],
    voices: Sequence[Voice],
    inside: Sequence[NDArray[np.bool_]],
) -> tuple[Chart, ...]:
    told = [task.told(one, [said]) for said in along]
    charts = []
    for n in range(min(len(one.labels), _MOST_OUTPUTS)):
        courses = [course("truth", 0, "truth", along[0].at[inside[0]], told[0].truth[inside[0], n])]
        courses += [
            course(voice.precision, 0, voice.manner, said.at[which], each.answers[which, n])
            for voice, said, each, which in zip(voices, along, told, inside)
        ]
        charts.append(Chart(one.labels[n], one.label_units[n] if one.label_units else "", tuple(courses)))
    return tuple(charts)


def _tags(
    task: Tags,
    model: Model,
    one: Dataset,
    along: Sequence[Said],
    voices: Sequence[Voice],
    inside: Sequence[NDArray[np.bool_]],
) -> tuple[Chart, ...]:
    truth = task.both(one, along[:1])[1][inside[0]]
    order = np.argsort(-(truth == 1).sum(axis=0), kind="stable")[:_MOST_OUTPUTS]
    charts = []
    for n in np.sort(order).tolist():
        courses = [course("truth", 0, "truth", along[0].at[inside[0]], truth[:, n])]
        courses += [
            course(voice.precision, 0, voice.manner, said.at[which], said.answers[which, n])
            for voice, said, which in zip(voices, along, inside)
        ]
        limit = float(model.thresholds[n]) if model.thresholds else 0.5
        charts.append(Chart(one.labels[n], "probability", tuple(courses), limit=limit))
    return tuple(charts)


def _classes(
    task: object,
    one: Dataset,
    along: Sequence[Said],
    voices: Sequence[Voice],
    inside: Sequence[NDArray[np.bool_]],
    chosen: Chosen,
    hues: dict[int, int],
) -> Chart:
    """Probabilities of the labels that matter here: those that are true, then those that are said the most."""
    first = along[0].answers[inside[0]]
    means = first.mean(axis=0) if len(first) else np.zeros(len(one.labels))
    if isinstance(task, Frames) and one.targets is not None:
        truth = one.targets[0]
        shown_truth = truth[chosen.first : chosen.last] if len(truth) > 1 else truth
        counts = np.bincount(shown_truth[shown_truth >= 0], minlength=len(one.labels))
        means = means + 2.0 * counts / max(int(counts.sum()), 1)
    else:
        truth = None
        means[one.y[0]] = np.inf
    order = np.argsort(-means, kind="stable")[: max(_MOST_LABELS, HUES if truth is not None else 0)].tolist()
    courses: list[Course] = []
    shades = hues_of(order, hues)
    for hue, n in zip(shades, order):
        courses += [
            course(one.labels[n], hue, voice.manner, said.at[which], said.answers[which, n])
            for voice, said, which in zip(voices, along, inside)
        ]
    stretches = [] if truth is None or len(truth) < 2 else _true_stretches(truth, order, shades, one.labels, chosen)
    return Chart("answers", "probability", tuple(courses), tuple(stretches[:_MOST_STRETCHES]))


def _true_stretches(
    truth: NDArray[np.integer], order: Sequence[int], shades: Sequence[int], labels: Sequence[str], chosen: Chosen
) -> list[Stretch]:
    part = truth[chosen.first : chosen.last]
    return [
        Stretch(f"truly {labels[n]}", _HUES[hue], chosen.first + int(a), chosen.first + int(b))
        for hue, n in zip(shades, order)
        for a, b in runs(part == n)
    ]


def _text(task: Text, one: Dataset, along: Sequence[Said], chosen: Chosen) -> tuple[Sign, ...]:
    """The symbols of a stretch with their costs; the first of a text has none, since nobody foretells it."""
    signs = one.sequences[0].argmax(axis=1)
    names = one.feature_names or one.labels
    costs = np.full((len(along), len(signs)), np.nan)
    for row, said in enumerate(along):
        given, truth = task.both(one, [said])
        known = truth >= 0
        costs[row, said.at[known]] = bits_of(given[known], truth[known])
    return tuple(
        Sign(names[signs[n]], tuple(float(f"{bits:.4g}") for bits in costs[:, n] if np.isfinite(bits)))
        for n in range(chosen.first, chosen.last)
    )
