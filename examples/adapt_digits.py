"""Spoken digits by somebody whom a model never heard, and what a few clips of each word make of it.

    python examples/adapt_digits.py RECORDINGS --speaker theo

RECORDINGS is a folder of files as the Free Spoken Digit Dataset names them: `7_jackson_32.wav`. A model is trained on
all other speakers, which takes minutes (--model FILE keeps it, or takes one that is there), and then adapted as
`edgelstm adapt` does it: its last layer anew from 1, 2, 5 and 10 clips of each digit. Recordings that no adaptation
learned from are its test.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from digits.train import RECIPE, accuracies, learn, read
from numpy.typing import NDArray

from edgelstm.adaptation.adapting import adapt
from edgelstm.adaptation.clips import ear_only
from edgelstm.adaptation.head import truth_of_classes
from edgelstm.adaptation.taught import Taught
from edgelstm.data import Dataset
from edgelstm.export.elstm import encode
from edgelstm.matching import match
from edgelstm.model import Model
from edgelstm.model_file import load_model, save_model
from edgelstm.quantization import quantize
from edgelstm.runtime.engines.elstm import Model as Opened
from edgelstm.training import load_config

CLIPS = (2, 5, 10)


def some_of_each(y: NDArray[np.int64], count: int) -> NDArray[np.bool_]:
    """Which are among the first so many of each class."""
    chosen = np.zeros(len(y), np.bool_)
    for label in np.unique(y):
        chosen[np.flatnonzero(y == label)[:count]] = True
    return chosen


def adapted(model: Model, clips: Dataset) -> tuple[Model, float]:
    """The model that has learned from `clips`, and how many of those it decides as it should, each held out."""
    quantized = quantize(model)
    matched = match(model, clips)
    classes = tuple(matched.y.tolist())
    taught = Taught(matched, tuple(range(len(matched))), truth_of_classes(matched.y, model.outputs), classes)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "ear.elstm")
        file.write_bytes(encode(ear_only(model)))
        made = adapt(quantized, Opened(file).stream(), taught)
    return made.model, made.report.int8.share


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recordings", type=Path)
    parser.add_argument("--speaker", default="theo")
    parser.add_argument("--model", type=Path, help="model.npz of all others: used, or written where it is not there")
    options = parser.parse_args()
    try:
        dataset = read(options.recordings)
        is_new = dataset.in_groups([options.speaker])
        if options.model is not None and options.model.exists():
            model = load_model(options.model)
        else:
            model = learn(dataset.subset(~is_new), load_config(RECIPE, options.recordings))
            if options.model is not None:
                save_model(model, options.model)
        theirs = dataset.subset(np.flatnonzero(is_new)[np.random.default_rng(0).permutation(int(is_new.sum()))])
        held_out = ~some_of_each(theirs.y, max(CLIPS))
        test = theirs.subset(held_out)
        print(f"{options.speaker}, whom the model never heard: int8 {accuracies(model, test)[1]:.3f}")
        for count in CLIPS:
            made, told = adapted(model, theirs.subset(some_of_each(theirs.y, count)))
            print(f"{count:2} clips of each: int8 {accuracies(made, test)[1]:.3f}, as adapt judges it {told:.3f}")
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
