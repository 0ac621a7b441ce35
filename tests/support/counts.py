"""How often a test repeats what it does: a few times in `make test`, in full in `make test-all`."""

from __future__ import annotations

import os

FULL = bool(os.environ.get("EDGELSTM_ALL"))


def times(few: int, full: int) -> int:
    """Examples, kills, races or damaged files."""
    return full if FULL else few
