"""Weights of Keras alone, by their names: which layers they are."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgelstm.importers import keras_layers as layers_of
from edgelstm.importers.choices import Choices, UndecidedError
from edgelstm.importers.keras_layers import Arrays
from edgelstm.importers.modules import Module, conv, epsilon_of, norm
from edgelstm.importers.road import Step
from edgelstm.layers import Shape
from edgelstm.plain import printable

_EPSILON = 1e-3  # that of Keras's norms, which weights alone do not hold


def modules_of(named: Mapping[str, Arrays], choices: Choices, version: str) -> list[Module]:
    """Of each layer's weights by their names. version: of Keras, "" where the file says none."""
    return [_module(name, arrays, choices, version) for name, arrays in named.items()]


def _module(name: str, arrays: Arrays, choices: Choices, version: str) -> Module:
    kernel, back = arrays.get("kernel"), arrays.get("recurrent_kernel")
    shown = printable(name, 60)
    if back is not None and back.ndim == 2 and back.shape[1] == len(back):
        return _refused(shown, "a plain RNN", "expected an LSTM or a GRU")
    if kernel is not None and back is not None and kernel.ndim == back.ndim == 2:
        is_lstm = back.shape[1] == 4 * len(back)
        words = f"{'LSTM' if is_lstm else 'GRU'} {len(kernel)} to {len(back)}"

        def cell(said: Mapping[str, str]) -> list[Step]:
            is_cudnn = is_lstm and arrays.get("bias", back).shape == (8 * len(back),)
            if choices.gates is None and not is_cudnn:
                raise UndecidedError(
                    "--gates: not given, and weights alone do not say their activation; expected sigmoid or "
                    "hard-sigmoid, which was usual before Keras 2.3"
                )
            if is_cudnn and choices.gates == "hard-sigmoid":
                raise ValueError(f"--gates: hard-sigmoid, expected sigmoid: {shown} was made for cuDNN")
            gate = layers_of.gate_of((choices.gates or "sigmoid").replace("-", "_"), version)
            if is_lstm:
                return [layers_of.lstm(arrays, gate)]
            return [layers_of.gru(arrays, gate, reset=_reset(shown, said) if "bias" not in arrays else None)]

        return Module(shown, words, len(kernel), cell, () if is_lstm or "bias" in arrays else ("reset",))
    if kernel is not None and kernel.ndim == 3 and "depthwise_kernel" not in arrays:
        W = kernel.transpose(2, 0, 1)
        bias = arrays.get("bias", np.zeros(len(W), np.float32))
        return conv(shown, W.shape, lambda: layers_of.floats(arrays, "kernel", 3).transpose(2, 0, 1), lambda: bias)
    if kernel is not None and kernel.ndim == 2:
        words = f"dense {kernel.shape[0]} to {kernel.shape[1]}"
        return Module(shown, words, len(kernel), lambda _: [layers_of.dense(arrays)])
    if "moving_mean" in arrays:

        def batch_norm(said: Mapping[str, str]) -> list[Step]:
            return [layers_of.batch_norm(arrays, epsilon_of(said, _EPSILON))]

        return Module(shown, "batch norm", 0, batch_norm, ("epsilon",))
    if arrays.keys() == {"gamma", "beta"} and arrays["gamma"].ndim == 1:
        return norm(shown, arrays["gamma"].size, lambda: arrays["gamma"], lambda: arrays["beta"], _EPSILON)

    for kind, variables in (("Normalization", {"mean", "variance"}), ("PReLU", {"alpha"})):
        if arrays.keys() == variables:
            width = next(iter(arrays.values())).size

            def by_channel(_: Mapping[str, str], kind: str = kind, width: int = width) -> list[Step]:
                return layers_of.BY_CHANNEL[kind](arrays, {}, Shape(1, width))

            return Module(shown, f"{kind} of {width}", width, by_channel)
    held = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
    return _refused(
        shown,
        f"weights {printable(held, 60)}",
        "expected those of an LSTM, a GRU, a dense layer, a convolution over time or a norm; a whole model, saved as "
        ".keras, says more",
    )


def _refused(name: str, what: str, why: str) -> Module:
    def steps(_: Mapping[str, str]) -> list[Step]:
        raise ValueError(f"{name}: {what}, {why}")

    return Module(name, what, 0, steps, is_read=False)


def _reset(name: str, said: Mapping[str, str]) -> layers_of.Reset:
    """Of a GRU without a bias, whose sides would tell."""
    for word in layers_of.RESETS:
        if said.get("reset") == word:
            return word
    raise UndecidedError(
        f"--layers: {name}: a GRU without bias, and the file does not say whether its reset comes after the product; "
        f"expected {name}:reset=after, usual since TensorFlow 2, or {name}:reset=before"
    )
