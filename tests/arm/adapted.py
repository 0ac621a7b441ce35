"""What `edgelstm adapt` is to make alike on every processor.

adapted.py make FOLDER         → model.npz, clips.npz: labels are what the model tells, each by the next one's name;
                                 spoilt.npz, told.npz: by a model whose recurrent layer reads other columns
adapted.py same FOLDER OTHER   whether what was adapted in both is the same
adapted.py alike FOLDER OTHER  whether what all layers learned scores and decides alike
"""

import sys
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from edgelstm.data import Dataset, save_dataset
from edgelstm.data.npz import read_npz
from edgelstm.forward import scores
from edgelstm.layers import LSTM
from edgelstm.model import Answer, Model
from edgelstm.model_file import load_model, save_model
from edgelstm.quantization import calibrate, quantize, reference
from random_models import random_model, random_signal

FEATURES, LABELS, CLIPS, TOLD, FRAMES = 3, ("a", "b", "c"), 15, 40, 30


def _clips(count: int, seed: int) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    shift = rng.normal(0, 1.5, (count, 1, FEATURES)).astype(np.float32)
    return tuple(random_signal(FRAMES, FEATURES, 100 * seed + n) + shift[n] for n in range(count))


def make(folder: Path) -> None:
    model = replace(random_model(FEATURES, [12], [3], seed=4, answer=Answer("mean", 0, 0)), labels=LABELS)
    clips = _clips(CLIPS, 1)
    known = np.array([found.mean(axis=0).argmax() for found in reference.scores(quantize(model), clips)])
    folder.mkdir(parents=True, exist_ok=True)
    save_model(model, folder / "model.npz")
    names = ("x0", "x1", "x2")
    save_dataset(Dataset(clips, (known + 1) % 3, LABELS, np.arange(CLIPS), names), folder / "clips.npz")
    true = random_model(FEATURES, [3], [3], seed=4, answer=Answer("mean", 0, 0), gain=1.5)
    lstm = true.layers[0]
    assert isinstance(lstm, LSTM)
    spoilt = (replace(lstm, W=lstm.W[:, [1, 0, 2]]), *true.layers[1:])
    spoilt_model = replace(true, layers=spoilt, labels=LABELS, ranges=None, covariances={})
    save_model(calibrate(spoilt_model, _clips(20, 9)), folder / "spoilt.npz")
    clips = _clips(TOLD, 1)
    truth = _decisions(true, clips)
    save_dataset(Dataset(clips, truth, LABELS, np.arange(TOLD), names), folder / "told.npz")


def _decisions(model: Model, clips: tuple[np.ndarray, ...]) -> np.ndarray:
    return np.array([found.mean(axis=0).argmax() for found in scores(model, clips)])


def alike(one: Path, other: Path) -> str:
    """What differs between models of all layers, which learn in float32; empty where nothing does that matters."""
    mine, theirs = (load_model(folder / "layers.npz") for folder in (one, other))
    if not mine.provenance["adapted"]["rounds"]:
        return "layers.npz: the last layer alone learned"
    clips = _clips(40, 2)
    pairs = list(zip(scores(mine, clips), scores(theirs, clips)))
    most = max(float(np.abs(a - b).max()) for a, b in pairs)
    if most > 1e-4:
        return f"layers.npz: scores are {most:.2g} apart"
    in_int8 = [
        [found.mean(axis=0).argmax() for found in reference.scores(quantize(model), clips)]
        for model in (mine, theirs)
    ]
    return "" if in_int8[0] == in_int8[1] else "layers.npz: decisions in int8"


def same(one: Path, other: Path) -> str:
    """What differs; empty where nothing does."""
    if (one / "adapted.elstm").read_bytes() != (other / "adapted.elstm").read_bytes():
        return "adapted.elstm"
    first, second = read_npz(one / "adapted.npz"), read_npz(other / "adapted.npz")
    unlike = [name for name in first if not np.array_equal(first[name], second.get(name))]
    if unlike or set(first) != set(second):
        return f"adapted.npz: {', '.join(unlike) or 'arrays'}"
    has_same_zlib = (other / "zlib").read_text().strip() == zlib.ZLIB_RUNTIME_VERSION
    if has_same_zlib and (one / "adapted.npz").read_bytes() != (other / "adapted.npz").read_bytes():
        return "adapted.npz: bytes"
    return ""


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(Path(sys.argv[2]))
    elif unlike := (same if sys.argv[1] == "same" else alike)(Path(sys.argv[2]), Path(sys.argv[3])):
        sys.exit(f"{unlike}: not as on this machine")
