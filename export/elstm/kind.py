"""What a file's layer table has of a kind of layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edgelstm.export.elstm.entry import Entry


@dataclass(frozen=True)
class Kind:
    number: int  # of the kind in files
    floats: Callable[..., Entry]
    """In float32: (the layer, its place)."""

    integers: Callable[..., Entry] | None = None
    """In integers: (the quantized layer, its place); None where it never is."""

    scores: Callable[..., Entry] | None = None
    """The same of a model's last layer: (the quantized layer,)."""

    extras: tuple[str, ...] = ()  # what files hold of it beyond the plain layer, besides another source
    interleaves: bool = False
    """Its blocks lie unit by unit: for each group of units those of all gates."""
