"""CSV as people have it, written by the standard library's own writer."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelstm.data import store
from edgelstm.data.columns import Roles
from edgelstm.data.options import ReadOptions
from edgelstm.data.read import read_recordings
from edgelstm.data.recordings import BadFilesError
from edgelstm.runtime.sources.open import open_source
from edgelstm.runtime.sources.source import FrameFormat
from edgelstm.tasks import Anomaly, Forecast

Write = Callable[..., Path]


def write(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]], delimiter: str = ",") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(header)
        writer.writerows(rows)
    return path


def signal(frames: int, seed: int = 0) -> list[list[float]]:
    return np.random.default_rng(seed).normal(size=(frames, 2)).round(4).tolist()


@given(
    st.lists(st.tuples(*[st.floats(-1e6, 1e6, width=32)] * 2), min_size=2, max_size=20),
    st.sampled_from(",;\t"),
)
def test_values_come_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[float, float]], sign: str
) -> None:
    path = write(tmp_path_factory.mktemp("csv") / "x.csv", ["a", "b [bar]"], rows, sign)
    found = read_recordings(path)
    np.testing.assert_array_equal(found.recordings[0].frames, np.array(rows, np.float32))
    assert (found.names, found.units) == (("a", "b [bar]"), ("", "bar"))


def test_decimal_commas_are_seen(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("t;a\n0,0;1,5\n0,5;-2,25\n1,0;3\n")
    found = read_recordings(tmp_path / "x.csv")
    np.testing.assert_array_equal(found.recordings[0].frames, [[1.5], [-2.25], [3]])
    assert found.sample_rate == 2


def test_below_one_name_commas_are_decimal(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("Strom [A]\n5,25E-1\n-2,5\n\n3\n")
    (recording,) = read_recordings(tmp_path / "x.csv").recordings
    np.testing.assert_array_equal(recording.frames, np.array([[0.525], [-2.5], [3]], np.float32))
    assert recording.notes == (
        "Strom [A] is the only name, so 5,25E-1 is one number, 5.25E-1: name each column if they are two",
    )
    (tmp_path / "x.csv").write_text("value\n0,5\n1,25\n2,5\n")  # as R and pandas number rows
    with pytest.raises(BadFilesError, match=r"^x.csv line 1: 'value' alone above rows such as 0,5, of which the f"):
        read_recordings(tmp_path / "x.csv")
    (tmp_path / "x.csv").write_text("a title\n1,2,3\n")
    with pytest.raises(BadFilesError, match=r"^x.csv line 2: 3 columns, expected 1 as in line 1$"):
        read_recordings(tmp_path / "x.csv")


def test_what_fills_gaps_is_said_once(tmp_path: Path) -> None:
    rows = [[n, "" if n == 3 else n] for n in range(9)]
    write(tmp_path / "a.csv", ["time", "v"], rows)
    with pytest.raises(BadFilesError, match=r"^a.csv line 5: column v: no value \(--missing[^()]*\)$"):
        read_recordings(tmp_path)
    write(tmp_path / "b.csv", ["time", "v"], rows[:3] + rows[5:])
    with pytest.raises(BadFilesError) as raised:
        read_recordings(tmp_path)
    lack, hole, remedy = str(raised.value).splitlines()
    assert (lack, hole) == (
        "a.csv line 5: column v: no value",
        "b.csv line 5: 2 frames lack before this one by its time",
    )
    assert remedy.startswith("--missing")


def test_labels_come_from_a_column_a_folder_or_a_name(tmp_path: Path) -> None:
    for label in ("walk", "run"):
        for n in range(3):
            rows = signal(5, n)
            write(tmp_path / f"folders/{label}/{n}.csv", "ab", rows)
            write(tmp_path / f"names/{label}.{n}.csv", "ab", rows)
            write(tmp_path / f"columns/{n}{label}.csv", ["a", "label", "b"], [[a, label, b] for a, b in rows])
    for kind in ("folders", "names", "columns"):
        found = read_recordings(tmp_path / kind)
        assert sorted(str(r.label) for r in found.recordings) == ["run"] * 3 + ["walk"] * 3, kind
        assert found.names == ("a", "b")


def test_files_without_what_tells_a_label_have_none(tmp_path: Path) -> None:
    for n in range(3):
        write(tmp_path / f"{n}.csv", "ab", signal(5, n))
    assert {r.label for r in read_recordings(tmp_path).recordings} == {None}


def test_columns_of_a_folder_are_matched_by_name(tmp_path: Path) -> None:
    write(tmp_path / "1.csv", "ab", [[1, 2]])
    write(tmp_path / "2.csv", "ba", [[2, 1]])
    first, second = read_recordings(tmp_path).recordings
    np.testing.assert_array_equal(first.frames, second.frames)


def test_one_long_file_holds_series_with_labels_and_groups(tmp_path: Path) -> None:
    rows = [[s, s % 2, f"p{s % 3}", v] for v in range(4) for s in range(6)]  # series interleaved
    path = write(tmp_path / "long.csv", ["id", "class", "subject", "v"], rows)
    found = read_recordings(path)
    assert [(r.name, r.label, r.group) for r in found.recordings] == [
        (str(s), str(s % 2), f"p{s % 3}") for s in range(6)
    ]
    for recording in found.recordings:
        np.testing.assert_array_equal(recording.frames[:, 0], range(4))
    assert found.names == ("v",)


def test_labels_that_change_belong_to_frames(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", ["a", "label"], [[1, "rest"], [2, "step"], [3, "step"]])
    (recording,) = read_recordings(path).recordings
    assert recording.label is None
    assert recording.frame_labels == ("rest", "step", "step")


def test_what_lacks_is_counted_beyond_what_is_listed(tmp_path: Path) -> None:
    rows = [[10 * n if n < 9 else 80 + n, "" if n % 2 else n] for n in range(40)]
    path = write(tmp_path / "x.csv", ["time", "v"], rows)
    with pytest.raises(BadFilesError) as raised:
        read_recordings(path)
    *_, values, holes, _ = str(raised.value).splitlines()
    assert values == "x.csv: and 15 more values missing"
    assert holes == "x.csv: and 4 more holes by its times"


def test_a_folder_of_packed_files_is_called_that(tmp_path: Path) -> None:
    (tmp_path / "walk").mkdir()
    (tmp_path / "walk" / "one.npz.gz").write_bytes(b"")
    with pytest.raises(ValueError, match=r"a folder with walk/one.npz.gz, gzip-compressed, .*decompress"):
        read_recordings(tmp_path)


@pytest.mark.parametrize("missing", ["interpolate", "hold"])
def test_what_lacks_is_filled(tmp_path: Path, missing: str) -> None:
    rows = [[0, 0, "a"], [1, "", "a"], [2, 2, "a"], [5, 5, "b"], [6, 6, "b"]]
    path = write(tmp_path / "x.csv", ["time", "v", "label"], rows)
    with pytest.raises(BadFilesError, match=r"x.csv line 3: column v: no value\n.*line 5: 2 frames lack"):
        read_recordings(path)
    (recording,) = read_recordings(path, ReadOptions(missing=missing)).recordings  # type: ignore[arg-type]
    expected = [0, 1, 2, 3, 4, 5, 6] if missing == "interpolate" else [0, 0, 2, 2, 2, 5, 6]
    np.testing.assert_allclose(recording.frames[:, 0], expected)
    assert recording.frame_labels == ("a", "a", "a", "", "", "b", "b")
    assert len(recording.notes) == 2


def test_frames_out_of_order_are_put_in_order(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", ["time", "v"], [[0, 0], [2, 2], [1, 1], [3, 3]])
    (recording,) = read_recordings(path).recordings
    np.testing.assert_array_equal(recording.frames[:, 0], range(4))
    assert "goes back" in recording.notes[0]


def test_all_bad_files_are_listed_at_once(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", "ab", [[1, 2], [3, "x"]])
    write(tmp_path / "b.csv", "ab", [[1, 2], [3, 4, 5]])
    write(tmp_path / "c.csv", "ab", [[1, 2]])
    write(tmp_path / "d.csv", "ac", [[1, 2]])
    (tmp_path / "e.csv").write_bytes(b"a,b\n1,2\n\xff,3\n")
    (tmp_path / "f.csv").write_bytes(b"")
    write(tmp_path / "g.csv", "ab", [[1, "4e39"]])
    write(tmp_path / "h.csv", ["a", "a"], [[1, 2]])
    with pytest.raises(BadFilesError) as caught:
        read_recordings(tmp_path)
    assert str(caught.value).splitlines() == [
        "a.csv line 3: column b: 'x' is not a number",
        "b.csv line 3: 3 columns, expected 2 as in line 1",
        "d.csv: no column 'b' of numbers, which c.csv has; found 'a', 'c'",
        "e.csv line 3: byte 0xff is not UTF-8, expected text (save the file as UTF-8)",
        "f.csv: no rows, expected a table",
        "g.csv line 2: column b: 4e39 is too large for float32 (at most 3.4e38)",
        "h.csv line 1: column 'a' occurs twice, expected once",
    ]


@pytest.mark.parametrize("cell", ["\u0663", "\uff11", "1_000", "0x10", "inf", "1,5", "1e999"])
def test_only_plain_numbers_are_numbers(tmp_path: Path, cell: str) -> None:
    (tmp_path / "x.csv").write_text(f"a\tb\n1\t2\n1.5\t{cell}\n", encoding="utf-8")
    with pytest.raises(BadFilesError, match=r"line 3: column b"):
        read_recordings(tmp_path / "x.csv")


def test_roles_can_be_named(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", ["a", "what", "b"], [[1, "on", 7], [2, "on", 8]])
    found = read_recordings(path, ReadOptions(Roles(label="what", features=("b",))))
    assert (found.recordings[0].label, found.names) == ("on", ("b",))
    with pytest.raises(ValueError, match="no column 'who' for group"):
        read_recordings(path, ReadOptions(Roles(group="who")))


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_what_lies_in_files_and_comes_in_blocks_is_the_same(
    end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dates, two series, labels of frames, a group, cells in quotes, blank lines and what is missing: read at once,
    and a few lines at a time into files."""
    rng = np.random.default_rng(5)
    lines = ["# made up", "time,series,label,user,note,a,b"]
    for n in range(300):
        when = f"2024-05-01 10:{n // 60:02}:{n % 60:02}"
        note = '"well, said"' if n == 150 else f"n{n}"
        cell = "NA" if n == 200 else f"{rng.normal():.5f}"
        lines += [f"{when},{n // 200},{'up' if n % 90 > 40 else ''},eve,{note}, {cell} ,{n}"] + [""] * (n == 250)
    path = tmp_path / "x.csv"
    path.write_bytes(("\ufeff" + end.join(lines)).encode())
    options = ReadOptions(missing="interpolate")
    whole = read_recordings(path, options)
    monkeypatch.setattr(store, "HELD", 0)
    monkeypatch.setattr(store, "CHUNK", 600)
    monkeypatch.setattr("edgelstm.data.csv_lines._BLOCK", 1000)
    parts = read_recordings(path, options)
    assert [len(r.frames) for r in whole.recordings] == [200, 100]
    assert (whole.names, whole.sample_rate, whole.left_out) == (("a", "b"), 1.0, ("note",))
    for one, other in zip(whole.recordings, parts.recordings, strict=True):
        assert one.frames.tobytes() == other.frames.tobytes()
        assert one.frame_labels == other.frame_labels
        assert (one.group, one.notes) == (other.group, other.notes) != (None, ())
    assert parts.sample_rate == 1.0


