"""Models that make their features of sound, apart: the layer that hears, and the model of features behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.dataset import Dataset
from edgelstm.data.store import Growing, split
from edgelstm.layers import LogMel, Shape
from edgelstm.model import Model, Normalize, Ranges
from edgelstm.road import INPUT, lay

Frames = NDArray[np.float32]
_PIECE = 1 << 12  # frames

SOUND = (-32768.0, 32767.0)
"""The range of a sample."""


def ear_of(model: Model) -> LogMel | None:
    """The layer that takes samples; None where the model takes something else."""
    first = model.layers[0]
    return first if isinstance(first, LogMel) and not any(layer.of == INPUT for layer in model.layers) else None


def features_of(ear: LogMel, sequences: Sequence[Frames]) -> tuple[Frames, ...]:
    """What `ear` gives of each sequence (frames, hop) from a fresh state, before its mean and deviation: (frames,
    bands), the numbers that every exported file computes. They may lie in a file."""
    raw = _raw(ear)
    growing = Growing((ear.bands,), np.float32)
    for x in sequences:
        state = None
        for start in range(0, len(x), _PIECE):
            run = raw.forward(x[start : start + _PIECE, None], Shape(1, ear.hop), state)
            state = {letter: values[-1] for letter, values in run.states.items()}
            growing.add(run.result[:, 0])
    return split(growing.done(), [len(x) for x in sequences])


def heard(ear: LogMel, dataset: Dataset) -> Dataset:
    """`dataset`, whose frames are samples, as `features_of` them."""
    features = features_of(ear, dataset.sequences)
    targets = None if dataset.targets is None else dataset.targets.reordered(range(ear.bands), features)
    return replace(dataset, sequences=features, feature_names=band_names(ear), feature_units=(), targets=targets)


def band_names(ear: LogMel) -> tuple[str, ...]:
    return tuple(f"mel{band + 1}" for band in range(ear.bands))


def behind(model: Model) -> Model:
    """The model of features behind the ear of `model`, which has one: it takes logarithms of energies, or how far
    they lie above the level, and normalizes these itself. Its road has the same
    names; its provenance says how sound is heard."""
    ear = ear_of(model)
    assert ear is not None
    name = model.road[0].name
    ranges = None
    if model.ranges is not None:
        spans = {place: span for place, span in model.ranges.spans.items() if place not in ("x", name)}
        ranges = Ranges({"x": model.ranges[name], **spans})
    layers = tuple(replace(layer, of=INPUT) if layer.of == name else layer for layer in model.layers[1:])
    return replace(
        model,
        normalize=Normalize(ear.mean, ear.std),
        layers=layers,
        feature_names=band_names(ear),
        feature_range=(),
        provenance={
            **model.provenance,
            "heard": {name: getattr(ear, name) for name in (*ear.settings, *ear.options)},
        },
        ranges=ranges,
        examples=features_of(ear, model.examples),
        unseen=features_of(ear, model.unseen),
    )


def in_front(ear: LogMel, model: Model) -> Model:
    """A model of features, with `ear` in front of it: the inverse of `behind`, without recordings. What the features'
    normalization is, and their range, become the ear's."""
    ear = replace(ear, mean=model.normalize.mean, std=model.normalize.std)
    (at,) = lay(ear.hop, (ear,))
    layers = (ear, *(replace(layer, of=at.name) if layer.of == INPUT else layer for layer in model.layers))
    ranges = None
    if model.ranges is not None:
        widest = max(model.ranges.factors or (1.0,))
        low, high = model.ranges["x"]
        spans = {name: span for name, span in model.ranges.spans.items() if name != "x"}
        ranges = Ranges({"x": SOUND, at.name: (low * widest, high * widest), **spans})
    return replace(
        model,
        normalize=Normalize(np.zeros(ear.hop, np.float32), np.ones(ear.hop, np.float32)),
        layers=layers,
        feature_names=(),
        feature_units=(),
        feature_range=(),
        ranges=ranges,
        examples=(),
        unseen=(),
    )


def _raw(ear: LogMel) -> LogMel:
    return replace(ear, mean=np.zeros(ear.bands, np.float32), std=np.ones(ear.bands, np.float32))
