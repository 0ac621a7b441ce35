"""Text for people within 80 columns: paragraphs, named lines, tables. A word that is wider stays whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import click

from edgelstm.plain import printable

WIDTH = 80


def paragraph(text: str, first: str = "", rest: str = "  ") -> str:
    """`text` broken at spaces; the first line begins with `first`, those after it with `rest`."""
    lines, line = [], first
    begun = False
    for word in text.split(" "):
        if begun and _width(line) + 1 + _width(word) > WIDTH:
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


def table(
    header: Sequence[str], rows: Sequence[Sequence[str]], indent: str = "  ", *, are_texts: bool = False
) -> str:
    """Aligned columns; the first to the left, the others, mostly numbers, to the right, but where they `are_texts`.

    A first cell that would make its row too wide has a line to itself.
    """
    lines = [list(header), *map(list, rows)]
    widths = [max(_width(line[column]) for line in lines) for column in range(len(header))]
    room = max(WIDTH - len(indent) - sum(width + 2 for width in widths[1:]), _width(header[0]))
    widths[0] = max(_width(line[0]) for line in lines if _width(line[0]) <= room)
    text = []
    for name, *cells in lines:
        if _width(name) > room:
            text.append(indent + name)
            name = ""
        fill = [" " * (width - _width(cell)) for cell, width in zip(cells, widths[1:])]
        aligned = (f"  {cell}{space}" if are_texts else f"  {space}{cell}" for cell, space in zip(cells, fill))
        text.append((indent + name + " " * (widths[0] - _width(name)) + "".join(aligned)).rstrip())
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


def _width(text: str) -> int:
    """Columns on a screen, without what gives them color."""
    return len(click.unstyle(text))
