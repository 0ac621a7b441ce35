"""What a batch's way through a network leaves for the way back, whoever computes it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from edgelstm.training.layers import Floats, State

Parameters = dict[str, Floats]
"""By layer and field: `lstm0.W`, `lstm0.R`, `gru0.rb`, `conv0.W` …: shapes as in `edgelstm.layers`."""
States = Mapping[str, State]
"""By layer: what it carries from one piece of a recording to the next."""


@dataclass(frozen=True, eq=False)
class Learned:
    """What a batch says of the weights."""

    loss: float
    gradients: Parameters
    after: States
    """The states after the last frame, for the next piece of the same recordings."""


class Pass(ABC):
    """One forward pass over a batch, ready to go backward."""

    scores: Floats  # (T // stride, outputs, B)

    @abstractmethod
    def after(self) -> States:
        """The states after the last frame, for the next piece of the same recordings; before `gradients`."""

    @abstractmethod
    def gradients(self, dscores: Floats) -> Parameters:
        """The gradient by every parameter, from the one by the scores, of their shape. Can be asked once."""
