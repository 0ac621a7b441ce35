"""Batches: what is in them, how little of it is padding, and that pieces of recordings are the recordings."""

from __future__ import annotations

import numpy as np
import pytest

from edgelstm.data import Dataset
from edgelstm.training import Config, parse_config
from edgelstm.training.aims import find_aims
from edgelstm.training.batches import Batch, batches, steps_per_epoch
from edgelstm.training.learner import Learner
from edgelstm.training.network import begin
from edgelstm.training.normalizing import fit_normalize

STACKED = """
[model]
layers = [{kind = "context", rows = 3, hop = 2}, {kind = "lstm", units = 4}, {kind = "gru", units = 3}]
"""


def made(lengths: list[int]) -> Dataset:
    """Ramps, so that every frame says where it is from."""
    x = tuple(
        np.column_stack([np.arange(n), np.full(n, place)]).astype(np.float32) for place, n in enumerate(lengths)
    )
    count = np.arange(len(lengths))
    return Dataset(x, count % 2, ("a", "b"), count, ("t", "place"))


def epoch(data: Dataset, config: Config) -> list[Batch]:
    found = list(batches(data, config, fit_normalize(data), find_aims(data, config), np.random.default_rng(0)))
    assert len(found) == steps_per_epoch(data, config)
    return found


def padding(found: list[Batch]) -> float:
    frames = sum(batch.x.shape[0] * batch.x.shape[2] for batch in found)
    return 1 - sum(int(batch.lengths.sum()) for batch in found) / frames


def test_buckets_leave_little_padding() -> None:
    data = made(np.random.default_rng(1).integers(10, 100, 256).tolist())
    shares = [padding(epoch(data, parse_config(f"[training]\nbatch = 8\nbuckets = {n}"))) for n in (1, 8, 32)]
    assert shares[0] > 0.3
    assert shares[1] < 0.1
    assert shares[2] < 0.03


def test_whole_sequences_are_stretched_as_windows_are() -> None:
    data = made([50] * 64)
    config = parse_config("[training]\nbatch = 1\n[augment]\nspeed = 0.2\n")
    std, mean = fit_normalize(data).std, fit_normalize(data).mean
    lengths = []
    for batch in epoch(data, config):
        times = batch.x[:, 0, 0] * std[0] + mean[0]
        step = (times[-1] - times[0]) / (len(times) - 1)
        np.testing.assert_allclose(np.diff(times), step, atol=1e-3)
        assert 0.8 <= step <= 1.2
        assert times[-1] <= 49.001 < times[-1] + step + 0.002  # all of the sequence, and not a frame beyond
        assert len(times) == batch.lengths[0]
        lengths.append(len(times))
    assert min(lengths) < 45
    assert max(lengths) > 55


@pytest.mark.parametrize("columns", [1, 3])
def test_pieces_have_the_loss_of_the_whole(columns: int) -> None:
    """Weights stay as they are here, so what the pieces of recordings lose is what these lose as a whole."""
    data = made([44, 32, 24])
    config = parse_config(STACKED + f"[training]\nbatch = {columns}\ntruncate = 8\nskip = 4\n[answer]\nhop = 2\n")
    aims = find_aims(data, config)
    network, parameters = begin(config.model.all_layers(2), 2, np.random.default_rng(1))
    learner = Learner(network, aims, 0.0, np.random.default_rng(2))
    total, count = 0.0, 0
    for batch in epoch(data, config):
        assert batch.begins is not None
        rows = int((batch.lengths // 2 - 2 * batch.begins).sum())
        total, count = total + learner.gradients(parameters, batch)[0] * rows, count + rows
    if columns == 1:  # no recording is cut
        normalize = fit_normalize(data)
        whole, rows = 0.0, 0
        for place, x in enumerate(data.sequences):
            scores = network.run(parameters, ((x - normalize.mean) / normalize.std)[..., None]).scores
            target = aims.rows(data, place, np.arange(len(x))).T
            whole += float(aims.objective.of_rows(scores[2:], target)[0].sum())
            rows += len(scores) - 2
        assert count == rows
        assert total == pytest.approx(whole, rel=1e-5)
    else:
        assert count < sum(len(x) // 2 for x in data.sequences)
