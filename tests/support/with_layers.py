"""Models with other layers than they had."""

from __future__ import annotations

from dataclasses import replace


def with_layers(model, lstms=None, head=None):
    """A model, float or quantized, of LSTM layers and then dense ones, with some of them changed."""
    lstms = model.lstms if lstms is None else lstms
    head = model.head if head is None else head
    return replace(model, layers=(*lstms, *head))
