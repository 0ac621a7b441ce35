"""A network: trainable layers one after the other, their parameters, and a batch's way through them and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import DTypeLike, NDArray

from edgelstm.layers import Layer, Shape
from edgelstm.road import Placed, lay
from edgelstm.training.kernels import Compiled, compiled
from edgelstm.training.layers import Arrays, Floats, Memory, Tape, Trainable
from edgelstm.training.losses import Objective
from edgelstm.training.passes import Learned, Parameters, Pass, States

__all__ = ["Memories", "Network", "Parameters", "Pass", "States", "begin", "weights_of"]


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
        memories: Memories | None = None,
        before: States | None = None,
        lengths: NDArray[np.int64] | None = None,
    ) -> Pass:
        """Forward over normalized frames x (T, features, B), T at least `stride`.

        drops: factors (values, B) or (runs, values, B) on the results of the layers that it names. With `memories`,
        the pass lives until the next one that uses them, and is in C where it can be. before: instead of fresh
        states, what an earlier pass over a multiple of `stride` frames left in `after`; no gradient passes into it.
        lengths (B,): frames that count, 1 or more each. Scores that end behind them are arbitrary, and so may states
        be that are asked for as of there; their gradient has to be 0.
        """
        drops = drops or {}
        states: States = before or {}
        kernels = memories.compiled if memories else None
        if kernels and kernels.takes(parameters, x, drops):
            return kernels.run(parameters, x, drops, states, lengths)
        memories = memories or Memories()
        tapes = []
        flow = x
        for layer, at in zip(self.layers, self.road, strict=True):
            tape = layer.forward(
                weights_of(parameters, at.name), flow, at.source, memories.of(at.name), states.get(at.name)
            )
            tapes.append(tape)
            flow = tape.result * drops[at.name] if at.name in drops else tape.result
        return _TapedPass(self, flow, tapes, drops)

    def learn(
        self,
        parameters: Parameters,
        x: Floats,
        objective: Objective,
        target: Floats,
        lengths: NDArray[np.int64],
        begins: NDArray[np.bool_] | None = None,
        drops: Mapping[str, Floats] | None = None,
        memories: Memories | None = None,
        before: States | None = None,
    ) -> Learned:
        """Forward and back over a batch, as `run` and `objective.loss_and_gradient` say; lengths (B,) in frames."""
        kernels = memories.compiled if memories else None
        if kernels and kernels.takes(parameters, x, drops or {}):
            return kernels.learn(parameters, x, drops or {}, before or {}, lengths, objective, target, begins)
        run = self.run(parameters, x, drops, memories, before, lengths)
        after = run.after()
        # Scores come every `stride` frames.
        loss, dscores = objective.loss_and_gradient(run.scores, target, lengths // self.stride, begins)
        return Learned(loss, run.gradients(dscores), after)

    def memories(self) -> Memories:
        """Working memory for `run`."""
        return Memories(compiled(self.layers, self.road))


class Memories:
    """What passes of one network work in, one after the other: the C library's memory where it can be used, or else
    some for each layer."""

    def __init__(self, kernels: Compiled | None = None) -> None:
        self.compiled = kernels
        self._layers: dict[str, Memory] = {}

    def of(self, layer: str) -> Memory:
        """That of one layer, by its name."""
        return self._layers.setdefault(layer, Memory())


@dataclass(eq=False)
class _TapedPass(Pass):
    network: Network
    scores: Floats
    _tapes: Sequence[Tape]
    _drops: Mapping[str, Floats]

    def after(self) -> States:
        return {at.name: tape.after() for at, tape in zip(self.network.road, self._tapes, strict=True)}

    def gradients(self, dscores: Floats) -> Parameters:
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
