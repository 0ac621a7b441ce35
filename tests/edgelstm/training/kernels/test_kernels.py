"""Training in C against the same in numpy, which finite differences hold (test_gradients.py)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgelstm.training.kernels import description, threads
from edgelstm.training.kernels.compiled import CRITERIA
from edgelstm.training.kernels.library import library
from edgelstm.training.layers import (
    Floats,
    Trainable,
    TrainableContext,
    TrainableConv,
    TrainableDense,
    TrainableLSTM,
)
from edgelstm.training.losses import Objective
from edgelstm.training.network import Memories, Network, Parameters, begin
from edgelstm.training.optimizer import SGD, Adam, Average, Optimizer, clip_by_global_norm
from trainable_networks import SCORES, begun, layer_lists


@pytest.fixture(autouse=True)
def _library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDGELSTM_TRAINING", raising=False)
    if library() is None:
        pytest.skip("this installation has no C library for training")


def in_c(network: Network) -> Memories:
    memories = network.memories()
    assert memories.compiled is not None
    return memories


def near(found: Floats, expected: Floats) -> None:
    """Within 1e-5 of the largest value, or 1e-7: what gates near 1 are rounded to."""
    assert found.shape == expected.shape
    if expected.size:
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * max(np.abs(expected).max(), 1e-2))


def near_gradients(found: Parameters, expected: Parameters) -> None:
    """The error of each parameter's gradient is within 1e-5 of its own norm, or of a hundredth of the whole one's:
    where large numbers cancel out to less, float32 has no better."""
    assert found.keys() == expected.keys()
    whole = np.sqrt(sum(float(np.vdot(value, value)) for value in expected.values()))
    for name, value in expected.items():
        assert found[name].shape == value.shape
        scale = max(float(np.linalg.norm(value)), whole / 100)
        assert np.linalg.norm(found[name] - value) <= 1e-5 * scale, name


@given(layer_lists(), st.integers(1, 40), st.integers(1, 3), st.integers(0, 2**32), st.booleans(), st.booleans())
@settings(max_examples=60, deadline=None)
def test_c_computes_what_numpy_does(
    layers: tuple[Trainable, ...], sequences: int, count: int, seed: int, dropping: bool, carrying: bool
) -> None:
    rng = np.random.default_rng(seed)
    network, parameters = begun(layers, rng)
    frames = network.stride * int(rng.integers(1, 12))
    x = rng.normal(size=(frames, 3, sequences)).astype(np.float32)
    drops = network.drops(0.3, sequences, rng, np.float32) if dropping else {}
    before = network.run(parameters, x[::-1]).after() if carrying else None
    lengths = rng.integers(1, frames + 1, sequences)
    plain = network.run(parameters, x, drops, before=before)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGELSTM_THREADS", str(count))
        memories = in_c(network)
        for ends in (None, lengths):
            run = network.run(parameters, x, drops, memories, before, ends)
            rows = (np.full(sequences, frames) if ends is None else ends) // network.stride
            counts = np.arange(len(plain.scores))[:, None, None] < rows
            assert np.isfinite(run.scores).all()
            near(run.scores * counts, plain.scores * counts)
            if ends is None:
                for name, state in plain.after().items():
                    for part, value in state.items():
                        near(run.after()[name][part], value)
            dscores = (rng.normal(size=plain.scores.shape) * counts).astype(np.float32)
            expected = network.run(parameters, x, drops, before=before).gradients(dscores)
            near_gradients(run.gradients(dscores), expected)


@st.composite
def objectives(draw: st.DrawFn) -> Objective:
    criterion = draw(st.sampled_from(CRITERIA))
    weights = draw(st.one_of(st.none(), st.just(np.array([0.5, 1, 2, 4]))))
    levels = np.array([0.1, 0.5, 0.5, 0.9]) if criterion == "quantile" else None
    over = draw(st.sampled_from(["frames", "last", "mean", "mean+max"]))
    return Objective(criterion, over, draw(st.integers(0, 3)), weights, levels)


@given(
    layer_lists(),
    objectives(),
    st.integers(1, 40),
    st.integers(1, 3),
    st.integers(0, 2**32),
    st.booleans(),
    st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_c_learns_what_numpy_does(
    layers: tuple[Trainable, ...],
    objective: Objective,
    sequences: int,
    count: int,
    seed: int,
    goes_on: bool,
    each: bool,
) -> None:
    """In float64, so that a row is the largest in both."""
    rng = np.random.default_rng(seed)
    network, parameters = begun(layers, rng)
    frames = network.stride * int(rng.integers(1, 12))
    x = rng.normal(size=(frames, 3, sequences)).astype(np.float32)
    lengths = rng.integers(network.stride, frames + 1, sequences)
    begins = rng.random(sequences) < 0.5 if goes_on else None
    each = each and objective.over in ("frames", "last")
    target = rng.dirichlet(np.ones(4), (frames // network.stride if each else 1, sequences)).transpose(0, 2, 1)
    target[:, :, ::5] = np.nan
    target = target if each else target[0]
    exact = {name: value.astype(np.float64) for name, value in parameters.items()}
    expected = network.learn(exact, x.astype(np.float64), objective, target, lengths, begins)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGELSTM_THREADS", str(count))
        found = network.learn(
            parameters, x, objective, target.astype(np.float32), lengths, begins, memories=in_c(network)
        )
    assert found.loss == pytest.approx(expected.loss, rel=1e-5, abs=1e-6)
    near_gradients(found.gradients, expected.gradients)


def runs(count: int, patch: pytest.MonkeyPatch) -> Iterator[Floats]:
    """Three steps of a network too large for one chunk, with this many threads: all that they give."""
    patch.setenv("EDGELSTM_THREADS", str(count))
    rng = np.random.default_rng(3)
    network, parameters = begun((TrainableContext(3, 3), TrainableLSTM(130), TrainableDense(20), SCORES), rng)
    memories, adam, average = in_c(network), Adam(parameters, 0.1), Average(parameters, 0.9)
    for _ in range(3):
        x = rng.normal(size=(12, 3, 50)).astype(np.float32)
        run = network.run(parameters, x, network.drops(0.2, 50, rng, np.float32), memories)
        gradients = run.gradients(rng.normal(size=run.scores.shape).astype(np.float32))
        yield np.array(clip_by_global_norm(gradients, 1.0))
        adam.step(gradients, 0.01)
        average.update(parameters)
        yield run.scores
        target = np.eye(4, dtype=np.float32)[:, rng.integers(4, size=50)]
        whole = network.learn(parameters, x, Objective("cross-entropy"), target, np.full(50, 12), memories=memories)
        yield np.array(whole.loss)
        yield from whole.gradients.values()
    yield from parameters.values()
    yield from average.values.values()


def test_results_do_not_depend_on_the_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    for found in zip(*([*runs(count, monkeypatch)] for count in (1, 2, 3)), strict=True):
        for other in found[1:]:
            np.testing.assert_array_equal(other, found[0])


def test_a_state_given_as_of_a_sequences_end_goes_on_from_there() -> None:
    network, parameters = begun(
        (TrainableLSTM(9), TrainableContext(3, 2), TrainableLSTM(5), SCORES), np.random.default_rng(4)
    )
    x = np.random.default_rng(5).normal(size=(20, 3, 3)).astype(np.float32)
    lengths, memories = np.array([8, 14, 20]), in_c(network)
    states = network.run(parameters, x, {}, memories, None, lengths).after()
    for column, length in enumerate(lengths):
        whole = network.run(parameters, x[:length, :, column : column + 1]).after()
        for name, state in whole.items():
            for part, value in state.items():
                near(states[name][part][..., column : column + 1], value)


@pytest.mark.parametrize(
    "make", [lambda p: Adam(p, 0.1), lambda p: SGD(p, 0.1), lambda p: SGD(p, 0.1, nesterov=True)]
)
def test_the_optimizers_steps_are_numpys(
    make: Callable[[Parameters], Optimizer], monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes = {"W": (70, 33), "b": (129,), "taps": (3, 2, 5)}
    results = []
    for how in ("c", "numpy"):
        monkeypatch.setenv("EDGELSTM_TRAINING", how)
        rng = np.random.default_rng(6)
        parameters = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
        optimizer = make(parameters)
        average = Average(parameters, 0.9)
        norms = []
        for _ in range(4):
            gradients = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
            norms.append(clip_by_global_norm(gradients, 1.0))
            optimizer.step(gradients, 0.01)
            average.update(parameters)
        results.append((norms, parameters, average.values))
    assert results[0][0] == pytest.approx(results[1][0], rel=1e-6)
    for mine, expected in zip(results[0][1:], results[1][1:]):
        for name in shapes:
            near(mine[name], expected[name])


def test_tanh_is_within_five_units_in_the_last_place() -> None:
    a = np.concatenate([np.linspace(-12, 12, 1 << 16), np.geomspace(1e-30, 1e-3, 1 << 12)]).astype(np.float32)
    found = np.empty_like(a)
    loaded = library()
    assert loaded is not None
    loaded.el_tanh(a.size, a.ctypes.data, found.ctypes.data)
    expected = np.tanh(a.astype(np.float64))
    units = np.abs(found - expected) / np.spacing(np.abs(expected).astype(np.float32))
    assert units.max() <= 5


def test_a_loss_that_is_no_number_stays_one() -> None:
    network, parameters = begun((TrainableLSTM(5), SCORES), np.random.default_rng(7))
    x = np.full((4, 3, 2), np.nan, np.float32)
    memories = in_c(network)
    assert np.isnan(network.run(parameters, x, memories=memories).scores).all()
    for criterion in CRITERIA:
        objective = Objective(criterion, levels=np.full(4, 0.5))
        target, lengths = np.full((4, 2), 0.25, np.float32), np.full(2, 4)
        assert np.isnan(network.learn(parameters, x, objective, target, lengths, memories=memories).loss)


def test_what_an_earlier_batch_left_changes_nothing() -> None:
    rng = np.random.default_rng(9)
    layers = (TrainableContext(4, 2), TrainableConv(5, 2, 1, 2), TrainableLSTM(9), TrainableDense(5), SCORES)
    network, parameters = begun(layers, rng)
    clean, dirty = in_c(network), in_c(network)
    x = rng.normal(size=(8, 3, 20)).astype(np.float32)
    wrong = network.run(parameters, np.full_like(x, np.nan), memories=dirty)
    wrong.gradients(np.full_like(wrong.scores, np.nan))
    runs = [network.run(parameters, x, memories=memories) for memories in (clean, dirty)]
    np.testing.assert_array_equal(runs[0].scores, runs[1].scores)
    found = [run.gradients(np.ones_like(run.scores)) for run in runs]
    for name in parameters:
        np.testing.assert_array_equal(found[0][name], found[1][name])


def test_what_c_cannot_take_goes_through_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    network, parameters = begin((TrainableLSTM(5), SCORES), 3, np.random.default_rng(8), np.float64)
    assert network.run(parameters, np.zeros((4, 3, 2)), memories=network.memories()).scores.dtype == np.float64
    monkeypatch.setenv("EDGELSTM_TRAINING", "numpy")
    assert network.memories().compiled is None
    assert description() == "numpy"


def test_variables_say_what_is_wrong_with_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong in ("0", "-1", "two", "257"):
        monkeypatch.setenv("EDGELSTM_THREADS", wrong)
        with pytest.raises(ValueError, match=rf"EDGELSTM_THREADS: '{wrong}', expected 1 to 256"):
            threads()
    monkeypatch.setenv("EDGELSTM_TRAINING", "fortran")
    with pytest.raises(ValueError, match="EDGELSTM_TRAINING: 'fortran', expected c or numpy"):
        library()
