"""Where the results of layers lie in a stream, and how a file names the ones that a layer reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgelstm.export.elstm.entry import Entry
from edgelstm.road import INPUT, Placed

ALIGNMENT = 64


@dataclass(frozen=True)
class Places:
    """Offsets among a stream's results; 0 for those that lie elsewhere."""

    input: int
    results: list[int]
    size: int


@dataclass(frozen=True)
class _Life:
    """Of a result: from the layer that makes it to the last one that reads it, and where it lies meanwhile."""

    first: int
    last: int
    start: int
    end: int


def numbers(road: Sequence[Placed]) -> dict[str, int]:
    """Name of a result → its number in files: 0 for the normalized input, else 1 + the layer's index."""
    return {INPUT: 0} | {at.name: 1 + n for n, at in enumerate(road)}


def sources_of(road: Sequence[Placed], at: Placed) -> tuple[int, int]:
    """The numbers of the results that a layer reads: of the second one 1 more, or 0 where there is none."""
    known = numbers(road)
    return known[at.takes], known[at.joins] + 1 if at.joins else 0


def place_results(input_size: int, road: Sequence[Placed], entries: Sequence[Entry], values: Sequence[int]) -> Places:
    """The lowest place for the input of so many bytes, and for each result, that nothing holds which is still read;
    `values`: bytes of a value of each. The scores, and what is a part of a state, have places of their own."""
    sizes = [aligned(input_size)]
    sizes += [
        0 if entry.in_state else aligned(at.result.size * value) for entry, at, value in zip(entries, road, values)
    ]
    sizes[-1] = 0
    known = numbers(road)
    lasts = list(range(len(sizes)))
    for number, at in enumerate(road, 1):
        for name in at.reads:
            lasts[known[name]] = number
    lives: list[_Life] = []
    for number, (size, last) in enumerate(zip(sizes, lasts)):
        start = _lowest([life for life in lives if life.last >= number], size) if size else 0
        lives.append(_Life(number, last, start, start + size))
    return Places(lives[0].start, [life.start for life in lives[1:]], max(life.end for life in lives))


def _lowest(alive: Sequence[_Life], size: int) -> int:
    """The lowest start of `size` bytes beside what is alive."""
    start = 0
    for life in sorted(alive, key=lambda life: life.start):
        if life.end > life.start and start + size > life.start:
            start = max(start, life.end)
    return start


def aligned(size: int) -> int:
    """`size` rounded up to whole lines of the C core."""
    return -(-size // ALIGNMENT) * ALIGNMENT
