"""Calibrating a model anew, on other data than it was trained with."""

from __future__ import annotations

from dataclasses import replace

from edgelstm.data import kept, splits
from edgelstm.data.dataset import Dataset
from edgelstm.data.seen import feature_range
from edgelstm.model import Model
from edgelstm.quantization.calibration import calibrate


def recalibrated(model: Model, dataset: Dataset) -> Model:
    """`model` with the ranges of four of five recordings of `dataset`, whose features are those of the model. It then
    carries a few of them, and some of the others for the proof; data of few recordings all calibrate, and those that
    the model had for its proof stay. A model that does not know what range its features had learns that too.
    ValueError where nothing is long enough."""
    seen, proves = splits.every_fifth(dataset)
    fit = dataset.subset(seen)
    unseen = kept.unseen([dataset.subset(proves)], model) if proves.size else model.unseen
    seen_range = model.feature_range or feature_range(fit)
    model = replace(model, examples=kept.examples(fit), unseen=unseen, feature_range=seen_range)
    return calibrate(model, fit.sequences)
