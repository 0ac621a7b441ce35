"""The pulse with one anomaly: the facts that are known of it."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from edgelstm.data.npz_file import read_npz_file
from edgelstm.data.pulse import ALL, HEADER, LEARNED, MEMBERS, read_pulse

PULSE = Path(__file__).parents[3] / "data" / "pulse.npz"


@pytest.mark.skipif(not PULSE.exists(), reason="data/pulse.npz is made by `make data`")
def test_known_facts_of_the_series() -> None:
    first, rest = read_npz_file(PULSE).recordings
    assert (len(first.frames), len(rest.frames)) == (1200, 6301)
    assert (first.test, rest.test) == (False, True)
    assert set(first.frame_labels or ()) == {"normal"}
    # The archive's own name for it: 135_UCR_Anomaly_InternalBleeding16_1200_4187_4199.
    odd = 1200 + np.flatnonzero(np.array(rest.frame_labels) == "anomaly")
    assert odd.tolist() == list(range(4187, 4199))


def written(folder: Path, first: list[str], whole: list[str], header: str = HEADER) -> Path:
    wheel = folder / "aeon.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for member, lines in zip(MEMBERS, (first, whole)):
            archive.writestr(member, "\n".join([header, *lines]) + "\n")
    return wheel


def lines(count: int) -> list[str]:
    return [f"{n},{60 + n % 7}.5,{int(n in (4000, 4001))}" for n in range(count)]


def test_what_follows_what_is_learned_is_tested(tmp_path: Path) -> None:
    found = read_pulse(written(tmp_path, lines(LEARNED), lines(ALL)))
    first, rest = found.recordings
    assert np.concatenate([first.frames, rest.frames])[:, 0].tolist() == [60 + n % 7 + 0.5 for n in range(ALL)]
    assert rest.frame_labels is not None
    assert [n for n, label in enumerate(rest.frame_labels) if label == "anomaly"] == [2800, 2801]


@pytest.mark.parametrize(
    ("first", "whole", "header", "message"),
    [
        (lines(5), lines(ALL), HEADER, "5 lines"),
        (lines(LEARNED), lines(LEARNED), HEADER, "1200 lines"),
        (lines(LEARNED), lines(ALL), "t,x", "'t,x'"),
        (lines(LEARNED), ["0,1,2"] * ALL, HEADER, "0 or 1"),
        (lines(LEARNED), ["0,nan,0"] * ALL, HEADER, "a number"),
        (["0,x,0"] * LEARNED, lines(ALL), HEADER, "could not convert"),
        (lines(LEARNED), ["9,1,0", *lines(ALL)[1:]], HEADER, "does not begin with"),
    ],
)
def test_another_file_is_refused_in_one_line(
    tmp_path: Path, first: list[str], whole: list[str], header: str, message: str
) -> None:
    with pytest.raises(ValueError, match=f"not the wheel of aeon 1.6.0 .*{message}") as caught:
        read_pulse(written(tmp_path, first, whole, header))
    assert "\n" not in str(caught.value)
