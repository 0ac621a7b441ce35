"""*Agrees* says what it says: told independently, of files that are right and of files that are wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from counts import some
from edgelstm import forward
from edgelstm.data import Dataset, kept
from edgelstm.export import FORMS, export_model, find_form
from edgelstm.export.parity.agreement import ENOUGH, INDEPENDENT, Agreement
from edgelstm.export.parity.proof import Proof, prove
from edgelstm.layers import LSTM, Dense
from edgelstm.model import Answer, Model, Normalize, Ranges
from edgelstm.quantization import quantize, reference
from random_models import random_model, random_signal

Frames = Sequence[NDArray[np.float32]]


def proof_of(folder: Path, right: Model, wrong: Model, recordings: Frames) -> Proof:
    """Of a float32 file of `wrong`, held against `right`."""
    form = find_form("elstm", "float32")
    path = folder / "m.elstm"
    path.write_bytes(form.encode(wrong))
    return prove(path, form, right, [recordings[0][:60]], recordings)


def agrees(folder: Path, right: Model, wrong: Model, recordings: Frames) -> Agreement:
    return proof_of(folder, right, wrong, recordings).agrees


def with_head(model: Model, change: Any) -> Model:
    """`model` with (W, b) of its last layer changed."""
    last = model.layers[-1]
    W, b = change(last.W.copy(), last.b.copy())  # type: ignore[attr-defined]
    return replace(model, layers=(*model.layers[:-1], Dense(W, b, "linear")), ranges=None)


def test_int8_is_counted_as_the_integers_decide(tmp_path: Path) -> None:
    model = random_model(5, [12], [6], answer=Answer("last", 0, 1))
    recordings = [random_signal(150, 5, 1), random_signal(250, 5, 2)]
    proof = export_model(model, tmp_path / "m.elstm", sequences=recordings, accept_loss=True).proof
    assert proof is not None
    found = proof.agrees
    codes = reference.IntegerStream(quantize(model)).push(np.concatenate(recordings)).scores
    exact = forward.forward(model, np.concatenate(recordings)).scores
    assert (found.data, found.recordings, found.frames) == ("given", 2, 400)
    assert found.streamed is not None
    assert found.streamed.answers == 400
    assert found.streamed.agreeing == (codes.argmax(axis=1) == exact.argmax(axis=1)).sum()
    # What all outputs have in common decides nothing, and a softmax does not tell it.
    off, size = (s - s.mean(axis=1, keepdims=True) for s in (codes - exact, exact))
    assert found.streamed.error == pytest.approx(np.sqrt((off**2).mean() / (size**2).mean()), rel=1e-3)
    assert found.share == min(found.fresh.share or 1, found.streamed.share or 1)


@pytest.mark.parametrize("activation", ["softmax", "sigmoid", "linear"])
def test_scores_that_are_a_percent_larger_are_a_percent_off(activation: Any, tmp_path: Path) -> None:
    model = random_model(4, [8], [3], activation=activation, answer=Answer("mean", 20, 5))
    larger = with_head(model, lambda W, b: (1.01 * W, 1.01 * b))
    found = agrees(tmp_path, model, larger, [random_signal(1500, 4, 1)])
    assert found.error == pytest.approx(0.01, rel=0.02)
    assert found.share == (None if activation == "linear" else 1.0)
    assert not found.passed  # float32 states a hundredth of that
    assert "error of scores 1 %, expected at most 0.02 %" in found.problems()
    steady = replace(found, fresh=replace(found.fresh, error=1e-5))  # of fresh states alone it would hold
    (said,) = (line for line in steady.problems() if line.startswith("error of scores 1 %"))
    assert "(along one stream; 0.001 % from fresh states: " in said


@pytest.mark.parametrize(("activation", "share"), [("softmax", 0.5), ("sigmoid", 0.0)])
def test_files_that_decide_otherwise_fail(activation: Any, share: float, tmp_path: Path) -> None:
    """One output turned around: every decision of it is another, and of a softmax some."""
    model = random_model(4, [8], [3], activation=activation)

    def turned(W: NDArray[Any], b: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        W[0], b[0] = -W[0], -b[0]
        return W, b

    found = agrees(tmp_path, model, with_head(model, turned), [random_signal(2000, 4, 1)])
    assert found.share is not None
    assert found.share <= share
    assert " independent) agree, expected at least 98 %" in found.problems()[0]
    assert found.line().startswith(f"agrees: {found.share:.1%}"[:10])


@pytest.mark.parametrize("count", [ENOUGH - 1, ENOUGH])
def test_few_answers_tell_no_share(count: int, tmp_path: Path) -> None:
    model = random_model(3, [6], [4], answer=Answer("last", 0, 0))
    found = agrees(tmp_path, model, model, [random_signal(5, 3, n) for n in range(count)])
    assert (found.share is None) == (count < ENOUGH)
    assert found.answers == count
    assert found.passed
    assert ("too few to say (199 answers" in found.line()) == (count < ENOUGH)


def test_many_answers_that_are_alike_are_few(tmp_path: Path) -> None:
    """Frames that stay as they are for 100 frames: 5,000 answers are about 50."""
    model = random_model(3, [6], [4])
    held = np.repeat(random_signal(50, 3, 1), 100, axis=0)
    found = agrees(tmp_path, model, model, [held])
    assert (found.answers, found.share) == (5000, None)
    assert 20 < found.independent < INDEPENDENT
    assert f"too few to say (5,000 answers ({found.independent} independent))" in found.line()


def test_labels_are_decided_by_their_thresholds(tmp_path: Path) -> None:
    """Probabilities of a file that are all a little higher differ from the model's in those near 0.9, and in those
    near 0.5 alone where there is no threshold."""
    made = random_model(4, [8], [3], activation="sigmoid")
    higher = with_head(made, lambda W, b: (W, b + 0.05))
    recordings = [random_signal(4000, 4, 1)]
    exact = forward.forward(made, recordings[0]).scores
    for thresholds, score in (((), 0.0), ((0.9,) * 3, np.log(9))):
        model = replace(made, thresholds=thresholds)
        found = agrees(tmp_path, model, replace(higher, thresholds=thresholds), recordings)
        crossed = ((exact < score) & (exact + 0.05 >= score)).any(axis=1)
        assert found.streamed is not None
        assert found.streamed.agreeing == pytest.approx(4000 - crossed.sum(), abs=2)


def test_few_answers_of_which_most_differ_are_no_chance(tmp_path: Path) -> None:
    model = random_model(3, [6], [4], answer=Answer("last", 0, 0))
    other = with_head(model, lambda W, b: (-W, -b))
    recordings = [random_signal(20, 3, n) for n in range(30)]
    found = agrees(tmp_path, model, other, recordings)
    assert found.share is not None
    assert found.share < 0.2
    assert not found.passed
    assert "of 30 answers" in found.problems()[0]
    assert agrees(tmp_path, model, other, recordings[:5]).share is None


def test_one_in_a_thousand_is_not_100_percent(tmp_path: Path) -> None:
    model = random_model(3, [6], [4])
    found = agrees(tmp_path, model, model, [random_signal(2000, 3, 1)])
    assert "100.0 %" in found.line()
    assert "99.9 %" in replace(found, share=0.99999).line()


@pytest.mark.parametrize("activation", ["softmax", "sigmoid", "linear"])
@pytest.mark.parametrize("labels", [("ok", "leak\x1b", "worn"), ()])
def test_labels_that_no_answer_is_are_named(activation: Any, labels: tuple[str, ...], tmp_path: Path) -> None:
    """A head that keeps the second output at minus infinity, nearly; the others are decided for."""

    def silent(W: NDArray[Any], b: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        W[1], b[1] = 0, -50
        return W, b

    made = random_model(4, [8], [3], activation=activation, answer=Answer("mean", 20, 1))
    model = replace(with_head(made, silent), labels=labels)
    recordings = [random_signal(4000, 4, 1)]
    found = agrees(tmp_path, model, model, recordings)
    assert found.passed
    name = "leak?" if labels else "1"
    assert found.unanswered_labels == (name,)
    if activation == "linear":
        assert found.line().endswith(f"; never moves on these recordings: {name} (nothing is said of it)")
        return
    answers = forward.forward(model, recordings[0]).scores[:, [0, 2]]
    assert (np.unique(answers.argmax(axis=1)) == [0, 1]).all()  # on average or not, both are met
    assert found.line().endswith(f"; no answer on unseen recordings is: {name} (nothing is said of it)")
    few = agrees(tmp_path, model, model, [random_signal(30, 4, 1)])
    assert "no answer" not in few.line()


def test_as_many_labels_as_there_are_make_a_proof_that_can_be_read(tmp_path: Path) -> None:
    base = random_model(3, [4], [2])
    W = np.zeros((300, base.layers[-1].W.shape[1]))  # type: ignore[attr-defined]
    layers = (*base.layers[:-1], Dense(W, -np.arange(300.0), "linear"))
    model = replace(base, layers=layers, ranges=None, labels=tuple(f"{n} {'long' * 50}" for n in range(300)))
    found = agrees(tmp_path, model, model, [random_signal(300, 3, 1)])
    assert found.unanswered == 299
    assert (len(found.unanswered_labels), max(map(len, found.unanswered_labels))) == (100, 40)
    assert "and 199 more (nothing is said of them)" in found.note()


def slow(keeps: float) -> Model:
    """A cell that forgets little: after n frames 1 - keeps^n of what it tends to."""
    W, R, b = np.zeros((4, 1)), np.zeros((4, 1)), np.array([-7.0, np.log(keeps / (1 - keeps)), 2.0, 9.0])
    layers = (LSTM(W, R, b), Dense(np.array([[1.0]]), np.zeros(1), "linear"))
    return Model(Normalize(np.zeros(1), np.ones(1)), layers, "linear", Answer("mean", 10, 10))


def test_what_goes_wrong_over_a_long_time_shows_in_the_stream(tmp_path: Path) -> None:
    found = agrees(tmp_path, slow(0.999), slow(0.995), [random_signal(400, 1, n) for n in range(6)])
    assert found.streamed is not None
    assert (found.fresh.answers, found.streamed.answers) == (240, 240)
    assert found.fresh.error < 0.03
    assert found.error == found.streamed.error > 0.1


def test_a_model_that_answers_when_asked_is_not_streamed(tmp_path: Path) -> None:
    model = random_model(3, [6], [4], answer=Answer("mean", 0, 0))
    found = agrees(tmp_path, model, model, [random_signal(9, 3, n) for n in range(5)])
    assert (found.streamed, found.fresh.answers) == (None, 5)


def test_windows_are_those_of_training(tmp_path: Path) -> None:
    model = random_model(3, [6], [4], answer=Answer("last", 0, 0))
    model = replace(model, provenance={"config": {"data": {"window": 40}}})
    found = agrees(
        tmp_path, model, model, [random_signal(200, 3, 1), random_signal(99, 3, 2), random_signal(9, 3, 3)]
    )
    assert found.fresh.answers == 5 + 2 + 1


def test_recordings_that_calibration_saw_tell_no_share(tmp_path: Path) -> None:
    model = random_model(3, [6], [4], frames=400)
    path = tmp_path / "m.elstm"
    seen = export_model(model, path, accept_loss=True).proof
    unseen = export_model(replace(model, unseen=(random_signal(1500, 3, 9),)), path, accept_loss=True).proof
    assert seen is not None
    assert unseen is not None
    assert (seen.agrees.data, seen.agrees.share, seen.agrees.frames) == ("calibration", None, 400)
    assert "no recordings that calibration did not see" in seen.agrees.line()
    assert (unseen.agrees.data, unseen.agrees.answers) == ("unseen", 1500)
    assert unseen.agrees.share is not None


def wrecked(model: Model) -> Model:
    """Calibrated with a glitch: a hundred times what a frame reaches."""
    assert model.ranges is not None
    return replace(model, ranges=Ranges({**model.ranges.spans, "x": (-1000.0, 1000.0)}))


def test_a_loss_fails_and_may_be_accepted(tmp_path: Path) -> None:
    model = wrecked(replace(random_model(3, [6], [4]), unseen=(random_signal(300, 3, 9),)))
    path = tmp_path / "m.elstm"
    failed = export_model(model, path)
    assert failed.path == tmp_path / "m.failed.elstm"
    assert failed.proof is not None
    assert failed.proof.same_rounding.passed
    assert not failed.proof.passed
    assert not failed.proof.accepted_loss
    taken = export_model(model, path, accept_loss=True)
    assert taken.path == path
    assert taken.proof is not None
    assert taken.proof.to_json()["accepted_loss"] is True
    assert "the loss was accepted" in taken.proof.lines()[0]
    assert (
        export_model(model, tmp_path / "f.elstm", precision="float32", accept_loss=True).proof.accepted_loss is False
    )  # type: ignore[union-attr]


def test_what_lies_at_the_ends_of_integers_is_counted_and_shown(tmp_path: Path) -> None:
    """Recordings ten times as large as what calibrated: most frames are cut off."""
    model = random_model(3, [6], [4])
    loud, path = 10 * random_signal(300, 3, 9), tmp_path / "m.elstm"
    proof = export_model(model, path, sequences=[loud], accept_loss=True).proof
    assert proof is not None
    codes = reference.quantize_frames(quantize(model), loud)
    ends = float(((codes == -128) | (codes == 127)).mean())
    assert proof.saturated is not None
    assert proof.saturated["x"] == pytest.approx(ends)
    assert ends > 0.5
    assert f"x {100 * ends:.2g} %" in proof.lines()[1]
    assert proof.to_json()["saturated"] == proof.saturated
    floats = export_model(model, path, precision="float32", sequences=[loud]).proof
    assert floats is not None
    assert floats.saturated is None


def test_every_form_states_an_error_for_each_of_its_scales() -> None:
    for form in FORMS:
        assert len(form.errors) == max(len(form.scales), 1), form.name
        assert all(0 < error < 0.1 for error in form.errors)


COARSE = 2.0
"""Times the ranges: what an int8 is made with here decides up to five answers of a hundred otherwise."""


@pytest.mark.parametrize("answer", some([Answer("last", 0, 1), Answer("mean", 200, 50)]))
def test_agrees_is_what_is_found_on_other_data(
    answer: Answer, watch_model: Model, watch: Dataset, tmp_path: Path
) -> None:
    """Decisions of the integer reference on people whom neither training nor calibration saw: within noise of what
    the proof told from the recordings of others that the model carries."""
    proving, others = (watch.subset(np.isin(watch.groups, people)) for people in ((2, 4, 6, 7, 9, 10), (5, 8)))
    assert watch_model.ranges is not None
    spans = {name: (COARSE * low, COARSE * high) for name, (low, high) in watch_model.ranges.spans.items()}
    model = replace(
        watch_model, answer=answer, ranges=Ranges(spans), covariances={}, examples=watch_model.examples[:1]
    )
    model = replace(model, unseen=kept.unseen([proving], model))
    told = export_model(model, tmp_path / "m.elstm", accept_loss=True).proof
    assert told is not None
    share, independent = told.agrees.share, told.agrees.independent
    assert share is not None
    frames = [x[:900] for x in others.sequences]
    pairs = zip(reference.scores(quantize(model), frames), forward.scores(model, frames))
    alike = [forward.answers(a, answer).argmax(axis=1) == forward.answers(b, answer).argmax(axis=1) for a, b in pairs]
    found = float(np.concatenate(alike).mean())
    here = independent * sum(map(len, frames)) / told.agrees.frames  # of the answers found here, about
    noise = 3 * np.sqrt(found * (1 - found) * (1 / here + 1 / independent))
    assert 0.002 < 1 - found < 0.06
    assert noise < 0.05
    assert abs(found - share) < noise


def test_an_output_that_is_small_beside_others_is_judged_by_itself(tmp_path: Path) -> None:
    """Two outputs of a linear model, the second a thousandth of the first: a file in which it is noise fails, though
    all scores together are off by far less than a file may be."""
    made = random_model(4, [8], [2], activation="linear")
    model = replace(with_head(made, lambda W, b: (W * [[1], [1e-3]], b * [1, 1e-3])), labels=("level", "leak"))
    lost = with_head(model, lambda W, b: (W * [[1], [0.9]], b))
    recordings = [random_signal(500, 4, 1)]
    found = agrees(tmp_path, model, lost, recordings)
    assert found.error < 1e-3
    assert (found.worst_output, found.passed) == ("leak", False)
    assert found.worst_error == pytest.approx(0.1, rel=0.1)
    assert found.problems()[-1].startswith(f"error of leak {100 * found.worst_error:.2g} % of its standard deviation")
    right = agrees(tmp_path, model, model, recordings)
    assert right.passed
    assert right.worst_error < 1e-5


def test_a_level_that_float32_cannot_hold_finer_is_no_error(tmp_path: Path) -> None:
    """An output about 10,000 that moves by a hundredth: float32 has steps of a thousandth there."""
    made = random_model(4, [8], [2], activation="linear")
    model = with_head(made, lambda W, b: (W * [[1], [0.01]], [b[0], 10_000 + b[1]]))
    assert agrees(tmp_path, model, model, [random_signal(500, 4, 1)]).passed
