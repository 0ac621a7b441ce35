"""Errors of numbers against their definitions, written out answer by answer."""

from __future__ import annotations

import math
from statistics import fmean

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelstm.cli.show.evaluation import tables
from edgelstm.cli.show.text import WIDTH
from edgelstm.judging import Errors, Quantiles
from edgelstm.judging.errors import Told, errors, quantiles

NAMES, UNITS = ("level +1", "level +6"), ("m", "m")


def in_parts(told: Told) -> list[Told]:
    """Two rows, and the rest: figures do not depend on it."""
    sides = (slice(0, 2), slice(2, None))
    return [Told(told.answers[s], told.truth[s], {n: g[s] for n, g in told.guesses.items()}) for s in sides]


def errors_of(told: Told, *about: object) -> Errors:
    return errors(*about, lambda: in_parts(told))


def quantiles_of(told: Told, *about: object) -> Quantiles:
    return quantiles(*about, lambda: in_parts(told))


def told(seed: int, answers: int, lost: float = 0.0) -> Told:
    rng = np.random.default_rng(seed)
    truth = rng.normal(5, 2, (answers, 2)).astype(np.float32)
    truth[rng.random(truth.shape) < lost] = np.nan
    guess = rng.normal(5, 2, (answers, 2))
    guess[rng.random(guess.shape) < lost] = np.nan
    return Told(rng.normal(5, 1, (answers, 2)), truth, {"persistence": guess})


@given(st.integers(0, 1000), st.integers(1, 30), st.sampled_from([0.0, 0.3]))
def test_errors_are_what_they_are_called(seed: int, answers: int, lost: float) -> None:
    given_ = told(seed, answers, lost)
    found = errors_of(given_, "float32", False, NAMES, UNITS)
    guess = given_.guesses["persistence"]
    for n in range(2):
        rows = [
            (float(a), float(t), float(g))
            for a, t, g in zip(given_.answers[:, n], given_.truth[:, n], guess[:, n])
            if math.isfinite(t) and math.isfinite(g)  # nobody is judged by what the other is not
        ]
        assert found.counts[n] == len(rows)
        if not rows:
            assert np.isnan([found.rmse[n], found.mae[n], found.skill("persistence")[n]]).all()
            continue
        square = fmean((a - t) ** 2 for a, t, _ in rows)
        assert found.rmse[n] == pytest.approx(math.sqrt(square))
        assert found.mae[n] == pytest.approx(fmean(abs(a - t) for a, t, _ in rows))
        of_guess = fmean((g - t) ** 2 for _, t, g in rows)
        assert found.skill("persistence")[n] == pytest.approx(1 - square / of_guess)
        mean = fmean(t for _, t, _ in rows)
        assert found.spread[n] == pytest.approx(math.sqrt(fmean((t - mean) ** 2 for _, t, _ in rows)), abs=1e-9)


@given(st.integers(0, 1000), st.integers(1, 30), st.floats(0.01, 0.99))
def test_quantiles_are_what_they_are_called(seed: int, answers: int, level: float) -> None:
    given_ = told(seed, answers)
    found = quantiles_of(given_, "float32", False, NAMES, UNITS, np.array([level, 0.5]))
    losses = []
    for answer, truth in zip(given_.answers[:, 0].tolist(), given_.truth[:, 0].tolist()):
        losses.append(level * (truth - answer) if truth > answer else (1 - level) * (answer - truth))
    assert found.loss[0] == pytest.approx(fmean(losses))
    assert found.below[0] == pytest.approx(fmean(given_.truth[:, 0] <= given_.answers[:, 0]))
    # Of the median it is half of the mean absolute error.
    assert found.loss[1] == pytest.approx(errors_of(given_, "", False, NAMES, UNITS).mae[1] / 2)


def test_the_quantile_itself_is_told_best() -> None:
    truth = np.random.default_rng(1).normal(size=(4000, 1))
    levels = np.array([0.9])

    def loss(answer: float) -> float:
        answers = np.full_like(truth, answer)
        return float(quantiles_of(Told(answers, truth, {}), "", False, ("x",), (), levels).loss[0])

    best = float(np.quantile(truth, 0.9))
    assert loss(best) < min(loss(best - 0.1), loss(best + 0.1), loss(0.0))
    found = quantiles_of(Told(np.full_like(truth, best), truth, {}), "", False, ("x",), (), levels)
    assert found.below[0] == pytest.approx(0.9, abs=1e-3)


def test_who_guesses_has_no_skill_against_himself_and_is_told_so() -> None:
    some = told(1, 50)
    same = errors_of(Told(some.guesses["persistence"], some.truth, some.guesses), "float32", False, NAMES, UNITS)
    np.testing.assert_allclose(same.skill("persistence"), 0, atol=1e-12)
    (remark,) = same.remarks()
    assert remark.startswith("no better than persistence: level +1, level +6; more epochs")
    perfect = errors_of(Told(some.truth, some.truth, some.guesses), "float32", False, NAMES, UNITS)
    assert perfect.skill("persistence").tolist() == [1, 1]
    assert perfect.remarks() == []


def test_tables_have_guesses_beside_and_stay_within_a_terminal() -> None:
    names = ("temperature of the third floor +1", "temperature of the third floor +24")
    some = told(2, 1500)
    results = [
        errors_of(some, name, False, names, ("°C", "°C")) for name in ("float32", "int8 per-row", "int8 per-gate")
    ]
    text = tables(results)
    assert max(map(len, text.splitlines())) <= WIDTH
    header = next(line for line in text.splitlines() if line.startswith("RMSE [°C]"))
    assert header.split() == ["RMSE", "[°C]", "float32", "int8", "per-row", "int8", "per-gate", "persistence"]
    mixed = tables([errors_of(some, "float32", False, ("a", "b"), ("m", "bar"))])
    assert "a [m]" in mixed
    assert "b [bar]" in mixed


def test_of_many_outputs_the_first_are_shown_and_the_others_counted() -> None:
    rng = np.random.default_rng(3)
    truth = rng.normal(size=(5, 100))
    found = errors_of(Told(truth, truth, {}), "float32", False, tuple(f"x{n}" for n in range(100)), ())
    text = tables([found])
    assert "\nx23 " in text
    assert "\nx24 " not in text
    assert "and 76 more outputs, which --json has" in text
    assert len(found.to_json()["outputs"]) == 100
