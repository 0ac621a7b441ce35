"""What tests of adapting begin with."""

from __future__ import annotations

from pathlib import Path

import pytest

from clips_to_learn import clips, data, decisions, model_of
from edgelstm.data import save_dataset
from edgelstm.model_file import save_model


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """old.npz, and clips.npz, whose labels are those that it says, each called by the next one's name."""
    monkeypatch.chdir(tmp_path)
    model = model_of()
    save_model(model, "old.npz")
    sequences = clips(40)
    save_dataset(data(sequences, (decisions(model, sequences) + 1) % 3), Path("clips.npz"))
    return tmp_path


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all strengths the one that is chosen here, for what does not ask how it is chosen."""
    monkeypatch.setattr("edgelstm.adaptation.learning.STRENGTHS", (0.003,))
