"""Files of the field as they are shipped: what their own projects say of them, and refusals that are right."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edgelstm.export.elstm import encode
from edgelstm.forward import forward
from edgelstm.importers.choices import Choices
from edgelstm.importers.read import read_model
from edgelstm.runtime import Model
from field_models import TEXTGENRNN, TEXTGENRNN_SYMBOLS, elsewhere, packed
from in_process import refused_well, run

TITLES = (
    "The best way to get started with a new project is to read the documentation",
    "What is the most important thing that you have learned in the last year?",
    "The President of the United States of America says that the world is changing",
)


@pytest.fixture(scope="module")
def textgenrnn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("textgenrnn") / "textgenrnn_weights.hdf5"
    path.write_bytes(packed(*TEXTGENRNN))
    pytest.importorskip("h5py")
    return path


@pytest.mark.parametrize(
    ("layers", "named"),
    [
        ("rnn_1,rnn_2,attention,output", "attention: weights attention_W"),
        ("embedding,rnn_1", "embedding: weights emb"),
    ],
)
def test_attention_and_embeddings_are_refused_by_name(textgenrnn: Path, layers: str, named: str) -> None:
    ended = run("import", textgenrnn, "--layers", layers, "--stream")
    assert ended.code == 1
    assert refused_well(ended)
    assert named in ended.err


def test_recurrent_layers_made_for_cudnn_are_read_as_they_were_trained(textgenrnn: Path) -> None:
    """With embedding, attention and head computed here, the text model tells English: 0.7 to 2 bits a character.
    Other layouts of the same weights tell nothing."""
    import h5py

    symbols = json.loads(packed(*TEXTGENRNN_SYMBOLS))
    lstms = read_model(textgenrnn, Choices(layers=("rnn_1", "rnn_2"), stream=True)).model
    with h5py.File(textgenrnn) as file:
        found: dict[str, np.ndarray] = {}
        file.visititems(lambda name, one: found.update({name: one[()]}) if isinstance(one, h5py.Dataset) else None)
    part = {name.split("/")[-1] + name.split("/")[0]: array.astype(np.float64) for name, array in found.items()}
    embedding, attention = part["embeddings:0embedding"], next(a for n, a in part.items() if "attention" in n)
    kernel, bias = part["kernel:0output"], part["bias:0output"]
    bits = []
    for title in TITLES:
        coded = [symbols[letter] for letter in title]
        for end in range(40, len(coded), 2):
            x = embedding[coded[end - 40 : end]]
            results = forward(lstms, x.astype(np.float32)).results
            flow = np.concatenate([x, results["lstm0"], results["lstm1"]], axis=1)
            weight = np.exp((logits := (flow @ attention)[:, 0]) - logits.max())
            scores = (weight / weight.sum()) @ flow @ kernel + bias
            bits.append((np.log(np.exp(scores - scores.max()).sum()) + scores.max() - scores[coded[end]]) / np.log(2))
    assert 0.7 < np.mean(bits) < 2


@pytest.mark.parametrize("name", ["lstm", "lstm_1d", "gru", "gru_1d"])
def test_rtneurals_models_give_the_answers_that_it_publishes(name: str, tmp_path: Path) -> None:
    """jatinchowdhury18/RTNeural at 1fb1f07."""
    x, y = (np.loadtxt(elsewhere(f"RTNeural/test_data/{name}_{which}_python.csv")) for which in "xy")
    model = read_model(elsewhere(f"RTNeural/models/{name}.json"), Choices()).model
    (tmp_path / "a.elstm").write_bytes(encode(model))
    found = Model(tmp_path / "a.elstm").stream().push(x[:, None].astype(np.float32))[:, 0]
    np.testing.assert_allclose(found, y, atol=1e-6)


def test_weights_that_pytorch_wrote_as_json_are_read_by_their_names(tmp_path: Path) -> None:
    """RTNeural's other models: their recurrences keep PyTorch's layout."""
    for name in ("lstm", "gru"):
        x, y = (np.loadtxt(elsewhere(f"RTNeural/test_data/{name}_torch_{which}_python.csv")) for which in "xy")
        layers = Choices(layers=(name, f"{name}2", "dense"), stream=True)
        model = read_model(elsewhere(f"RTNeural/models/{name}_torch.json"), layers).model
        np.testing.assert_allclose(forward(model, x[:, None]).scores[:, 0], y, atol=1e-6)


@pytest.mark.parametrize("name", ["model.h5", "model_1.tflite"])
def test_the_same_weights_come_from_dtlns_formats(name: str) -> None:
    """breizhn/DTLN at 1de1f15: its first network from Keras's weights and from cells written out in TFLite, as from
    the LSTM operators of ONNX."""
    pytest.importorskip("h5py")
    pytest.importorskip("onnxruntime")
    layers = Choices(layers=("lstm", "lstm_1", "dense", "sigmoid"), gates="sigmoid", stream=True)
    choices = layers if name.endswith(".h5") else Choices()
    found = read_model(elsewhere(f"DTLN/pretrained_model/{name}"), choices).model
    onnx = read_model(elsewhere("DTLN/pretrained_model/model_1.onnx"), Choices()).model
    assert [layer.kind for layer in found.layers] == [layer.kind for layer in onnx.layers]
    for one, other in zip(found.layers, onnx.layers):
        for array in one.arrays:
            np.testing.assert_allclose(getattr(one, array), getattr(other, array), atol=1e-7)
