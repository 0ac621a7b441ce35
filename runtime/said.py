"""What an answer says, in words and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edgelstm.runtime.pooling import Activation


def said(figures: Mapping[str, float], activation: Activation, thresholds: Sequence[float]) -> dict[str, Any]:
    """Of outputs by their names: the label of a softmax, those of sigmoids that reach their thresholds, or values."""
    if activation == "softmax":
        best = max(figures, key=lambda label: figures[label])
        return {"label": best, "probability": figures[best], "probabilities": figures}
    if activation == "sigmoid":
        labels = [label for (label, value), limit in zip(figures.items(), thresholds) if value >= limit]
        return {"labels": labels, "probabilities": figures}
    return {"values": figures}
