"""Every form with every kind of model: each file passes its own proof, in its engine; or the form says that it does
not hold the model.

As it stands, each pair of values occurs at least once (form and layers, layers and units, …). With EDGELSTM_ALL=1
(`make test-all`) every combination is tried.
"""

from __future__ import annotations

import itertools
import pathlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from counts import FULL, some, times
from edgelstm.export import FORMS, Form, export_model
from edgelstm.export.parity.proof import Proof
from edgelstm.model import Answer, Model, OutputActivation
from edgelstm.quantization import Granularity
from edgelstm.runtime.states import Io
from layer_lists import LISTS, layer_list
from random_layers import random_layers
from random_models import random_signal

FEATURES = 6
FRAMES = 60
UNITS = (8, 33, 64, 129, 256)[: times(3, 5)]  # of `make test`: fewer than a vector, not whole vectors, whole ones
ANSWERS = {
    "every frame": Answer(),
    "final": Answer(hop=0),
    "mean": Answer("mean", window=20, hop=10),
}
ACTIVATIONS: tuple[OutputActivation, ...] = ("softmax", "sigmoid", "linear")


@dataclass(frozen=True)
class File:
    """A form with all that `edgelstm export` lets one choose about it."""

    form: Form
    scales: Granularity | None
    io: Io

    def __str__(self) -> str:
        words = (self.form.format, self.form.name, self.scales, self.io if self.io == "int8" else None)
        return " ".join(word for word in words if word)

    def export(self, model: Model, folder: pathlib.Path, sequences: Sequence[NDArray[np.float32]]) -> Proof:
        path = folder / f"m{self.form.suffix}"
        export = export_model(
            model,
            path,
            precision=self.form.name,
            scales=self.scales,
            io=self.io,
            sequences=sequences,
            accept_loss=True,  # what 8 bits cost a random model
        )
        assert export.proof is not None
        assert export.path == path, export.proof.lines()
        return export.proof


FILES = tuple(File(form, scales, io) for form in FORMS for scales in (form.scales or (None,)) for io in form.io)
Case = tuple[File, str, int, str, OutputActivation]
AXES: tuple[Sequence[object], ...] = (FILES, tuple(LISTS), UNITS, tuple(ANSWERS), ACTIVATIONS)


def pairwise(axes: Sequence[Sequence[object]]) -> Iterator[tuple[object, ...]]:
    """Combinations in which any two values of different axes meet, few enough: each begins with a pair that has not
    met, and takes of every other axis the value that brings the most such pairs."""
    places = [(axis, place) for axis, values in enumerate(axes) for place in range(len(values))]
    missing = {frozenset(pair) for pair in itertools.combinations(places, 2) if pair[0][0] != pair[1][0]}
    while missing:
        chosen = dict(min(missing, key=sorted))
        for axis in set(range(len(axes))) - set(chosen):
            new = [
                sum(frozenset([(axis, place), other]) in missing for other in chosen.items())
                for place in range(len(axes[axis]))
            ]
            chosen[axis] = new.index(max(new))
        missing -= {frozenset(pair) for pair in itertools.combinations(chosen.items(), 2)}
        yield tuple(values[chosen[axis]] for axis, values in enumerate(axes))


CASES = list(itertools.product(*AXES) if FULL else pairwise(AXES))


def test_any_two_values_meet() -> None:
    cases = list(pairwise(AXES))
    for a, b in itertools.combinations(range(len(AXES)), 2):
        met = {(str(case[a]), str(case[b])) for case in cases}
        assert met == {(str(x), str(y)) for x in AXES[a] for y in AXES[b]}


@pytest.mark.parametrize("case", CASES, ids=lambda case: "{}, {} of {}, {}, {}".format(*case))
def test_every_form_is_proven_for_every_kind_of_model(case: Case, tmp_path: pathlib.Path) -> None:
    file, layers, units, answer, activation = case
    model = layer_list(layers, units, features=FEATURES, seed=units, answer=ANSWERS[answer], activation=activation)
    if file.form.why_not(model) is not None:
        with pytest.raises(ValueError, match="forms that hold the model"):
            export_model(model, tmp_path / f"m{file.form.suffix}", precision=file.form.name)
        return
    # Not what calibration saw: of the same kind, from other seeds.
    proof = file.export(model, tmp_path, [random_signal(FRAMES, FEATURES, 7), random_signal(17, FEATURES, 8)])
    assert proof.passed
    assert proof.same_rounding.frames == FRAMES + 17


RANDOM_LISTS = range(times(2, 40))


@pytest.mark.parametrize("file", FILES, ids=str)
def test_every_form_is_proven_for_random_lists_of_layers(file: File, tmp_path: pathlib.Path) -> None:
    """Each form has models of its own: with those of the others there are a hundred."""
    first = 100 * FILES.index(file)
    for seed in range(first, first + len(RANDOM_LISTS)):
        model = random_layers(seed, tuple(file.form.kinds))
        if file.form.why_not(model) is None:
            frames = [random_signal(61, model.features, seed), random_signal(23, model.features, seed + 1)]
            assert file.export(model, tmp_path, frames).passed, seed


@pytest.mark.parametrize("file", FILES, ids=str)
@pytest.mark.parametrize("data", some(["vowels", "watch"]))  # test_proof.py has every form on the other
def test_every_form_is_proven_for_trained_models_on_real_data(
    data: str, file: File, request: pytest.FixtureRequest, tmp_path: pathlib.Path
) -> None:
    model: Model = request.getfixturevalue(f"{data}_model")
    sequences = request.getfixturevalue(data).sequences[-times(2, 4) :]
    assert file.export(model, tmp_path, [sequence[: times(250, 400)] for sequence in sequences]).passed
