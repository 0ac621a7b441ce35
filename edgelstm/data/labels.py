"""Labels that the places of files tell, and the order that labels have."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from edgelstm.data.file_names import said_by_names, told_by
from edgelstm.data.frame_labels import FrameLabels
from edgelstm.data.options import ReadOptions
from edgelstm.data.recordings import Recordings
from edgelstm.delimited import number
from edgelstm.plain import is_unicode, printable

_FEW_NUMBERS = 8  # different labels, below which numbers are most likely grades
_MANY_NUMBERS = 4  # recordings of a label, below which whole numbers are most likely counts
_WHOLE = re.compile(r"0|-?[1-9]\d{0,17}", re.ASCII)


def labels_of(recordings: Recordings) -> tuple[str, ...]:
    """All labels of recordings and frames, in the order that the data give them, or else `in_order`."""
    if recordings.labels:
        return recordings.labels
    found = {r.label for r in recordings.recordings if r.label is not None}
    for recording in recordings.recordings:
        if recording.frame_labels is not None:
            found.update(label for label in FrameLabels.of(recording.frame_labels).counts() if label)
    return in_order(found)


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """By name, whole numbers by what they count."""
    found = sorted(set(names))
    numbers = whole_numbers(found)
    return tuple(found if numbers is None else map(str, sorted(numbers)))


def whole_numbers(texts: Sequence[str]) -> list[int] | None:
    """The numbers that texts are, written as Python writes them; None where one is none."""
    return [int(text) for text in texts] if all(map(_WHOLE.fullmatch, texts)) else None


NUMBERS = "labels are numbers, {} different ones: --task regress tells numbers, without it they are classes"
"""What is said where `are_numbers`."""


def are_numbers(labels: Sequence[str], recordings: int) -> bool:
    """Whether these labels of so many recordings look like measured numbers rather than classes."""
    values = [number(label) for label in labels]
    if len(labels) < _FEW_NUMBERS or None in values:
        return False
    return whole_numbers(list(labels)) is None or len(labels) * _MANY_NUMBERS >= recordings


def alike(labels: Iterable[str]) -> list[str]:
    """A line for each set of labels that differ in case, spaces and the like alone: most likely meant as one."""
    seen: dict[str, dict[str, None]] = {}
    for label in labels:
        seen.setdefault(re.sub(r"(?!^-\d)[\s_-]+", "", label.casefold()), {})[label] = None  # -1 is not 1
    return [
        f"{' and '.join(repr(printable(label, 40)) for label in same)} differ in case or spaces alone: one label?"
        for same in seen.values()
        if len(same) > 1
    ]


def place_of_labels(paths: Sequence[Path], options: ReadOptions) -> Literal["", "folder", "name"]:
    """Whether folders or names of files tell labels, for `paths` from the data's folder; "" where neither does."""
    if "label" in told_by(options.names):
        return ""
    if options.label_from == "folder" or options.label_from == "name":
        return options.label_from
    folders, stems = _folders(paths), _stems(paths)
    if options.label_from == "column":
        return ""
    if len(set(folders)) > 1 and "" not in folders:
        return "folder"
    return "name" if 1 < len(set(stems)) < len(stems) else ""


def labels_of_places(paths: Sequence[Path], options: ReadOptions) -> dict[str, str]:
    """By file: the label that its folder or its name tells, for `paths` from the data's folder; empty where neither
    does. ValueError where a file lies in no folder of a label and the options ask for them."""
    files = [path.as_posix() for path in paths]
    strange = next((file for file in files if not is_unicode(file)), None)
    if strange is not None:
        raise ValueError(f"{printable(strange)}: a name that is not UTF-8, expected one that is")
    if "label" in told_by(options.names):
        return {file: said["label"] for file, said in said_by_names(paths, options.names).items()}
    source = place_of_labels(paths, options)
    if source == "folder":
        folders = _folders(paths)
        if "" in folders:
            lost = files[folders.index("")]
            raise ValueError(f"{lost}: lies in no folder of a label, which label_from = folder needs")
        return dict(zip(files, folders))
    return dict(zip(files, _stems(paths))) if source == "name" else {}


def groups_of_places(paths: Sequence[Path], options: ReadOptions) -> dict[str, str]:
    """By file: the group that its name tells, where the options say how."""
    if "group" not in told_by(options.names):
        return {}
    return {file: said["group"] for file, said in said_by_names(paths, options.names).items()}


def _folders(paths: Sequence[Path]) -> list[str]:
    return [path.parts[-2] if len(path.parts) > 1 else "" for path in paths]


def _stems(paths: Sequence[Path]) -> list[str]:
    return [path.name.split(".", 1)[0] for path in paths]
