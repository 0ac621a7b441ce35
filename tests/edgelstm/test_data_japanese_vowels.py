"""The Japanese vowels: the text format, and the facts that are known of the set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgelstm.data import load_dataset
from edgelstm.data.japanese_vowels import parse_ts

VOWELS = Path(__file__).parents[2] / "data" / "japanese-vowels.npz"
HEADER = "#comment\n@problemName X\n@data\n"


def line(features: int = 12, frames: int = 3, label: str = "4") -> str:
    return ":".join(",".join(f"{k}.{t}" for t in range(frames)) for k in range(features)) + f":{label}\n"


def test_columns_become_features() -> None:
    sequences, labels = parse_ts(HEADER + line() + "\n" + line(frames=2, label="9"), "x.ts")
    assert labels == [4, 9]
    assert [x.shape for x in sequences] == [(3, 12), (2, 12)]
    np.testing.assert_allclose(sequences[0][2], np.arange(12) + 0.2, rtol=1e-6)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (line(), "no @data"),
        (HEADER + line(features=11), "line 4: 11 features"),
        (HEADER + line() + line().replace("3.1", "three"), "line 5"),
        (HEADER + line().replace(",3.2", ""), "line 4"),
        (HEADER + line(label="?"), "line 4"),
    ],
)
def test_bad_lines_are_named(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=rf"x\.ts: {message}"):
        parse_ts(text, "x.ts")


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
