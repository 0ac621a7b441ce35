"""A check whose limit lies above the largest difference possible is no check: none exists."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from counts import FULL
from edgelstm import forward
from edgelstm.export import FORMS, Form, export_model
from edgelstm.export.parity.checks import Check
from edgelstm.layers import Dense
from edgelstm.model import Answer, Model
from edgelstm.quantization import calibrate
from layer_lists import layer_list
from random_models import random_model, random_signal

INT8_UNITS = 255
STATES_OF_H = 2.0  # from -1 to 1


def tiny(model: Model) -> Model:
    """Scores of a millionth: what is small against 1 is all there is of them."""
    last = model.layers[-1]
    assert isinstance(last, Dense)
    layers = (*model.layers[:-1], Dense(1e-6 * last.W, 1e-6 * last.b, "linear"))
    return calibrate(replace(model, layers=layers, ranges=None), model.examples)


MODELS = {
    "ordinary": random_model(4, [8], [6, 3]),
    "large weights": random_model(6, [12, 12, 12], [4], gain=4, answer=Answer("mean", 20, 10)),
    "larger weights": random_model(6, [12], [4], gain=40, activation="linear"),
    "tiny scores": tiny(random_model(4, [8], [6, 3], activation="linear")),
    "deep head": random_model(4, [8], [12, 12, 12, 12, 3]),
    "strides": layer_list("strides around"),
    "gru": layer_list("gru, reset first, then lstm"),
}


def largest_possible(check: Check, model: Model, frames: NDArray[np.float32]) -> float:
    """The largest difference that values of this check can have, told from the float model."""
    trace = forward.forward(model, frames)
    name = check.name
    if "share" in name:  # of values, or of what roundings may add up to, in int8 units
        return INT8_UNITS / 64 if "what rounding" in name else 1.0
    if "int8 units" in name:
        return INT8_UNITS
    if name.startswith(("answers", "probabilities")) and model.activation != "linear":
        return 1.0
    if name.startswith(("answers", "scores")):
        return float(np.ptp(trace.scores)) or np.finfo(np.float32).tiny
    # States, or all of them under one name: the smaller one that is meant.
    of_cells = [np.abs(values).max() for part, values in trace.states.items() if part.startswith("c")]
    if name.startswith(("c", "past")):
        return 2.0 * float(np.abs(trace.states[name.split(" ")[0].split(",")[0]]).max())
    return max(STATES_OF_H, *of_cells) if "frame by frame" in name and of_cells else STATES_OF_H


TRIED = MODELS if FULL else ("large weights", "tiny scores")
OPENED = [form for form in FORMS if not form.opened_as]  # C source is proven as the .elstm file that it holds


@pytest.mark.parametrize("name", TRIED)
@pytest.mark.parametrize("form", OPENED, ids=lambda form: f"{form.format}-{form.name}")
def test_no_limit_is_above_the_largest_difference_possible(form: Form, name: str, tmp_path: Path) -> None:
    model = MODELS[name]
    if form.why_not(model) is not None:
        pytest.skip(f"holds {form.why_not(model)}")
    frames = random_signal(62, model.features, 5)
    for io in form.io:
        proof = export_model(
            model,
            tmp_path / f"m{form.suffix}",
            precision=form.name,
            io=io,
            sequences=[frames],
            accept_loss=True,
        ).proof
        assert proof is not None
        judged = [check for check in proof.same_rounding.checks if check.limit]
        assert any(check.limit is not None for check in proof.same_rounding.checks)
        for check in judged:
            assert check.limit < largest_possible(check, model, frames) / 2, check.line()


def test_the_forms_agreement_is_judged_below_what_no_file_could_reach() -> None:
    """Scores of nothing at all are off by 1, relative to the model's."""
    for form in FORMS:
        assert all(2 * error < 0.2 for error in form.errors)
