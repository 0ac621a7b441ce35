"""What a step takes with weights of fewer bytes: float32 beside bf16, int8 beside int4, from Python, in turns. The
lower quartile of rounds of 16 calls, µs.

    python benchmarks/fewer_bytes.py [40/64 64/256 40/3x256]
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from in_turns import in_turns
from models import SIZES, Size, make_model, make_signal

from edgelstm.export.elstm import encode, encode_bf16
from edgelstm.quantization import quantize
from edgelstm.runtime import Model, Stream

ROUNDS, WARM_CALLS, CALLS = 300, 4, 16


def streams(size: Size, folder: Path) -> dict[str, Stream]:
    model = make_model(size, 0)
    files = {
        "float32": encode(model),
        "bf16": encode_bf16(model),
        "int8": encode(quantize(model)),
        "int4": encode(quantize(model, weights="int4")),
    }
    made = {}
    for name, content in files.items():
        path = folder / f"{name}.elstm"
        path.write_bytes(content)
        made[name] = Model(path).stream()
    return made


def read_size(text: str) -> Size:
    features, _, rest = text.partition("/")
    layers, _, units = rest.rpartition("x")
    return Size(int(features), int(units), int(layers or 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sizes", nargs="*", type=read_size, metavar="SIZE")
    print("|  | float32 | bf16 | × | int8 | int4 | × |\n| --- | --- | --- | --- | --- | --- | --- |")
    for size in parser.parse_args().sizes or SIZES:
        with tempfile.TemporaryDirectory() as folder:
            frames = make_signal(WARM_CALLS + CALLS, size.features, 1)
            rounds = in_turns(streams(size, Path(folder)), frames, rounds=ROUNDS, warm=WARM_CALLS)
        took = {name: float(np.quantile(some, 0.25)) for name, some in rounds.items()}
        floats, integers = took["float32"] / took["bf16"], took["int8"] / took["int4"]
        print(
            f"| {size} | {took['float32']:.1f} | {took['bf16']:.1f} | {floats:.2f} | {took['int8']:.1f} | "
            f"{took['int4']:.1f} | {integers:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
