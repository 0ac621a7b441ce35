"""The `[search]` that a new recipe begins with: what is proposed anyway, to be changed."""

from __future__ import annotations

from edgelstm.search.space import proposed
from edgelstm.search.toml import inline
from edgelstm.training.config import Config

_WHY = {
    "kind": "of the recurrent layers",
    "units": "of each of them",
    "layers": "so many of them",
    "stack": "frames side by side before the first, which then runs as seldom",
    "sound.bands": "more hear finer and cost more",
    "training.learning_rate": "log: as likely in each octave",
    "augment.mixup": "off, or on",
}


def search_table(config: Config, shortest: int) -> str:
    """`[search]` as text (TOML), with a word on the keys. shortest: frames of the shortest recording."""
    lines = ["[search]  # what edgelstm search tries: lists of values, or low and high (docs/searching.md)"]
    for knob in proposed(config, shortest).knobs:
        why = f"  # {_WHY[knob.name]}" if knob.name in _WHY else ""
        lines.append(f"{knob.name} = {inline(knob.to_json())}{why}")
    return "\n".join(lines) + "\n"
