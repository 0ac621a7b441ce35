"""Numbers against what was to come: errors of each output, beside those of simple guesses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.judging.evaluation import Evaluation, Figure, Floats


@dataclass(frozen=True, eq=False)
class Errors(Evaluation):
    """Root mean square and mean absolute error of each output, and those of the same answers as guessed simply."""

    outputs: tuple[str, ...]
    units: tuple[str, ...]  # of the outputs, or none
    counts: NDArray[np.int64]  # (outputs,) answers with a truth
    rmse: NDArray[np.float64]  # (outputs,)
    mae: NDArray[np.float64]  # (outputs,)
    spread: NDArray[np.float64]  # (outputs,) standard deviation of the truth: the error of its mean
    guesses: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)  # a guess's name → its RMSE (outputs,)

    @property
    def count(self) -> int:
        return int(self.counts.max(initial=0))

    @property
    def headline(self) -> Figure:
        """The error in deviations of the truth, the mean over the outputs; of one output in its unit."""
        if len(self.outputs) == 1:
            return Figure("RMSE", _known(self.rmse[0]), unit=self._unit(0))
        shares = self.rmse / np.where(self.spread > 0, self.spread, 1)
        return Figure("RMSE in deviations", _known(float(np.nanmean(shares))) if self.count else None)

    def figures(self) -> Sequence[Figure]:
        found = []
        for n, output in enumerate(self.outputs):
            name = "" if len(self.outputs) == 1 else f" {output}"
            unit = self._unit(n)
            found += [
                Figure(f"RMSE{name}", _known(self.rmse[n]), unit=unit),
                Figure(f"MAE{name}", _known(self.mae[n]), unit=unit),
                *(
                    Figure(f"skill against {guess}{name}", self.skill(guess, n), is_share=True)
                    for guess in self.guesses
                ),
            ]
        return found

    def skill(self, guess: str, output: int) -> float | None:
        """1 - MSE / MSE of the guess: 1 is perfect, 0 as good as the guess, less than 0 worse."""
        of_guess = float(self.guesses[guess][output])
        if not of_guess > 0 or not np.isfinite(self.rmse[output]):
            return None
        return 1 - float(self.rmse[output] ** 2) / of_guess**2

    def to_json(self) -> dict[str, Any]:
        return {
            "precision": self.precision,
            "streamed": self.streamed,
            "answers": self.count,
            "outputs": {
                output: {
                    "count": int(self.counts[n]),
                    "unit": self._unit(n),
                    "rmse": _known(self.rmse[n]),
                    "mae": _known(self.mae[n]),
                    "deviation": _known(self.spread[n]),
                    "guesses": {
                        guess: {"rmse": _known(values[n]), "skill": self.skill(guess, n)}
                        for guess, values in self.guesses.items()
                    },
                }
                for n, output in enumerate(self.outputs)
            },
        }

    def remarks(self) -> Sequence[str]:
        worse = [
            (guess, output)
            for n, output in enumerate(self.outputs)
            for guess in self.guesses
            if (skill := self.skill(guess, n)) is not None and skill <= 0
        ]
        return [f"{output}: no better than {guess}" for guess, output in worse[:4]]

    def _unit(self, output: int) -> str:
        return self.units[output] if self.units else ""


def errors(
    precision: str,
    streamed: bool,
    outputs: tuple[str, ...],
    units: tuple[str, ...],
    found: Floats,
    truth: Floats,
    guesses: Mapping[str, Floats],
) -> Errors:
    """`found`, `truth` and every guess are (answers, outputs); a truth or guess of NaN does not count, for anyone:
    all are judged by the same answers."""
    known = np.isfinite(truth)
    for guess in guesses.values():
        known &= np.isfinite(guess)
    truth = np.where(known, truth, np.nan).astype(np.float64)

    def root(values: Floats) -> NDArray[np.float64]:
        return np.array([_rms(values[:, n] - truth[:, n]) for n in range(truth.shape[1])])

    return Errors(
        precision,
        streamed,
        outputs,
        units,
        counts=known.sum(axis=0),
        rmse=root(found),
        mae=np.array([_mean(np.abs(found[:, n] - truth[:, n])) for n in range(truth.shape[1])]),
        spread=root(np.array([[_mean(column) for column in truth.T]])),
        guesses={name: root(values) for name, values in guesses.items()},
    )


def _rms(values: Floats) -> float:
    return float(np.sqrt(_mean(values.astype(np.float64) ** 2)))


def _mean(values: Floats) -> float:
    kept = values[np.isfinite(values)]
    return float(kept.mean()) if kept.size else float("nan")


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
