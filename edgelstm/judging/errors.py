"""Numbers against what was to come: errors of each output, beside those of simple guesses."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from edgelstm.judging.evaluation import Compared, Evaluation, Figure, Floats, known_or_none

PerOutput = NDArray[np.float64]  # (outputs,)

_MOST_NAMED = 4


@dataclass(frozen=True, eq=False)
class OfOutputs(Evaluation):
    """What is judged output by output, and the same answers as guessed simply."""

    error_name: ClassVar[str]  # of what guesses are told by

    outputs: tuple[str, ...]
    units: tuple[str, ...]  # of the outputs, or none
    counts: NDArray[np.int64]  # (outputs,) answers with a truth
    spread: PerOutput  # standard deviation of the truth: the RMSE of its mean
    guesses: Mapping[str, PerOutput]  # a guess's name → its error, RMSE or pinball loss

    @property
    def count(self) -> int:
        return int(self.counts.max(initial=0))

    def unit(self, output: int) -> str:
        return self.units[output] if self.units else ""

    def of_each(self, name: str, errors: PerOutput) -> Figure:
        """One figure of all outputs: the error in deviations of the truth, the mean over them; of one in its unit."""
        if len(self.outputs) == 1:
            return Figure(name, known_or_none(errors[0]), unit=self.unit(0))
        shares = errors / np.where(self.spread > 0, self.spread, 1)
        return Figure(f"{name} in deviations", known_or_none(_mean(shares)) if self.count else None)

    def figures(self) -> Sequence[Figure]:
        return (self.headline,)

    @abstractmethod
    def compared(self) -> Sequence[Compared]:
        """Figures of every output, in the order in which they are shown; the same names for every precision."""

    def remarks(self) -> Sequence[str]:
        found = self._no_better({guess: self.skill(guess) for guess in self.guesses})
        if (self.counts == 0).any():
            never = [output for output, count in zip(self.outputs, self.counts) if not count]
            found.append(
                f"nothing to judge by: {_listed(never)}; recordings are too short for what it tells ahead, or for "
                "a guess to stand beside it"
            )
        return found

    @abstractmethod
    def skill(self, guess: str) -> PerOutput:
        """How much better than a guess: 1 is perfect, 0 as good as the guess, less than 0 worse; NaN where the guess
        is never wrong."""

    @abstractmethod
    def of_output(self, output: int) -> dict[str, float | None]:
        """Its figures by their names in JSON; the one that guesses have too is called `error_name`."""

    def to_json(self) -> dict[str, Any]:
        skills = {guess: self.skill(guess) for guess in self.guesses}
        return {
            "precision": self.precision,
            "streamed": self.streamed,
            "answers": self.count,
            "outputs": {
                output: {
                    "count": int(self.counts[n]),
                    "unit": self.unit(n),
                    **self.of_output(n),
                    "deviation": known_or_none(self.spread[n]),
                    "guesses": {
                        guess: {self.error_name: known_or_none(errors[n]), "skill": known_or_none(skills[guess][n])}
                        for guess, errors in self.guesses.items()
                    },
                }
                for n, output in enumerate(self.outputs)
            },
        }

    def _no_better(self, skills: Mapping[str, PerOutput]) -> list[str]:
        """A remark on the outputs that are told no better than a guess, by their skills."""
        found = []
        for guess, skill in skills.items():
            worse = [output for output, of_output in zip(self.outputs, skill) if of_output <= 0]
            if worse:
                found.append(
                    f"no better than {guess}: {_listed(worse)}; more epochs, a longer "
                    "data.window or other columns may help, and what the data do not tell is best left out"
                )
        return found


@dataclass(frozen=True, eq=False)
class Errors(OfOutputs):
    """Root mean square and mean absolute error of each output."""

    error_name = "rmse"

    rmse: PerOutput
    mae: PerOutput

    @property
    def headline(self) -> Figure:
        return self.of_each("RMSE", self.rmse)

    def compared(self) -> Sequence[Compared]:
        return (
            Compared("RMSE", self.rmse, self.guesses),
            Compared("MAE", self.mae),
            *(Compared(f"skill against {guess}", self.skill(guess), is_share=True) for guess in self.guesses),
        )

    def skill(self, guess: str) -> PerOutput:
        """1 - MSE / MSE of the guess."""
        return 1 - _ratio(self.rmse**2, self.guesses[guess] ** 2)

    def of_output(self, output: int) -> dict[str, float | None]:
        return {"rmse": known_or_none(self.rmse[output]), "mae": known_or_none(self.mae[output])}


@dataclass(frozen=True, eq=False)
class Quantiles(OfOutputs):
    """How well each output tells a quantile of what was to come."""

    error_name = "pinball_loss"

    levels: PerOutput
    loss: PerOutput  # mean pinball loss (Koenker and Bassett 1978), smallest for the quantile itself
    below: PerOutput  # share of truths that are no larger than the answer: the level, if it is told well

    @property
    def headline(self) -> Figure:
        return self.of_each("pinball loss", self.loss)

    def compared(self) -> Sequence[Compared]:
        return (
            Compared("share below", self.below, {"level": self.levels}, is_share=True),
            Compared("pinball loss", self.loss, self.guesses),
            *(Compared(f"skill against {guess}", self.skill(guess), is_share=True) for guess in self.guesses),
        )

    def skill(self, guess: str) -> PerOutput:
        """1 - loss / loss of the guess."""
        return 1 - _ratio(self.loss, self.guesses[guess])

    def of_output(self, output: int) -> dict[str, float | None]:
        return {
            "level": float(self.levels[output]),
            "below": known_or_none(self.below[output]),
            "pinball_loss": known_or_none(self.loss[output]),
        }


@dataclass(frozen=True, eq=False)
class Told:
    """Answers beside the truth and beside guesses, all (answers, outputs). A truth or guess of NaN does not count,
    for anyone: all are judged by the same answers."""

    answers: Floats
    truth: Floats
    guesses: Mapping[str, Floats]

    @property
    def known(self) -> NDArray[np.bool_]:
        known = np.isfinite(self.truth)
        for guess in self.guesses.values():
            known &= np.isfinite(guess)
        return known


def joined(parts: Iterable[Told]) -> Told:
    """All of them in one piece."""
    found = list(parts)
    guesses = {name: np.concatenate([part.guesses[name] for part in found]) for name in found[0].guesses}
    return Told(np.concatenate([p.answers for p in found]), np.concatenate([p.truth for p in found]), guesses)


Parts = Callable[[], Iterable[Told]]
"""All that was told, part by part, each time that it is asked."""


def errors(precision: str, streamed: bool, outputs: tuple[str, ...], units: tuple[str, ...], parts: Parts) -> Errors:
    """RMSE and MAE of what was told."""
    found = _Means(parts, len(outputs), lambda error: error**2)
    mae = _Means(parts, len(outputs), np.abs, spreads=False).of_answers
    return Errors(
        precision,
        streamed,
        outputs,
        units,
        found.count,
        found.spread,
        rmse=np.sqrt(found.of_answers),
        mae=mae,
        guesses={name: np.sqrt(values) for name, values in found.of_guesses.items()},
    )


def quantiles(
    precision: str,
    streamed: bool,
    outputs: tuple[str, ...],
    units: tuple[str, ...],
    levels: PerOutput,
    parts: Parts,
) -> Quantiles:
    """What was told as quantiles; levels (outputs,)."""
    found = _Means(parts, len(outputs), lambda error: np.maximum(levels * error, (levels - 1) * error))
    below = _Means(parts, len(outputs), lambda error: (error <= 0).astype(np.float64), spreads=False)
    return Quantiles(
        precision,
        streamed,
        outputs,
        units,
        found.count,
        found.spread,
        levels=levels,
        loss=found.of_answers,
        below=below.of_answers,
        guesses=found.of_guesses,
    )


class _Means:
    """Means over all answers that count: arrays are (outputs,), NaN where none does."""

    def __init__(self, parts: Parts, outputs: int, loss: Callable[[Floats], Floats], spreads: bool = True) -> None:
        """loss: of `truth - told`. spreads: whether the deviation of the truth is asked for."""
        self.count = np.zeros(outputs, np.int64)
        total, of_answers, of_guesses = np.zeros(outputs), np.zeros(outputs), dict[str, Floats]()
        for told in parts():
            known, truth = told.known, told.truth.astype(np.float64)

            def summed(values: Floats, known: NDArray[np.bool_] = known) -> PerOutput:
                sums: PerOutput = np.where(known, values, 0.0).sum(axis=0)
                return sums

            self.count += known.sum(axis=0)
            total += summed(truth)
            of_answers += summed(loss(truth - told.answers))
            for name, guess in told.guesses.items():
                of_guesses[name] = of_guesses.get(name, 0.0) + summed(loss(truth - guess))
        self.of_answers = self._mean(of_answers)
        self.of_guesses = {name: self._mean(sums) for name, sums in of_guesses.items()}
        self.spread = self._spread(parts, self._mean(total)) if spreads else self.of_answers

    def _mean(self, sums: PerOutput) -> PerOutput:
        mean: PerOutput = np.divide(sums, self.count, out=np.full(len(sums), np.nan), where=self.count > 0)
        return mean

    def _spread(self, parts: Parts, mean: PerOutput) -> PerOutput:
        squares = np.zeros(len(mean))
        for told in parts():
            squares += np.where(told.known, (told.truth - mean) ** 2, 0.0).sum(axis=0)
        spread: PerOutput = np.sqrt(self._mean(squares))
        return spread


def _listed(outputs: Sequence[str]) -> str:
    more = f" and {len(outputs) - _MOST_NAMED} more" if len(outputs) > _MOST_NAMED else ""
    return ", ".join(outputs[:_MOST_NAMED]) + more


def _mean(values: Floats) -> float:
    kept = values[np.isfinite(values)]
    return float(kept.mean()) if kept.size else float("nan")


def _ratio(error: PerOutput, of_guess: PerOutput) -> PerOutput:
    ratio: PerOutput = np.divide(error, of_guess, out=np.full(len(error), np.nan), where=of_guess > 0)
    return ratio
