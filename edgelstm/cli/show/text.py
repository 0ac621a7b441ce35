"""Text for people within 80 columns: paragraphs, named lines, tables. A word that is wider stays whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import click

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


def named(lines: Iterable[tuple[str, str]], indent: str = "", width: int = 0) -> str:
    """(name, text) pairs: the texts begin at one column, `width` after the indent or as far as the names need."""
    listed = list(lines)
    width = max([width, *(len(name) + 2 for name, _ in listed)])
    return "\n".join(paragraph(text, f"{indent}{name:<{width}}", indent + " " * width) for name, text in listed)


def table(header: Sequence[str], rows: Sequence[Sequence[str]], indent: str = "  ") -> str:
    """Aligned columns; the first to the left, the others, mostly numbers, to the right.

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
        aligned = (" " * (width + 2 - _width(cell)) + cell for cell, width in zip(cells, widths[1:]))
        text.append((indent + name + " " * (widths[0] - _width(name)) + "".join(aligned)).rstrip())
    return "\n".join(text)


def _width(text: str) -> int:
    """Columns on a screen, without what gives them color."""
    return len(click.unstyle(text))
