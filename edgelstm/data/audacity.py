"""Audacity's label tracks: a line for each stretch, its start and end in seconds and its label, between tabs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgelstm.data.frame_labels import FrameLabels
from edgelstm.data.recordings import BadFilesError, Problem
from edgelstm.data.store import Growing, chunks
from edgelstm.delimited import number
from edgelstm.files import read_bounded

MAX_BYTES = 16 << 20


@dataclass(frozen=True)
class Stretch:
    """Seconds from `start` to `end` that have `label`."""

    start: float
    end: float
    label: str


def read_label_track(path: Path, name: str) -> list[Stretch]:
    """The stretches of a track. Lines that begin with a backslash give frequencies and are passed over; some locales
    write decimal commas. BadFilesError names each bad line."""
    try:
        text = read_bounded(path, MAX_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadFilesError([Problem(name, None, "not UTF-8, expected text")]) from None
    stretches: list[Stretch] = []
    problems: list[Problem] = []
    for place, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("\\"):
            continue
        cells = line.split("\t", 2)
        ends = [number(cell.strip().replace(",", ".")) for cell in cells[:2]]
        if len(cells) < 2 or ends[0] is None or ends[1] is None or not 0 <= ends[0] <= ends[1]:
            problems.append(Problem(name, place, f"{line[:40]!r}, expected start, end and label between tabs"))
        else:
            stretches.append(Stretch(ends[0], ends[1], cells[2].strip() if len(cells) > 2 else ""))
    if problems:
        raise BadFilesError(problems)
    return stretches


def labels_of_frames(stretches: Sequence[Stretch], frames: int, rate: float) -> FrameLabels:
    """The label at the middle of each frame; "" where there is none, the later stretch where several lie there."""
    names = tuple(dict.fromkeys(stretch.label for stretch in stretches if stretch.label))
    places = {name: place for place, name in enumerate(names)}
    # Frame n lies around (n + 0.5) / rate.
    firsts, lasts = (
        [int(np.ceil(min(edge * rate, frames + 1) - 0.5)) for edge in edges]
        for edges in ([s.start for s in stretches], [s.end for s in stretches])
    )
    codes = [places.get(stretch.label, -1) for stretch in stretches]
    growing = Growing((), np.int32)
    for part in chunks(frames, 4):
        found = np.full(part.stop - part.start, -1, np.int32)
        for first, last, code in zip(firsts, lasts, codes):
            if first < part.stop and last > part.start:
                found[max(first - part.start, 0) : last - part.start] = code
        growing.add(found)
    return FrameLabels(names, growing.done())
