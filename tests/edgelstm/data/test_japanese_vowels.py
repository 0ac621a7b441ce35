"""The Japanese vowels: the facts that are known of the set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgelstm.data import load_dataset

VOWELS = Path(__file__).parents[3] / "data" / "japanese-vowels.npz"


@pytest.mark.skipif(not VOWELS.exists(), reason="data/japanese-vowels.npz is made by `make data`")
def test_known_facts_of_the_set() -> None:
    vowels = load_dataset(VOWELS)
    assert vowels.test is not None
    lengths = [len(x) for x in vowels.sequences]
    assert (min(lengths), max(lengths), vowels.features) == (7, 29, 12)
    assert (int((~vowels.test).sum()), int(vowels.test.sum())) == (270, 370)
    # UCI: 30 utterances of each man to train on, and these to test.
    assert np.bincount(vowels.y[~vowels.test]).tolist() == [30] * 9
    assert np.bincount(vowels.y[vowels.test]).tolist() == [31, 35, 88, 44, 29, 24, 40, 50, 29]
