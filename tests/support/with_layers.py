"""The layers of models of LSTM layers and then dense ones, and such models with other layers than they had."""

from __future__ import annotations

from dataclasses import replace


def lstms_of(model):
    """The LSTM layers of a model, float or quantized."""
    return tuple(layer for layer in model.layers if layer.kind == "lstm")


def head_of(model):
    """Its dense layers."""
    return tuple(layer for layer in model.layers if layer.kind == "dense")


def with_layers(model, lstms=None, head=None):
    """`model` with some of its layers changed."""
    lstms = lstms_of(model) if lstms is None else lstms
    head = head_of(model) if head is None else head
    return replace(model, layers=(*lstms, *head))
