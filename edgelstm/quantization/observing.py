"""What the float model shows while it runs over calibration's signals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgelstm.covariance import MAX_COLUMNS, Covariance
from edgelstm.layers.layer import Floats
from edgelstm.model import Model
from edgelstm.quantization.kinds import KINDS
from edgelstm.quantization.mixed import may_have_integers
from edgelstm.quantization.tails import Tails
from edgelstm.road import INPUT


@dataclass(frozen=True, eq=False)
class Run:
    """Of one sequence of T frames, all in float32. A layer that runs every s-th frame has T // s rows."""

    x: Floats  # (T, features), normalized
    results: Mapping[str, Floats]  # layer's name → (runs, values)
    states: Mapping[str, Floats]  # part's name → (runs, values)


class Observer:
    """Gathers ends of results, reaches of cells, and covariances of what meets the weights."""

    def __init__(self, model: Model, frames: int):
        """`frames`: that `see` will be given in all."""
        self.model, self.road = model.name, model.road
        self.results = {at.name: Tails(1, frames // at.stride * at.result.size) for at in self.road}
        self.cells = {name: (0.0, 0.0) for name in model.measured if name != "x" and name not in self.results}
        self._sums = {
            at.name: _Sums(at.layer.columns)
            for at in self.road
            if 0 < at.layer.columns <= MAX_COLUMNS and may_have_integers(at)
        }

    def see(self, run: Run) -> None:
        """ValueError, naming the layer, for a result that is not finite."""
        for name, values in run.results.items():
            if not np.isfinite(values).all():
                raise ValueError(
                    f"model {self.model}: {name}: its values overflow on these recordings, expected smaller weights, "
                    "as training leaves them"
                )
            self.results[name].add(values.reshape(-1, 1))
        self.see_cells(run)

    def see_cells(self, run: Run) -> None:
        for name, (low, high) in self.cells.items():
            values = run.states[name]
            if values.size:
                self.cells[name] = min(low, float(values.min())), max(high, float(values.max()))

    def see_columns(self, run: Run) -> None:
        results = {INPUT: run.x, **run.results}
        for at in self.road:
            if at.name in self._sums:
                x = results[at.takes]
                states = {part.letter: run.states[name] for name, part in at.parts}
                columns = KINDS[at.layer.kind].columns
                assert columns is not None
                self._sums[at.name].add(columns(at.layer, at, x, states))

    def covariances(self) -> dict[str, Covariance]:
        return {name: sums.covariance() for name, sums in self._sums.items() if sums.rows}


class _Sums:
    """Of n columns and of their products."""

    def __init__(self, n: int):
        self.rows, self.sums, self.products = 0, np.zeros(n), np.zeros((n, n))

    def add(self, columns: Floats) -> None:
        wide: NDArray[np.float64] = columns.astype(np.float64)
        self.rows += len(wide)
        self.sums += wide.sum(axis=0)
        self.products += wide.T @ wide

    def covariance(self) -> Covariance:
        return Covariance.of_sums(self.rows, self.sums, self.products)
