"""Chance: by counting all ways, and by the definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edgelstm.adaptation.chance import guesses, is_above, sign_test


@pytest.mark.parametrize(("won", "lost"), [(0, 0), (4, 0), (3, 2), (9, 11)])
def test_the_sign_test_counts_every_way_that_coins_fall(won: int, lost: int) -> None:
    tosses = won + lost
    ways = [bin(n).count("1") >= won for n in range(2**tosses)] if tosses < 12 else None
    if ways is not None:
        assert sign_test(won, lost) == sum(ways) / len(ways)
    assert math.isclose(sign_test(won, lost) + sign_test(lost + 1, won - 1) if won else 1.0, 1.0)


def test_guessing_costs_what_shares_tell() -> None:
    truth = np.eye(3)[[0, 0, 0, 1]]
    np.testing.assert_allclose(guesses(truth, True), -np.log([4 / 7, 4 / 7, 4 / 7, 2 / 7]))
    tags = np.array([[1.0, 0.0], [np.nan, 0.0]])
    np.testing.assert_allclose(guesses(tags, False), [-math.log(2 / 3) - math.log(3 / 4), -math.log(3 / 4)])


def test_what_is_above_zero_beyond_its_error() -> None:
    assert is_above(np.array([1.0, 1.1, 0.9]))
    assert not is_above(np.array([1.0, -1.1, 0.9]))
    assert not is_above(np.array([5.0]))
