"""What a reader makes of a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgelstm.model import Model
from edgelstm.plain import counted, printable

Quantized = Literal["", "weights", "values"]

if TYPE_CHECKING:
    from edgelstm.importers.origin import Opening


@dataclass(frozen=True, eq=False)
class Imported:
    """model: as read. notes: what was understood, a line each. origin: how the file opens in its own engine, None
    where there is none for its format; `unproven` then says why. quantized: what of the file is integers, which the
    model has as the numbers that they stand for: its engine then answers a little otherwise."""

    model: Model
    format: str
    notes: tuple[str, ...] = ()
    origin: Opening | None = None
    unproven: str = ""
    quantized: Quantized = ""


def vanished(arrays: Mapping[str, NDArray[Any]]) -> tuple[str, ...]:
    """A note on weights in float64 that are so small that they are 0 in float32."""
    lost = {
        name: int(np.count_nonzero((array != 0) & (array.astype(np.float32) == 0)))
        for name, array in arrays.items()
        if array.dtype == np.float64
    }
    named = [name for name, count in lost.items() if count]
    if not named:
        return ()
    where = f"{printable(named[0], 60)}{' and others' if len(named) > 1 else ''}"
    return (f"{counted(sum(lost.values()), 'weight')} too small for float32 became 0, in {where}",)
