"""Seeds for the fuzzers: small model files, and snapshots, some of the size that the fuzzer's models have.

python make_corpus.py FOLDER writes FOLDER/model and FOLDER/snapshot.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from edgelstm.export.elstm import encode, encode_bf16
from edgelstm.layers import GRU, LSTM, Context, Conv, Dense
from edgelstm.model import Answer, Normalize
from edgelstm.model import Model as ModelOfLayers
from edgelstm.quantization import calibrate, quantize
from edgelstm.quantization.kinds import KINDS
from edgelstm.runtime import Model
from mixed_models import SHAPES as SHAPED
from mixed_models import random_mixed, shaped
from random_float_layers import random_float_layers, seeds_of_every_kind
from random_layers import random_layers
from random_models import random_model, random_signal
from sound_models import hearing_model

SHAPES: list[tuple[int, list[int], list[int], Answer]] = [
    (1, [1], [1], Answer()),
    (3, [5, 3], [4, 2], Answer("mean", 12, 4)),
    (3, [5, 3], [4, 2], Answer()),
    (2, [17], [3], Answer("mean", 0, 0)),
    (4, [9], [20], Answer("last", 0, 5)),
]


LISTS = range(24)  # seeds of lists of layers of every kind


def all_kinds() -> ModelOfLayers:
    """The layers of the fuzzer's last two models, so that their snapshots have the right size."""
    rng = np.random.default_rng(1)
    signal = random_signal(60, 3)
    layers = (
        Context(6, 2),
        Conv(rng.normal(size=(5, 3, 3)), rng.normal(size=5), 1, 2, "relu"),
        LSTM(rng.normal(size=(36, 10)), rng.normal(size=(36, 9)), rng.normal(size=36)),
        Context(3, 3),
        GRU(rng.normal(size=(12, 27)), rng.normal(size=(12, 4)), rng.normal(size=12), rng.normal(size=4)),
        Dense(rng.normal(size=(2, 4)), rng.normal(size=2)),
    )
    normalize = Normalize(signal.mean(axis=0), signal.std(axis=0))
    return calibrate(ModelOfLayers(normalize, layers, answer=Answer("mean", 12, 6)), (signal,))


def main(folder: Path) -> None:
    models, snapshots = folder / "model", folder / "snapshot"
    models.mkdir(parents=True, exist_ok=True)
    snapshots.mkdir(parents=True, exist_ok=True)
    made = [
        random_model(features, units, outputs, answer=answer, frames=20)
        for features, units, outputs, answer in SHAPES
    ]
    floats = list(map(random_float_layers, seeds_of_every_kind(len(LISTS))))
    hearing = [hearing_model(256, level) for level in ("none", "running")]
    mixed = [*map(shaped, SHAPED), *map(random_mixed, range(8)), *hearing]
    for n, model in enumerate([*made, all_kinds(), *map(random_layers, LISTS), *floats, *mixed]):
        files = {"float32": encode(model), "bf16": encode_bf16(model)}
        if model not in floats:
            files["int8"] = encode(quantize(model))
            files["int4"] = encode(quantize(model, weights="int4"))
        if model.ranges is not None and model not in mixed and KINDS[model.road[0].layer.kind].takes_wide:
            files["int16"] = encode(quantize(model, "per-row", "int16"))
        for name, content in files.items():
            path = models / f"{n}-{name}.elstm"
            path.write_bytes(content)
            stream = Model(path).stream()
            stream.push(random_signal(7, model.features))
            for which in range(6):  # the fuzzer's first byte picks one of its models
                (snapshots / f"{n}-{name}-{which}").write_bytes(bytes([which]) + stream.save())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
