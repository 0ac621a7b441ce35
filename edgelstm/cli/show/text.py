"""Text for people within 80 columns: paragraphs, named lines, tables. A word that is wider stays whole."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

import click

from edgelstm.plain import printable

WIDTH = 80


def paragraph(text: str, first: str = "", rest: str = "  ") -> str:
    """`text` broken at spaces; the first line begins with `first`, those after it with `rest`."""
    lines, line = [], first
    begun = False
    for word in text.split(" "):
        if begun and width_of(line) + 1 + width_of(word) > WIDTH:
            lines.append(line.rstrip())
            line, begun = rest, False
        line += f" {word}" if begun else word
        begun = True
    return "\n".join([*lines, line.rstrip()])


def plain(text: str, most: int | None = None) -> str:
    """`text` without what a terminal would obey, cut to `most` letters."""
    return printable(text, most)


def named(lines: Iterable[tuple[str, str]], indent: str = "", width: int = 0) -> str:
    """(name, text) pairs: the texts begin at one column, `width` after the indent or as far as the names need."""
    listed = list(lines)
    width = max([width, *(len(name) + 2 for name, _ in listed)])
    return "\n".join(paragraph(text, f"{indent}{name:<{width}}", indent + " " * width) for name, text in listed)


def shortened(text: str, most: int) -> str:
    """`text` within `most` columns: its beginning and its end, … between."""
    if width_of(text) <= most:
        return text
    end, begin = "", ""
    for letter in reversed(text):
        if width_of(letter + end) > most // 3:
            break
        end = letter + end
    for letter in text:
        if width_of(begin + letter) > most - 1 - width_of(end):
            break
        begin += letter
    return f"{begin.rstrip()}…{end.lstrip()}"


def table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    indent: str = "  ",
    *,
    are_texts: bool = False,
    shortens: bool = False,
) -> str:
    """Aligned columns; the first to the left, the others, mostly numbers, to the right, but where they `are_texts`.

    A first cell that would make its row too wide has a line to itself, or is shortened.
    """
    lines = [list(header), *map(list, rows)]
    widths = [max(width_of(line[column]) for line in lines) for column in range(len(header))]
    room = max(WIDTH - len(indent) - sum(width + 2 for width in widths[1:]), width_of(header[0]))
    if shortens:
        lines = [[shortened(name, room), *cells] for name, *cells in lines]
    widths[0] = max(width_of(line[0]) for line in lines if width_of(line[0]) <= room)
    text = []
    for name, *cells in lines:
        if width_of(name) > room:
            text.append(indent + name)
            name = ""
        fill = [" " * (width - width_of(cell)) for cell, width in zip(cells, widths[1:])]
        aligned = (f"  {cell}{space}" if are_texts else f"  {space}{cell}" for cell, space in zip(cells, fill))
        text.append((indent + name + " " * (widths[0] - width_of(name)) + "".join(aligned)).rstrip())
    return "\n".join(text)


def columns(found: Sequence[Sequence[tuple[str, str]]], width: int = WIDTH) -> str:
    """Columns of (name, value), every one with the same names, to the right of these: as many side by side as `width`
    takes, the others below."""
    names = max(len(name) for name, _ in found[0]) + 1
    widths = [max(len(value) for _, value in column) + 2 for column in found]
    blocks, first = [], 0
    while first < len(found):
        last = first + 1
        while last < len(found) and names + sum(widths[first : last + 1]) <= width:
            last += 1
        lines = []
        for place, (name, _) in enumerate(found[0]):
            values = (f"{found[n][place][1]:>{widths[n]}}" for n in range(first, last))
            lines.append(f"{name:<{names}}{''.join(values)}".rstrip())
        blocks.append("\n".join(lines))
        first = last
    return "\n\n".join(blocks)


def width_of(text: str) -> int:
    """Columns on a screen, without what gives them color: two for letters of East Asia, none for what stands above or
    below another."""
    text = click.unstyle(text)
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(letter) else 1 + (unicodedata.east_asian_width(letter) in "WF") for letter in text
    )
