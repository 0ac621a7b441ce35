"""What a reader makes of a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from edgelstm.model import Model

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
