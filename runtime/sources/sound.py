"""Frames out of sound: samples, on the scale of 16 bits, for models that take them one by one or a hop at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated

import numpy as np

from edgelstm.records import Bounds
from edgelstm.resampling import step_between
from edgelstm.runtime.counts import Counts
from edgelstm.runtime.frame import Float32
from edgelstm.runtime.sources.kind import SourceKind, Told
from edgelstm.runtime.sources.source import FrameFormat, Gap, NoFramesError, Source
from edgelstm.runtime.sources.unframed import Unframed
from edgelstm.wav import names_of


@dataclass(frozen=True)
class OfSound(SourceKind):
    """A kind of source that gives samples."""

    is_sound = True

    channel: Annotated[int | None, Bounds(1, 64), Told("Take this channel of a sound alone, from 1.", "N")] = None


@dataclass(frozen=True)
class Layout:
    """How samples become frames."""

    channels: int  # that a frame holds
    hop: int  # samples of each of them in a frame
    rate: int  # samples per second; 0 = unknown

    @classmethod
    def of(cls, form: FrameFormat, channels: int | None = None) -> Layout:
        """channels: of a sound that is there; None where as many are recorded as the model takes.

        A model whose features are called `sound`, or `sound1`, `sound2` …, takes a sample of each in a frame, as
        training on WAV files has it; so does one with as many features as the sound has channels. One whose features
        have no names takes so many samples in a row. ValueError for others.
        """
        sound = names_of(form.features)
        is_hop = not form.names and channels != form.features
        if not is_hop and form.names != sound and channels != form.features and form.features > 1:
            raise ValueError(
                f"{'sound' if channels is None else f'{channels} channels'} for a model of "
                f"{', '.join(form.names)[:60]}, expected {form.features} channels, one for each"
            )
        hop = form.features if is_hop else 1
        return cls(form.features // hop, hop, round(form.sample_rate * hop))

    def step(self, rate: int) -> Fraction:
        """Of how many samples of a sound at `rate` one is kept. ValueError for a rate that is lower, or too odd."""
        return step_between(rate, self.rate) if self.rate and rate != self.rate else Fraction(1)


class SoundSource(Source):
    """The frames in `pieces`, samples (n, channels) at `rate`, or what is missing between them.

    What does not fill a frame when something is missing is left out; at the end it waits, for those who keep it.
    Errors of `pieces` go on.
    counts: what whoever makes the pieces has had to do without. waits: whether a piece may have to be waited for.
    channel: the one that is taken, from 1; None: all, as many as the model takes.
    """

    def __init__(
        self,
        name: str,
        form: FrameFormat,
        pieces: Iterator[Float32 | Gap],
        rate: int,
        channels: int,
        layout: Layout,
        counts: Callable[[], Counts] = Counts,
        *,
        waits: bool = True,
        channel: int | None = None,
    ) -> None:
        super().__init__(name)
        self._counts, self._waits = counts, waits
        self._pieces, self._rate, self._layout = pieces, rate, layout
        try:
            self._step = layout.step(rate)
            self._taken = _channels_taken(channel, channels, layout.channels)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
        self._waiting = form.waiting or Unframed()
        self._count = 0  # frames

    @property
    def counts(self) -> Counts:
        return self._counts()

    @property
    def place(self) -> str:
        return self.place_of(self._count)

    @property
    def mark(self) -> int:
        return self._count

    def place_of(self, mark: int, /) -> str:
        return f"{self.name} at {float(mark * self._layout.hop * self._step / self._rate):.3f} s"

    def __iter__(self) -> Iterator[Float32]:
        return (frame for frame in self.arrivals() if frame is not None)

    def arrivals(self) -> Iterator[Float32 | None]:
        layout = self._layout
        size = layout.hop
        rest, kept = self._waiting.begin(layout.channels, self._step)
        if self._waiting.is_other:
            self.tell(
                f"{self.name}: the state is of a sound at another rate or of other channels: what waited of that is "
                "left out, the rest goes on"
            )
        for piece in self._pieces:
            if isinstance(piece, Gap):
                self._gap = piece
                self._waiting.reset()
                rest, kept = self._waiting.begin(layout.channels, self._step)
                continue
            taken = piece[:, self._taken]
            rest = np.concatenate([rest, taken if kept is None else kept(taken)])
            while len(rest) >= size:
                frame, rest = rest[:size].reshape(-1), rest[size:]
                self._waiting.hand_over(rest, self._step, kept)
                self._count += 1
                yield frame
            self._waiting.hand_over(rest, self._step, kept)
            if self._waits:
                yield None
        if not self._count:
            wanted = math.ceil(size * self._step)
            raise NoFramesError(f"{self.name}: no samples that fill a frame, expected {wanted}")


def _channels_taken(asked: int | None, channels: int, wanted: int) -> list[int]:
    if asked is not None and asked > channels:
        raise ValueError(f"channel {asked}, expected 1 to {channels}")
    if not asked and channels != wanted:
        known = f"--channel 1 to {channels}" if wanted == 1 else f"{wanted}"
        raise ValueError(f"{channels} channels, the model takes {wanted}; expected {known}")
    if asked and wanted != 1:
        raise ValueError(f"channel {asked} alone, the model takes {wanted}; expected no --channel")
    return [asked - 1] if asked else list(range(channels))
