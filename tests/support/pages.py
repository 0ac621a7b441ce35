"""Pages of HTML, read by the standard library's parser."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_VOID = {"meta", "br"}


class Page(HTMLParser):
    """Every element with its attributes, and the text. AssertionError for what is not well nested."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.whole = text
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return "\n".join(self.words)

    def count(self, name: str) -> int:
        return sum(found == name for found, _ in self.elements)

    @property
    def links(self) -> list[str]:
        return [attributes["href"] or "" for _, attributes in self.elements if "href" in attributes]

    def check_self_contained(self) -> None:
        """Nothing runs, and nothing is asked for from elsewhere."""
        names = {name for name, _ in self.elements}
        assert names.isdisjoint({"script", "iframe", "object", "embed", "link", "img", "form", "base"})
        for _, attributes in self.elements:
            assert not [name for name in attributes if name.startswith("on") or name in ("src", "srcset", "style")]
        assert not re.search(r"url\(|@import", self.whole)
        assert not [link for link in self.links if re.match(r"[a-z+.-]+:|//", link, re.IGNORECASE)]
