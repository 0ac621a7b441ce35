"""Back-propagation through time for this model family, in numpy.

Arrays are (T, rows, B): T frames, one column per sequence, so that a frame's equations read as they are
written, `z = W·x + R·h + b`. Everything works in the dtype of the parameters: float32 in use, float64 where
gradients are checked.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

Floats = NDArray[Any]
Parameters = dict[str, Floats]
"""`lstm0.W`, `lstm0.R`, `lstm0.b`, `lstm1.W` …, `dense0.W`, `dense0.b` …: shapes as in `edgelstm.model`."""


class Buffers:
    """Memory that one batch after the other uses: fresh pages for each would cost a tenth of the time."""

    def __init__(self) -> None:
        self._kept: dict[str, Floats] = {}

    def take(self, name: str, shape: tuple[int, ...], dtype: DTypeLike) -> Floats:
        """An array of arbitrary content, valid until `name` is taken again."""
        size = math.prod(shape)
        kept = self._kept.get(name)
        if kept is None or kept.size < size or kept.dtype != dtype:
            self._kept[name] = kept = np.empty(size, dtype)
        return kept[:size].reshape(shape)


@dataclass(eq=False)
class _Tape:
    """What one LSTM layer's forward pass leaves for its backward pass."""

    x1: Floats  # (T, I + 1, B), the inputs above a row of ones
    gates: Floats  # (T, 4H, B), after their activations; the backward pass writes over it
    c: Floats  # (T, H, B)
    tanh_c: Floats  # (T, H, B)
    h: Floats  # (T, H, B)


def _lstm_forward(n: int, parameters: Parameters, x: Floats, buffers: Buffers) -> _Tape:
    W, R, b = (parameters[f"lstm{n}.{part}"] for part in "WRb")
    T, I, B = x.shape  # noqa: E741
    H = R.shape[1]
    # sigmoid(z) = tanh(z/2)/2 + 1/2: with the rows of i, f and o halved, one tanh serves all four gates.
    half = np.ones((4 * H, 1), W.dtype)
    half[: 2 * H] = half[3 * H :] = 0.5
    joined = buffers.take(f"x1.{n}", (T, I + 1, B), W.dtype)  # a row of ones below x brings the bias in with W
    joined[:, :I], joined[:, I] = x, 1
    gates = buffers.take(f"gates.{n}", (T, 4 * H, B), W.dtype)
    np.matmul(np.column_stack([W, b]) * half, joined, out=gates)
    R = R * half
    c, tanh_c, h = (buffers.take(f"{name}.{n}", (T, H, B), W.dtype) for name in ("c", "tanh_c", "h"))
    recurrent = np.empty((4 * H, B), W.dtype)
    product = np.empty((H, B), W.dtype)
    for t in range(T):
        a = gates[t]
        if t:
            a += np.matmul(R, h[t - 1], out=recurrent)
        np.tanh(a, out=a)
        for sigmoid in (a[: 2 * H], a[3 * H :]):
            sigmoid *= 0.5
            sigmoid += 0.5
        i, f, g, o = a[:H], a[H : 2 * H], a[2 * H : 3 * H], a[3 * H :]
        np.multiply(i, g, out=c[t])
        if t:
            c[t] += np.multiply(f, c[t - 1], out=product)
        np.tanh(c[t], out=tanh_c[t])
        np.multiply(o, tanh_c[t], out=h[t])
    return _Tape(joined, gates, c, tanh_c, h)


