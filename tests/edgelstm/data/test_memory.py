"""Recordings are read in little memory: their frames lie in a file (`edgelstm.data.store`)."""

from __future__ import annotations

import mmap
import tracemalloc
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgelstm.data import store
from edgelstm.data.read import read_recordings

SAMPLES = 1 << 20


@pytest.fixture(autouse=True)
def _little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "HELD", 1 << 16)
    monkeypatch.setattr(store, "CHUNK", 1 << 16)


@pytest.mark.parametrize("is_labelled", [False, True])
def test_a_sound_is_not_held(tmp_path: Path, is_labelled: bool) -> None:
    with wave.open(str(tmp_path / "x.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes((np.arange(SAMPLES) % 100).astype("<i2").tobytes())
    if is_labelled:
        (tmp_path / "x.txt").write_text("0\t50\ta\n50\t100\tb\n")
    tracemalloc.start()
    try:
        found = read_recordings(tmp_path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found.recordings[0].frames[:200:99, 0].tolist() == [0, 99, 98]
    assert peak < SAMPLES, peak  # a quarter of what they are


def test_series_are_not_held(tmp_path: Path) -> None:
    rows = np.random.default_rng(1).integers(0, 99, (100, 400))
    lines = [f"{','.join(map(str, row))}:{'ab'[n % 2]}" for n, row in enumerate(rows.tolist())]
    header = "@problemName x\n@timeStamps false\n@classLabel true a b\n@data\n"
    (tmp_path / "x.ts").write_text(header + "\n".join(lines) + "\n")
    found = read_recordings(tmp_path / "x.ts").recordings
    np.testing.assert_array_equal([one.frames[:, 0] for one in found], rows)
    assert all(lies_in_a_file(one.frames) for one in found)


def lies_in_a_file(array: np.ndarray) -> bool:
    base: Any = array
    while isinstance(base, np.ndarray):
        base = base.base
    return isinstance(base.obj if isinstance(base, memoryview) else base, mmap.mmap)
