"""What a board gets to learn from: the model of its file, without anybody's recordings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgelstm.cli.adaptable import adaptable
from edgelstm.export import answering, export_model
from edgelstm.export.elstm import encode
from edgelstm.model_file import load_model, save_model
from edgelstm.quantization import quantize
from random_models import random_model


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """model.npz, and model.elstm of it with other answers."""
    model = random_model(3, [6], [2])
    save_model(model, tmp_path / "model.npz")
    export_model(answering(model, pooling="mean", window=4, hop=2), tmp_path / "model.elstm", precision="int8")
    return tmp_path


def test_it_is_the_files_own_model_without_recordings(folder: Path, tmp_path: Path) -> None:
    sent = tmp_path / "sent.npz"
    sent.write_bytes(adaptable(folder / "model.elstm", folder / "model.npz"))
    model = load_model(sent)
    assert (model.examples, model.unseen) == ((), ())
    assert encode(quantize(model)) == (folder / "model.elstm").read_bytes()
    assert sent.stat().st_size < (folder / "model.npz").stat().st_size


def test_another_model_is_refused(folder: Path) -> None:
    model = load_model(folder / "model.npz")
    head = model.layers[-1]
    other = replace(head, W=np.asarray(head.W) + np.float32(0.01))  # type: ignore[attr-defined]
    save_model(replace(model, layers=(*model.layers[:-1], other)), folder / "other.npz")
    with pytest.raises(ValueError, match=r"not the model that model\.elstm was made of"):
        adaptable(folder / "model.elstm", folder / "other.npz")
    export_model(model, folder / "float.elstm", precision="float32")
    with pytest.raises(ValueError, match=r"expected an int8 \.elstm file"):
        adaptable(folder / "float.elstm", folder / "model.npz")
