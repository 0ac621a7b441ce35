"""The .ts format of sktime and aeon."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgelstm.data.options import ReadOptions
from edgelstm.data.read import read_recordings
from edgelstm.data.recordings import BadFilesError

HEADER = "# remark\n@problemName Two\n@timeStamps false\n@missing true\n@classLabel true yes no\n@data\n"


def test_dimensions_become_columns(tmp_path: Path) -> None:
    (tmp_path / "x.ts").write_text(HEADER + "1,2,3:4,5,6:yes\n7,8:9,10:no\n")
    found = read_recordings(tmp_path / "x.ts")
    first, second = found.recordings
    np.testing.assert_array_equal(first.frames, [[1, 4], [2, 5], [3, 6]])
    np.testing.assert_array_equal(second.frames, [[7, 9], [8, 10]])
    assert (first.label, second.label, found.name) == ("yes", "no", "Two")


def test_a_pair_brings_its_split(tmp_path: Path) -> None:
    (tmp_path / "Two_TRAIN.ts").write_text(HEADER + "1,2:3,4:yes\n")
    (tmp_path / "Two_TEST.ts").write_text(HEADER + "1,2:3,4:no\n")
    assert [(r.label, r.test) for r in read_recordings(tmp_path).recordings] == [("yes", False), ("no", True)]


def test_missing_values(tmp_path: Path) -> None:
    (tmp_path / "x.ts").write_text(HEADER + "1,?,3:yes\n")
    with pytest.raises(BadFilesError, match=r"x.ts line 7: a value is missing"):
        read_recordings(tmp_path / "x.ts")
    (recording,) = read_recordings(tmp_path / "x.ts", ReadOptions(missing="interpolate")).recordings
    np.testing.assert_array_equal(recording.frames[:, 0], [1, 2, 3])


def test_every_bad_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.ts").write_text(HEADER + "1,2:maybe\n1,2:yes\n1,b:yes\n1:1,2:yes\n1,2:3,4:yes\n")
    with pytest.raises(BadFilesError) as caught:
        read_recordings(tmp_path / "x.ts")
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == [
        "x.ts line 7", "x.ts line 9", "x.ts line 10", "x.ts line 11",
    ]  # fmt: skip
    (tmp_path / "x.ts").write_text("1,2:yes\n")
    with pytest.raises(BadFilesError, match="no @data line"):
        read_recordings(tmp_path / "x.ts")
