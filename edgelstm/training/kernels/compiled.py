"""A network in the C library: the same passes as `edgelstm.training.network` has in numpy."""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.road import Placed
from edgelstm.training.kernels import arrays
from edgelstm.training.kernels.library import Batch, Sizes, library, threads
from edgelstm.training.kernels.sizes import KINDS
from edgelstm.training.layers import Floats, Trainable
from edgelstm.training.passes import Parameters, Pass, States


def compiled(layers: Sequence[Trainable], road: Sequence[Placed]) -> Compiled | None:
    """The network in C; None without the library, or where a kind of layer is not there. MemoryError."""
    loaded = library()
    if loaded is None or not all(layer.kind in KINDS for layer in layers):
        return None
    return Compiled(loaded, layers, road)


class Compiled:
    """Working memory in C for one network, and its passes. One thread at a time."""

    def __init__(self, loaded: ctypes.CDLL, layers: Sequence[Trainable], road: Sequence[Placed]) -> None:
        self.loaded = loaded
        self._road = list(road)
        kinds = [KINDS[layer.kind] for layer in layers]
        self._states = {
            at.name: kind.states(layer, at.source) for layer, kind, at in zip(layers, kinds, road, strict=True)
        }
        table = (Sizes * len(layers))(
            *(kind.sizes(layer, at.source) for layer, kind, at in zip(layers, kinds, road, strict=True))
        )
        handle = loaded.el_network_open(table, len(table))
        if not handle:
            raise MemoryError("no memory for training")
        self.handle: int = handle
        weakref.finalize(self, loaded.el_network_close, handle)
        self.names = [f"{at.name}.{array}" for kind, at in zip(kinds, road, strict=True) for array in kind.arrays]

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
        last = self._road[-1]
        sequences = x.shape[2]
        x = x[: len(x) // last.stride * last.stride]
        after: States = {
            name: {part: np.empty((*shape, sequences), np.float32) for part, shape in parts.items()}
            for name, parts in self._states.items()
        }
        factors = [_plain(drops[at.name]) if at.name in drops else None for at in self._road]
        ends = None if lengths is None else np.ascontiguousarray(lengths, np.int64)
        parts = [(name, part) for name, shapes in self._states.items() for part in shapes]
        olds = [_plain(before[name][part]) if name in before else None for name, part in parts]
        batch = Batch(
            arrays.strided(x),
            len(x),
            sequences,
            None if ends is None else ends.ctypes.data_as(ctypes.POINTER(ctypes.c_int64)),
            arrays.pointers(factors) if drops else None,
            arrays.pointers(olds),
            arrays.pointers([after[name][part] for name, part in parts]),
        )
        scores = np.empty((len(x) // last.stride, sequences, last.result.size), np.float32).transpose(0, 2, 1)
        weights = arrays.pointers([parameters[name] for name in self.names])
        status = self.loaded.el_network_forward(
            self.handle, weights, ctypes.byref(batch), ctypes.byref(arrays.strided(scores)), threads()
        )
        if status:
            raise MemoryError(f"no memory for a batch of {sequences} sequences of {len(x)} frames")
        shapes = {name: parameters[name].shape for name in self.names}
        return CompiledPass(self, scores, shapes, after, (weights, batch, factors, olds, ends, x))


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