def test_a_line_without_an_end_is_not_read_whole(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(b"a,b\n1,2\n" + b"1" * (3 << 20))
    with pytest.raises(BadFilesError, match=r"line 3: longer than 1048576 bytes"):
        read_recordings(tmp_path / "x.csv")


@pytest.mark.parametrize(
    ("header", "features", "label"),
    [
        ("time,x,y,z", ("x", "y", "z"), None),
        ("X [g],Y [g],time", ("X [g]", "Y [g]"), None),
        ("time,a,y,b", ("a", "b"), "2"),
        ("time,a,label,b", ("a", "b"), "2"),
    ],
)
def test_an_axis_is_no_label(tmp_path: Path, header: str, features: tuple[str, ...], label: str | None) -> None:
    names = header.split(",")
    rows = [[str(n) if name == "time" else "2" for name in names] for n in range(9)]
    found = read_recordings(write(tmp_path / "r.csv", names, rows))
    assert (found.names, found.recordings[0].label) == (features, label)


def test_features_that_are_named_are_nothing_else(tmp_path: Path) -> None:
    path = write(tmp_path / "r.csv", ["t", "y", "id"], [[n, 2 * n, n % 2] for n in range(9)])
    found = read_recordings(path, ReadOptions(Roles(features=("y", "id"))))
    assert (len(found.recordings), found.names, found.sample_rate) == (1, ("y", "id"), 1)


def test_a_column_without_a_name_is_no_clock(tmp_path: Path) -> None:
    found = read_recordings(write(tmp_path / "r.csv", ["", "x"], [[f"row {n}", n] for n in range(9)]))
    assert (found.names, found.left_out) == (("x",), ("",))


def test_what_is_told_ahead_is_no_label_whatever_it_is_called(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("time,Y\n0,1.5\n1,2.5\n2,4\n")
    with pytest.raises(
        BadFilesError, match=r"no column of numbers but 'Y', which its name says are labels: --task f"
    ):
        read_recordings(tmp_path / "x.csv")
    for task in (Forecast(), Forecast(("Y",)), Anomaly(columns=("Y",))):
        found = task.recordings(tmp_path / "x.csv", ReadOptions())
        assert (found.names, found.recordings[0].frame_labels) == (("Y",), None)
        np.testing.assert_array_equal(found.recordings[0].frames, [[1.5], [2.5], [4]])
    labelled = Forecast().recordings(tmp_path / "x.csv", ReadOptions(Roles(features=("Y",))))
    assert labelled.names == ("Y",)
    (tmp_path / "x.csv").write_text("time,flow,label\n0,1,a\n1,2,b\n2,4,a\n")
    assert Forecast().recordings(tmp_path / "x.csv", ReadOptions()).names == ("flow",)


def test_the_line_that_tells_excel_the_delimiter_is_no_row(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("sep=;\r\nx;y\r\n1,5;2\r\n2,5;3\r\n")
    found = read_recordings(tmp_path / "x.csv")
    assert found.names == ("x", "y")
    assert found.recordings[0].frames.tolist() == [[1.5, 2], [2.5, 3]]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"x,y\r1,2\r3,4\r", "carriage returns alone end its lines"),
        (
            b"a|b\n1|2\n3|4\n",
            "no column of numbers, expected at least one: 'a|b' begins with '1|2'; cells are told apart",
        ),
        (b"post,topic\nsun is up,a\n", "read by edgelstm init --task text --columns COLUMN"),
        (b"a;b\n1 %;1.000,5\n", "'a' begins with '1 %', 'b' begins with '1.000,5'"),
    ],
)
def test_what_is_no_table_of_numbers_says_why(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "x.csv").write_bytes(content)
    with pytest.raises(BadFilesError, match=re.escape(reason)):
        read_recordings(tmp_path / "x.csv")


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("x.npz.gz", "gzip-compressed, .*decompress it first"),
        ("x.zip", "unpack it first"),
        ("x.xlsx", "saved as .csv"),
    ],
)
def test_other_files_name_the_way(tmp_path: Path, name: str, remedy: str) -> None:
    (tmp_path / name).write_bytes(b"PK")
    with pytest.raises(ValueError, match=remedy):
        read_recordings(tmp_path / name)


