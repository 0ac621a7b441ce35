"""Networks that tell columns ahead begin at persistence, whatever their layers."""

from __future__ import annotations

import numpy as np
import pytest

from edgelstm import forward
from edgelstm.data import Dataset
from edgelstm.data.targets import Ahead
from edgelstm.model import Answer, Model
from edgelstm.tasks import Forecast
from edgelstm.training import parse_config, train
from edgelstm.training.aims import find_aims
from edgelstm.training.layers import (
    Trainable,
    TrainableContext,
    TrainableConv,
    TrainableDense,
    TrainableGRU,
    TrainableLSTM,
)
from edgelstm.training.network import begin
from edgelstm.training.normalizing import fit_normalize
from edgelstm.training.persistence import begin_at_persistence

LEVELS, SPREADS = np.array([5.0, -300.0, 1000.0]), np.array([2.0, 40.0, 1.0])


def walks(steps: tuple[int, ...] = (1, 6), columns: tuple[int, ...] = (1, 0)) -> Dataset:
    """Three columns that wander about their levels, two of which are told."""
    rng = np.random.default_rng(1)
    sequences = []
    for _ in range(4):
        noise = rng.normal(size=(400, 3))
        for t in range(1, len(noise)):
            noise[t] = 0.95 * noise[t - 1] + 0.3 * noise[t]
        sequences.append((LEVELS + SPREADS * noise).astype(np.float32))
    whole = tuple(sequences)
    labels = tuple(f"{column} +{step}" for step in steps for column in columns)
    return Dataset(
        whole, np.zeros(4, np.int64), labels, np.arange(4), ("a", "b", "c"), targets=Ahead(whole, columns, steps)
    )


LISTS: list[tuple[Trainable, ...]] = [
    (TrainableLSTM(8),),
    (TrainableGRU(8),),
    (TrainableGRU(8, "before"),),
    (TrainableLSTM(8), TrainableGRU(6)),
    (TrainableContext(3, 1), TrainableLSTM(8)),
    (TrainableLSTM(8), TrainableDense(6)),
    (TrainableLSTM(8), TrainableDense(6, "linear")),
    (TrainableGRU(8), TrainableContext(4, 1), TrainableLSTM(5)),
]


@pytest.mark.parametrize("layers", LISTS, ids=lambda layers: " ".join(layer.kind for layer in layers))
def test_every_output_begins_as_the_newest_value_of_its_column(layers: tuple[Trainable, ...]) -> None:
    data = walks()
    config = parse_config('[task]\nkind = "forecast"\nahead = [1, 6]\ncolumns = ["b", "a"]')
    normalize, aims = fit_normalize(data), find_aims(data, config)
    network, parameters = begin((*layers, TrainableDense(4, "linear")), 3, np.random.default_rng(2))
    network = begin_at_persistence(network, parameters, normalize, aims.scaling, (1, 0, 1, 0))
    model = Model(normalize, aims.scaling.carried(network.to_layers(parameters)), "linear", Answer(), config.task)
    for frames, said in zip(data.sequences, forward.scores(model, data.sequences), strict=True):
        now = frames[:, [1, 0, 1, 0]]
        spread = frames.std(axis=0)[[1, 0, 1, 0]]
        off = np.abs(said - now)[20:] / spread
        assert np.median(off) < 0.35  # a start, whose other units have some say
        for column in range(4):
            assert np.corrcoef(said[20:, column], now[20:, column])[0, 1] > 0.95


def test_what_has_no_room_begins_as_it_would() -> None:
    data = walks()
    scaling = find_aims(data, parse_config('[task]\nkind = "forecast"\nahead = [1, 6]\ncolumns = ["b", "a"]')).scaling
    for layers in [(TrainableLSTM(3),), (TrainableContext(4, 1), TrainableConv(8, 2), TrainableLSTM(8))]:
        network, parameters = begin((*layers, TrainableDense(4, "linear")), 3, np.random.default_rng(2))
        before = {name: value.copy() for name, value in parameters.items()}
        same = begin_at_persistence(network, parameters, fit_normalize(data), scaling, (1, 0, 1, 0))
        assert same is network
        assert all((parameters[name] == before[name]).all() for name in before)


def test_errors_are_learned_in_units_of_what_changes() -> None:
    data = walks(steps=(1, 50))
    config = parse_config('[task]\nkind = "forecast"\nahead = [1, 50]\ncolumns = ["b", "a"]')
    scaling = find_aims(data, config).scaling
    x = np.stack(data.sequences).astype(np.float64)
    one = np.sqrt(((x[:, 1:] - x[:, :-1]) ** 2).mean(axis=(0, 1)))[[1, 0]]
    np.testing.assert_allclose(scaling.std[:2], one, rtol=1e-5)
    later = x[:, 50:][..., [1, 0]].reshape(-1, 2)  # changes over 50 steps spread more than the values themselves
    np.testing.assert_allclose(scaling.std[2:], later.std(axis=0), rtol=1e-5)
    np.testing.assert_allclose(scaling.mean[2:], later.mean(axis=0), rtol=1e-5)


def test_a_wave_is_told_better_than_it_stays() -> None:
    """x'' = -ω²x + noise: the newest value alone errs by far more than the noise."""
    rng = np.random.default_rng(3)
    phase = np.cumsum(0.3 + 0.05 * rng.normal(size=1200))
    frames = (20 + 3 * np.sin(phase))[:, None].astype(np.float32)
    sequences = tuple(np.split(frames, 6))
    task = Forecast(columns=("x",), ahead=(1,))
    config = parse_config(
        '[task]\nkind = "forecast"\ncolumns = ["x"]\n[model]\nunits = [8]\n'
        "[training]\nepochs = 12\nbatch = 4\ndropout = 0.2\nlearning_rate = 0.01\n[data]\nwindow = 50\n"
    )
    data = Dataset(
        sequences, np.zeros(6, np.int64), ("x +1",), np.arange(6), ("x",), targets=Ahead(sequences, (0,), (1,))
    )
    model = train(data, config).model
    assert task == model.task
    said = np.concatenate([s[20:-1, 0] for s in forward.scores(model, sequences)])
    now, then = (np.concatenate([x[a : len(x) + b, 0] for x in sequences]) for a, b in ((20, -1), (21, 0)))
    assert ((said - then) ** 2).mean() < 0.3 * ((now - then) ** 2).mean()
