"""Calibrating a model anew, on other data than it was trained with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from edgelstm.data import kept, splits
from edgelstm.data.dataset import Dataset
from edgelstm.data.seen import feature_range
from edgelstm.layers import GRU, LSTM, Dense
from edgelstm.model import Model
from edgelstm.quantization.calibration import calibrate
from edgelstm.quantization.quantize import why_not_held
from edgelstm.training.normalizing import fit_normalize

_LATER = 0.2  # share of each recording that proves where there are few


def recalibrated(
    model: Model, dataset: Dataset, *, by_time: bool = False, float_layers: Sequence[str] | None = None
) -> Model:
    """`model` with the ranges of four of five recordings of `dataset`, whose features are those of the model. It then
    carries a few of them, and some of the others for the proof. Data of fewer than five recordings all calibrate, and
    those that the model had for its proof stay; `by_time`, the last fifth of each does not calibrate, and proves. A
    model that does not know what range its features had learns that too. One that int8 does not hold has recordings
    alone, and no ranges. `float_layers`: to keep in float32, or as calibration chooses them; ValueError where one
    cannot be, and where nothing is long enough."""
    seen, proves = splits.every_fifth(dataset)
    fit, later = dataset.subset(seen), dataset.subset(proves) if proves.size else None
    if later is None and by_time:
        fit, later = splits.by_time(dataset, _LATER)
    unseen = model.unseen if later is None else kept.unseen([later], model)
    seen_range = model.feature_range or feature_range(fit)
    model = replace(model, examples=kept.examples(fit), unseen=unseen, feature_range=seen_range)
    return calibrate(model, fit.sequences, float_layers) if why_not_held(model) is None else model


def normalized(model: Model, dataset: Dataset) -> Model:
    """`model`, where it takes raw frames, with the mean and deviation that `dataset` shows put into its normalization
    and taken out of the weights of its first layer: what it answers stays. Int8, and remarks on levels, go by these.
    As it is where its first layer has no weights of its own for each feature, or float32 is too coarse for the data.
    """
    first, taken = model.layers[0], model.normalize
    if taken.mean.any() or (taken.std != 1).any() or not isinstance(first, LSTM | GRU | Dense):
        return model
    try:
        normalize = fit_normalize(dataset)
    except ValueError:
        return model
    mean, std = normalize.mean.astype(np.float64), normalize.std.astype(np.float64)
    W = first.W.astype(np.float64)
    changed = replace(first, W=(W * std).astype(np.float32), b=(first.b + W @ mean).astype(np.float32))
    return replace(model, normalize=normalize, layers=(changed, *model.layers[1:]), ranges=None, covariances={})
