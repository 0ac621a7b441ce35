"""`edgelstm train` with layers of a recipe's own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgelstm.data import Dataset, save_dataset
from edgelstm.layers import GRU, Context, Conv, Dense
from edgelstm.model_file import load_model

Command = Callable[..., object]

RECIPE = """
[data]
file = "vowels.npz"
[training]
epochs = 8
learning_rate = 0.01
batch = 16
loss = "last"
[answer]
hop = 0
[model]
layers = [LAYERS]
"""


@pytest.fixture
def recipe(tmp_path: Path, vowels: Dataset) -> Callable[[str], Path]:
    """A recipe with these layers, beside its data."""
    save_dataset(vowels, tmp_path / "vowels.npz")

    def write(layers: str) -> Path:
        path = tmp_path / "recipe.toml"
        path.write_text(RECIPE.replace("LAYERS", layers))
        return path

    return write


def test_a_recipe_of_several_kinds_makes_their_model(command: Command, recipe: Callable[[str], Path]) -> None:
    path = recipe(
        "{kind = 'context', rows = 4, hop = 2}, {kind = 'conv', filters = 16, taps = 3}, {kind = 'gru', units = 24}"
    )
    ended = command("train", path, "-o", path.with_name("model.npz"), "--json")
    assert ended.code == 0, ended.err
    evaluations = json.loads(ended.out)["evaluations"]
    assert [e["precision"] for e in evaluations] == ["float32", "int8 per-row"]
    assert all(e["accuracy"] > 0.8 for e in evaluations)
    model = load_model(path.with_name("model.npz"))
    assert [type(layer) for layer in model.layers] == [Context, Conv, GRU, Dense]
    assert model.stride == 2
    assert model.provenance["config"]["model"]["layers"][2] == {"kind": "gru", "units": 24, "reset": "after"}


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ("{kind = 'gru', units = 0}", "recipe.toml: model.layers[0].units: 0, expected 1 to 4,096"),
        ("{kind = 'conv', filters = 4, taps = 3}, {kind = 'gru', units = 4}", "put a context"),
        (
            "{kind = 'context', rows = 8, hop = 8}, {kind = 'gru', units = 4}",
            "frames, expected at least 8: the model's",
        ),
        ("{kind = 'dense', units = 4}", "recurrent"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(
    command: Command, recipe: Callable[[str], Path], layers: str, message: str
) -> None:
    ended = command("train", recipe(layers), "-o", recipe(layers).with_name("model.npz"))
    assert ended.code == 1
    assert message in ended.err
    assert len(ended.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        (["training.loss=last"], {"data.window", "training.loss"}),
        (["training.loss=frames", "data.window=25"], {"augment.mixup"}),
        (["training.loss=frames", "data.window=25", "augment.mixup=0.2"], set()),
    ],
)
def test_a_stream_that_is_worse_is_told_what_the_recipe_does_not_do_yet(
    command: Command, tmp_path: Path, settings: list[str], named: set[str]
) -> None:
    """Whether there was a knock at the beginning: what was once heard is never forgotten, but by a reset."""
    x = np.random.default_rng(0).normal(0, 0.1, (60, 30, 1)).astype(np.float32)
    x[::2, 1] += 8
    save_dataset(Dataset(x, np.arange(60) % 2, ("knock", "quiet"), np.arange(60), ("x",)), tmp_path / "vowels.npz")
    (tmp_path / "r.toml").write_text(RECIPE.replace("LAYERS", "{kind = 'lstm', units = 8}"))
    given = [word for setting in ("answer.hop=1", "training.epochs=60", *settings) for word in ("--set", setting)]
    ended = command("train", tmp_path / "r.toml", "-o", tmp_path / "m.npz", *given)
    assert ended.code == 0, ended.err
    said = " ".join(ended.out.split())
    assert "a stream that nothing resets answers worse" in said
    assert {name for name in ("data.window", "training.loss", "augment.mixup") if name in said} == named
    assert "reset the stream between recordings" in said
