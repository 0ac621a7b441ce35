import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelstm import forward
from edgelstm.model import Answer
from edgelstm.runtime.pooling import Pooling, activate

answers = st.one_of(
    st.builds(Answer, st.just("last"), st.just(0), st.integers(0, 5)),
    st.builds(Answer, st.just("mean"), st.just(0), st.integers(0, 5)),
    st.builds(lambda hop, blocks: Answer("mean", hop * blocks, hop), st.integers(1, 5), st.integers(1, 4)),
)


def pooling_for(answer: Answer, outputs: int) -> Pooling:
    return Pooling(answer.pooling, answer.window, answer.hop, outputs)


def scores_of(seed: int, frames: int, outputs: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 10, (frames, outputs)).astype(np.float32)


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


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 2e300])
@pytest.mark.parametrize("name", ["sums", "blocks"])
def test_sums_that_no_scores_come_to_are_refused_and_change_nothing(name, value):
    pooling = pooling_for(Answer("mean", 6, 2), 3)
    for row in scores_of(2, 7):
        pooling.add(row)
    before = held(pooling)
    arrays = {each: array.copy() for each, array in pooling.arrays().items()}
    arrays[name].flat[-1] = value
    with pytest.raises(ValueError, match=rf"^{name}: "):
        pooling.restore(9, arrays)
    assert held(pooling) == before


@given(st.lists(st.floats(-1e4, 1e4, width=32), min_size=1, max_size=20))
def test_activations_agree_with_float64_at_any_score(values):
    scores = np.array(values, np.float32)
    wide = scores.astype(np.float64)
    powers = np.exp(wide - wide.max())
    np.testing.assert_allclose(activate(scores, "softmax"), powers / powers.sum(), atol=1e-6)
    np.testing.assert_allclose(activate(scores, "sigmoid"), np.tanh(wide / 2) / 2 + 0.5, atol=1e-6)
    np.testing.assert_array_equal(activate(scores, "linear"), scores)
    assert activate(scores, "sigmoid").dtype == activate(scores, "softmax").dtype == np.float32