@pytest.mark.parametrize("cell", ["12,345", "1.234,5", "1'234", "1\u202f234.5", "12 %", "-3.5%", "$12", "12,5 €"])
def test_what_people_take_for_numbers_is_remarked_on(tmp_path: Path, cell: str) -> None:
    (tmp_path / "x.csv").write_text(f'a,load,b\n1,"{cell}",2\n3,"{cell}",4\n', encoding="utf-8")
    found = read_recordings(tmp_path / "x.csv")
    assert found.left_out == ("load",)
    (note,) = found.recordings[0].notes
    assert note.startswith("load begins with")
    assert "left out" in note


@pytest.mark.parametrize("cell", ["12:30", "1.5.2024", "192.168.0.1", "a1", "1-2", "100 Hz"])
def test_other_text_is_left_out_without_a_word_of_numbers(tmp_path: Path, cell: str) -> None:
    (tmp_path / "x.csv").write_text(f"a;what;b\n1;{cell};2\n3;{cell};4\n")
    assert not any("number" in note for note in read_recordings(tmp_path / "x.csv").recordings[0].notes)


@pytest.mark.parametrize("word", ["ERR", "inf", "true"])
def test_words_above_numbers_are_told_with_their_line(tmp_path: Path, word: str) -> None:
    """Of words alone it is said in one line for all columns."""
    rows = "".join(f"{word if n < 3 else n},{n / 10},{'on' if n % 2 else 'off'},{n == 4}\n" for n in range(9))
    (tmp_path / "x.csv").write_text("x,y,state,is\n" + rows)
    found = read_recordings(tmp_path / "x.csv")
    assert found.names == ("y",)
    of_x, rest = found.recordings[0].notes
    assert of_x.startswith(f"x is left out, for its first cell is '{word}' in line 2, though line 5 has a number")
    assert rest == "left out, as words: state ('off' in line 2), is ('False' in line 2)"


