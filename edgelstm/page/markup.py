"""HTML by construction: what is not `Markup` is text and is escaped, wherever it goes."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

_VOID = {"meta", "line", "rect", "circle", "polyline"}


class Markup(str):
    """Text that is HTML already. Only `tag` and `join` make it, and constants of this package."""

    __slots__ = ()


def tag(name: str, /, *content: str | Markup, **attributes: object) -> Markup:
    """`<name attributes>content</name>`; `class_` is class, other `_` are `-`. None leaves one out."""
    words = [name]
    for key, value in attributes.items():
        if value is not None:
            words.append(f'{key.rstrip("_").replace("_", "-")}="{html.escape(str(value))}"')
    head = " ".join(words)
    if name in _VOID and not content:
        return Markup(f"<{head}/>" if name != "meta" else f"<{head}>")
    return Markup(f"<{head}>{join(content)}</{name}>")


def join(parts: Iterable[str | Markup]) -> Markup:
    return Markup("".join(part if isinstance(part, Markup) else html.escape(part) for part in parts))


def table(header: Sequence[str], rows: Iterable[Sequence[str | Markup]], *, sentences: int | None = None) -> Markup:
    """In a box of its own that scrolls where the screen is narrow; the first column stays. sentences: the column of
    long texts, which break; the first one is narrow then."""

    def kind(place: int) -> str | None:
        return "words" if place == sentences else None

    head = tag("tr", *(tag("th", cell, scope="col", class_=kind(n)) for n, cell in enumerate(header)))
    body = [
        tag(
            "tr",
            tag("th", row[0], scope="row"),
            *(tag("td", cell, class_=kind(n)) for n, cell in enumerate(row[1:], 1)),
        )
        for row in rows
    ]
    whole = tag("table", tag("thead", head), tag("tbody", *body), class_=None if sentences is None else "listed")
    return tag("div", whole, class_="scroll")


def facts(rows: Iterable[tuple[str, str | Markup]]) -> Markup:
    """Terms and what they are."""
    return tag("dl", *(part for term, text in rows for part in (tag("dt", term), tag("dd", text))))


def cards(parts: Iterable[str | Markup]) -> Markup:
    """Boxes beside one another where there is room; nothing is made of what is empty."""
    return tag("div", *(tag("div", part, class_="card") for part in parts if part), class_="cards")
