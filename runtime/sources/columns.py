"""What the lines of a stream hold for the features of a model, and how errors call it."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

LARGEST = float(np.finfo(np.float32).max)


class UnreadableError(ValueError):
    """What is wrong within a line. Its text goes on where the line's number ends.

    values: what could be read of the frame, None for what could not; None where nothing could.
    of_header: the line names columns, and not those that are needed: rows behind it cannot be told by place.
    """

    def __init__(
        self,
        problem: str,
        column: str | None = None,
        values: Sequence[float | None] | None = None,
        *,
        of_header: bool = False,
    ) -> None:
        super().__init__(f": {problem}" if column is None else f", column {column}: {problem}")
        self.values, self.of_header = values, of_header


@dataclass(frozen=True)
class Columns:
    """What a frame must hold."""

    features: int
    names: tuple[str, ...]  # one per feature; none where columns can only be told by their place
    given: tuple[str, ...] = ()  # those of CSV without a header, where somebody says them

    @classmethod
    def of(cls, features: int, names: Sequence[str], given: Sequence[str] = ()) -> Columns:
        stripped = tuple(name.strip() for name in names)
        return cls(features, stripped if len(set(stripped)) == features else (), tuple(given))

    def label(self, place: int) -> str:
        """What to call feature `place` of a frame that is told by position, in an error."""
        return f"{place + 1} ({plain(self.names[place])})" if self.names else str(place + 1)

    def refuse_missing(self, found: Collection[str]) -> None:
        missing = [name for name in self.names if name not in found]
        if not missing:
            return
        near = difflib.get_close_matches(missing[0], list(found)[:1000], 1)
        raise UnreadableError(
            f"no column {listed(missing, 4)}"
            + (f" (nearest: {clip(near[0])})" if near else "")
            + f"; found {listed(list(found), 12) if found else 'nothing'}"
        )


def first_bad(values: list[float | None]) -> int | None:
    """The place of the first value that is no finite float32."""
    for place, value in enumerate(values):
        if value is None or not -LARGEST <= value <= LARGEST:  # NaN is in no range
            return place
    return None


def clip(text: str, *, quoted: bool = True) -> str:
    short = text if len(text) <= 40 else text[:37] + "..."
    return repr(short) if quoted else short


def plain(name: str) -> str:
    return name if name.isprintable() else clip(name)


def listed(names: list[str], most: int) -> str:
    text = ", ".join(clip(name) for name in names[:most])
    return text if len(names) <= most else f"{text} and {len(names) - most} more"
