"""Scores of anomalies: frame by frame, all at once, saved and restored, and from metadata of anybody's making."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from edgelstm.runtime.anomaly import MOST, Detector, Learned, Scoring, read_limit, read_scoring, scores_along

LISTS = {
    "predict": Learned((0.1, -0.2), (1.0, 2.0), (0.5, 0.4), 1.5),
    "reconstruct": Learned((0.0,) * 6, (1.0, 2.0) * 3, (0.5,) * 6, 1.5),
}


def scoring(method="predict", ahead=1, smoothing="exponential", over=4, settle=3) -> Scoring:
    return Scoring(
        method=method,
        columns=("c", "a"),
        ahead=ahead,
        rows=3,
        smoothing=smoothing,
        over=over,
        settle=settle,
        learned=LISTS[method],
    )


def some(count: int, hop: int, outputs: int):
    rng = np.random.default_rng(count)
    frames = rng.standard_normal((count, 3)).astype(np.float32)
    return frames, rng.standard_normal((count // hop, outputs)).astype(np.float32)


def step(detector: Detector, frames, answers, hop: int, start: int = 0) -> list[float | None]:
    """Scores at every frame."""
    found = []
    for n, frame in enumerate(frames[start:], start + 1):
        detector.take(frame, answers[n // hop - 1] if n % hop == 0 else None)
        found.append(detector.score)
    return found


CASES = list(
    itertools.product(("predict", "reconstruct"), (1, 2, 5), ("exponential", "mean"), (1, 4), (0, 7), (1, 3))
)


@pytest.mark.parametrize(("method", "ahead", "smoothing", "over", "settle", "hop"), CASES)
def test_frame_by_frame_all_at_once_and_from_any_save(method, ahead, smoothing, over, settle, hop):
    of = scoring(method, ahead, smoothing, over, settle)
    frames, answers = some(41, hop, len(of.learned.mean))
    whole = step(Detector(of, (2, 0), hop), frames, answers, hop)
    at_answers = np.array([np.nan if s is None else s for s in whole[hop - 1 :: hop]])
    along = scores_along(of, (2, 0), hop, frames, answers)
    np.testing.assert_allclose(along, at_answers, rtol=1e-12)
    for cut in (0, 1, hop, ahead, 7, 20, 41):
        first = Detector(of, (2, 0), hop)
        head = step(first, frames[:cut], answers, hop)
        second = Detector(of, (2, 0), hop)
        step(second, frames[:5], answers, hop)  # whatever it held before
        second.restore(first.save(), cut)
        assert head + step(second, frames, answers, hop, cut) == whole  # bit for bit
    first.reset()
    assert step(first, frames, answers, hop) == whole


def test_the_first_scores_by_hand():
    of = replace(scoring(over=2, settle=1), columns=("a",), learned=Learned((1.0,), (2.0,), (0.5,), 4.0))
    frames = np.array([[0.0], [3.0], [4.0], [9.0]], np.float32)
    answers = np.array([[7.0], [1.0], [0.0], [0.0]], np.float32)
    found = step(Detector(of, (0,), 1), frames, answers, 1)
    # told after frame 2: 1.0; came 4 - 3 = 1, which is 0 deviations: off by 1, of 0.5, of a threshold of 4
    # told after frame 3: 0.0; came 5, 2 deviations: off by 2
    assert found == [None, None, 0.25, 0.25 + (1.0 - 0.25) / 2]


def test_a_glitch_is_not_remembered_for_ever():
    for smoothing in ("exponential", "mean"):
        of = scoring(smoothing=smoothing)
        detector = Detector(of, (2, 0), 1)
        frames, answers = some(200, 1, 2)
        frames[50] = 3e38
        found = step(detector, frames, answers, 1)
        assert max(s for s in found if s is not None) <= MOST
        calm = step(Detector(of, (2, 0), 1), some(200, 1, 2)[0], answers, 1)
        assert found[-1] == pytest.approx(calm[-1], rel=1e-6)


@pytest.mark.parametrize("damage", ["short", "long", "nan", "other frame", "score", "negative"])
def test_a_damaged_state_changes_nothing(damage):
    of = scoring(smoothing="mean")
    frames, answers = some(30, 1, 2)
    detector = Detector(of, (2, 0), 1)
    step(detector, frames, answers, 1)
    saved = bytearray(detector.save())
    count = 30
    match damage:
        case "short":
            del saved[-1:]
        case "long":
            saved += b"\0"
        case "nan":
            saved[-8:] = np.array(np.nan, "<f8").tobytes()
        case "other frame":
            count = 29
        case "score":
            saved[8:16] = np.array(1e9, "<f8").tobytes()
        case _:
            saved[-8:] = np.array(-1.0, "<f8").tobytes()
    before = detector.save()
    with pytest.raises(ValueError, match=r"^scores: [^\n]*$"):
        detector.restore(bytes(saved), count)
    assert detector.save() == before


GOOD = {
    "kind": "anomaly",
    "method": "predict",
    "columns": ["a"],
    "ahead": 2,
    "rows": 1,
    "smoothing": "mean",
    "over": 5,
    "settle": 20,
    "learned": {"mean": [0.0], "std": [1.0], "error": [1.0], "threshold": 1.0},
}


def read_and_check(values) -> None:
    found = read_scoring(values, "metadata: task")
    found.check(2, 1)
    found.places(2, ("a", "b"))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("method", "magic"),
        ("columns", "a"),
        ("columns", ["a", "a"]),
        ("columns", ["z"]),
        ("columns", []),
        ("ahead", 0),
        ("ahead", 1 << 40),
        ("ahead", 1.5),
        ("over", 0),
        ("over", 10**12),
        ("smoothing", None),
        ("settle", -1),
        ("rows", 10**9),
        ("learned", 3),
        ("learned", {**GOOD["learned"], "std": [0.0]}),
        ("learned", {**GOOD["learned"], "error": []}),
        ("learned", {**GOOD["learned"], "mean": [1e39]}),
        ("learned", {**GOOD["learned"], "threshold": -1.0}),
        ("learned", {**GOOD["learned"], "threshold": 0}),
        ("learned", {**GOOD["learned"], "mean": ["1"]}),
    ],
)
def test_hostile_settings_are_named(field, value):
    with pytest.raises(ValueError, match=r"^[^\n]*$") as error:
        read_and_check({**GOOD, field: value})
    assert field in str(error.value)


def test_good_settings_are_read():
    found = read_scoring({**GOOD, "of later": 1}, "")
    found.check(2, 1)
    assert found.places(2, ("b", "a")) == (1,)


def test_what_is_kept_is_bounded():
    found = read_scoring({**GOOD, "columns": [], "ahead": 1 << 16, "learned": None}, "")
    with pytest.raises(ValueError, match="ahead"):
        found.check(1000, 1000)


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "x", "a=2", "1e9"])
def test_a_wrong_limit_is_named(text):
    with pytest.raises(ValueError, match=r"^threshold: "):
        read_limit([text])


def test_limits():
    assert read_limit([]) == 1.0
    assert read_limit(["3", "1.5"]) == 1.5
