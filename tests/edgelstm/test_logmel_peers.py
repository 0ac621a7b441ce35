"""Log-mel's definition in float64 is that of torchaudio, librosa and kaldi-native-fbank, on a table that
`tests/support/logmel_peers.py` made of theirs; with EDGELSTM_ALL the packages themselves, where they are there."""

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from counts import FULL
from edgelstm.layers import LogMel, Shape
from logmel_peers import BANDS, EVERY, HIGH, HOP, LOW, PEERS, RATE, SIZE, WINDOW, signal
from sound_models import framed, in_float64

TABLE = json.loads(Path(__file__).with_name("logmel_peers.json").read_text())
BEFORE = -WINDOW % HOP
"""Zeros before a signal with which windows begin at its first sample, and at every hop."""
FIRST = -(-WINDOW // HOP) - 1
"""The frame in which that is so first."""


def ours(filters: str) -> tuple[LogMel, np.ndarray]:
    """The layer, and the signal as it takes it."""
    layer = LogMel(np.zeros(BANDS), np.ones(BANDS), RATE, WINDOW, HOP, SIZE, LOW, HIGH, filters)
    return layer, np.concatenate([np.zeros(BEFORE), signal()])


@pytest.mark.parametrize("name", PEERS)
def test_the_definition_is_theirs(name: str) -> None:
    _, filters, _, limit = PEERS[name]
    layer, samples = ours(filters)
    wanted = np.array(TABLE[name]["frames"])
    found = in_float64(layer, samples[: len(samples) // HOP * HOP])[FIRST::EVERY]
    assert len(wanted) >= 5
    assert np.abs(found[: len(wanted)] - wanted).max() < limit


@pytest.mark.parametrize("name", PEERS)
def test_whole_numbers_are_close_to_theirs(name: str) -> None:
    layer, samples = ours(PEERS[name][1])
    wanted = np.array(TABLE[name]["frames"])
    frames = framed(samples, HOP).astype(np.float64)
    found = layer.forward(frames[:, None], Shape(1, HOP)).result[FIRST::EVERY, 0]
    off = found[: len(wanted)] - wanted
    assert np.abs(off).max() < 0.02
    assert np.sqrt(np.mean(off**2)) < 0.002


@pytest.mark.skipif(not FULL, reason="the packages themselves: EDGELSTM_ALL=1")
@pytest.mark.parametrize("name", PEERS)
def test_the_table_is_what_the_packages_give(name: str) -> None:
    package, _, made, _ = PEERS[name]
    if find_spec(package.replace("-", "_")) is None:
        pytest.skip(f"{package} is not installed")
    assert np.abs(made()[::EVERY] - TABLE[name]["frames"]).max() < 1e-4
