from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelstm import forward
from edgelstm.export.elstm import encode
from edgelstm.model import Answer
from edgelstm.runtime import Model
from edgelstm.runtime.pooling import Pooling, activate, additions
from random_models import random_model, random_signal

MEANS = st.sampled_from(["mean", "mean+max"])


def windowed(kind: str, hop: int, blocks: int) -> Answer:
    return Answer(kind, hop * blocks, hop)


answers = st.one_of(
    st.builds(Answer, st.just("last"), st.just(0), st.integers(0, 5)),
    st.builds(Answer, MEANS, st.just(0), st.integers(0, 5)),
    st.builds(windowed, MEANS, st.integers(1, 5), st.integers(1, 4)),
    st.builds(windowed, MEANS, st.integers(1, 2), st.integers(15, 35)),
)


def pooling_for(answer: Answer, outputs: int) -> Pooling:
    return Pooling(answer.pooling, answer.window, answer.hop, outputs)


def scores_of(seed: int, frames: int, outputs: int = 3) -> np.ndarray:
    """The last output's are all below 0: a row that nothing has come to holds larger ones."""
    found = np.random.default_rng(seed).normal(0, 10, (frames, outputs)).astype(np.float32)
    found[:, -1] = -1 - np.abs(found[:, -1])
    return found


def held(pooling: Pooling) -> tuple[int, dict[str, bytes]]:
    return pooling.runs, {name: array.tobytes() for name, array in pooling.arrays().items()}


@given(answers, st.integers(1, 40), st.integers(0, 1000))
def test_every_frame_agrees_with_whole_sequence_pooling(answer, frames, seed):
    scores = scores_of(seed, frames)
    pooling = pooling_for(answer, 3)
    emitted = []
    for end in range(1, frames + 1):
        if pooling.add(scores[end - 1]):
            emitted.append(pooling.scores())
        expected = forward.final_answer(scores[:end], answer)
        np.testing.assert_allclose(pooling.scores(), expected, rtol=3e-7, atol=1e-6)
    expected = forward.answers(scores, answer)
    np.testing.assert_allclose(np.reshape(emitted, (-1, 3)), expected, rtol=3e-7, atol=1e-6)


@given(answers, st.integers(0, 30), st.integers(0, 30))
def test_saved_and_restored_goes_on_bit_for_bit(answer, before, after):
    scores = scores_of(before, before + after)
    through, first = pooling_for(answer, 3), pooling_for(answer, 3)
    for row in scores[:before]:
        through.add(row)
        first.add(row)
    second = pooling_for(answer, 3)
    second.restore(first.runs, {name: array.copy() for name, array in first.arrays().items()})
    for row in scores[before:]:
        assert second.add(row) == through.add(row)
        np.testing.assert_array_equal(second.scores(), through.scores())
    assert held(second) == held(through)


@given(answers)
def test_reset_is_a_new_start(answer):
    pooling = pooling_for(answer, 3)
    fresh = held(pooling)
    for row in scores_of(1, 13):
        pooling.add(row)
    assert held(pooling) != fresh
    pooling.reset()
    assert held(pooling) == fresh


def test_an_answer_needs_a_frame():
    with pytest.raises(ValueError, match="no scores since reset"):
        pooling_for(Answer("mean", 4, 2), 3).scores()


@pytest.mark.parametrize(
    ("runs", "row", "value"),
    [
        *((7, 1, value) for value in (np.nan, np.inf, -np.inf, 1e300, 6.9e38)),
        (7, 0, 3.5e38),  # the fourth block has begun: one run
        (4, 2, 1e-300),  # the third has not
        (0, 0, 1e-300),
    ],
)
def test_sums_that_so_many_runs_do_not_come_to_are_refused_and_change_nothing(runs, row, value):
    pooling = pooling_for(Answer("mean", 6, 2), 3)
    for scores in scores_of(2, 7):
        pooling.add(scores)
    before = held(pooling)
    sums = np.zeros((3, 3))
    sums[row, 1] = value
    with pytest.raises(ValueError, match=r"^sums: "):
        pooling.restore(runs, {"sums": sums})
    assert held(pooling) == before
    sums[row, 1] = 3.3e38 if runs == 7 else 0.0
    pooling.restore(runs, {"sums": sums})
    assert not runs or np.isfinite(pooling.scores()).all()