def _lstm_backward(
    W: Floats, R: Floats, tape: _Tape, dh_out: Floats, want_dx: bool
) -> tuple[Floats | None, Floats, Floats, Floats]:
    """(dx, dW, dR, db) from dh_out (T, H, B), the gradient of the loss by this layer's results."""
    T, H, B = tape.h.shape
    slope = np.empty((4 * H, B), W.dtype)  # of the gates' activations: a - a² for sigmoid, 1 - g² for tanh
    dh, dc, from_h = (np.zeros((H, B), W.dtype) for _ in range(3))
    dR, dR_t = np.zeros_like(R), np.empty_like(R)
    for t in range(T - 1, -1, -1):
        a = tape.gates[t]
        i, f, g, o = a[:H], a[H : 2 * H], a[2 * H : 3 * H], a[3 * H :]
        np.multiply(a, a, out=slope)
        for rows in (slice(0, 2 * H), slice(3 * H, None)):
            np.subtract(a[rows], slope[rows], out=slope[rows])
        np.subtract(1, slope[2 * H : 3 * H], out=slope[2 * H : 3 * H])
        dh += dh_out[t]
        np.multiply(tape.tanh_c[t], tape.tanh_c[t], out=from_h)
        np.subtract(1, from_h, out=from_h)
        from_h *= o
        from_h *= dh
        dc += from_h
        # From here the gates' own memory takes their gradients; i, f and g are each read before they go.
        np.multiply(dh, tape.tanh_c[t], out=o)
        np.multiply(dc, i, out=from_h)
        np.multiply(dc, g, out=i)
        g[...] = from_h
        np.multiply(dc, f, out=from_h)
        if t:
            np.multiply(dc, tape.c[t - 1], out=f)
        else:
            f[...] = 0
        dc, from_h = from_h, dc
        a *= slope
        if t:
            np.matmul(R.T, a, out=dh)
            dR += np.matmul(a, tape.h[t - 1].T, out=dR_t)
    dz = tape.gates
    dWb = np.matmul(dz, tape.x1.transpose(0, 2, 1)).sum(axis=0)
    return (W.T @ dz if want_dx else None), dWb[:, :-1], dR, dWb[:, -1]


def count(parameters: Parameters, kind: str) -> int:
    """Number of layers of a kind, `lstm` or `dense`."""
    return sum(name.startswith(kind) and name.endswith(".b") for name in parameters)


@dataclass(eq=False)
class Pass:
    """One forward pass over a batch, ready to go backward."""

    parameters: Parameters
    scores: Floats  # (T, outputs, B)
    _tapes: list[_Tape]
    _drops: Sequence[Floats]
    _flows: list[Floats]  # inputs of the dense layers, each (T, rows, B)

    def gradients(self, dscores: Floats) -> Parameters:
        """The gradient by every parameter, from the one by the scores (T, outputs, B). Can be asked once."""
        gradients: Parameters = {}
        flow = dscores
        for n in reversed(range(len(self._flows))):
            inputs = self._flows[n]
            T, rows, B = inputs.shape
            by_row = flow.transpose(1, 0, 2).reshape(-1, T * B)
            gradients[f"dense{n}.W"] = by_row @ inputs.transpose(1, 0, 2).reshape(rows, T * B).T
            gradients[f"dense{n}.b"] = by_row.sum(axis=1)
            flow = self.parameters[f"dense{n}.W"].T @ flow
            if n:
                flow *= inputs > 0
        for n in reversed(range(len(self._tapes))):
            if self._drops:
                flow = flow * self._drops[n]
            W, R = self.parameters[f"lstm{n}.W"], self.parameters[f"lstm{n}.R"]
            dx, dW, dR, db = _lstm_backward(W, R, self._tapes[n], flow, want_dx=n > 0)
            gradients.update({f"lstm{n}.W": dW, f"lstm{n}.R": dR, f"lstm{n}.b": db})
            if dx is not None:
                flow = dx
        return gradients


def run(parameters: Parameters, x: Floats, drops: Sequence[Floats] = (), buffers: Buffers | None = None) -> Pass:
    """Forward over normalized frames x (T, features, B).

    drops: for each LSTM layer a factor (H, B) or (T, H, B) on its results: dropout's zeros and 1/(1 - rate).
    Dense layers but the last are followed by ReLU. With `buffers`, the pass lives until the next one that uses
    them.
    """
    buffers = buffers or Buffers()
    tapes, flows = [], []
    flow = x
    for n in range(count(parameters, "lstm")):
        tape = _lstm_forward(n, parameters, flow, buffers)
        tapes.append(tape)
        flow = tape.h * drops[n] if drops else tape.h
    dense = count(parameters, "dense")
    for n in range(dense):
        flows.append(flow)
        flow = parameters[f"dense{n}.W"] @ flow
        flow += parameters[f"dense{n}.b"][:, None]
        if n < dense - 1:
            np.maximum(flow, 0, out=flow)
    return Pass(parameters, flow, tapes, drops, flows)
