"""Batches in, gradients out: what a run keeps from one batch to the next."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgelstm.training.aims import Aims
from edgelstm.training.batches import Batch
from edgelstm.training.layers import Floats
from edgelstm.training.network import Network, Parameters, States


class Learner:
    """The gradients of a network, batch after batch. Where batches go on with what the one before left off, states
    and what dropout leaves out are carried along."""

    def __init__(self, network: Network, aims: Aims, dropout: float, rng: np.random.Generator) -> None:
        self._network, self._aims = network, aims
        self._dropout, self._rng = dropout, rng
        self._memories = network.memories()
        self._states: States = {}
        self._drops: dict[str, Floats] = {}

    def gradients(self, parameters: Parameters, batch: Batch) -> tuple[float, Parameters]:
        """(loss, gradient by every parameter) of a batch."""
        drops = self._network.drops(self._dropout, len(batch.lengths), self._rng, batch.x.dtype)
        before: States | None = None
        if batch.begins is not None and not batch.begins.all():
            drops = {name: _goes_on(new, self._drops[name], batch.begins) for name, new in drops.items()}
            before = {
                layer: {
                    name: _goes_on(np.zeros_like(value[..., :1]), value, batch.begins)
                    for name, value in state.items()
                }
                for layer, state in self._states.items()
            }
        learned = self._network.learn(
            parameters,
            batch.x,
            self._aims.objective,
            batch.target,
            batch.lengths,
            batch.begins,
            drops,
            self._memories,
            before,
        )
        if batch.begins is not None:
            self._states, self._drops = learned.after, drops
        return learned.loss, learned.gradients


def _goes_on(new: Floats, old: Floats, begins: NDArray[np.bool_]) -> Floats:
    """`new` in the columns that begin, in the others `old` (…, B), which may have more columns at its end."""
    return np.where(begins, new, old[..., : len(begins)])
