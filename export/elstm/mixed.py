"""Entries of each kind of file: of int8 ones layers compute in integers, in float32 or with weights of 16 bits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.export.arithmetic.bf16 import holds_bf16
from edgelstm.export.elstm.blocks import blocks, interleaved, narrowed, rows
from edgelstm.export.elstm.entry import (
    GIVES_FLOATS,
    IN_16_BITS,
    IN_FLOATS,
    PACKED,
    PLACE_OF_INVERSE,
    ROUNDS_TO_8,
    ROUNDS_TO_16,
    Entry,
)
from edgelstm.export.elstm.kinds import KINDS
from edgelstm.quantization.float_layer import FloatLayer
from edgelstm.quantization.int16_layers import Int16Layer, Product16
from edgelstm.quantization.layer import QuantizedLayer
from edgelstm.quantization.mixed import only_moves
from edgelstm.road import Placed


def in_float32(at: Placed) -> Entry:
    """A layer of a float32 file."""
    return KINDS[at.layer.kind].floats(at.layer, at)


def _int16(layer: Int16Layer, at: Placed) -> Entry:
    """As in float32 files, but for the matrices."""
    plain = in_float32(at)
    gates, interleaves = max(len(at.layer.gates), 1), KINDS[at.layer.kind].interleaves

    def packed(array: NDArray[Any]) -> bytes:
        return interleaved(array) if interleaves else array.tobytes()

    own = plain.own
    if layer.h_step is not None:
        own = (*own, *(0,) * (PLACE_OF_INVERSE - len(own)), _bits(layer.h_step[0]))
    return replace(
        plain,
        weights=packed(blocks(layer.W.codes, gates)),
        rows=packed(_rows16(layer.W, gates)),
        recurrent=b"" if layer.R is None else packed(blocks(layer.R.codes, gates)),
        recurrent_rows=b"" if layer.R is None else packed(_rows16(layer.R, gates)),
        own=own,
        arithmetic=GIVES_FLOATS | IN_FLOATS | IN_16_BITS,
    )


def _rows16(product: Product16, gates: int) -> NDArray[np.float32]:
    """(gates, groups, 32 + 16 · segments): scales of a block's rows, their biases, and as bits their crossed sums."""
    crossed = product.crossed().astype("<i4").view("<f4")
    values = (product.scale.astype("<f4"), product.bias.astype("<f4"), *crossed.T)
    return np.concatenate([rows(some, gates) for some in values], axis=2)


def _bits(value: np.float32) -> int:
    return int(value.view(np.int32))


def in_int8(layer: QuantizedLayer, at: Placed, is_last: bool) -> Entry:
    """A layer of an int8 file."""
    if isinstance(layer, FloatLayer):
        # what only moves has its source's numbers
        return replace(in_float32(at), arithmetic=GIVES_FLOATS | (0 if only_moves(at) else IN_FLOATS))
    if isinstance(layer, Int16Layer):
        return _int16(layer, at)
    kind = KINDS[at.layer.kind]
    assert kind.integers is not None
    entry = kind.scores(layer) if is_last and kind.scores is not None else kind.integers(layer, at)
    bits = (GIVES_FLOATS if layer.gives_floats else 0) | (PACKED if layer.four_bits else 0)
    if not layer.rounds or layer.takes is None:
        return replace(entry, arithmetic=bits)
    bits |= ROUNDS_TO_8 if layer.takes.bits == 8 else ROUNDS_TO_16
    own = entry.own + (0,) * (PLACE_OF_INVERSE - len(entry.own))
    return replace(entry, arithmetic=bits, own=(*own, _bits(layer.takes.inverse)))


def in_bf16(at: Placed) -> Entry:
    """Of a layer whose weights are bfloat16 already where its kind has such in files: their upper halves."""
    entry = in_float32(at)
    if not holds_bf16(at.layer):
        return entry
    return replace(entry, weights=narrowed(entry.weights), recurrent=narrowed(entry.recurrent))