@pytest.mark.parametrize(
    ("runs", "place", "value"),
    [(7, (1, 4), 3.5e38), (7, (1, 4), np.nan), (4, (2, 3), 1e-300), (0, (0, 3), -1e-300)],
)
def test_maxima_that_no_score_is_are_refused_and_change_nothing(runs, place, value):
    pooling = pooling_for(Answer("mean+max", 6, 2), 3)
    for scores in scores_of(2, 7):
        pooling.add(scores)
    before, sums = held(pooling), np.zeros((3, 6))
    sums[place] = value
    with pytest.raises(ValueError, match=r"^sums: "):
        pooling.restore(runs, {"sums": sums})
    assert held(pooling) == before
    sums[place] = 3.3e38 if runs == 7 else 0.0
    pooling.restore(runs, {"sums": sums})
    assert not runs or np.isfinite(pooling.scores()).all()


@pytest.mark.parametrize("outputs", [1, 2, 7])
@pytest.mark.parametrize(
    "answer",
    [Answer("mean", 200, 1), Answer("mean", 600, 2), Answer("mean+max", 300, 1), Answer("mean+max", 200, 50)],
    ids=str,
)
def test_means_are_those_of_the_c_core_in_every_bit(tmp_path, answer, outputs):
    scores_only = random_model(3, [5], [outputs], activation="linear", frames=20)
    (tmp_path / "scores.elstm").write_bytes(encode(scores_only))
    (tmp_path / "means.elstm").write_bytes(encode(replace(scores_only, answer=answer)))
    signal = random_signal(700, 3, 1)
    scores = Model(tmp_path / "scores.elstm").stream().push(signal)
    stream, pooling = Model(tmp_path / "means.elstm").stream(), pooling_for(answer, outputs)
    for n, (frame, row) in enumerate(zip(signal, scores)):
        assert stream.step(frame) == pooling.add(row)
        if n % 7 == 0 or n % answer.hop == answer.hop - 1:
            np.testing.assert_array_equal(stream.answer(), pooling.scores())
    saved = stream.save()[-pooling.arrays()["sums"].nbytes :]
    assert saved == pooling.arrays()["sums"].tobytes()


@pytest.mark.parametrize(
    ("answer", "most", "mean"),
    [
        (Answer(), 0, 0),
        (Answer("mean", 0, 0), 2, 1),
        (Answer("mean", 200, 50), 1 + 4, 1 + 4 / 50),
        (Answer("mean", 200, 1), 1 + 16 + 13, 1 + 16 + 13),
        (Answer("mean", 1 << 20, 1), 1 + 5 * 16, 1 + 5 * 16),
        (Answer("mean+max", 200, 50), 2 * (1 + 4), 2 * (1 + 4 / 50)),
    ],
)
def test_the_dearest_run_of_a_mean_is_bounded(answer, most, mean):
    found = additions(answer.pooling, answer.window, answer.hop, 7)
    assert found == (7 * most, pytest.approx(7 * mean))


@given(st.lists(st.floats(-1e4, 1e4, width=32), min_size=1, max_size=20))
def test_activations_agree_with_float64_at_any_score(values):
    scores = np.array(values, np.float32)
    wide = scores.astype(np.float64)
    powers = np.exp(wide - wide.max())
    np.testing.assert_allclose(activate(scores, "softmax"), powers / powers.sum(), atol=1e-6)
    np.testing.assert_allclose(activate(scores, "sigmoid"), np.tanh(wide / 2) / 2 + 0.5, atol=1e-6)
    np.testing.assert_array_equal(activate(scores, "linear"), scores)
    assert activate(scores, "sigmoid").dtype == activate(scores, "softmax").dtype == np.float32
