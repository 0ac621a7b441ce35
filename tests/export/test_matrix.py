"""Every form with every kind of model: each file passes its own proof, in its engine; or the form says that it does
not hold the model.

As it stands, any two values of a model meet (layers and units, units and answer, …), and each value of a model meets
each form, each kind of scales and of io. With EDGELSTM_ALL=1 (`make test-all`) every combination is tried.
"""

from __future__ import annotations

import itertools
import pathlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

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
Kind = tuple[str, int, str, OutputActivation]
KINDS: tuple[Sequence[object], ...] = (tuple(LISTS), UNITS, tuple(ANSWERS), ACTIVATIONS)


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


@cache
def met(file: File, kind: Kind) -> frozenset[tuple[object, object]]:
    """What a case tries: the file as such, its form, scales and io with each value of a model, and those together."""
    about = (file.form.format + file.form.name, file.scales, file.io)
    return frozenset([(str(file), ""), *itertools.product(about, kind), *itertools.combinations(kind, 2)])


def few() -> Iterator[tuple[File, Kind]]:
    """Each form on one model of each list, with those of its choices and of the list's models that bring the most
    that has not met; then what is left."""
    kinds: list[Kind] = list(pairwise(KINDS))  # type: ignore[arg-type]
    missing = frozenset().union(*(met(file, kind) for file in FILES for kind in kinds))
    for layers, form in [*itertools.product(LISTS, FORMS), *((None, None) for _ in FILES)]:
        found = [kind for kind in kinds if layers in (None, kind[0])]
        case = max(
            itertools.product([file for file in FILES if form in (None, file.form)], found),
            key=lambda case: len(met(*case) & missing),
        )
        if missing & met(*case):
            missing -= met(*case)
            yield case
    assert not missing


# Models one after the other: what the references say of one is kept for all of its files.
CASES = sorted(
    itertools.product(FILES, itertools.product(*KINDS)) if FULL else few(), key=lambda case: tuple(map(str, case[1]))
)


def test_any_two_values_meet() -> None:
    tried = frozenset().union(*(met(*case) for case in CASES))
    assert tried == frozenset().union(*(met(*case) for case in itertools.product(FILES, itertools.product(*KINDS))))


@lru_cache(4)
def made(layers: str, units: int, answer: str, activation: OutputActivation) -> Model:
    return layer_list(layers, units, features=FEATURES, seed=units, answer=ANSWERS[answer], activation=activation)


@pytest.mark.parametrize("case", CASES, ids=lambda case: "{}, {} of {}, {}, {}".format(case[0], *case[1]))
def test_every_form_is_proven_for_every_kind_of_model(case: tuple[File, Kind], tmp_path: pathlib.Path) -> None:
    file, kind = case
    model = made(*kind)
    if file.form.why_not(model) is not None:
        with pytest.raises(ValueError, match="forms that hold the model"):
            export_model(model, tmp_path / f"m{file.form.suffix}", precision=file.form.name)
        return
    # Not what calibration saw: of the same kind, from other seeds.
    proof = file.export(model, tmp_path, [random_signal(FRAMES, FEATURES, 7), random_signal(17, FEATURES, 8)])
    assert proof.passed
    assert proof.same_rounding.frames == FRAMES + 17


RANDOM_LISTS = range(times(1, 40))


@pytest.mark.parametrize("file", FILES if FULL else {file.form: file for file in FILES}.values(), ids=str)
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
