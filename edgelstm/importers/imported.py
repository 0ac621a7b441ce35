"""What a reader makes of a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgelstm.model import Model

if TYPE_CHECKING:
    from edgelstm.importers.origin import Opening


@dataclass(frozen=True, eq=False)
class Imported:
    """model: as read. notes: what was understood, a line each. origin: how the file opens in its own engine, None
    where there is none for its format; `unproven` then says why."""

    model: Model
    format: str
    notes: tuple[str, ...] = ()
    origin: Opening | None = None
    unproven: str = ""
