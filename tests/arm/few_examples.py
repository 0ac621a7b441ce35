"""A pytest plugin for emulated processors, where Python is some thirty times slower: few examples for each law."""

from __future__ import annotations

from typing import Any

from hypothesis import settings

FEW = 2

settings.register_profile("emulated", max_examples=FEW, deadline=None)
settings.load_profile("emulated")

_init = settings.__init__


def _with_few_examples(self: settings, *arguments: Any, **options: Any) -> None:
    if isinstance(options.get("max_examples"), int):
        options["max_examples"] = min(options["max_examples"], FEW)
    _init(self, *arguments, **options)


settings.__init__ = _with_few_examples  # type: ignore[method-assign]
