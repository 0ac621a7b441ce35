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
from edgelstm.data.ts import parse_ts

MEMBERS = tuple(f"sktime/datasets/data/JapaneseVowels/JapaneseVowels_{part}.ts" for part in ("TRAIN", "TEST"))
MAX_BYTES = 4 << 20
FEATURES = 12
SPEAKERS = 9
SOURCE = "sktime 1.2.0, JapaneseVowels (BSD 3-clause package); Kudo et al. 1999, UCI Machine Learning Repository"


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
                found = parse_ts(archive.read(member).decode("utf-8"), member).recordings
                sequences += [recording.frames for recording in found]
                labels += [int(str(recording.label)) for recording in found]
                test += [place == 1] * len(found)
        if sequences[0].shape[1] != FEATURES:
            raise ValueError(f"{sequences[0].shape[1]} dimensions, expected {FEATURES}")
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
