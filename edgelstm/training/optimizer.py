"""Adam with decoupled weight decay, gradient clipping and the learning rate's course."""

from __future__ import annotations

import math

import numpy as np

from edgelstm.training.network import Parameters


def clip_by_global_norm(gradients: Parameters, largest: float) -> float:
    """Scale all gradients, in place, so that their common norm is at most `largest`; the norm before."""
    norm = math.sqrt(sum(float(np.vdot(g, g)) for g in gradients.values()))
    if norm > largest:
        for gradient in gradients.values():
            gradient *= largest / norm
    return norm


def learning_rate(step: int, steps: int, peak: float, warmup: float) -> float:
    """Rises linearly over the first `warmup` share of `steps`, then falls as a cosine to 0. step from 0."""
    rising = max(round(warmup * steps), 1)
    if step < rising:
        return peak * (step + 1) / rising
    return peak * 0.5 * (1 + math.cos(math.pi * (step - rising) / max(steps - rising, 1)))


class Adam:
    """Kingma and Ba 2015, with the weight decay of Loshchilov and Hutter 2019 on weights, not on biases."""

    BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8

    def __init__(self, parameters: Parameters, weight_decay: float = 0.0) -> None:
        self.parameters = parameters
        self.weight_decay = weight_decay
        self.steps = 0
        self.first = {name: np.zeros_like(value) for name, value in parameters.items()}
        self.second = {name: np.zeros_like(value) for name, value in parameters.items()}

    def step(self, gradients: Parameters, rate: float) -> None:
        """Change the parameters in place."""
        self.steps += 1
        unbias1, unbias2 = 1 - self.BETA1**self.steps, 1 - self.BETA2**self.steps
        for name, value in self.parameters.items():
            gradient, first, second = gradients[name], self.first[name], self.second[name]
            first += (1 - self.BETA1) * (gradient - first)
            second += (1 - self.BETA2) * (gradient * gradient - second)
            if value.ndim >= 2 and self.weight_decay:
                value *= 1 - rate * self.weight_decay
            value -= rate / unbias1 * first / (np.sqrt(second / unbias2) + self.EPSILON)


class Average:
    """An exponential average of parameters over steps; young averages weigh all steps alike."""

    def __init__(self, parameters: Parameters, decay: float) -> None:
        self.decay = decay
        self.steps = 0
        self.values = {name: value.copy() for name, value in parameters.items()}

    def update(self, parameters: Parameters) -> None:
        self.steps += 1
        keep = min(self.decay, (self.steps - 1) / self.steps)
        for name, value in self.values.items():
            value += (1 - keep) * (parameters[name] - value)
