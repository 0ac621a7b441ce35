"""What a state_dict holds beside recurrent and dense layers: norms, which its tensors do not tell apart, and tensors
that no layer is made of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgelstm.forward import forward
from edgelstm.importers.choices import Choices
from edgelstm.importers.read import read_model
from edgelstm.layers import Dense
from in_process import refused_well, run
from torch_files import write_zip

F, H, OUT, FRAMES = 3, 5, 4, 60
SHAPES = {
    "rnn.weight_ih_l0": (3 * H, F),
    "rnn.weight_hh_l0": (3 * H, H),
    "fc1.weight": (6, H),
    "fc1.bias": (6,),
    "fc2.weight": (OUT, 6),
    "fc2.bias": (OUT,),
}


def weights() -> dict[str, np.ndarray]:
    """A GRU and two dense layers."""
    rng = np.random.default_rng(0)
    return {name: rng.normal(0, 0.5, shape).astype(np.float32) for name, shape in SHAPES.items()}


@pytest.mark.parametrize(
    ("said", "groups"), [("norm=layer", 1), ("norm=group:groups=1", 1), ("norm=group:groups=3", 3)]
)
@pytest.mark.parametrize("epsilon", [1e-5, 0.5])
def test_a_norm_is_the_one_that_is_said(tmp_path: Path, said: str, groups: int, epsilon: float) -> None:
    """Mean and spread of groups of channels of a frame, as torch.nn.GroupNorm is documented; LayerNorm has one."""
    rng, width = np.random.default_rng(2), 6
    tensors = {name: value for name, value in weights().items() if "fc" in name}
    tensors |= {"norm.weight": np.linspace(0.5, 2, width), "norm.bias": np.linspace(-1, 1, width)}
    tensors |= {
        "rnn.weight_hh_l0": rng.normal(size=(3 * OUT, OUT)),
        "rnn.weight_ih_l0": rng.normal(size=(3 * OUT, OUT)),
    }
    said += "" if epsilon == 1e-5 else f":epsilon={epsilon}"
    layers = ("fc1", f"norm:{said}", "fc2", "rnn")
    path = write_zip(tmp_path / "model.pt", {name: value.astype(np.float32) for name, value in tensors.items()})
    model = read_model(path, Choices(layers, stream=True)).model
    x = rng.normal(size=(FRAMES, H)).astype(np.float32)
    found = forward(model, x).results
    before = (x @ tensors["fc1.weight"].T + tensors["fc1.bias"]).reshape(FRAMES, groups, -1)
    spread = np.sqrt(before.var(axis=2, keepdims=True) + epsilon)
    normed = ((before - before.mean(axis=2, keepdims=True)) / spread).reshape(FRAMES, width)
    after = normed * tensors["norm.weight"] + tensors["norm.bias"]
    expected = after @ tensors["fc2.weight"].T + tensors["fc2.bias"]
    np.testing.assert_allclose(found[model.road[-3].name], expected, atol=1e-5)


def test_what_norm_it_is_is_asked_for(tmp_path: Path) -> None:
    """LayerNorm and GroupNorm leave the same tensors."""
    tensors = weights() | {"ln.weight": np.ones(H, np.float32), "ln.bias": np.ones(H, np.float32)}
    path = write_zip(tmp_path / "model.pt", tensors)
    for said, words in (
        ("ln", "--layers: ln: a weight and a bias, and the file does not say of which norm; expected ln:norm=layer"),
        ("ln:norm=batch", "--layers: ln: a weight and a bias"),
        ("ln:norm=group", "--layers: ln: a weight and a bias"),
        ("ln:norm=group:groups=2", "--layers: ln:groups=2, expected a part of its 5 channels"),
    ):
        ended = run("import", path, "--layers", f"rnn,{said},fc1,fc2", "--stream")
        assert ended.code in (1, 2)
        assert refused_well(ended)
        assert words in " ".join(ended.err.split()), ended.err


def test_tensors_that_no_layer_is_made_of_are_told(tmp_path: Path) -> None:
    """A learned first state, or a weight that torch keeps in parts, changes answers."""
    extra = {
        "h0": np.ones((1, 1, H)),
        "rnn.gain": np.ones(H),
        "fc3.weight_g": np.ones((4, 1)),
        "fc3.bias": np.ones(4),
    }
    tensors = weights() | {name: value.astype(np.float32) for name, value in extra.items()}
    ended = run("import", write_zip(tmp_path / "model.pt", tensors), "--layers", "rnn,fc1,fc2", "--stream")
    assert ended.code == 0
    assert "--layers does not name them: rnn.gain, h0, fc3.weight_g, fc3.bias" in " ".join(ended.out.split())
    ended = run("import", write_zip(tmp_path / "other.pt", tensors), "--layers", "h0,rnn,fc1", "--stream")
    assert (ended.code, refused_well(ended), "h0: weights of shape (1, 1, 5)" in ended.err) == (1, True, True), ended


def test_batch_norm_may_have_no_gains(tmp_path: Path) -> None:
    tensors = weights() | {"bn.running_mean": np.full(H, 0.5), "bn.running_var": np.full(H, 3 - 1e-5)}
    path = write_zip(tmp_path / "model.pt", {name: value.astype(np.float32) for name, value in tensors.items()})
    plain = read_model(path, Choices(("rnn", "fc1", "fc2"), stream=True)).model.layers[1]
    normed = read_model(path, Choices(("rnn", "bn", "fc1", "fc2"), stream=True)).model.layers[1]
    assert isinstance(plain, Dense)
    assert isinstance(normed, Dense)
    np.testing.assert_allclose(normed.W, plain.W / np.sqrt(3), rtol=1e-6)
    np.testing.assert_allclose(normed.b, plain.b - plain.W.sum(axis=1) * 0.5 / np.sqrt(3), rtol=1e-5, atol=1e-6)
