"""Frames from text: what is read, and what every kind of nonsense is answered with."""

import gzip
import io
import os

import numpy as np
import pytest

from edgelstm.runtime.sources.source import FrameFormat
from edgelstm.runtime.sources.text import LINE_LIMIT, TextSource

NAMES = ("accel_x", "accel_y", "gyro_x")


def read(text: str | bytes, names=NAMES, features=3, syntax="auto"):
    raw = text if isinstance(text, bytes) else text.encode()
    source = TextSource(io.BytesIO(raw), "frames.csv", FrameFormat(features, tuple(names), syntax))
    found = [(source.place, frame) for frame in source]
    return [place for place, _ in found], np.array([frame for _, frame in found])


def problem(text: str | bytes, **options) -> str:
    with pytest.raises(ValueError, match=r"^frames\.csv[^\n]*$") as caught:
        read(text, **options)
    return str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "1,2,3\n4,5,6\n",
        "1;2;3\n4;5;6",
        "1\t2\t3\r\n4\t5\t6\r\n",
        "1,0;2,00;3\n4;5;60,0e-1\n",
        "accel_x\taccel_y\tgyro_x\n1\t2\t3\n4\t5,0\t6\n",
        "accel_x,accel_y,gyro_x\n1,2,3\n4,5,6\n",
        "# logger 4, 2024\nsep=;\n\naccel_x;accel_y;gyro_x\n1;2;3\n4;5;6\n",
        "# logger 4\n1,2,3\n4,5,6\n",
        "#,accel_y,accel_x,gyro_x\n0,2,1,3\n1,5,4,6\n",
        'gyro_x;note;"accel_x";accel_y\n3;"a;b";1;2\n6;;4;5\n',
        "\ufeffaccel_x , accel_y , gyro_x\n 1 , 2 , 3 \n 4 , 5 , 6 \n",
        "[1, 2, 3]\n[4.0, 5e0, 6]\n",
        '{"gyro_x": 3, "accel_x": 1, "t": "now", "accel_y": 2}\n\n[4, 5, 6]\n',
    ],
)
def test_every_syntax_gives_the_same_frames(text):
    _, frames = read(text)
    assert frames.dtype == np.float32
    np.testing.assert_array_equal(frames, [[1, 2, 3], [4, 5, 6]])


def test_below_one_name_commas_are_decimal():
    _, frames = read("accel_x\n1,5\n-2\n", NAMES[:1], 1)
    np.testing.assert_array_equal(frames, [[1.5], [-2]])
    assert "2 columns, expected 1" in problem("accel_x\n1;5\n", names=NAMES[:1], features=1)


def test_places_count_header_and_empty_lines():
    places, _ = read("\naccel_x,accel_y,gyro_x\n\n1,2,3\n\n4,5,6\n\n")
    assert places == ["frames.csv line 4", "frames.csv line 6"]


def test_a_forced_syntax_is_kept():
    assert "column" in problem("[1, 2, 3]\n", syntax="csv")
    assert "not JSON" in problem("1,2,3\n", syntax="ndjson")


def test_names_that_look_like_numbers_are_still_a_header():
    _, frames = read("2,0,1\n9,7,8\n", names=("0", "1", "2"))
    np.testing.assert_array_equal(frames, [[7, 8, 9]])