@pytest.mark.parametrize("sign", [";", "\t"])
def test_commas_are_decimal_beside_as_many_semicolons_or_tabs(tmp_path: Path, sign: str) -> None:
    """Though commas part lines into more cells. Thousands are remarked on, or refused where nothing else is there."""
    (tmp_path / "x.csv").write_text("".join(f"{n},5{sign}0,7{n}\n" for n in range(4)))
    np.testing.assert_allclose(read_recordings(tmp_path / "x.csv").recordings[0].frames[:, 0], np.arange(4) + 0.5)
    (tmp_path / "x.csv").write_text("".join(f"1.96{n},7{sign}0,7{n}\n" for n in range(4)))
    found = read_recordings(tmp_path / "x.csv")
    assert found.recordings[0].notes[0].startswith("1 begins with '1.960,7', which is no plain number")
    np.testing.assert_allclose(found.recordings[0].frames[:, 0], 0.70 + 0.01 * np.arange(4), rtol=1e-6)
    (tmp_path / "x.csv").write_text("".join(f"1.96{n},7{sign}2.000,{n}\n" for n in range(4)))
    with pytest.raises(BadFilesError, match=r"x\.csv line 1: '1.960,7', expected names or plain numbers"):
        read_recordings(tmp_path / "x.csv")


