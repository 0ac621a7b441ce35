"""Calibrating a model anew, on other data than it was trained with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypedDict

import numpy as np

from edgelstm.data import kept, splits
from edgelstm.data.dataset import Dataset
from edgelstm.data.seen import feature_range
from edgelstm.forward import forward
from edgelstm.model import Model
from edgelstm.plain import counted
from edgelstm.quantization.calibration import calibrate
from edgelstm.quantization.quantize import why_not_held
from edgelstm.road import INPUT
from edgelstm.training.normalizing import fit_normalize

_LATER = 0.2  # share of each recording that proves where there are few
_TRIED, _TRIED_FRAMES = 4, 2048  # recordings and frames by which a changed model is compared with the one before
_ROUNDING = 1e-4  # of its largest score that rounded weights may make


def recalibrated(
    model: Model,
    dataset: Dataset,
    *,
    by_time: bool = False,
    float_layers: Sequence[str] | None = None,
    int16_layers: Sequence[str] = (),
    most_error: float | None = None,
) -> Model:
    """`model` with the ranges of four of five recordings of `dataset`, whose features are those of the model. It then
    carries a few of them, and some of the others for the proof. Data of fewer than five recordings all calibrate, and
    those that the model had for its proof stay; `by_time`, the last fifth of each does not calibrate, and proves. A
    model that does not know what range its features had learns that too. One that int8 does not hold has recordings
    alone, and no ranges. `float_layers`: to keep in float32, `int16_layers`: to give weights of 16
    bits; without the former as calibration chooses, by `most_error` where that is given. ValueError where one cannot
    be, and where nothing is long enough."""
    seen, proves = splits.every_fifth(dataset)
    fit, later = dataset.subset(seen), dataset.subset(proves) if proves.size else None
    if later is None and by_time:
        fit, later = splits.by_time(dataset, _LATER)
    seen_range = model.feature_range or feature_range(fit)
    if later is not None:
        model = kept.with_unseen(model, [later])
    model = replace(model, examples=kept.examples(fit), feature_range=seen_range)
    if why_not_held(model) is not None:
        return model
    return calibrate(model, fit.sequences, float_layers, int16_layers, most_error)


class _Chosen(TypedDict):
    float_layers: Sequence[str] | None
    int16_layers: Sequence[str]


def precisions_of(model: Model) -> _Chosen:
    """What `recalibrated` takes for the layers of a model that is calibrated to stay as wide as they are."""
    ranges = model.ranges
    if ranges is None:
        return {"float_layers": None, "int16_layers": ()}
    return {"float_layers": ranges.kept, "int16_layers": ranges.int16}


def check_windows(model: Model, dataset: Dataset) -> None:
    """ValueError unless a recording is as long as the windows after each of which `model` begins anew."""
    longest = max((len(x) for x in dataset.sequences), default=0)
    if longest < model.anew:
        raise ValueError(f"{counted(longest, 'frame')} at most, expected a window of {model.anew}: no answer comes")


def normalized(model: Model, dataset: Dataset) -> Model:
    """`model`, where it takes raw frames, with the mean and deviation that `dataset` shows put into its normalization
    and taken out of the weights of all layers that read the frames: what it answers stays. Int8, and remarks on
    levels, go by these. As it is where one of these has no weights of its own for each feature, or float32 is too
    coarse for the data.
    """
    taken = model.normalize
    readers = [n for n, at in enumerate(model.road) if INPUT in at.reads]
    if taken.mean.any() or (taken.std != 1).any():
        return model
    try:
        normalize = fit_normalize(dataset)
    except ValueError:
        return model
    mean, std = normalize.mean.astype(np.float64), normalize.std.astype(np.float64)
    layers = list(model.layers)
    for n in readers:
        layer = layers[n].scaled_in(std, mean)  # gives of normalized frames what it gave of raw ones
        if layer is None:
            return model
        layers[n] = layer
    changed = replace(model, normalize=normalize, layers=tuple(layers), ranges=None, covariances={})
    return changed if _answers_alike(model, changed, dataset) else model


def _answers_alike(model: Model, changed: Model, dataset: Dataset) -> bool:
    """Whether float64 gives the same scores of the beginnings of recordings, but for rounding of the weights."""
    longest = sorted(dataset.sequences, key=len)[-_TRIED:]
    pairs = [[forward(of, x[:_TRIED_FRAMES]).scores for of in (model, changed)] for x in longest]
    before, after = (np.concatenate(part) for part in zip(*pairs, strict=True))
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.abs(after - before).max(initial=0) <= _ROUNDING * max(np.abs(before).max(initial=0), 1))
