"""What this room knows of a kind of layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from edgelstm.layers import Shape
from edgelstm.layers.layer import Floats
from edgelstm.layers.recurrence import Recurrence
from edgelstm.quantization import int16_layers
from edgelstm.quantization.float_layer import FloatLayer, Walks
from edgelstm.quantization.float_recurrence import FloatProducts, FloatRecurrence
from edgelstm.quantization.int16_layers import Int16Layer, Products16
from edgelstm.quantization.layer import QuantizedLayer, Walker
from edgelstm.road import Placed


@dataclass(frozen=True)
class Kind:
    in_floats: Walks  # in a mixed model, in float32
    quantize: Callable[..., QuantizedLayer] | None = None
    """How it becomes integers: (layer, its place, its input's affine, ranges, granularity, what its weights meet, and
    of a kind with weights whether these have four bits); None where it never does."""

    columns: Callable[..., Floats] | None = None
    """What meets its weights: (layer, its place, its input in one sequence, its states by letter) → (runs,
    `Layer.columns`); None of a kind without weights for integers."""

    in_16_bits: Callable[[Placed], Int16Layer] | None = None  # with weights of 16 bits
    takes_wide: bool = False  # its integers take an input of 16 bits
    extras: tuple[str, ...] = ()  # what int8 models hold of it beyond the plain layer, besides another source,
    float_extras: tuple[str, ...] = ()  # and what they hold of it in float32 alone

    def not_held(self, at: Placed) -> list[str]:
        """What the layer has that int8 models do not hold."""
        return [extra for extra in at.extras if extra not in ("of", *self.extras, *self.float_extras)]

    @property
    def only_moves(self) -> bool:
        """Whether its integers are those that it takes."""
        return self.quantize is not None and self.columns is None


def recurrent_kind(walker: type[FloatRecurrence], **further: Any) -> Kind:
    """Of a recurrent layer, whose `walker` goes over weights of either width. `further`: fields of `Kind`."""

    def in_floats(of: FloatLayer, batch: int, source: Shape) -> Walker:
        assert isinstance(of.layer, Recurrence)
        return walker(of.layer, FloatProducts(of.layer), batch, source)

    def walks(of: Int16Layer, batch: int, source: Shape) -> Walker:
        assert isinstance(of.layer, Recurrence)
        return walker(of.layer, Products16(of), batch, source)

    return Kind(
        in_floats,
        in_16_bits=lambda at: int16_layers.recurrent(at, walks),
        float_extras=("gate", "candidate", "carry", "rows"),
        **further,
    )