def test_without_feature_names_columns_go_by_their_place():
    _, frames = read("a,b,c\n1,2,3\n", names=())
    np.testing.assert_array_equal(frames, [[1, 2, 3]])
    assert "2 columns, expected 3" in problem("a,b\n1,2\n", names=())
    assert "no feature names" in problem('{"a": 1, "b": 2, "c": 3}\n', names=())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "frames.csv: no frames"),
        ("\n \n", "frames.csv: no frames"),
        ("accel_x,accel_y,gyro_x\n", "frames.csv: no frames after the header"),
        ("1,2,3\n1,2,abc\n", "frames.csv line 2, column 3 (gyro_x): 'abc' is not a number"),
        ("gyro_x,accel_x,accel_y\n1,2,3\nabc,1,2\n", "frames.csv line 3, column gyro_x: 'abc' is not a number"),
        ("1,abc,3\n", "frames.csv line 1, column 2 (accel_y): 'abc' is not a number"),
        ("\t\t\n", "frames.csv line 1: no column"),
        ("1\t2\t3\n\t\t\n", "line 2, column 1 (accel_x): empty"),
        ("1,,3\n", "line 1, column 2 (accel_y): empty"),
        ("1,nan,3\n", "line 1, column 2 (accel_y): 'nan' is not a finite number"),
        ("1,2,-inf\n", "line 1, column 3 (gyro_x): '-inf' is not a finite number"),
        ("1,2,3.5e38\n", "'3.5e38' is too large for float32"),
        ("1,2,1e999\n", "'1e999' is too large for float32"),
        ("1,2,1_0\n", "'1_0' is not a number"),
        ("1.5;2,5;3\n", "'2,5' is not a number, expected a decimal point ('2.5')"),
        ("1;2,5;3\n1.5;2;3\n", "line 2, column 1 (accel_x): '1.5' has a decimal point, expected a comma as before"),
        ("1;2,5;3\n1;2,x;3\n", "line 2, column 2 (accel_y): '2,x' is not a number"),
        ("1,2\n", "frames.csv line 1: 2 columns, expected 3"),
        ("1,2,3\n1,2,3,4\n", "frames.csv line 2: 4 columns, expected 3"),
        ("accel_x,accel_y,gyro_x\n1,2\n", "frames.csv line 2: 2 columns, expected 3"),
        ("accel_x,accel_y,gyrox\n1,2,3\n", "no column 'gyro_x' (nearest: 'gyrox'); found 'accel_x', 'accel_y', "),
        ("accel_x,accel_x,accel_y,gyro_x\n", "column 'accel_x' appears 2 times"),
        ('1,2,3\n1,"2,3\n', "frames.csv line 2: quotes that do not match"),
        ('accel_x,accel_y,gyro_x\n1,2,"3"x\n', "line 2: quotes that do not match"),
        ("[1, 2]\n", "frames.csv line 1: 2 numbers, expected 3"),
        ("[1, 2, 3\n", "is not JSON"),
        ("[[1, 2, 3], [4, 5, 6], [7, 8, 9]]\n", "column 1 (accel_x): [1, 2, 3] is not a number"),
        ("[1, 2, true]\n", "column 3 (gyro_x): true is not a number"),
        ("[1, 2, null]\n", "column 3 (gyro_x): null is not a number"),
        ('[1, 2, "3"]\n', "column 3 (gyro_x): '3' is not a number"),
        ("[1, 2, NaN]\n", "column 3 (gyro_x): NaN is not a finite number"),
        ("[1, 2, 1e39]\n", "1e+39 is too large for float32"),
        (f"[1, 2, 1{'0' * 400}]\n", "is too large for float32"),
        (f"[1, 2, 1{'0' * 5000}]\n", "is not JSON"),
        ('{"accel_x": 1, "gyro_x": 2}\n', "no column 'accel_y' (nearest: 'accel_x')"),
        ('{"accel_x": 1, "accel_y": "x", "gyro_x": 2}\n', "line 1, column accel_y: 'x' is not a number"),
        ("[1, 2, 3]\n7\n", "line 2: '7', expected an array or an object"),
        ("[" * 60_000, "is not JSON"),
        (b"1,2,3\n\xff\xfe1,2,3\n", "frames.csv line 2: byte 0xff is not UTF-8"),
        (b"1,2,\xc3\n", "byte 0xc3 is not UTF-8"),
        (b"\x00\x00\x00\n1,2,3\n", "frames.csv line 1: no column"),
        ("1," * LINE_LIMIT, f"frames.csv line 1: longer than {LINE_LIMIT} bytes"),
        ('"' + "a" * (LINE_LIMIT - 10) + "\n", "line 1: quotes that do not match"),
        ("1,2,\x1b[31mred\n", r"'\x1b[31mred' is not a number"),
    ],
    ids=lambda value: repr(value)[:40],
)  # fmt: skip
def test_nonsense_is_named(text, expected):
    assert expected in problem(text)


def test_frames_before_an_error_have_been_given():
    frames = iter(TextSource(io.BytesIO(b"1,2,3\n4,5,x\n"), "stdin", FrameFormat(3, NAMES)))
    assert next(frames).tolist() == [1, 2, 3]
    with pytest.raises(ValueError, match="line 2"):
        next(frames)


def test_a_wide_model_may_have_long_lines():
    features = 10_000
    line = ",".join(["-1.2345678e-01"] * features)
    assert len(line) > LINE_LIMIT
    _, frames = read(line, names=(), features=features)
    assert frames.shape == (1, features)


@pytest.mark.parametrize("line", [b"1,2,3\n", b"[1,2,3]\n"])
def test_a_frame_from_a_live_pipe_does_not_wait_for_the_next(line):
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as source:
        frames = iter(TextSource(source, "stdin", FrameFormat(3, NAMES)))
        for _ in range(3):
            os.write(writing, line)  # were a second line needed, next() would wait for ever
            assert next(frames).tolist() == [1, 2, 3]
        os.close(writing)
        assert list(frames) == []


def test_what_is_compressed_is_called_that():
    source = TextSource(io.BytesIO(gzip.compress(b"1,2\n")), "x.csv.gz", FrameFormat(2))
    with pytest.raises(ValueError, match=r"^x\.csv\.gz: gzip-compressed, expected text"):
        list(source)
