"""Labels of clips in a folder, as a list that grows clip by clip: `labels.csv`, which training reads, too."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from edgelstm.files import read_bounded, write_whole
from edgelstm.runtime.clips import label_in
from edgelstm.runtime.sinks.home_assistant import part_of_topic

SUFFIXES = (".wav", ".csv")
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
        try:
            rows = list(csv.reader(io.StringIO(content.decode()), strict=True))
        except (UnicodeDecodeError, csv.Error) as error:
            raise ValueError(f"{self.path}: no list of labels ({error}), expected CSV in UTF-8") from None
        header = tuple(rows[0]) if rows else ()
        if header not in (_COLUMNS[:2], _COLUMNS):
            raise ValueError(
                f"{self.path}: columns {', '.join(header)[:60]!r}, expected file,label or file,label,group"
            )
        for line, row in enumerate(rows[1:], 2):
            if len(row) != len(header) or not row[0] or not row[1]:
                raise ValueError(f"{self.path} line {line}: expected a file and its label")
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


def suggestion(file: str, labels: Sequence[str]) -> str:
    """The label that a kept clip's own name tells; empty where it tells none of these."""
    told = label_in(file)
    return next((label for label in labels if told and part_of_topic(label) == told), "")


def understood(answer: str, labels: Sequence[str]) -> str:
    """The label that is meant: a number from 1, a label, or the beginning of one alone. Empty where none is."""
    if answer in labels:
        return answer
    if answer.isdecimal() and answer.isascii() and 1 <= int(answer) <= len(labels):
        return labels[int(answer) - 1]
    begun = [label for label in labels if answer and label.lower().startswith(answer.lower())]
    return begun[0] if len(begun) == 1 else ""
