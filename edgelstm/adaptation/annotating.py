"""Labels of clips in a folder, as a list that grows clip by clip: `labels.csv`, which training reads, too."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from edgelstm.data.csv_table import read_table
from edgelstm.data.recordings import BadFilesError
from edgelstm.delimited import guess_delimiter
from edgelstm.files import held, read_bounded, write_whole
from edgelstm.plain import is_unicode, printable
from edgelstm.runtime.clips import label_in
from edgelstm.runtime.sinks.home_assistant import part_of_topic
from edgelstm.wav import read_wav

SUFFIXES = (".wav", ".csv")
COMMANDS = {"s": "skip", "u": "undo", "p": "play again", "q": "quit"}
_MOST_BYTES = 16 << 20
_COLUMNS = ("file", "label", "group")


class Labels:
    """The list at `path`, which need not be there yet: file → label, and whose it is. Files are told from its folder.

    ValueError, one line, for a list of another kind.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.of: dict[str, tuple[str, str]] = {}  # file → (label, group)
        if path.exists():
            self._read(read_bounded(path, _MOST_BYTES))

    def _read(self, content: bytes) -> None:
        """Also as spreadsheets save it: with a byte order mark, semicolons, blank lines."""
        try:
            text = content.decode("utf-8-sig")
            delimiter = guess_delimiter([line for line in text.splitlines() if line.strip()])
            rows = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
            lines = [(rows.line_num, [cell.strip() for cell in row]) for row in rows if any(row)]
        except (UnicodeDecodeError, csv.Error) as error:
            raise ValueError(f"{self.path}: no list of labels ({error}), expected CSV in UTF-8") from None
        header = tuple(name.lower() for name in lines[0][1]) if lines else ()
        if header not in (_COLUMNS[:2], _COLUMNS):
            raise ValueError(
                f"{self.path}: columns {', '.join(header)[:60]!r}, expected file,label or file,label,group"
            )
        for line, row in lines[1:]:
            if len(row) != len(header) or not row[0] or not row[1]:
                raise ValueError(f"{self.path} line {line}: expected a file and its label")
            if row[0] in self.of:
                file = printable(row[0], 60)
                raise ValueError(f"{self.path} line {line}: {file} is there twice, expected each file once")
            self.of[row[0]] = row[1], row[2] if len(row) > 2 else ""

    @property
    def names(self) -> tuple[str, ...]:
        """The labels that are there, in order of appearance."""
        return tuple(dict.fromkeys(label for label, _ in self.of.values()))

    def set(self, file: str, label: str, group: str = "") -> None:
        """Also on the disk, at once: whoever ends here goes on here."""
        self.of[file] = label, group
        self._write()

    def forget(self, file: str) -> None:
        del self.of[file]
        self._write()

    def _write(self) -> None:
        has_groups = any(group for _, group in self.of.values())
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(_COLUMNS if has_groups else _COLUMNS[:2])
        writer.writerows((file, *both) if has_groups else (file, both[0]) for file, both in self.of.items())
        write_whole(self.path, text.getvalue().encode())


@contextmanager
def alone_with(path: Path) -> Iterator[Labels]:
    """The list at `path`, which nobody else annotates meanwhile: of two, each would write what it knows over what the
    other was told. ValueError where somebody does, and as `Labels`."""
    with ExitStack() as stack:
        try:
            stack.enter_context(held(path))
        except ValueError:
            raise ValueError(f"{path}: somebody else is annotating it, expected one at a time") from None
        yield Labels(path)


def clips_in(folder: Path, labels: Labels) -> list[str]:
    """Files of clips in `folder`, by name: those that `stream --keep` wrote in the order of time. ValueError where
    there are none, or both sounds and tables, which no model takes together."""
    found = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in SUFFIXES and path.is_file()]
    found = [path for path in found if path != labels.path and path.name != labels.path.name]
    if not found:
        raise ValueError(f"{folder}: no clips, expected .wav or .csv files, such as stream --keep writes")
    if len({path.suffix.lower() for path in found}) > 1:
        raise ValueError(f"{folder}: .wav and .csv files, expected clips of one kind")
    return [path.name for path in found]


def why_not_asked(path: Path) -> str:
    """Why nothing can be learned of a clip, so that nobody is asked for its label; empty where something can."""
    name = path.name
    if not is_unicode(name) or not name.isprintable() or name != name.strip():
        return "its name is one that no list can hold, expected printable UTF-8 without blanks around it; rename it"
    try:
        if path.suffix.lower() == ".wav":
            for _ in read_wav(path)[1]:
                pass
        else:
            read_table(path, name)
    except BadFilesError as error:
        return error.problems[0].reason
    except (OSError, ValueError) as error:
        return str(error)
    return ""


def suggestion(file: str, labels: Sequence[str]) -> str:
    """The label that a kept clip's own name tells; empty where it tells none of these."""
    told = label_in(file)
    return next((label for label in labels if told and part_of_topic(label) == told), "")


@dataclass(frozen=True)
class Choices:
    """What may be answered, such that no answer means two things."""

    labels: tuple[str, ...]

    @property
    def are_numbered(self) -> bool:
        """Whether labels have numbers from 1: not where one of them is itself called by a number."""
        return not any(_is_number(label) for label in self.labels)

    @property
    def sign(self) -> str:
        """What stands before a command: nothing, where no label is called like one."""
        return "/" if any(label.lower() in COMMANDS for label in self.labels) else ""

    def command(self, answer: str) -> str:
        """Of `COMMANDS`; empty where it is none."""
        letter = answer.removeprefix(self.sign)
        return letter if letter in COMMANDS and answer == self.sign + letter else ""

    def label(self, answer: str) -> str:
        """The label that is meant: a number from 1, a label, or the beginning of one alone. Empty where none is."""
        if answer in self.labels:
            return answer
        if self.are_numbered and _is_number(answer) and 1 <= int(answer) <= len(self.labels):
            return self.labels[int(answer) - 1]
        begun = [label for label in self.labels if answer and label.lower().startswith(answer.lower())]
        return begun[0] if len(begun) == 1 else ""


def _is_number(text: str) -> bool:
    return text.isdecimal() and text.isascii()
