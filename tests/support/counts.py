"""How often a test repeats what it does: a few times in `make test`, in full in `make test-all`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")

FULL = bool(os.environ.get("EDGELSTM_ALL"))


def times(few: int, full: int) -> int:
    """Examples, kills, races or damaged files."""
    return full if FULL else few


def some(cases: Iterable[T], few: int = 1) -> list[T]:
    """The first `few` of the cases in `make test`, all of them in `make test-all`."""
    found = list(cases)
    return found if FULL else found[:few]
