"""What is written as CSV or NDJSON reads back the same, whatever the order of columns."""

import csv
import io
import json

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from edgelstm.runtime.sources.source import FrameFormat
from edgelstm.runtime.sources.text import TextSource

names = st.lists(
    st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\r\n\ufeff"), min_size=1, max_size=8)
    .map(str.strip)
    .filter(bool),
    min_size=1,
    max_size=6,
    unique=True,
)


@st.composite
def tables(draw):
    """(names of the model's features, those and others shuffled, frames (T, features))."""
    found = draw(names)
    wanted = found[: draw(st.integers(1, len(found)))]
    shape = (draw(st.integers(1, 5)), len(wanted))
    finite = st.floats(width=32, allow_nan=False, allow_infinity=False)
    return wanted, draw(st.permutations(found)), draw(arrays.arrays(np.float32, shape, elements=finite))


def read(text, wanted, syntax="auto"):
    form = FrameFormat(len(wanted), tuple(wanted), syntax)
    return np.array(list(TextSource(io.BytesIO(text.encode()), "stdin", form)))


@given(tables(), st.sampled_from([",", ";", "\t"]), st.sampled_from(["\n", "\r\n"]))
def test_csv_with_shuffled_columns_reads_back(table, delimiter, end):
    wanted, found, frames = table
    file = io.StringIO(newline="")
    # Another delimiter in a name that is not quoted may make as much sense of the line.
    ambiguous = any(sign in name for name in found for sign in ",;\t")
    quoting = csv.QUOTE_ALL if ambiguous else csv.QUOTE_MINIMAL
    writer = csv.writer(file, delimiter=delimiter, lineterminator=end, quoting=quoting)
    writer.writerow(found)
    for frame in frames.tolist():
        row = dict(zip(wanted, frame))
        writer.writerow([row.get(name, "-") for name in found])
    np.testing.assert_array_equal(read(file.getvalue(), wanted, "csv"), frames)


@given(tables(), st.booleans())
def test_ndjson_with_shuffled_names_reads_back(table, ascii_only):
    wanted, found, frames = table
    rows = [dict(zip(wanted, frame)) for frame in frames.tolist()]
    lines = [json.dumps({name: row.get(name) for name in found}, ensure_ascii=ascii_only) for row in rows]
    np.testing.assert_array_equal(read("\n".join(lines), wanted), frames)


@given(arrays.arrays(np.float32, (3, 2), elements=st.floats(width=32, allow_nan=False, allow_infinity=False)))
def test_rows_without_a_header_read_back(frames):
    rows = frames.tolist()
    np.testing.assert_array_equal(read("\n".join(",".join(map(repr, row)) for row in rows), ["a", "b"]), frames)
    np.testing.assert_array_equal(read("\n".join(map(json.dumps, rows)), ["a", "b"]), frames)


@given(st.binary(max_size=200), st.sampled_from(["auto", "csv", "ndjson"]))
@example(b"\t", "auto")
def test_any_bytes_give_finite_frames_or_one_line(raw, syntax):
    frames, problem = [], "stdin"
    try:
        frames.extend(TextSource(io.BytesIO(raw), "stdin", FrameFormat(2, ("a", "b"), syntax)))
    except ValueError as error:
        problem = str(error)
    assert problem.startswith("stdin")
    assert "\n" not in problem
    assert all(frame.shape == (2,) and np.isfinite(frame).all() for frame in frames)


class LineByLine:
    """A file of which one line comes after another."""

    def __init__(self, content):
        self._lines = content.splitlines(keepends=True)

    def read1(self, _size):
        return self._lines.pop(0) if self._lines else b""


cells = st.one_of(
    st.floats(allow_nan=False).map(repr),
    st.sampled_from(
        [
            "1",
            "-0",
            "+.5",
            "1e3",
            "1e39",
            "",
            " 2",
            "2 3",
            "1_0",
            "0,5",
            "1.2.3",
            "--1",
            "nan",
            "\u0661",
            '"4"',
            "5\r",
        ]
    ),
)


@given(
    st.lists(st.tuples(cells, cells), min_size=18, max_size=24),
    st.lists(st.integers(0, 23), max_size=3),
    st.sampled_from([",", ";"]),
    st.sampled_from(["\n", "\r\n", "\n\n"]),
)
def test_many_lines_are_what_each_of_them_is(odd, places, delimiter, end):
    """Most rows are plain numbers; some are whatever may stand there."""
    rows = [odd[n] if n in places else (f"{n}.25", f"-{n}e-2") for n in range(len(odd))]
    content = end.join(["a" + delimiter + "b", *(delimiter.join(row) for row in rows)]).encode()

    def told(stream):
        source, frames = TextSource(stream, "x", FrameFormat(2, ("a", "b"))), []
        try:
            frames.extend((source.mark, frame.tobytes()) for frame in source)
        except ValueError as error:
            return frames, str(error)
        return frames, source.place

    assert told(io.BytesIO(content)) == told(LineByLine(content))
