"""Recipes that ship with the package: `watch` (the demo's), `watch_gru`, `japanese_vowels`, `weather`, `pulse` and
`docstrings`."""

from __future__ import annotations

from importlib.resources import as_file, files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgelstm.training import Config


def load_recipe(name: str) -> Config:
    """The configuration NAME.toml of this folder. Its `data.file` is where `make data` puts the data set of a
    checkout; elsewhere, name another."""
    from edgelstm.training import load_config

    with as_file(files(__name__) / f"{name}.toml") as path:
        return load_config(path)
