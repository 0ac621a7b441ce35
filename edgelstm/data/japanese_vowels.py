"""Japanese vowels: 640 utterances of /ae/ by 9 men, 7 to 29 frames of 12 LPC cepstrum coefficients.

M. Kudo, J. Toyama and M. Shimbo, "Multidimensional curve classification using passing-through regions",
Pattern Recognition Letters 20, 1999. The standard split (270 to train, 370 to test) comes inside the wheel of
sktime 1.2.0 as plain text. The task is to tell the speaker; the frame rate is not given.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.dataset import Dataset

MEMBERS = tuple(f"sktime/datasets/data/JapaneseVowels/JapaneseVowels_{part}.ts" for part in ("TRAIN", "TEST"))
MAX_BYTES = 4 << 20
FEATURES = 12
SPEAKERS = 9
SOURCE = "sktime 1.2.0, JapaneseVowels (BSD 3-clause package); Kudo et al. 1999, UCI Machine Learning Repository"


def parse_ts(text: str, where: str) -> tuple[list[NDArray[np.float32]], list[int]]:
    """Sequences (frames, 12) and labels of a `.ts` file: `feature:feature:…:label`, each feature `v,v,v…`.

    A ValueError names `where` and the line.
    """
    sequences, labels = [], []
    lines = iter(enumerate(text.splitlines(), start=1))
    if not any(line.strip().lower() == "@data" for _, line in lines):  # leaves `lines` behind the header
        raise ValueError(f"{where}: no @data line")
    for number, line in lines:
        if not line.strip():
            continue
        *columns, label = line.split(":")
        try:
            x = np.array([[float(v) for v in column.split(",")] for column in columns], dtype=np.float32).T
            labels.append(int(label))
        except ValueError:
            raise ValueError(
                f"{where}: line {number}: expected rows of numbers of equal length, and a label"
            ) from None
        if x.ndim != 2 or x.shape[1] != FEATURES:
            raise ValueError(f"{where}: line {number}: {len(columns)} features, expected {FEATURES}")
        sequences.append(x)
    return sequences, labels


def read_japanese_vowels(wheel: Path | str) -> Dataset:
    """The set inside a sktime 1.2.0 wheel, which need not be installed; `test` is its standard split.

    Raises FileNotFoundError or OSError without the file, ValueError when it is another one.
    """
    wheel = Path(wheel)
    sequences: list[NDArray[np.float32]] = []
    labels: list[int] = []
    test: list[bool] = []
    try:
        with zipfile.ZipFile(wheel) as archive:
            for place, member in enumerate(MEMBERS):
                size = archive.getinfo(member).file_size
                if size > MAX_BYTES:
                    raise ValueError(f"{member} has {size} bytes, expected at most {MAX_BYTES}")
                xs, ys = parse_ts(archive.read(member).decode("utf-8"), member)
                sequences += xs
                labels += ys
                test += [place == 1] * len(xs)
        return Dataset(
            sequences=tuple(sequences),
            y=np.array(labels) - 1,
            labels=tuple(f"speaker {n + 1}" for n in range(SPEAKERS)),
            groups=np.arange(len(sequences)),  # the speaker is the label, so no utterance belongs with another
            feature_names=tuple(f"lpc{n + 1}" for n in range(FEATURES)),
            name="japanese-vowels",
            source=SOURCE,
            test=np.array(test),
        )
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise ValueError(f"{wheel}: not the wheel of sktime 1.2.0 ({str(error).splitlines()[0]})") from None
