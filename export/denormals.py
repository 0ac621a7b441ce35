"""Weights so small that processors take many times as long with them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from edgelstm.layers import Layer
from edgelstm.model import Model


def without_denormals(model: Model) -> Model:
    """`model` with zeros for weights below the smallest normal float32, 1.2e-38, which training leaves where it lets
    weights decay. Itself where it has none."""
    layers = [_without_small(layer) for layer in model.layers]
    changed = any(new is not old for new, old in zip(layers, model.layers))
    return replace(model, layers=tuple(layers)) if changed else model


def _without_small(layer: Layer) -> Layer:
    changed: dict[str, Any] = {}
    for name in layer.held_arrays:
        values = np.ascontiguousarray(getattr(layer, name))
        # By their bits: a thread whose processor takes denormals for zeros would find none.
        denormal = (values.view(np.uint32) & 0x7FFFFFFF) - np.uint32(1) < np.uint32(0x007FFFFF)
        if denormal.any():
            changed[name] = np.where(denormal, np.float32(0), values)
    return replace(layer, **changed) if changed else layer
