"""Frames to give a model where no sensor is: from a file, or noise in the range of the training data."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgelstm.plain import counted, file_name
from edgelstm.records import from_json
from edgelstm.runtime.layers import take_sound

if TYPE_CHECKING:  # who measures loads an engine when it counts
    from edgelstm.runtime.engines.engine import EngineModel

MOST_FRAMES = 10_000
"""Of a file; those after it are left out."""
NOISE_FRAMES = 256
_OF_SOUND = 1000.0
"""Root mean square of noise for a model that hears, whose samples are taken as they come: as of a voice."""


@dataclass(frozen=True)
class _Normalize:
    mean: tuple[float, ...]
    std: tuple[float, ...]


def frames_of(model: EngineModel, data: Path | None) -> tuple[NDArray[np.float32], str]:
    """(frames (T, features), what they are): of the file `data`, CSV or NDJSON, or noise. Errors as `open_source`."""
    if data is None:
        known = model.metadata.get("normalize") is not None
        of = "in the range of the training data" if known else "of mean 0 and spread 1, as the file tells no range"
        return noise(model), f"synthetic: {NOISE_FRAMES} frames of noise {of}"
    from edgelstm.runtime.sources.open import open_source
    from edgelstm.runtime.sources.source import FrameFormat

    remarks: list[str] = []
    form = FrameFormat(model.features, model.feature_names, sample_rate=model.sample_rate)
    with open_source("file", str(data), form, remarks.append) as source:
        frames = np.stack(list(islice(source, MOST_FRAMES)))
    odd = remarks[0].removeprefix(f"{data}: ") if remarks else ""
    return frames, f"{counted(len(frames), 'frame')} of {file_name(data)}" + (f" ({odd})" if odd else "")


def noise(model: EngineModel, count: int = NOISE_FRAMES) -> NDArray[np.float32]:
    """(count, features): the mean and spread of each feature as they were in training, the same on every machine;
    samples as of a voice for a model that hears.

    Where a file does not say them, as one without metadata, they are 0 and 1. ValueError where it says them wrongly.
    """
    mean, std = _normalize(model)
    if take_sound(model.layers):
        std = std * _OF_SOUND
    largest = np.finfo(np.float32).max
    signal = mean + std * np.random.default_rng(0).standard_normal((count, model.features))
    return np.clip(signal, -largest, largest).astype(np.float32)


def _normalize(model: EngineModel) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(mean, std), each (features,)."""
    told = model.metadata.get("normalize")
    if told is None:
        return np.zeros(model.features), np.ones(model.features)
    where = f"{model.path}: metadata.normalize"
    found = from_json(_Normalize, told, where, strict=False)
    if not len(found.mean) == len(found.std) == model.features:
        raise ValueError(f"{where}: {len(found.mean)} means and {len(found.std)} stds, expected {model.features}")
    return np.array(found.mean), np.array(found.std)
