"""An entry of an `.elstm` file's layer table."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from edgelstm.road import Placed

ENTRY_SIZE = 128
MOST_OWN = 9

GIVES_FLOATS, ROUNDS_TO_8, ROUNDS_TO_16, IN_FLOATS, IN_16_BITS, PACKED = 1, 2, 4, 8, 16, 32
"""What a layer of a mixed file does: its result is float32; it makes codes of 8 or of 16 bits of a float32 source; it
computes in float32, but for products of 16 bits. In an int4 file: its weights have four bits."""

PLACE_OF_INVERSE = 7
"""Among `own`: the bits of a float32, by which a layer that rounds multiplies; of one with products of 16 bits the
step of its state's codes."""


@dataclass(frozen=True)
class Entry:
    """What a layer brings to the table, but for where things lie."""

    weights: bytes = b""
    rows: bytes = b""
    recurrent: bytes = b""
    recurrent_rows: bytes = b""
    input_zero_point: int = 0
    output_zero_point: int = 0
    output_scale: float = 0.0
    multiplier: tuple[int, int] = (0, 0)  # mantissa, shift: from a state to int8 codes
    further: bytes = b""  # first states; the taper of a spectrum
    own: tuple[int, ...] = ()  # what only this kind has, at most 9 numbers
    relu: bool = False
    in_state: bool = False  # its result is a part of its state
    arithmetic: int = 0  # of a mixed int8 file: bits of `GIVES_FLOATS` and its like

    @property
    def tensors(self) -> tuple[bytes, ...]:
        return self.weights, self.rows, self.recurrent, self.recurrent_rows, self.further

    def pack(self, number: int, at: Placed, sources: tuple[int, int], result: int, offsets: tuple[int, ...]) -> bytes:
        """The layer's 128 bytes. `number`: of its kind; `sources`: 0 = the normalized input, else 1 + index of the
        layer that it reads, and 1 + such a number, or 0, for the second one; `result`: offset of its result among the
        results; `offsets`: of its tensors in the file."""
        header = (number, *sources, int(self.relu), at.result.rows, at.result.channels, result)
        *places, further = zip(offsets, map(len, self.tensors))
        zero_points = (self.input_zero_point, self.output_zero_point)
        integers = (*zero_points, self.output_scale, *self.multiplier)
        own = self.own + (0,) * (MOST_OWN - len(self.own))
        flat = (n for pair in places for n in pair)
        return struct.pack("<16I2if5i2I6i", *header, self.arithmetic, *flat, *integers, *own[:3], *further, *own[3:])
