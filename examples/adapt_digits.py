"""Spoken digits by somebody whom a model never heard, and what a few clips of each word make of it.

    python examples/adapt_digits.py RECORDINGS --speaker theo

RECORDINGS is a folder of files as the Free Spoken Digit Dataset names them: `7_jackson_32.wav`. A model is trained on
all other speakers, which takes minutes (--model FILE keeps it, or takes one that is there), and then adapted as
`edgelstm adapt` does it, by its last layer and with --layers, from 2, 5 and 10 clips of each digit. Recordings that
no adaptation learned from are its test.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
from pathlib import Path

import numpy as np
from digits.train import RECIPE, accuracies, learn, read
from numpy.typing import NDArray

from edgelstm.adaptation.adapting import adapt
from edgelstm.adaptation.head import truth_of_classes
from edgelstm.adaptation.report import Report
from edgelstm.adaptation.taught import Taught
from edgelstm.data import Dataset
from edgelstm.export.elstm import encode
from edgelstm.matching import match
from edgelstm.model import Model
from edgelstm.model_file import load_model, save_model
from edgelstm.quantization import QuantizedModel, quantize
from edgelstm.runtime.engines.elstm import Model as Opened
from edgelstm.runtime.engines.elstm_stream import Stream
from edgelstm.training import load_config

CLIPS = (2, 5, 10)


def some_of_each(y: NDArray[np.int64], count: int) -> NDArray[np.bool_]:
    """Which are among the first so many of each class."""
    chosen = np.zeros(len(y), np.bool_)
    for label in np.unique(y):
        chosen[np.flatnonzero(y == label)[:count]] = True
    return chosen


def adapted(model: Model, clips: Dataset, *, layers: bool) -> tuple[Model, Report]:
    """The model that has learned from `clips`, its last layer or all, and what clips held out say of it."""
    quantized = quantize(model)
    matched = match(model, clips)
    classes = tuple(matched.y.tolist())
    taught = Taught(matched, tuple(range(len(matched))), truth_of_classes(matched.y, model.outputs), classes)
    with tempfile.TemporaryDirectory() as folder:
        files = (Path(folder, f"{n}.elstm") for n in itertools.count())

        def opened(some: QuantizedModel) -> Stream:
            file = next(files)
            file.write_bytes(encode(some))
            return Opened(file).stream()

        made = adapt(quantized, opened, taught, layers=layers)
    return made.model, made.report


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
            for layers in (False, True):
                made, report = adapted(model, theirs.subset(some_of_each(theirs.y, count)), layers=layers)
                what = f"all layers, {report.rounds} rounds" if report.rounds else "the last layer"
                found, told = accuracies(made, test)[1], report.int8.share
                print(f"{count:2} clips of each, {what}: int8 {found:.3f}, as adapt judges it {told:.3f}", flush=True)
                if layers and not report.rounds:
                    print("   all layers were no better on clips held out", flush=True)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
