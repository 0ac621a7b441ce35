"""Adam and gradient descent, gradient clipping, averages of weights, and the learning rate's course."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np

from edgelstm.training.config import Training
from edgelstm.training.kernels import AdamSettings, MomentumSettings, Steps, steps_of
from edgelstm.training.layers import Floats
from edgelstm.training.network import Parameters


def clip_by_global_norm(gradients: Parameters, largest: float) -> float:
    """Scale all gradients, in place, so that their common norm is at most `largest`; the norm before."""
    kernels = steps_of(gradients)
    norm = math.sqrt(kernels.squares() if kernels else sum(float(np.vdot(g, g)) for g in gradients.values()))
    if norm > largest and kernels:
        kernels.scale(largest / norm)
    elif norm > largest:
        for gradient in gradients.values():
            gradient *= largest / norm
    return norm


def learning_rate(step: int, steps: int, peak: float, warmup: float) -> float:
    """Rises linearly over the first `warmup` share of `steps`, then falls as a cosine to 0. step from 0."""
    rising = max(round(warmup * steps), 1)
    if step < rising:
        return peak * (step + 1) / rising
    return peak * 0.5 * (1 + math.cos(math.pi * (step - rising) / max(steps - rising, 1)))


class Optimizer(ABC):
    """Changes parameters, in place, by their gradients. Decay is decoupled from these (Loshchilov and Hutter 2019):
    of weights, not of biases."""

    def __init__(self, parameters: Parameters, moments: Sequence[str], weight_decay: float) -> None:
        self.parameters = parameters
        self.weight_decay = weight_decay
        self.steps = 0
        self.moments = {
            moment: {name: np.zeros_like(value) for name, value in parameters.items()} for moment in moments
        }
        """What it remembers of earlier gradients: moment → parameter → values of its shape."""
        self._kernels = steps_of(parameters, *self.moments.values())

    def begin(self) -> None:
        """Forget all earlier gradients."""
        self.steps = 0
        for moment in self.moments.values():
            for value in moment.values():
                value[...] = 0

    def step(self, gradients: Parameters, rate: float) -> None:
        self.steps += 1
        if self._kernels and self._kernels.take(gradients):
            self._step_in_c(self._kernels, gradients, rate)
            return
        for name, value in self.parameters.items():
            if value.ndim >= 2 and self.weight_decay:
                value *= 1 - rate * self.weight_decay
            value -= self._move(name, gradients[name], rate)

    @abstractmethod
    def _step_in_c(self, kernels: Steps, gradients: Parameters, rate: float) -> None:
        """The same for all parameters at once."""

    @abstractmethod
    def _move(self, name: str, gradient: Floats, rate: float) -> Floats:
        """What is taken from the parameter `name`."""


class Adam(Optimizer):
    """Kingma and Ba 2015."""

    BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8

    def __init__(self, parameters: Parameters, weight_decay: float = 0.0) -> None:
        super().__init__(parameters, ("first", "second"), weight_decay)

    def _move(self, name: str, gradient: Floats, rate: float) -> Floats:
        unbias1, unbias2 = 1 - self.BETA1**self.steps, 1 - self.BETA2**self.steps
        first, second = self.moments["first"][name], self.moments["second"][name]
        first += (1 - self.BETA1) * (gradient - first)
        second += (1 - self.BETA2) * (gradient * gradient - second)
        move: Floats = rate / unbias1 * first / (np.sqrt(second / unbias2) + self.EPSILON)
        return move

    def _step_in_c(self, kernels: Steps, gradients: Parameters, rate: float) -> None:
        settings = AdamSettings(
            rate=rate / (1 - self.BETA1**self.steps),
            first=1 - self.BETA1,
            second=1 - self.BETA2,
            unbias=1 / (1 - self.BETA2**self.steps),
            epsilon=self.EPSILON,
            keep=1 - rate * self.weight_decay,
        )
        kernels.adam(gradients, settings)


class SGD(Optimizer):
    """Gradient descent with momentum (Polyak 1964), or Nesterov's as Sutskever et al. 2013 write it: the step is by
    what the velocity will be."""

    def __init__(
        self, parameters: Parameters, weight_decay: float = 0.0, momentum: float = 0.9, nesterov: bool = False
    ) -> None:
        super().__init__(parameters, ("velocity",), weight_decay)
        self.momentum, self.nesterov = momentum, nesterov

    def _move(self, name: str, gradient: Floats, rate: float) -> Floats:
        velocity = self.moments["velocity"][name]
        velocity *= self.momentum
        velocity += gradient
        move: Floats = rate * (gradient + self.momentum * velocity if self.nesterov else velocity)
        return move

    def _step_in_c(self, kernels: Steps, gradients: Parameters, rate: float) -> None:
        settings = MomentumSettings(
            rate=rate, momentum=self.momentum, keep=1 - rate * self.weight_decay, nesterov=self.nesterov
        )
        kernels.descend(gradients, settings)


def optimizer_of(parameters: Parameters, settings: Training) -> Optimizer:
    """The one that a recipe asks for."""
    if settings.optimizer == "sgd":
        return SGD(parameters, settings.weight_decay, settings.momentum, settings.nesterov)
    return Adam(parameters, settings.weight_decay)


class Average:
    """An exponential average of parameters over steps; young averages weigh all steps alike."""

    def __init__(self, parameters: Parameters, decay: float) -> None:
        self.decay = decay
        self.steps = 0
        self.values = {name: value.copy() for name, value in parameters.items()}
        self._kernels = steps_of(self.values)

    def begin(self) -> None:
        """Forget all earlier steps."""
        self.steps = 0

    def update(self, parameters: Parameters) -> None:
        self.steps += 1
        keep = min(self.decay, (self.steps - 1) / self.steps)
        if self._kernels and self._kernels.take(parameters):
            self._kernels.average(parameters, 1 - keep)
            return
        for name, value in self.values.items():
            value += (1 - keep) * (parameters[name] - value)
