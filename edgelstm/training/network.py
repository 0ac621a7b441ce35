"""A network: trainable layers one after the other, their parameters, and a batch's way through them and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import DTypeLike, NDArray

from edgelstm.layers import Layer, Shape
from edgelstm.road import Placed, lay
from edgelstm.training.layers import Arrays, Floats, Memory, State, Tape, Trainable

Parameters = dict[str, Floats]
"""By layer and field: `lstm0.W`, `lstm0.R`, `gru0.rb`, `conv0.W` …: shapes as in `edgelstm.layers`."""
States = Mapping[str, State]
"""By layer: what it carries from one piece of a recording to the next."""


@dataclass(frozen=True)
class Network:
    """Where every layer stands, and what it is; its weights are apart, as `Parameters`."""

    layers: tuple[Trainable, ...]
    road: tuple[Placed, ...]  # their names, shapes and strides; the weights there are the first ones
    carriers: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)  # of layers: results never dropped

    @property
    def stride(self) -> int:
        """Frames from one row of scores to the next."""
        return self.road[-1].stride

    def to_layers(self, parameters: Parameters) -> tuple[Layer, ...]:
        """The layers of a model with these weights (copied)."""
        return tuple(
            layer.layer(weights_of(parameters, at.name)) for layer, at in zip(self.layers, self.road, strict=True)
        )

    def drops(self, rate: float, batch: int, rng: np.random.Generator, dtype: DTypeLike) -> dict[str, Floats]:
        """A random factor (values, B) on each recurrent layer's results: zeros and 1/(1 - rate).

        One mask per sequence, the same for all its frames (Gal and Ghahramani 2016).
        """
        if not rate:
            return {}
        keep = 1 - rate
        drops = {
            at.name: (rng.random((at.result.size, batch)) < keep).astype(dtype) / np.asarray(keep, dtype)
            for at in self.road
            if at.layer.recurrent
        }
        for name in drops.keys() & self.carriers.keys():
            drops[name][self.carriers[name]] = 1
        return drops

    def run(
        self,
        parameters: Parameters,
        x: Floats,
        drops: Mapping[str, Floats] | None = None,
        memories: Mapping[str, Memory] | None = None,
        before: States | None = None,
    ) -> Pass:
        """Forward over normalized frames x (T, features, B), T at least `stride`.

        drops: factors (values, B) or (runs, values, B) on the results of the layers that it names. With `memories`,
        of every layer, the pass lives until the next one that uses them. before: instead of fresh states, what an
        earlier pass over a multiple of `stride` frames left in `after`; no gradient passes into it.
        """
        drops = drops or {}
        memories = memories or self.memories()
        states: States = before or {}
        tapes = []
        flow = x
        for layer, at in zip(self.layers, self.road, strict=True):
            tape = layer.forward(
                weights_of(parameters, at.name), flow, at.source, memories[at.name], states.get(at.name)
            )
            tapes.append(tape)
            flow = tape.result * drops[at.name] if at.name in drops else tape.result
        return Pass(self, flow, tapes, drops)

    def memories(self) -> dict[str, Memory]:
        """Working memory for every layer, for `run`."""
        return {at.name: Memory() for at in self.road}


@dataclass(eq=False)
class Pass:
    """One forward pass over a batch, ready to go backward."""

    network: Network
    scores: Floats  # (T // stride, outputs, B)
    _tapes: Sequence[Tape]
    _drops: Mapping[str, Floats]

    def after(self) -> States:
        """The states after the last frame, for the next piece of the same recordings; before `gradients`."""
        return {at.name: tape.after() for at, tape in zip(self.network.road, self._tapes, strict=True)}

    def gradients(self, dscores: Floats) -> Parameters:
        """The gradient by every parameter, from the one by the scores, of their shape. Can be asked once."""
        road = self.network.road
        first = next(n for n, at in enumerate(road) if at.layer.arrays)  # what lies before has nothing to learn
        gradients: Parameters = {}
        flow = dscores
        for n in range(len(road) - 1, first - 1, -1):
            name = road[n].name
            if name in self._drops:
                flow = flow * self._drops[name]
            dx, found = self._tapes[n].backward(flow, want_dx=n > first)
            gradients |= {f"{name}.{array}": gradient for array, gradient in found.items()}
            flow = flow if dx is None else dx
        return gradients


def weights_of(parameters: Parameters, name: str) -> Arrays:
    """Those of the layer `name`."""
    prefix = name + "."
    return {key.removeprefix(prefix): value for key, value in parameters.items() if key.startswith(prefix)}


def begin(
    layers: Sequence[Trainable], features: int, rng: np.random.Generator, dtype: DTypeLike = np.float32
) -> tuple[Network, Parameters]:
    """A network over frames of `features` values, with its first weights.

    ValueError, naming the layer, where one cannot take what the one before gives.
    """
    parameters: Parameters = {}
    built: tuple[Layer, ...] = ()
    road: tuple[Placed, ...] = ()
    for layer in layers:
        weights = layer.initialize(road[-1].result if road else Shape(1, features), rng)
        built = (*built, layer.layer(weights))
        road = lay(features, built)
        parameters |= {f"{road[-1].name}.{array}": value.astype(dtype) for array, value in weights.items()}
    return Network(tuple(layers), road), parameters
