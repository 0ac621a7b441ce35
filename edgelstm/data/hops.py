"""Recordings of sound as frames of a hop of samples each, for models that make their features themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from edgelstm.data.dataset import Dataset
from edgelstm.data.store import chunked, joined, split
from edgelstm.plain import counted
from edgelstm.resampling import Decimator, step_between
from edgelstm.wav import are_of_sound

SAMPLES = ("sound",)
"""What the one feature of recordings is called whose frames are samples."""


_SOUND_RATE = 4000  # frames per second at least, of which whole numbers may be samples whatever they are called
_QUIET, _LOUD = 128, 32768  # largest samples, on the scale of 16 bits
_CALLED = frozenset(("sound", "audio", "samples", "pcm", "microphone", "mic"))  # words in names of its columns


def is_sound(dataset: Dataset) -> bool:
    """Whether a frame of `dataset` may be a sample of one channel: of a machine's vibration, too."""
    if dataset.features != 1 or dataset.feature_names == SAMPLES:
        return dataset.feature_names == SAMPLES
    return are_samples(dataset.sequences, dataset.feature_names, dataset.sample_rate)


def say_sound(names: Sequence[str]) -> bool:
    """Whether one of columns with these names says that it holds sound, such as `audio [V]`."""
    return any(not _CALLED.isdisjoint(re.findall("[a-z]+", name.lower())) for name in names)


def are_samples(sequences: Sequence[NDArray[np.float32]], names: Sequence[str], rate: float) -> bool:
    """Whether frames are samples of sound by what they hold: at a rate of one, on the scale of 16 bits, and called
    so, or whole numbers."""
    is_called = are_of_sound(names, rate)
    if not is_called and rate < _SOUND_RATE:
        return False
    loudest = 0.0
    for part in (part for x in sequences for part in chunked(x)):
        loudest = max(loudest, float(np.abs(part).max()))
        if loudest > _LOUD or not (is_called or np.array_equal(part, np.rint(part))):
            return False
    return is_called or loudest >= _QUIET


def is_of_channels(dataset: Dataset) -> bool:
    """Whether a frame of `dataset` is a sample of each of several channels."""
    names = tuple(f"{SAMPLES[0]}{n + 1}" for n in range(dataset.features))
    return dataset.features > 1 and dataset.feature_names == names


def in_hops(dataset: Dataset, hop: int, rate: float) -> Dataset:
    """Samples as frames of `hop` of them, (n // hop, hop); what does not fill one at an end is left out. Sound at
    more than `rate` samples per second is resampled; 0: as it is. What is to be told of a frame is what is to be told
    of its middle.

    ValueError for sound at another rate, for a recording of less than a hop, and where what is to be told lies ahead.
    """
    step = _step(dataset, rate)
    sequences = _resampled(dataset.sequences, step) if step > 1 else dataset.sequences
    for place, length in enumerate(map(len, sequences)):
        if length < hop:
            raise ValueError(
                f"{dataset.name}: recording {place} has {counted(length, 'sample')}, expected at least a hop of {hop}"
            )
    lengths = [len(x) // hop for x in sequences]
    framed = tuple(x[: length * hop].reshape(length, hop) for x, length in zip(sequences, lengths))
    return replace(
        dataset,
        sequences=framed,
        feature_names=(),
        feature_units=(),
        sample_rate=float(Fraction(dataset.sample_rate) / (hop * step)),
        targets=None if dataset.targets is None else dataset.targets.paced(hop * step, lengths),
    )


def _step(dataset: Dataset, rate: float) -> Fraction:
    if not rate or not dataset.sample_rate or np.isclose(dataset.sample_rate, rate, rtol=0.01):
        return Fraction(1)
    try:
        return step_between(round(dataset.sample_rate), round(rate))
    except ValueError as error:
        raise ValueError(f"{dataset.name}: {error}") from None


def _resampled(sequences: Sequence[NDArray[np.float32]], step: Fraction) -> tuple[NDArray[np.float32], ...]:
    """As a stream resamples its sound, each from silence."""
    lengths = []

    def kept() -> Iterator[NDArray[np.float32]]:
        for x in sequences:
            filtered = Decimator(step, x.shape[1])
            lengths.append(0)
            for part in chunked(x):
                found = filtered(part)
                lengths[-1] += len(found)
                yield found

    whole = joined(kept(), sequences[0].shape[1:], np.float32)
    return split(whole, lengths)
