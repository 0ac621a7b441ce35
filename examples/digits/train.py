"""Spoken digits from WAV files to a file for a board that takes samples.

RECORDINGS is a folder of files as the Free Spoken Digit Dataset names them: `7_jackson_32.wav`, the digit, who says
it, and a number. Recordings 0 to 4 of each digit and speaker are its own test.

    python examples/digits/train.py RECORDINGS -o digits.elstm         # tested on these
    python examples/digits/train.py RECORDINGS --leave-one-out         # a model for each speaker, tested on that one
    edgelstm stream digits.elstm --microphone

Each recording is also learned from as others would say it: faster or slower, higher or lower, softer, in noise.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgelstm.data import Dataset
from edgelstm.evaluation import evaluate
from edgelstm.export import export_model
from edgelstm.model import Model
from edgelstm.model_file import save_model
from edgelstm.quantization import calibrate, quantize
from edgelstm.training import Config, load_config, train
from edgelstm.wav import read_wav

RECIPE = Path(__file__).with_name("digits.toml")
COPIES = 2
OWN_TEST = 5
Samples = NDArray[np.float32]


def read(folder: Path) -> Dataset:
    """Every recording with its digit and its speaker, and which of them are the data's own test."""
    sequences, digits, speakers, tests, rate = [], [], [], [], 0
    for path in sorted(folder.glob("*_*_*.wav")):
        digit, speaker, number = path.stem.split("_")
        found, parts = read_wav(path)
        rate = found.rate
        sequences.append(np.concatenate(list(parts)))
        digits.append(int(digit))
        speakers.append(speaker)
        tests.append(int(number) < OWN_TEST)
    if not sequences:
        raise ValueError(f"{folder}: no files such as 7_jackson_32.wav")
    names = tuple(sorted(set(speakers)))
    return Dataset(
        sequences=tuple(sequences),
        y=np.array(digits),
        labels=tuple(map(str, range(10))),
        groups=np.array([names.index(speaker) for speaker in speakers]),
        group_names=names,
        feature_names=("sound",),
        sample_rate=float(rate),
        name="digits",
        source="Free Spoken Digit Dataset, CC BY-SA 4.0",
        test=np.array(tests),
    )


def said_otherwise(samples: Samples, rng: np.random.Generator) -> Samples:
    """The recording, (n, 1), at another speed and pitch, loudness, colour, and in noise."""
    places = np.arange(0, len(samples) - 1, rng.uniform(0.8, 1.25))
    x = np.interp(places, np.arange(len(samples)), samples[:, 0])
    x = x - rng.uniform(-0.5, 0.5) * np.concatenate([[0.0], x[:-1]])
    noise = np.sqrt(np.mean(x**2)) * 10 ** (-rng.uniform(10, 45) / 20)
    x = 10 ** rng.uniform(-1, 0.2) * (x + noise * rng.normal(size=len(x)))
    changed: Samples = np.clip(np.rint(x), -32768, 32767).astype(np.float32)[:, None]
    return changed


def with_copies(dataset: Dataset, copies: int) -> Dataset:
    """And each recording so many times as others would say it."""
    rng = np.random.default_rng(1)
    more = [said_otherwise(x, rng) for _ in range(copies) for x in dataset.sequences]
    return replace(
        dataset,
        sequences=(*dataset.sequences, *more),
        y=np.tile(dataset.y, copies + 1),
        groups=np.tile(dataset.groups, copies + 1),
        test=None,
    )


def learn(fit: Dataset, config: Config) -> Model:
    trained = train(config.sound.framed(with_copies(fit, COPIES)), config)
    return calibrate(trained.model, trained.calibration)


def accuracies(model: Model, test: Dataset) -> tuple[float, float]:
    """Of float32 and of int8, from samples on."""
    one, other = (evaluate(each, test).headline.value for each in (model, quantize(model)))
    return one or 0.0, other or 0.0


def leave_one_out(dataset: Dataset, config: Config) -> None:
    print("speaker     float32   int8")
    rows = []
    for name in dataset.all_groups:
        out = dataset.in_groups([name])
        rows.append(accuracies(learn(dataset.subset(~out), config), dataset.subset(out)))
        print(f"{name:<10} {rows[-1][0]:8.3f} {rows[-1][1]:6.3f}", flush=True)
    mean = np.mean(rows, axis=0)
    print(f"{'mean':<10} {mean[0]:8.3f} {mean[1]:6.3f}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recordings", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=Path("digits.elstm"))
    parser.add_argument("--leave-one-out", action="store_true")
    options = parser.parse_args()
    try:
        config = load_config(RECIPE, options.recordings)
        dataset = read(options.recordings)
        if options.leave_one_out:
            leave_one_out(dataset, config)
            return 0
        assert dataset.test is not None
        model = learn(dataset.subset(~dataset.test), config)
        found = accuracies(model, dataset.subset(dataset.test))
        print(f"the data's own test: float32 {found[0]:.3f}, int8 {found[1]:.3f}")
        save_model(model, options.output.with_suffix(".npz"))
        made = export_model(model, options.output)
        print(f"{made.path}: {made.size:,} bytes")
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
