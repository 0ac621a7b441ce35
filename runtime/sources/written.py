"""Which way frames are written, and the source that reads them so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, BinaryIO

from edgelstm.runtime.sources.source import FrameFormat, Source, Syntax
from edgelstm.runtime.sources.symbols import SymbolSource
from edgelstm.runtime.sources.text import TextSource


def written(stream: BinaryIO, name: str, form: FrameFormat, *, in_midst: bool = False) -> Source:
    """The frames in `stream`, read as `form` says. in_midst: as for `TextSource`."""
    if form.syntax == "text":
        return SymbolSource(stream, name, form)
    return TextSource(stream, name, form, in_midst=in_midst)


def syntax_for(metadata: Mapping[str, Any], asked: Syntax) -> Syntax:
    """`asked`, but where nothing is asked a model of texts takes text."""
    task = metadata.get("task")
    is_text = isinstance(task, Mapping) and task.get("kind") == "text"
    return "text" if asked == "auto" and is_text else asked
