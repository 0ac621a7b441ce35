"""Which of nine speakers says the vowels? The standard split, five seeds, float32 beside int8.

python examples/japanese_vowels.py --data data/japanese-vowels.npz
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from edgelstm.data import load_dataset
from edgelstm.evaluation import evaluate
from edgelstm.quantization import calibrate, quantize
from edgelstm.recipes import load_recipe
from edgelstm.training import split, train


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data/japanese-vowels.npz"))
    options = parser.parse_args()
    recipe = load_recipe("japanese_vowels")
    try:
        fit, test = split(load_dataset(options.data), recipe)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print("seed  float32  int8 per row  int8 per gate")
    rows = []
    for seed in range(1, 6):
        model = train(fit, replace(recipe, training=replace(recipe.training, seed=seed))).model
        model = calibrate(model, fit.sequences)
        engines = (model, quantize(model, "per-row"), quantize(model, "per-gate"))
        rows.append([evaluate(engine, test).accuracy for engine in engines])
        print(f"{seed:>4} {rows[-1][0]:8.4f} {rows[-1][1]:13.4f} {rows[-1][2]:14.4f}", flush=True)
    median = np.median(rows, axis=0)
    print(f"median{median[0]:7.4f} {median[1]:13.4f} {median[2]:14.4f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
