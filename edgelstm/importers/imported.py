"""What a reader makes of a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgelstm.model import Model

if TYPE_CHECKING:
    from edgelstm.importers.origin import Origin


@dataclass(frozen=True, eq=False)
class Imported:
    """model: as read. notes: what was understood, a line each. origin: opens the file in its own engine, None where
    there is none for its format; `unproven` then says why."""

    model: Model
    format: str
    notes: tuple[str, ...] = ()
    origin: Callable[[], Origin] | None = None
    unproven: str = ""
