"""What `edgelstm deploy --adaptable` sends: the model that a file was made of, for `edgelstm adapt` on the board."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

NAME = "model.npz"
"""Of the file on the board, beside the one that streams."""


def adaptable(path: Path, source: Path) -> bytes:
    """The model.npz at `source` without recordings. ValueError unless the int8 .elstm at `path` was made of it: then
    it would be another model that learns."""
    from edgelstm.export.answering import as_exported
    from edgelstm.export.elstm import encode
    from edgelstm.model_file import load_model, model_content
    from edgelstm.quantization import quantize
    from edgelstm.runtime.engines.open import open_model

    opened, model = open_model(path), load_model(source)
    if path.suffix != ".elstm" or opened.precision != "int8":
        raise ValueError(f"{path}: {opened.precision} {path.suffix}, expected an int8 .elstm file with --adaptable")
    described = opened.metadata
    scales, codes = described.get("scales"), described.get("input", "int8")
    try:
        made = encode(quantize(as_exported(model, opened.description), scales or "per-row", codes))
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from None
    if made != path.read_bytes():
        raise ValueError(f"{source}: not the model that {path.name} was made of, expected that one with --adaptable")
    return model_content(replace(as_exported(model, opened.description), examples=(), unseen=()))
