"""How a stream's scores become answers: as its model says, or as a caller asks."""

from __future__ import annotations

from dataclasses import dataclass

from edgelstm.runtime.pooling import POOLINGS, PoolingKind, values_of_row

MAX_POOLING = 1 << 20
"""Largest number of frames of a window or a hop."""
MAX_RING = 1 << 24
"""Largest number of block sums and maxima that a window may hold, all outputs together."""


@dataclass(frozen=True)
class Answering:
    """`edgelstm.model.Answer` says what these mean; window and hop count frames."""

    pooling: PoolingKind
    window: int
    hop: int

    @property
    def words(self) -> str:
        """In some twenty columns."""
        of = "" if self.pooling == "last" else f" of {self.window or 'all'}"
        return f"{self.pooling}{of}, {f'every {self.hop}' if self.hop else 'when asked'}"

    def changed(
        self, pooling: PoolingKind | None = None, window: int | None = None, hop: int | None = None
    ) -> Answering:
        """This one but for what is given. Pooling `last` has no window: it takes away the one that there was."""
        kind = pooling or self.pooling
        left = 0 if kind == "last" else self.window
        return Answering(kind, left if window is None else window, self.hop if hop is None else hop)

    def check(self, stride: int, outputs: int, anew: int = 0) -> None:
        """ValueError, naming the field, for what no stream of a model with this stride and width can do. anew: frames
        after which the model begins anew, where answers in between are not wanted."""
        if self.pooling not in POOLINGS:
            raise ValueError(f"pooling: {self.pooling!s:.40}, expected one of {', '.join(POOLINGS)}")
        for name, value in (("window", self.window), ("hop", self.hop)):
            if type(value) is not int or not 0 <= value <= MAX_POOLING:
                raise ValueError(f"{name}: {value!r:.40}, expected 0 to {MAX_POOLING} frames")
        if self.hop % stride:
            raise ValueError(
                f"hop: {self.hop}, expected a multiple of {stride}: the model's scores come every {stride} frames"
            )
        if anew and self.hop % anew:
            raise ValueError(
                f"hop: {self.hop}, expected a multiple of {anew}: the model begins anew after so many frames; one "
                "that was imported with --stream does not"
            )
        if self.window:
            self._check_window(outputs)

    def _check_window(self, outputs: int) -> None:
        if self.pooling == "last":
            raise ValueError(f"window: {self.window}, expected 0 with pooling last; a mean has a window")
        if not self.hop:
            raise ValueError(f"window: {self.window}, expected 0 where hop is 0; with a window an answer has a hop")
        if self.window % self.hop:
            raise ValueError(f"window: {self.window}, expected a multiple of hop ({self.hop})")
        most = MAX_RING // values_of_row(self.pooling, outputs)
        if self.window // self.hop > most:
            raise ValueError(f"window: {self.window}, expected at most {most} times hop ({self.hop})")


@dataclass(frozen=True)
class Asked:
    """What a caller asks of a stream's answers, each None for the model's own."""

    pooling: PoolingKind | None = None
    window: int | None = None  # in frames, as hop
    hop: int | None = None


OWN_ANSWER = Asked()