@pytest.mark.parametrize("header", ["date,time,x", "time,date,x", "Date,x,Time", "Datum,Uhrzeit,x"])
@pytest.mark.parametrize("clock", ["%H:%M:%S", "%I:%M %p"])
def test_days_and_times_of_the_day_are_one_time(tmp_path: Path, header: str, clock: str) -> None:
    """By recordings as by streams. Beside a whole time stamp, a clock is a column of words."""
    path, names = tmp_path / "x.csv", header.split(",")
    stamps = [datetime(2024, 4, 30, 18) + timedelta(minutes=30 * n) for n in range(40)]
    written = [{"d": f"{at:%Y-%m-%d}", "x": f"{n % 7}", "t": at.strftime(clock)} for n, at in enumerate(stamps)]
    rows = [",".join(cells[name[0].lower().replace("u", "t")] for name in names) for cells in written]
    path.write_text("\n".join([header, *rows]) + "\n")
    found = read_recordings(path)
    assert 1 / found.sample_rate == pytest.approx(1800)
    assert found.names == ("x",)
    assert found.left_out == ()
    (note,) = found.recordings[0].notes
    assert note.endswith("are taken together, as the time")
    said: list[str] = []
    for rate in (1 / 1800, 1 / 60):
        with open_source("file", str(path), FrameFormat(1, ("x",), "auto", rate), said.append) as source:
            assert len(list(source)) == 40
    (line,) = said
    assert "0.0005556 frames per second, the model's rate is 0.01667" in line
    path.write_text("timestamp,time,x\n2024-05-01 13:00,13:00,1\n2024-05-01 13:01,13:00,2\n")
    assert read_recordings(path).sample_rate == pytest.approx(1 / 60)


def test_of_two_clocks_none_is_chosen(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("date,time,Zeit,x\n2024-05-01,13:00,14:00,1\n2024-05-02,13:00,14:00,2\n")
    found = read_recordings(tmp_path / "x.csv")
    assert 1 / found.sample_rate == 86400
    assert set(found.left_out) == {"time", "Zeit"}


def test_what_lacks_is_listed_in_order_of_lines(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("time,a\n0,1\n1,1\n5,1\n6,\n7,1\n8,1\n12,1\n13,1\n14,1\n")
    with pytest.raises(BadFilesError) as raised:
        read_recordings(tmp_path / "x.csv")
    assert [problem.row for problem in raised.value.problems] == [4, 5, 8]
