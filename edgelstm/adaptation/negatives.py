"""Thresholds of events by recordings of the place in which none of them happens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from edgelstm.adaptation.ordered import Float64
from edgelstm.adaptation.taught import Taught
from edgelstm.data import Dataset
from edgelstm.evaluation import said_by_file_streamed
from edgelstm.judging import Said
from edgelstm.judging.false_events import THRESHOLDS, false_events, found_events, with_threshold
from edgelstm.model import Model
from edgelstm.records import to_json
from edgelstm.runtime.events.rule import Rule

if TYPE_CHECKING:
    from edgelstm.runtime.engines.engine import EngineStream

_MOST = 0.99


@dataclass(frozen=True, eq=False)
class Positives:
    """Recordings that tell what higher thresholds miss."""

    dataset: Dataset
    truth: Float64  # (sequences, outputs): 1 what is true of each
    learned: bool  # whether the model learned from them


@dataclass(frozen=True)
class Quiet:
    """A label's threshold, and how often it was an event though nothing of it happened."""

    before: float  # the threshold
    false_before: int  # events
    threshold: float
    false: int
    hours: float  # of recordings
    most: float  # false events an hour that were allowed
    of: int = 0  # recordings of the label
    found_before: int = 0  # of these, that an event told of
    found: int = 0
    learned: bool = False  # whether the model learned from them

    @property
    def holds(self) -> bool:
        return self.false <= self.most * self.hours


def quiet(
    stream: EngineStream,
    negatives: Sequence[Dataset],
    rules: Mapping[str, Rule],
    most: float,
    positives: Positives | None = None,
) -> dict[str, tuple[Rule, Quiet]]:
    """For each label the lowest threshold, from its rule's own on, at which at most so many events an hour begin;
    where there is none, the one with the fewest.

    Its own, and no lower: that nothing happened in a few hours says nothing for a lower one. negatives: recordings in
    which none of the labels happens, those of each through one stream, that answers every so many frames, of a model
    that knows its sample rate. positives: are asked what is missed then, and choose nothing.
    """
    names, rate = stream.model.output_names, stream.model.sample_rate
    hop = stream.answering.hop
    heard = [(dataset, said_by_file_streamed(stream, dataset, ())) for dataset in negatives]
    hours = sum(dataset.frames for dataset in negatives) / rate / 3600
    found = {}
    for label, rule in rules.items():
        place = names.index(label)

        def false(threshold: float, place: int = place, label: str = label, rule: Rule = rule) -> int:
            return _false(heard, hop, place, label, with_threshold(rule, threshold))

        before = false(rule.threshold)
        tried = [(rule.threshold, before)]
        for threshold in (t for t in THRESHOLDS if rule.threshold < t <= _MOST):
            if tried[-1][1] <= most * hours:
                break
            tried.append((threshold, false(threshold)))
        threshold, count = tried[-1]
        if count > most * hours:
            threshold, count = min(tried, key=lambda one: (one[1], one[0]))
        kept = rule if threshold == rule.threshold else with_threshold(rule, threshold)
        found[label] = kept, Quiet(rule.threshold, before, threshold, count, hours, most)
    return found if positives is None else _with_missed(stream, found, rules, positives)


def carried(model: Model) -> Positives | None:
    """The recordings that a model carries, where it knows what is true of them."""
    if model.unseen_truth is None or not model.unseen:
        return None
    count = len(model.unseen)
    names = model.feature_names or tuple(map(str, range(model.features)))
    dataset = Dataset(
        model.unseen, np.zeros(count, np.int64), model.labels, np.arange(count), names, sample_rate=model.sample_rate
    )
    return Positives(dataset, model.unseen_truth.astype(np.float64), False)


def of_clips(taught: Taught) -> Positives:
    return Positives(taught.dataset, taught.truth, True)


def _with_missed(
    stream: EngineStream,
    chosen: Mapping[str, tuple[Rule, Quiet]],
    rules: Mapping[str, Rule],
    positives: Positives,
) -> dict[str, tuple[Rule, Quiet]]:
    """With what events tell of recordings of their labels, before and now."""
    names, hop, dataset = stream.model.output_names, stream.answering.hop, positives.dataset
    said = said_by_file_streamed(stream, dataset, ())
    found = {}
    for label, (rule, quiet_by) in chosen.items():
        place = names.index(label)
        own = positives.truth[:, place] == 1
        before, now = (found_events(dataset, said, hop, own, place, label, one) for one in (rules[label], rule))
        of = int(own.sum())
        found[label] = rule, replace(quiet_by, of=of, found_before=before, found=now, learned=positives.learned)
    return found


def noted(model: Model, chosen: Mapping[str, tuple[Rule, Quiet]]) -> Model:
    """`model` that keeps these rules, and what they were chosen by."""
    rules = {label: rule for label, (rule, _) in chosen.items()}
    note = {label: to_json(one) for label, (_, one) in chosen.items()}
    return replace(model, events={**model.events, **rules}, provenance={**model.provenance, "negatives": note})


def _false(heard: Sequence[tuple[Dataset, Sequence[Said]]], hop: int, place: int, label: str, rule: Rule) -> int:
    return sum(false_events(dataset, said, hop, place, label, rule) for dataset, said in heard)
