"""The frame of a page."""

from __future__ import annotations

from collections.abc import Iterable

from edgelstm.page.markup import Markup, tag
from edgelstm.page.style import CSS

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_MOST_LETTERS = 160  # of a title


def document(title: str, body: Iterable[Markup]) -> str:
    """The whole file, which asks for nothing from elsewhere."""
    head = [
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("title", title[:_MOST_LETTERS]),
        tag("style", Markup(CSS)),
    ]
    return f"<!doctype html>\n{tag('html', tag('head', *head), tag('body', *body), lang='en')}\n"
