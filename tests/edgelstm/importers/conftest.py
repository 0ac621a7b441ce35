"""What an import is proven on, where no recordings are given."""

from __future__ import annotations

import pytest

from counts import times
from edgelstm.importers import proof


@pytest.fixture(autouse=True)
def _fewer_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    """Float64 and float32 run frame by frame in numpy: most of the time of a test that proves."""
    monkeypatch.setattr(proof, "FRAMES", times(800, proof.FRAMES))
