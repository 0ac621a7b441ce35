"""Packed files and UTF-16 are read as what they hold; bombs and damage are one line."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from edgelstm.data import packed
from edgelstm.data.read import read_recordings
from edgelstm.data.recordings import BadFilesError

ROWS = "".join(f"{n},{n % 7}.5,walk – fast\n" for n in range(20_000))
TABLE = f"time,a,label\n{ROWS}"
TS = "@problemName x\n@timeStamps false\n@classLabel true a b\n@data\n1,2,3:a\n4,5,6:b\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("is_packed", [False, True])
def test_the_same_recordings_however_they_are_written(tmp_path: Path, encoding: str, is_packed: bool) -> None:
    content = TABLE.encode(encoding)
    path = tmp_path / ("walks.csv.gz" if is_packed else "walks.csv")
    path.write_bytes(gzip.compress(content) if is_packed else content)
    found = read_recordings(path)
    assert (found.name, found.names, found.sample_rate) == ("walks", ("a",), 1.0)
    np.testing.assert_array_equal(found.recordings[0].frames[:, 0], np.arange(20_000) % 7 + 0.5)
    assert found.recordings[0].label == "walk – fast"


def test_a_folder_and_a_ts_file(tmp_path: Path) -> None:
    for name in ("walk.1.csv.gz", "run.1.csv.gz", "run.2.csv"):
        content = b"a,b\n1,2\n3,4\n"
        (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    assert [r.label for r in read_recordings(tmp_path).recordings] == ["run", "run", "walk"]
    (tmp_path / "x.ts.gz").write_bytes(gzip.compress(TS.encode()))
    assert [len(r.frames) for r in read_recordings(tmp_path / "x.ts.gz").recordings] == [3, 3]


@pytest.mark.parametrize("ends", [(".ts.gz", ".ts.gz"), (".ts", ".ts.gz"), (".ts.gz", ".ts")])
def test_packed_parts_in_a_folder(tmp_path: Path, ends: tuple[str, str]) -> None:
    for part, end in zip(("TRAIN", "TEST"), ends):
        content = TS.replace("@problemName x\n", "").encode()
        (tmp_path / f"Two_{part}{end}").write_bytes(gzip.compress(content) if end == ".ts.gz" else content)
    found = read_recordings(tmp_path)
    assert (found.name, [r.test for r in found.recordings]) == ("Two_TRAIN", [False, False, True, True])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (TABLE.encode("utf-16-le"), "line 1: a byte 0x00, expected text"),
        (TABLE.encode("utf-16-be"), "line 1: a byte 0x00, expected text"),
        (TABLE.encode("utf-32-be"), "line 1: a byte 0x00, expected text"),
        (b"a,b\n1,2\n3,4\n\0\0\0", "line 4: a byte 0x00, expected text"),
        (b"\xff\xfe\0\0" + TABLE.encode("utf-32-le"), "x.csv: UTF-32, expected UTF-8 or UTF-16"),
        (b"\0\0\xfe\xff" + TABLE.encode("utf-32-be"), "x.csv: UTF-32, expected UTF-8 or UTF-16"),
    ],
    ids=[
        "utf-16-le",
        "utf-16-be",
        "utf-32-be",
        "zeros at the end",
        "utf-32-le with its mark",
        "utf-32-be with its mark",
    ],
)
def test_wide_characters_without_a_mark_are_named(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "x.csv").write_bytes(content)
    with pytest.raises(BadFilesError, match=reason):
        read_recordings(tmp_path / "x.csv")


def test_all_formats_are_listed(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="without any of these") as raised:
        read_recordings(tmp_path)
    for suffix in (".npz", ".ts.gz", ".wav", ".tsv", ".csv.gz", ".tsv.gz", ".txt"):
        assert suffix in str(raised.value)


def test_the_other_order_of_bytes(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(b"\xfe\xff" + "a\n1\n2\n".encode("utf-16-be"))
    assert read_recordings(tmp_path / "x.csv").recordings[0].frames.tolist() == [[1], [2]]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (gzip.compress(TABLE.encode())[:-30], "its gzip data are damaged or cut off"),
        (gzip.compress(TABLE.encode())[:50] + b"\0" * 50, "its gzip data are damaged or cut off"),
        (b"\xff\xfea\0\n\0\x31", "damaged UTF-16"),
        (b"\xff\xfea\0\n\0\x00\xd8\n\0", "damaged UTF-16"),
        (gzip.compress(b"a\n" + b"1\n" * 500_000), "unpacks to more than 200 times its size"),
    ],
    ids=["cut off", "zeros within", "an odd byte", "half a pair", "a bomb"],  # gzip writes the time into its bytes
)
def test_damage_and_bombs_are_one_line(
    tmp_path: Path, content: bytes, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed, "_LEAST", 0)
    (tmp_path / "x.csv.gz").write_bytes(content)
    with pytest.raises(BadFilesError, match=f"^x.csv.gz: {reason}[^\n]*$"):
        read_recordings(tmp_path / "x.csv.gz")
