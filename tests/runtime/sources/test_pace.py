"""Losses are found by the clock; pauses, jitter and a card's own clock are no losses."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from edgelstm.runtime.sources.pace import Pace

RATE, PIECE = 16000, 320
PERIOD = PIECE / RATE


def heard(pieces: int, *, lost: dict[int, float], paused: dict[int, float], ppm: float, jitter: float) -> float:
    """Seconds that are found to be lost of a device with its own clock: lost and paused are seconds before a piece;
    during a pause of ours the device goes on, and what it has waits for us."""
    pace, rng = Pace(RATE), np.random.default_rng(1)
    there = now = found = 0.0
    for place in range(pieces):
        there += PERIOD * (1 + ppm * 1e-6) + lost.get(place, 0.0)
        now += paused.get(place, 0.0)
        waited = there > now
        now = max(now, there + rng.uniform(0, jitter) if waited else now)
        found += pace.took(PIECE, now, waited)
    return found


@given(
    st.dictionaries(st.integers(0, 1400), st.floats(0, 3), max_size=4),
    st.floats(-300, 300),
    st.floats(0, 0.05),
)
def test_pauses_jitter_and_drift_are_no_losses(paused, ppm, jitter):
    assert heard(1500, lost={}, paused=paused, ppm=ppm, jitter=jitter) == 0


@settings(max_examples=15)
@given(
    st.lists(st.floats(0.25, 5), min_size=1, max_size=3),
    st.floats(-300, 300),
    st.floats(0, 0.05),
    st.floats(0, 2),
)
def test_losses_are_found_and_measured(lengths, ppm, jitter, pause):
    lost = {200 + 400 * place: length for place, length in enumerate(lengths)}
    found = heard(1800, lost=lost, paused={100: pause}, ppm=ppm, jitter=jitter)
    assert abs(found - sum(lengths)) < 0.1 * len(lengths)


def test_a_quarter_of_an_hour_of_a_card_that_is_a_little_slow_is_no_loss():
    assert heard(45_000, lost={}, paused={}, ppm=100, jitter=0.01) == 0
