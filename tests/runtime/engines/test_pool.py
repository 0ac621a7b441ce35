"""A pool is its streams: every row is the same stream alone, in every bit, whoever has a frame."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgelstm.export.elstm import encode
from edgelstm.model import Answer
from edgelstm.quantization import quantize
from edgelstm.runtime import Model, Pool
from kernels_here import kernels_here
from random_models import random_model, random_signal


def opened(path: pathlib.Path, precision: str, features: int, units: list[int], answer: Answer, kernel: str) -> Model:
    model = random_model(features, units, [7, 3], answer=answer, gain=2, frames=30)
    path.write_bytes(encode(quantize(model) if precision == "int8" else model))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGELSTM_KERNEL", kernel)
        return Model(path)


# One group of units; an odd number of groups; layers of several slices; a slice that ends in the midst of a group.
SHAPES = [(3, [5]), (7, [33, 48]), (12, [129]), (40, [300, 20])]


@pytest.mark.parametrize("kernel", kernels_here())
@pytest.mark.parametrize("precision", ["int8", "float32"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@settings(max_examples=4, deadline=None)
@given(
    answer=st.sampled_from([Answer(), Answer("last", 0, 3), Answer("mean", 4, 2), Answer("mean", 0, 0)]),
    seed=st.integers(0, 1 << 20),
    streams=st.integers(1, 9),
)
def test_each_row_is_that_stream_alone(
    tmp_path_factory: pytest.TempPathFactory,
    kernel: str,
    precision: str,
    shape: tuple[int, list[int]],
    answer: Answer,
    seed: int,
    streams: int,
) -> None:
    features, units = shape
    model = opened(tmp_path_factory.mktemp("m") / "m.elstm", precision, features, units, answer, kernel)
    rng = np.random.default_rng(seed)
    pool, alone = model.pool(streams), [model.stream() for _ in range(streams)]
    for frame in range(12):
        frames = 2 * random_signal(streams, features, seed + frame)
        mask = rng.random(streams) < 0.7
        frames[~mask] = np.nan
        answers, answered = pool.push(frames, mask)
        for n, stream in enumerate(alone):
            expected = stream.push(frames[n]) if mask[n] else np.empty((0, model.outputs))
            np.testing.assert_array_equal(answers[n : n + 1][answered[n : n + 1]], expected)
            assert np.isfinite(answers[n]).all() == answered[n]
            assert pool[n].save() == stream.save()
        which = int(rng.integers(streams))
        if frame == 5:
            pool[which].reset()
            alone[which].reset()
        if frame == 8:
            saved = alone[which].save()
            for each in (pool[0], alone[0]):
                each.restore(saved)


@pytest.fixture
def pool(tmp_path: pathlib.Path) -> Pool:
    path = tmp_path / "m.elstm"
    path.write_bytes(encode(quantize(random_model(4, [9], [3]))))
    return Model(path).pool(3)


def test_without_a_mask_all_have_a_frame(pool: Pool) -> None:
    answers, answered = pool.push(np.zeros((3, 4)))
    assert answered.all()
    assert answers.shape == (3, 3)
    assert [pool[n].frames for n in range(len(pool))] == [1, 1, 1]


def test_memory_is_known_beforehand(pool: Pool) -> None:
    assert pool.memory_bytes == 64 + 3 * pool.model.stream_bytes
    with pytest.raises(
        ValueError, match=f"take {pool.memory_bytes} bytes, the memory limit is {pool.memory_bytes - 1}"
    ):
        pool.model.pool(3, memory_limit=pool.memory_bytes - 1)
    assert len(pool.model.pool(3, memory_limit=pool.memory_bytes)) == 3


def test_streams_outlive_their_pool(pool: Pool) -> None:
    stream = pool.model.pool(2)[1]
    np.testing.assert_array_equal(stream.push(np.ones(4)), pool.model.stream().push(np.ones(4)))


def test_wrong_frames_are_named_and_move_nothing(pool: Pool) -> None:
    pool.push(np.ones((3, 4)))
    before = [pool[n].save() for n in range(3)]
    bad = np.ones((3, 4))
    bad[2, 1] = np.inf
    for frames, mask, match in [
        (np.ones((2, 4)), None, r"shape \(2, 4\), expected \(3, 4\)"),
        (np.ones((3, 4), complex), None, "complex"),
        (np.ones((3, 4)), [True, False], r"shape \(2,\), expected bool of shape \(3,\)"),
        (np.ones((3, 4)), [1, 0, 1], r"int(32|64) of shape"),
        (bad, None, r"stream 2, feature 1 \(x1\): inf"),
    ]:
        with pytest.raises(ValueError, match=match):
            pool.push(frames, mask)
    assert [pool[n].save() for n in range(3)] == before
    pool.push(bad, [True, True, False])
    for streams in (0, -1, 1 << 62):
        with pytest.raises(ValueError, match="streams"):
            pool.model.pool(streams)
