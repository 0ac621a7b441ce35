"""Normalization: of plain data as it ever was, of data with glitches as without them, of what float32 cannot tell."""

from __future__ import annotations

import numpy as np
import pytest

from edgelstm.data import Dataset
from edgelstm.forward import scores
from edgelstm.training import parse_config, train
from edgelstm.training.normalizing import fit_normalize, still
from edgelstm.training.remarks import remarks


def dataset(*columns: np.ndarray) -> Dataset:
    frames = np.stack(columns, axis=1).astype(np.float32)
    sequences = tuple(np.split(frames, 10))
    names = tuple(f"sensor {j}" for j in range(len(columns)))
    return Dataset(sequences, np.arange(10) % 2, ("a", "b"), np.arange(10), names)


def noise(seed: int, frames: int = 20_000) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=frames)


def test_plain_data_have_their_mean_and_deviation() -> None:
    columns = 5 + 3 * noise(1), np.abs(noise(2)) ** 3
    found = fit_normalize(dataset(*columns))
    for j, column in enumerate(columns):
        assert found.mean[j] == np.float32(column.astype(np.float32).mean(dtype=np.float64))
        assert found.std[j] == np.float32(column.astype(np.float32).astype(np.float64).std())


@pytest.mark.parametrize("deviations", [30, 1000, 1e6])
def test_a_glitch_moves_no_normalization(deviations: float) -> None:
    clean = 5 + 3 * noise(1)
    spoilt = clean.copy()
    spoilt[777] += 3 * deviations
    found, right = fit_normalize(dataset(spoilt, noise(2))), fit_normalize(dataset(clean, noise(2)))
    np.testing.assert_allclose(found.std, right.std, rtol=1e-3)
    np.testing.assert_allclose(found.mean, right.mean, atol=1e-2)


@pytest.mark.parametrize(("level", "refused"), [(1e3, False), (1e5, False), (1e7, True), (-1e8, True)])
def test_a_level_that_swallows_the_signal_is_refused_with_the_remedy(level: float, refused: bool) -> None:
    data = dataset(noise(1), level + 5 * noise(2))
    if not refused:
        fit_normalize(data)
        return
    with pytest.raises(ValueError, match=r"sensor 1 is .* steps of .*: subtract an offset at the source"):
        fit_normalize(data)


def test_what_never_changes_is_named() -> None:
    data = dataset(noise(1), np.full(20_000, 9.8))
    assert still(data) == ["sensor 1"]
    assert fit_normalize(data).std[1] == 1
    config = parse_config("[model]\nunits = [4]\n")
    assert any("never changes" in line and "sensor 1" in line for line in remarks(config, data, data))


@pytest.mark.parametrize("layers", ["lstm", "context then gru", "context then conv"])
def test_what_never_changed_has_no_say(layers: str) -> None:
    """A model trained beside a still feature answers alike whatever that feature does later."""
    before = {
        "lstm": "",
        "context then gru": "{ kind = 'context', rows = 3, hop = 3 }, { kind = 'gru', units = 4 },",
        "context then conv": "{ kind = 'context', rows = 3 }, { kind = 'conv', filters = 2, taps = 2 }, "
        "{ kind = 'lstm', units = 4 },",
    }[layers]
    rng = np.random.default_rng(5)
    sequences = tuple(
        np.stack([rng.normal(n % 2, 1, 60), np.full(60, 7.0)], axis=1).astype(np.float32) for n in range(8)
    )
    data = Dataset(sequences, np.arange(8) % 2, ("a", "b"), np.arange(8), ("moves", "still"))
    model = f"layers = [{before}]" if before else "units = [4]"
    settings = parse_config(f"[model]\n{model}\n[training]\nepochs = 2\n[answer]\nhop = 3\n")
    trained = train(data, settings).model
    other = sequences[0].copy()
    other[:, 1] = rng.normal(0, 100, 60)
    one, two = scores(trained, [sequences[0], other])
    np.testing.assert_array_equal(one, two)
    assert np.ptp(one) > 0
