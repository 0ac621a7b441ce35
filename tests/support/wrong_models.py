"""Integer models with something wrong, for the checks that must see it."""

from __future__ import annotations

from dataclasses import replace

from with_layers import lstms_of, with_layers


def first_lstm(quantized, **changes):
    """`quantized` with fields of its first LSTM layer changed."""
    return with_layers(quantized, lstms=(replace(lstms_of(quantized)[0], **changes), *lstms_of(quantized)[1:]))


def changed(array, place, value):
    copy = array.copy()
    copy[place] = value
    return copy
