"""Seeds for the fuzzers: small model files, and snapshots, some of the size that the fuzzer's models have.

python make_corpus.py FOLDER writes FOLDER/model and FOLDER/snapshot.
"""

from __future__ import annotations

import sys
from pathlib import Path

from edgelstm.export.elstm import encode
from edgelstm.model import Answer
from edgelstm.quantization import quantize
from edgelstm.runtime import Model
from random_models import random_model, random_signal

SHAPES: list[tuple[int, list[int], list[int], Answer]] = [
    (1, [1], [1], Answer()),
    (3, [5, 3], [4, 2], Answer("mean", 12, 4)),
    (3, [5, 3], [4, 2], Answer()),
    (2, [17], [3], Answer("mean", 0, 0)),
    (4, [9], [20], Answer("last", 0, 5)),
]


def main(folder: Path) -> None:
    models, snapshots = folder / "model", folder / "snapshot"
    models.mkdir(parents=True, exist_ok=True)
    snapshots.mkdir(parents=True, exist_ok=True)
    for n, (features, units, outputs, answer) in enumerate(SHAPES):
        model = random_model(features, units, outputs, answer=answer, frames=20)
        for name, content in (("float32", encode(model)), ("int8", encode(quantize(model)))):
            path = models / f"{n}-{name}.elstm"
            path.write_bytes(content)
            stream = Model(path).stream()
            stream.push(random_signal(7, features))
            for which in range(4):  # the fuzzer's first byte picks one of its models
                (snapshots / f"{n}-{name}-{which}").write_bytes(bytes([which]) + stream.save())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
