"""What `edgelstm adapt` is to make alike on every processor.

adapted.py make FOLDER         → model.npz, clips.npz: labels are what the model tells, each by the next one's name
adapted.py same FOLDER OTHER   whether what was adapted in both is the same
"""

import sys
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from edgelstm.data import Dataset, save_dataset
from edgelstm.data.npz import read_npz
from edgelstm.model import Answer
from edgelstm.model_file import save_model
from edgelstm.quantization import quantize, reference
from random_models import random_model, random_signal

FEATURES, LABELS, CLIPS, FRAMES = 3, ("a", "b", "c"), 15, 30


def _clips(count: int, seed: int) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    shift = rng.normal(0, 1.5, (count, 1, FEATURES)).astype(np.float32)
    return tuple(random_signal(FRAMES, FEATURES, 100 * seed + n) + shift[n] for n in range(count))


def make(folder: Path) -> None:
    model = replace(random_model(FEATURES, [12], [3], seed=4, answer=Answer("mean", 0, 0)), labels=LABELS)
    clips = _clips(CLIPS, 1)
    known = np.array([scores.mean(axis=0).argmax() for scores in reference.scores(quantize(model), clips)])
    folder.mkdir(parents=True, exist_ok=True)
    save_model(model, folder / "model.npz")
    names = ("x0", "x1", "x2")
    save_dataset(Dataset(clips, (known + 1) % 3, LABELS, np.arange(CLIPS), names), folder / "clips.npz")


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
    elif unlike := same(Path(sys.argv[2]), Path(sys.argv[3])):
        sys.exit(f"{unlike}: not as on this machine")
