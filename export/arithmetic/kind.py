"""What this room knows of a kind of layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edgelstm.export.arithmetic.dequantize import Floats
from edgelstm.export.arithmetic.twin import Twin


@dataclass(frozen=True)
class Kind:
    portable: Callable[..., Twin]
    """With float gates between integers: (its place, the quantized layer) → its twin."""

    cell: Callable[..., Twin]
    """With int8 values throughout: (its place, the quantized layer, how what is inside is quantized) → its twin."""

    cell_units: float = 0.0  # by how many units its states may then differ from every value rounded once
    inside: Callable[..., dict[str, Floats]] | None = None
    """What values a recurrent layer has inside, over the runs of one sequence: (the layer, its input, its states by
    letter)."""

    rounded: Callable[..., tuple[Floats, dict[str, Floats]]] | None = None
    """Of a recurrent layer, whose weights and what meets them are rounded to 8 bits: (the layer, x (T, inputs), the
    rounding) → its results (T, values), and its states by letter."""
