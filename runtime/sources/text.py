"""Frames from lines of text: CSV or NDJSON, one by one. What knows of them lies here; files and pipes lie beside it.

CSV has commas, semicolons or tabs between its columns; where these are no commas, numbers may have decimal ones. With
a header, columns are found by name, in any order, and others are left alone; without one there are exactly as many
columns as the model has features. NDJSON has one JSON array of numbers, or one object by name, on each line.

Text is hostile until checked: lines are bounded, and everything that is not a finite float32 is refused with
its source, line and column, or becomes what `FrameFormat.missing` says.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import BinaryIO, Protocol

from edgelstm.delimited import DELIMITERS, has_decimal_comma, is_above
from edgelstm.runtime.counts import Counts
from edgelstm.runtime.frame import Float32
from edgelstm.runtime.sources.columns import Columns, UnreadableError, clip, listed, plain
from edgelstm.runtime.sources.csv_rows import Csv, cells_of
from edgelstm.runtime.sources.lines import Lines, StreamLines
from edgelstm.runtime.sources.missing import Unreadable
from edgelstm.runtime.sources.ndjson import Ndjson
from edgelstm.runtime.sources.source import FrameFormat, Gap, NoFramesError, Source, one_gap
from edgelstm.runtime.sources.time_gaps import TimeGaps
from edgelstm.runtime.sources.timing import TimeCheck, about

LINE_LIMIT = 64 * 1024
"""Longest line in bytes; wide models get 64 bytes per feature where that is more."""

_MANY = 16
_MOST_DROPPED = 1 << 20
_BOM = b"\xef\xbb\xbf"
_GZIP = b"\x1f\x8b"


class TextSource(Source):
    """The frames in the lines of `stream`: each is there as soon as its line has come. Empty lines are passed over.

    The syntax `auto` takes NDJSON when the first line begins with `[` or `{`, else CSV.

    in_midst: the stream may not stand at the beginning of a line: what comes of the first is dropped, unless it is a
    whole header. Its last line counts only with an end.
    """

    def __init__(self, stream: BinaryIO | Lines, name: str, form: FrameFormat, *, in_midst: bool = False) -> None:
        super().__init__(name)
        self._stream, self._form, self._in_midst = _lines_of(stream), form, in_midst
        self._parse: _Parser | None = None
        self._is_settled = False  # whether the parser has understood anything yet
        self._needs_header = False
        self._header = ""
        self._line = 0
        self._newest: Float32 | None = None
        self._unreadable = None if form.missing == "refuse" else Unreadable(form.missing, form.sample_rate)
        self._times: TimeCheck | None = None
        self._gaps: TimeGaps | None = None
        self._column = ""
        self._is_told = False

    @property
    def place(self) -> str:
        return self.place_of(self._line)

    @property
    def mark(self) -> int:
        return self._line

    def place_of(self, mark: int, /) -> str:
        return f"{self.name} line {mark}"

    @property
    def counts(self) -> Counts:
        return Counts(unreadable=0 if self._unreadable is None else self._unreadable.count)

    def resume(self, stream: BinaryIO) -> None:
        """Goes on with a stream that stands in the midst of the same lines: of a device that went and came back. The
        columns stay, unless it begins with a whole header."""
        self._stream, self._in_midst = _lines_of(stream), True

    def __iter__(self) -> Iterator[Float32]:
        return (frame for frame in self.arrivals() if frame is not None)

    def arrivals(self) -> Iterator[Float32 | None]:
        for line in self._lines(max(LINE_LIMIT, 64 * self._form.features)):
            if line is None:
                yield None
                continue
            try:
                frame = self._frame(line)
            except UnreadableError as error:
                frame = self._instead(error)
            if frame is not None:
                self._newest = frame
                yield frame
            for frame in self._many():
                self._line += 1
                self._newest = frame
                yield frame
        if self._newest is None:
            header = " after the header" if self._is_settled else ""
            raise NoFramesError(f"{self.name}: no frames{header}, expected one on each line")
        bad = self.counts.unreadable
        if self._form.is_pipe and bad:
            raise ValueError(f"{self.name}: {bad:,} of {self._line:,} lines could not be read")

    def _many(self) -> Iterable[Float32]:
        """Frames of all lines that have come, where they are many and each is only that: numbers of a file."""
        parse, stream = self._parse, self._stream
        if not isinstance(parse, Csv) or not isinstance(stream, StreamLines):
            return ()
        if self._in_midst or self._unreadable is not None or not self._is_settled:
            return ()
        lines = stream.whole_lines(_MANY)
        rows = parse.rows(lines) if 0 < len(lines) <= LINE_LIMIT else None
        if rows is None:
            return ()
        stream.skip(len(lines))
        return rows

    def _frame(self, line: str | UnreadableError) -> Float32 | None:
        """What the line holds, with what is missing before it; None for a header."""
        if isinstance(line, UnreadableError):
            raise line
        if self._parse is None and self._is_above(line):
            return None
        if self._parse is None:
            self._parse = _parser(self._form, line, needs_header=self._needs_header)
        elif line == self._header:  # of a device that began anew
            return None
        frame = self._read(self._parse, line)
        parse = self._parse
        if self._times is not None or parse.time_column is not None:
            self._check_time(parse)
        if frame is None:
            self._header = line if self._in_midst or self._unreadable is not None else ""
            self._is_settled = True
            return None
        time_gap = self._time_gap(parse, frame)
        self._is_settled, self._needs_header = True, False
        lost = None if self._unreadable is None else self._unreadable.gap()
        if lost is not None and not lost.begins_anew and time_gap is None and self._gaps and self._gaps.has_judged:
            lost = None  # by their times no frame is missing: what could not be read was none
        if lost is not None or time_gap is not None:
            self._gap = one_gap(lost, time_gap)
        return frame

    def _is_above(self, line: str) -> bool:
        """Whether it stands above a table, and names none of its columns."""
        cells = (cell for sign in DELIMITERS for cell in cells_of(line.lstrip("#"), sign))
        return is_above(line) and not any(cell in self._form.names for cell in cells)

    def _read(self, parse: _Parser, line: str) -> Float32 | None:
        """As the parser does. Where streams go on, columns may change in their midst: who sends began anew, or
        another one does."""
        try:
            return parse(line)
        except UnreadableError:
            if not (isinstance(parse, Csv) and self._is_settled and (self._in_midst or self._unreadable is not None)):
                raise
            try:
                anew = parse.begun_anew(line)
            except UnreadableError as error:
                self._is_settled = False  # rows are unreadable until a header comes that is right
                raise error from None
            if anew is None:
                raise
            if anew.time_column != parse.time_column:
                self._times = self._gaps = None
            self._parse = anew
            return None

    def _instead(self, error: UnreadableError) -> Float32 | None:
        """The frame that stands for a line that cannot be read, if one does. ValueError where it ends the stream."""
        is_never_right = self._form.is_pipe and self._newest is None
        if self._unreadable is None or is_never_right:
            raise ValueError(f"{self.place}{error}") from None
        if not self._is_settled:
            self._parse = None  # another line may tell how they are written
            self._needs_header = self._needs_header or error.of_header
        self._unreadable.take(self.place, error, self._newest, self.tell)
        frame = self._unreadable.instead(error, self._newest)
        if frame is not None and self._gaps is not None:
            self._gaps.skip()
        return frame

    def _check_time(self, parser: _Parser) -> None:
        if parser.time is None or self._is_told:
            return
        if self._times is None:
            self._column = parser.time_column or ""
            self._times = TimeCheck(self._column, self._form.sample_rate)
        self._times.add(self._line, parser.time)
        if self._times.is_due:
            self._tell_times()

    def _time_gap(self, parser: _Parser, frame: Float32) -> Gap | None:
        if not self._form.has_time_gaps or not self._form.sample_rate or parser.time_column is None:
            return None
        if self._gaps is None:
            self._gaps = TimeGaps(parser.time_column, self._form.sample_rate)
        try:
            return self._gaps.add(parser.time)
        except ValueError as error:
            shown = f"{_time_shown(parser.time)}{error}"
            raise UnreadableError(shown, plain(parser.time_column), [float(value) for value in frame]) from None

    def _tell_times(self) -> None:
        remark = self._times.remark() if self._times is not None and not self._is_told else None
        if remark is not None:
            self._is_told = True
            self.tell(about(self.name, self._column, remark))

    def end(self) -> None:
        self._tell_times()
        if self._unreadable is not None and (words := self._unreadable.words) is not None:
            self.tell(f"{self.name}: {words}")

    def _first_of_midst(self) -> bytes:
        """What came of the first line, if it is a whole header; else nothing. ValueError for the end of a header that
        has other columns than a model that takes them by place."""
        raw = self._stream.readline(_MOST_DROPPED)
        text = raw.decode("utf-8", "replace").strip()
        names = Columns.of(self._form.features, self._form.names).names
        cells = max((cells_of(text, delimiter) for delimiter in DELIMITERS), key=len)
        known = [cell for cell in cells if cell in names]
        if names and set(names) <= set(cells):
            return raw
        if self._parse is None and known and tuple(cells[1:]) != names[len(names) - len(cells) + 1 :]:
            raise ValueError(
                f"{self.name} line 1: the end of a header that names {listed(known, 4)}: its beginning was sent "
                "before, and which column is which cannot be told; expected all of it, or the model's order"
            )
        return b""

    def _lines(self, limit: int) -> Iterator[str | UnreadableError | None]:
        """Each line that is not empty, without its end; or why it is none; None before one is waited for."""
        waiting = self._first_of_midst() if self._in_midst else b""
        if waiting:
            self._parse = None
        while True:
            if not waiting and not self._stream.has_line:
                yield None
            raw, waiting = waiting or self._stream.readline(limit + 1), b""
            if not raw:
                return
            self._line += 1
            if self._line == 1 and raw.startswith(_GZIP):
                raise ValueError(f"{self.name}: gzip-compressed, expected text (decompress it first, as gunzip does)")
            if len(raw) > limit and not raw.endswith(b"\n"):
                yield UnreadableError(f"longer than {limit} bytes, expected one frame on each line")
                yield None
                self._pass_over(limit)
                continue
            if self._in_midst and not raw.endswith(b"\n"):
                return  # cut off: what looks like a number may be the beginning of one
            if self._line == 1:
                raw = raw.removeprefix(_BOM)
            try:
                text = raw.decode("utf-8").rstrip("\r\n")
            except UnicodeDecodeError as error:
                yield UnreadableError(f"byte 0x{raw[error.start]:02x} is not UTF-8, expected text")
                continue
            if text.strip(" "):
                yield text

    def _pass_over(self, limit: int) -> None:
        """What is left of a line that is too long."""
        while (rest := self._stream.readline(limit)) and not rest.endswith(b"\n"):
            pass


class _Parser(Protocol):
    """Parses one line after another."""

    time_column: str | None
    """That of times, if there is one that is no feature."""
    time: object
    """What the newest line holds there; None where it holds nothing."""

    def __call__(self, line: str, /) -> Float32 | None:
        """The frame in `line`; None where it holds none."""


def _lines_of(stream: BinaryIO | Lines) -> Lines:
    return stream if hasattr(stream, "has_line") else StreamLines(stream)


def _parser(form: FrameFormat, first: str, *, needs_header: bool) -> _Parser:
    columns = Columns.of(form.features, form.names, form.columns)
    is_ndjson = form.syntax == "ndjson" or (form.syntax == "auto" and first.lstrip().startswith(("[", "{")))
    return Ndjson(columns) if is_ndjson else Csv(columns, needs_header=needs_header)


def _time_shown(given: object) -> str:
    """What stands where a time should, as an error begins."""
    if given is None or given == "":
        return "empty: "
    if isinstance(given, str):
        point = f" (with a decimal point: {clip(given.replace(',', '.'))})" if has_decimal_comma(given) else ""
        return f"{clip(given)}{point} is "
    return f"{clip(json.dumps(given), quoted=False)} is "
