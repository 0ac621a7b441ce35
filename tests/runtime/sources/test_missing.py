"""Lines of a source that goes on: what cannot be read is told and counted, and is a frame that is missing."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelstm.runtime.gaps import Gaps
from edgelstm.runtime.sources.source import FrameFormat, Gap, NoFramesError
from edgelstm.runtime.sources.symbols import SymbolSource
from edgelstm.runtime.sources.text import LINE_LIMIT, TextSource

NAMES = ("x", "y")
BAD = ["7", "1,x", "1,", ",", "1,nan", "{", "[1, 2", "1,2,3", '"1,2', "1,\udcff", "a" * (LINE_LIMIT + 9), "[1,null]"]


def read(lines, missing="gap", told=None, **form):
    form = FrameFormat(2, NAMES, sample_rate=50.0, missing=missing, **form)
    text = "\n".join(lines).encode("utf-8", "surrogateescape")
    source = TextSource(io.BytesIO(text), "port", form)
    source.tell = [].append if told is None else told.append
    found = [(frame.tolist(), source.take_gap()) for frame in source]
    source.end()
    return source, found


@pytest.mark.parametrize("head", [[], ["y,x"]])
@given(bad=st.lists(st.integers(0, len(BAD)), min_size=1, max_size=20))
def test_every_line_is_a_frame_or_counted(head, bad):
    """Against a count by hand: number len(BAD) stands for a good line."""
    lines = [*head, "0,0"] + [BAD[n] if n < len(BAD) else f"{place},5" for place, n in enumerate(bad)] + ["99,5"]
    source, found = read(lines)
    good = [place for place, n in enumerate(bad) if n == len(BAD)] + [99]
    assert [frame for frame, _ in found[1:]] == [[5.0, g] if head else [float(g), 5.0] for g in good]
    lost = sum(gap.frames for _, gap in found if gap)
    assert source.counts.unreadable == lost == sum(n < len(BAD) for n in bad)
    for _, gap in found:
        assert gap is None or gap.seconds == pytest.approx(gap.frames / 50)


def test_what_is_told_grows_slowly_and_ends_with_the_count():
    told = []
    read(["1,2", *["x"] * 150, "3,4"], told=told)
    assert [line.split(": ")[0] for line in told] == ["port line 2", "port line 11", "port line 101", "port"]
    assert told[0] == "port line 2: 1 column, expected 2; passed over"
    assert told[2].endswith("; passed over; 100 lines so far")
    assert told[3] == "port: 150 lines could not be read"


def test_held_values_stand_for_those_that_are_missing_alone():
    lines = ["1,2", "3,", ",4", "what", "[5, null]", "5,6"]
    _, found = read(lines, "hold")
    assert found == [([n, m], None) for n, m in [(1, 2), (3, 2), (3, 4), (3, 4), (3, 4), (5, 6)]]
    _, found = read(['{"x": 1, "y": 2}', '{"x": 7, "y": null}'], "hold")
    assert [frame for frame, _ in found] == [[1, 2], [7, 2]]


def test_with_nothing_to_hold_frames_are_missing():
    _, found = read(["1,", "1,2"], "hold")
    assert found == [([1, 2], Gap("unreadable", 0.02, 1))]


def test_a_new_start_whatever_the_length():
    _, found = read(["1,2", "?,?", "3,4"], "reset")
    (_, gap) = found[1]
    assert gap.begins_anew
    before = found[0][0]
    counted = Gaps(50.0)
    assert counted.between(gap, np.array(before, np.float32), np.zeros(2, np.float32)) is None
    assert counted.resets == 1


@pytest.mark.parametrize("missing", ["gap", "hold"])
def test_a_line_without_its_time_goes_on(missing):
    """Of frames that are missing the times themselves tell; a frame that is held is there."""
    lines = ["t,x,y", "0,1,2", "20,1,2", ",1,2", "60,1,2", "soon,3,4", "90000,5,6"]
    source, found = read(lines, missing, has_time_gaps=True)
    gaps = [gap and (gap.why, gap.seconds) for _, gap in found]
    if missing == "gap":
        assert gaps == [None, None, ("unreadable", 0.02), ("unreadable", pytest.approx(89.92))]
    else:
        assert gaps == [None, None, None, None, None, ("by its times", pytest.approx(89.9))]
        assert found[4][0] == [3, 4]
    assert source.counts.unreadable == 2


def test_what_was_no_frame_by_the_times_is_counted_and_no_gap():
    source, found = read(["t,x,y", "0,1,2", "resetting ...", "20,1,2", "40,1,x", "60,1,2"], has_time_gaps=True)
    assert [gap and gap.seconds for _, gap in found] == [None, None, 0.02]
    assert source.counts.unreadable == 2


def test_rows_behind_a_header_that_does_not_fit_are_not_told_by_place():
    told = []
    source, found = read(["x,z", "1,2", "3,4", "y,x", "5,6"], told=told)
    assert [frame for frame, _ in found] == [[6, 5]]
    assert source.counts.unreadable == 3
    assert "port line 1: no column 'y'" in told[0]


def test_what_a_board_says_when_it_starts_is_no_header():
    for first in ("MPU ready", "Booting, please wait, version 3", "1,b"):
        source, found = read([first, "1,2", "3,4"])
        assert [frame for frame, _ in found] == [[1, 2], [3, 4]]
        assert source.counts.unreadable == 1


def test_a_sender_that_begins_anew_sends_its_header_again():
    source, found = read(["y,x", "1,2", "y,x", "3,4"])
    assert found == [([2, 1], None), ([4, 3], None)]
    assert source.counts.unreadable == 0


def test_a_pipe_begins_well_and_does_not_end_well_with_bad_lines():
    with pytest.raises(ValueError, match=r"^port line 1, column 1 \(x\): 'a'"):
        read(["a,1", "1,2"], is_pipe=True)
    with pytest.raises(ValueError, match=r"^port: 1 of 3 lines could not be read"):
        read(["1,2", "a,1", "3,4"], is_pipe=True)


def test_nothing_but_nonsense_is_no_frames():
    with pytest.raises(NoFramesError):
        read(["a,1", "b,2"])


def test_a_header_in_mid_stream_counts_from_there():
    lines = ["x,y", "1,2", "y,x", "4,3", "x,y", "5,6", "t;y;x", "0;8;7", "x,y", "9,10"]
    source, found = read(lines)
    assert found == [([n, n + 1], None) for n in (1, 3, 5, 7, 9)]
    assert source.counts.unreadable == 0
    _, found = read(["1,2", "y,x", "4,3"])
    assert found == [([1, 2], None), ([3, 4], None)]


def test_behind_a_header_of_others_rows_are_unreadable_until_there_is_one():
    source, found = read(["x,y", "1,2", "y,temp", "4,3", "6,5", "x,y", "7,8"])
    assert found == [([1, 2], None), ([7, 8], Gap("unreadable", 0.06, 3))]
    assert source.counts.unreadable == 3


def test_a_file_that_names_other_columns_in_its_midst_ends():
    with pytest.raises(ValueError, match="port line 3, column x: 'y' is not a number"):
        read(["x,y", "1,2", "y,x", "4,3"], "refuse")


@pytest.mark.parametrize("bad", ["t,x,", "1,x,y", "boot", "x", ",x,y"])
def test_what_is_left_of_a_header_changes_no_columns(bad):
    _, found = read(["t,x,y", "0,1,2", bad, "0,3,4"])
    assert [frame for frame, _ in found] == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("missing", "heard", "anew"),
    [
        ("gap", "abba", [False, False, True, True]),
        ("reset", "abba", [False, False, True, True]),
        ("hold", "abbbbba", []),
    ],
)
def test_symbols_that_the_model_does_not_have(missing, heard, anew):
    told = []
    source = SymbolSource(io.BytesIO("abäöb?a".encode()), "text", FrameFormat(2, ("a", "b"), "text", missing=missing))
    source.tell = told.append
    found = [("ab"[int(frame[1])], source.take_gap()) for frame in source]
    assert "".join(symbol for symbol, _ in found) == heard
    assert [gap.begins_anew for _, gap in found if gap] == [each for each in anew if each]
    assert [gap.frames for _, gap in found if gap] == ([] if missing == "hold" else [2, 1])
    assert source.counts.unreadable == 3
    assert told[0].startswith("text character 3: 'ä' is no symbol of the model; ")
    source.end()
    assert told[-1] == "text: 3 symbols could not be read"


def test_a_pipe_of_symbols_ends_in_an_error_where_some_were_none():
    form = FrameFormat(2, ("a", "b"), "text", missing="gap", is_pipe=True)
    found = []
    with pytest.raises(ValueError, match=r"^stdin: 1 of 3 symbols are none of the model$"):
        found.extend(SymbolSource(io.BytesIO(b"a?b"), "stdin", form))
    assert len(found) == 2
    with pytest.raises(ValueError, match=r"^stdin character 1: '\?' is no symbol of the model$"):
        next(iter(SymbolSource(io.BytesIO(b"?b"), "stdin", form)))
