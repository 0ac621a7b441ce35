"""A trained int8 model and recorded frames: real_model.py JAPANESE_VOWELS.npz FOLDER → model.elstm, frames.csv."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from edgelstm.data import load_dataset
from edgelstm.export.elstm import encode
from edgelstm.model import Answer
from edgelstm.quantization import calibrate, quantize
from edgelstm.recipes import load_recipe
from edgelstm.training import split, train


def main(data: Path, folder: Path) -> None:
    recipe = load_recipe("japanese_vowels")
    recipe = replace(recipe, training=replace(recipe.training, epochs=5, second_epochs=0), answer=Answer())
    fit, test = split(load_dataset(data), recipe)
    model = calibrate(train(fit, recipe).model, fit.sequences)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.elstm").write_bytes(encode(quantize(model)))
    frames = np.concatenate(test.sequences[:40])
    (folder / "frames.csv").write_text("".join(",".join(f"{x:.9g}" for x in frame) + "\n" for frame in frames))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
