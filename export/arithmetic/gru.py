"""A GRU layer in each arithmetic that rounds inside it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgelstm.export.arithmetic.dequantize import SIGMOID, TANH, Floats, Ranges, real, rounded, rows
from edgelstm.export.arithmetic.kind import Kind
from edgelstm.export.arithmetic.rounding import Rounding
from edgelstm.export.arithmetic.twin import STEP_LIMIT, Flow, Ran, States, Twin, given, off_edges
from edgelstm.layers import GRU
from edgelstm.layers.layer import before, sigmoid
from edgelstm.quantization import Affine, QuantizedGRU
from edgelstm.road import Placed


class _Portable(Twin):
    def __init__(self, _: Placed, layer: QuantizedGRU):
        self.hidden, self.reset = layer.hidden, layer.reset
        self.b, self.rb = layer.real_bias.astype(np.float64), layer.real_back.astype(np.float64)
        self.W, self.R = rows(layer.W, layer.W_scale).T, rows(layer.R, layer.R_scale).T
        self.memory = {"h": layer.units}

    def run(self, x: Flow, before: States, seen: States | None) -> Ran:
        H, scale = self.memory["h"], float(self.hidden.scale)
        from_x = x.values @ self.W + self.b
        h, sure, terms = before["h"], x.sure, 0.0
        hs, results = np.empty((2, *x.values.shape[:2], H))
        for run in range(x.values.shape[1]):
            if run:
                sure = sure & off_edges(h, self.hidden, STEP_LIMIT * max(1.0, terms) / scale)
            back = _as_engines_round(h, self.hidden) @ self.R + self.rb
            z, r = (sigmoid(from_x[:, run, g] + back[:, g]) for g in (slice(0, H), slice(H, 2 * H)))
            gated = r * back[:, 2 * H :]
            if self.reset == "before":
                gated = rounded(r * h, self.hidden) @ self.R[:, 2 * H :]
                sure = sure & off_edges(r * h, self.hidden, STEP_LIMIT / scale)
            terms = max(terms, float((np.abs(from_x[:, run]) + np.abs(back)).max()))
            h = z * h + (1 - z) * np.tanh(from_x[:, run, 2 * H :] + gated)
            hs[:, run], results[:, run] = h, rounded(h, self.hidden)
        newest = None if seen is None else _as_engines_round(seen["h"], self.hidden)
        return Ran(given(results, newest, sure), {"h": hs}, sure, terms)


def _as_engines_round(values: Floats, affine: Affine) -> Floats:
    """A float32 state to the model's int8 values, divided in float32 as engines do."""
    codes = np.rint(values.astype(np.float32) / affine.scale) + affine.zero_point
    return real(np.clip(codes, -128, 127).astype(np.float64), affine)


class _Cell(Twin):
    def __init__(self, _: Placed, layer: QuantizedGRU, ranges: Ranges):
        self.ranges, self.hidden, self.reset = ranges, layer.hidden, layer.reset
        self.W, self.R = rows(layer.W, layer.W_scale).T, rows(layer.R, layer.R_scale).T
        self.bias = rows(layer.bias, layer.input.scale * layer.W_scale)
        self.R_bias = rows(layer.R_bias, layer.hidden.scale * layer.R_scale)
        self.units = {"h": float(layer.hidden.scale)}
        self.memory = {"h": layer.units}

    def run(self, x: Flow, before: States, seen: States | None) -> Ran:
        from_x = rounded(x.values @ self.W + self.bias, self.ranges["zx"])
        h = before["h"]
        hs = np.empty((*x.values.shape[:2], self.memory["h"]))
        for run in range(x.values.shape[1]):
            h = hs[:, run] = self.cell(from_x[:, run], h)
        return Ran(given(hs, None if seen is None else seen["h"], x.sure), {"h": hs}, x.sure)

    def cell(self, zx: Floats, h: Floats) -> Floats:
        """(B, 3 · units) and h (B, units) → the next h."""
        ranges, H = self.ranges, self.memory["h"]
        gates = slice(None) if self.reset == "after" else slice(0, 2 * H)
        zh = rounded(h @ self.R[:, gates] + self.R_bias[gates], ranges["zh"])
        sums = rounded(zx[:, : 2 * H] + zh[:, : 2 * H], ranges["z"])
        z, r = (rounded(sigmoid(part), SIGMOID) for part in np.split(sums, 2, axis=-1))
        if self.reset == "after":
            rq = rounded(r * zh[:, 2 * H :], ranges["rq"])
        else:
            rq = rounded(rounded(r * h, ranges["rh"]) @ self.R[:, 2 * H :], ranges["rq"])
        n = rounded(np.tanh(rounded(zx[:, 2 * H :] + rq, ranges["n"])), TANH)
        kept = rounded(z * rounded(h - n, ranges["off"]), ranges["kept"])
        return rounded(n + kept, self.hidden)


def _inside(layer: GRU, x: Floats, states: Mapping[str, Floats]) -> dict[str, Floats]:
    """W·x + b, the products of R with their bias, the gates' sums, what the reset lets through, the candidate's sum,
    h - n and z·(h - n)."""
    H, h = layer.units, before(states["h"])
    zx = x @ layer.W.T + layer.b
    zh = h @ layer.R[: 2 * H].T
    z, r = sigmoid(zx[:, :H] + zh[:, :H]), sigmoid(zx[:, H : 2 * H] + zh[:, H:])
    R_n = layer.R[2 * H :].T
    found = {"zx": zx, "z": zx[:, : 2 * H] + zh}
    if layer.reset == "after":
        q = h @ R_n + layer.rb
        found |= {"zh": np.concatenate([zh, q], axis=1), "rq": r * q}
    else:
        found |= {"zh": zh, "rh": r * h, "rq": (r * h) @ R_n}
    found["n"] = zx[:, 2 * H :] + found["rq"]
    off = h - np.tanh(found["n"])
    return found | {"off": off, "kept": z * off}


def _rounded(layer: GRU, x: Floats, rounding: Rounding) -> tuple[Floats, dict[str, Floats]]:
    W, R, H = rounding.rows(layer.W, 3), rounding.rows(layer.R, 3), layer.units
    h: Floats = np.zeros(H)
    hs = np.empty((len(x), H))
    for t, frame in enumerate(x):
        a = W @ rounding.values(frame) + layer.b
        back = R @ rounding.values(h)
        z, r = sigmoid(a[:H] + back[:H]), sigmoid(a[H : 2 * H] + back[H : 2 * H])
        gated = r * (back[2 * H :] + layer.rb)
        if layer.reset == "before":
            gated = R[2 * H :] @ rounding.values(r * h)
        h = hs[t] = z * h + (1 - z) * np.tanh(a[2 * H :] + gated)
    return hs, {"h": hs}


KIND = Kind(_Portable, _Cell, cell_units=8.0, inside=_inside, rounded=_rounded)
