"""A network in the C library: the same passes as `edgelstm.training.network` has in numpy."""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.road import Placed
from edgelstm.training.kernels import arrays
from edgelstm.training.kernels.library import Batch, ObjectiveSettings, Sizes, library, number_of, threads
from edgelstm.training.layers import Floats, Trainable
from edgelstm.training.losses import Counted, Objective
from edgelstm.training.passes import Learned, Parameters, Pass, States

CRITERIA = ("cross-entropy", "binary", "mse", "huber", "quantile")
"""In the order of training.h."""
OVER = {"mean": 1, "mean+max": 2}
"""What rows are pooled to, by its number in training.h; without it each is judged."""


def compiled(layers: Sequence[Trainable], road: Sequence[Placed]) -> Compiled | None:
    """The network in C; None without the library, or where a kind of layer is not there. MemoryError."""
    loaded = library()
    if loaded is None or any(number_of(layer.kind) < 0 for layer in layers):
        return None
    return Compiled(loaded, layers, road)


class Compiled:
    """Working memory in C for one network, and its passes. One thread at a time."""

    def __init__(self, loaded: ctypes.CDLL, layers: Sequence[Trainable], road: Sequence[Placed]) -> None:
        self.loaded = loaded
        self._road = list(road)
        placed = list(zip(layers, self._road, strict=True))
        self._states = {at.name: layer.states(at.source) for layer, at in placed}
        table = (Sizes * len(placed))(
            *(
                Sizes(kind=number_of(layer.kind), rows=at.source.rows, channels=at.source.channels, **layer.sizes())
                for layer, at in placed
            )
        )
        handle = loaded.el_network_open(table, len(table))
        if not handle:
            raise MemoryError("no memory for training")
        self.handle: int = handle
        weakref.finalize(self, loaded.el_network_close, handle)
        self.names = [f"{at.name}.{array}" for layer, at in placed for array in layer.arrays]

    def takes(self, parameters: Parameters, x: Floats, drops: Mapping[str, Floats]) -> bool:
        """Whether these are float32 of the usual layout."""
        plain = all(arrays.is_plain(parameters[name]) for name in self.names)
        return plain and x.dtype == np.float32 and all(drop.ndim == 2 for drop in drops.values())

    def run(
        self,
        parameters: Parameters,
        x: Floats,
        drops: Mapping[str, Floats],
        before: States,
        lengths: NDArray[np.int64] | None,
    ) -> CompiledPass:
        """As `Network.run`; the pass lives until the next one. MemoryError."""
        batch = self._batch(x, drops, before, lengths)
        rows, outputs = batch.settings.frames // self._road[-1].stride, self._road[-1].result.size
        scores = np.empty((rows, x.shape[2], outputs), np.float32).transpose(0, 2, 1)
        weights = self._weights(parameters)
        status = self.loaded.el_network_forward(
            self.handle, weights, ctypes.byref(batch.settings), ctypes.byref(arrays.strided(scores)), threads()
        )
        if status:
            raise _no_memory(x)
        shapes = {name: parameters[name].shape for name in self.names}
        return CompiledPass(self, scores, shapes, batch.after, (weights, batch))

    def learn(
        self,
        parameters: Parameters,
        x: Floats,
        drops: Mapping[str, Floats],
        before: States,
        lengths: NDArray[np.int64],
        objective: Objective,
        target: Floats,
        begins: NDArray[np.bool_] | None,
    ) -> Learned:
        """As `Network.learn`. MemoryError."""
        batch = self._batch(x, drops, before, lengths)
        settings, held = _objective(objective, target, objective.counted(lengths // self._road[-1].stride, begins))
        gradients: Parameters = {name: np.empty(parameters[name].shape, np.float32) for name in self.names}
        loss = ctypes.c_double()
        status = self.loaded.el_network_learn(
            self.handle,
            self._weights(parameters),
            ctypes.byref(batch.settings),
            ctypes.byref(settings),
            self._weights(gradients),
            ctypes.byref(loss),
            threads(),
        )
        del held
        if status:
            raise _no_memory(x)
        return Learned(loss.value, gradients, batch.after)

    def _weights(self, parameters: Parameters) -> arrays.Table:
        return arrays.pointers([parameters[name] for name in self.names])

    def _batch(
        self, x: Floats, drops: Mapping[str, Floats], before: States, lengths: NDArray[np.int64] | None
    ) -> _Batch:
        sequences = x.shape[2]
        x = x[: len(x) // self._road[-1].stride * self._road[-1].stride]
        after: States = {
            name: {part: np.empty((*shape, sequences), np.float32) for part, shape in parts.items()}
            for name, parts in self._states.items()
        }
        factors = [_plain(drops[at.name]) if at.name in drops else None for at in self._road]
        ends = None if lengths is None else np.ascontiguousarray(lengths, np.int64)
        parts = [(name, part) for name, shapes in self._states.items() for part in shapes]
        olds = [_plain(before[name][part]) if name in before else None for name, part in parts]
        settings = Batch(
            arrays.strided(x),
            len(x),
            sequences,
            None if ends is None else arrays.integers(ends),
            arrays.pointers(factors) if drops else None,
            arrays.pointers(olds),
            arrays.pointers([after[name][part] for name, part in parts]),
        )
        return _Batch(settings, after, (factors, olds, ends, x))


@dataclass(frozen=True, eq=False)
class _Batch:
    """A batch as C takes it, and where the states go."""

    settings: Batch
    after: States
    held: Sequence[Any]  # what C reads


def _objective(objective: Objective, target: Floats, counted: Counted) -> tuple[ObjectiveSettings, Sequence[Any]]:
    """As C takes it, and what C reads then."""
    target = np.asarray(target, np.float32)
    aims = arrays.strided(target if target.ndim == 3 else target[None])
    if target.ndim == 2:
        aims.frame = 0
    first, end = (np.ascontiguousarray(of, np.int64) for of in (counted.first, counted.end))
    share = _plain(counted.share)
    weights, levels = (None if of is None else _plain(of) for of in (objective.weights, objective.levels))
    settings = ObjectiveSettings(
        CRITERIA.index(objective.criterion),
        OVER.get(objective.over, 0),
        aims,
        arrays.integers(first),
        arrays.integers(end),
        arrays.floats(share),
        None if weights is None else arrays.floats(weights),
        None if levels is None else arrays.floats(levels),
    )
    return settings, (target, first, end, share, weights, levels)


def _no_memory(x: Floats) -> MemoryError:
    return MemoryError(f"no memory for a batch of {x.shape[2]} sequences of {len(x)} frames")


class CompiledPass(Pass):
    """One pass in C, ready to go backward."""

    def __init__(
        self,
        network: Compiled,
        scores: NDArray[np.float32],
        shapes: Mapping[str, tuple[int, ...]],
        after: States,
        held: Sequence[Any],
    ) -> None:
        self.scores = scores
        self._network, self._shapes, self._after = network, shapes, after
        self._held = held  # what C still reads

    def after(self) -> States:
        return self._after

    def gradients(self, dscores: Floats) -> Parameters:
        network = self._network
        dscores = np.asarray(dscores, np.float32)
        found: Parameters = {name: np.empty(shape, np.float32) for name, shape in self._shapes.items()}
        table = arrays.pointers([found[name] for name in network.names])
        network.loaded.el_network_backward(network.handle, ctypes.byref(arrays.strided(dscores)), table, threads())
        return found


def _plain(value: Floats) -> NDArray[np.float32]:
    return np.ascontiguousarray(value, np.float32)
