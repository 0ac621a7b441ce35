"""Labels that may be wrong are told, values that saturate, and what higher thresholds miss."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from clips_to_learn import adapt, clips, data, decisions, model_of, told
from edgelstm.adaptation.doubts import doubted, exchanged
from edgelstm.adaptation.outside import outside, widened
from edgelstm.adaptation.report import Evidence, Judged, Report
from edgelstm.cli.adapt_told import why_refused
from edgelstm.data import load_dataset, save_dataset
from edgelstm.model import Answer
from edgelstm.model_file import load_model, save_model
from edgelstm.quantization import calibrate, quantize
from edgelstm.runtime.events.rule import Rule
from in_process import run

pytestmark = pytest.mark.usefixtures("quick")


def test_labels_that_are_exchanged_are_rings_of_what_most_are_heard_as() -> None:
    own = np.repeat([0, 1, 2, 3], 4)
    heard = np.array([1, 1, 1, 0, 0, 0, 0, 0, 2, 2, 3, 3, 3, 3, 3, 3])  # 2 is heard as either: no ring
    assert exchanged(np.eye(4)[own], np.eye(4)[heard]) == ((0, 1),)
    assert exchanged(np.eye(4)[own], np.eye(4)[(own + 1) % 4]) == ((0, 1, 2, 3),)
    assert exchanged(np.eye(4)[own], np.eye(4)[own]) == ()
    assert exchanged(np.eye(4)[own[::3]], np.eye(4)[(own[::3] + 1) % 4]) == ()  # too few to tell


def test_what_both_surely_hear_is_doubted() -> None:
    truth, sure = np.eye(3)[[0, 0, 0, 1]], np.array([0.0, 6.0, 0.0])
    before = np.array([sure, sure, [6.0, 0.0, 0.0], sure])
    held_out = np.array([sure, [6.0, 0.0, 0.0], sure, sure])
    np.testing.assert_array_equal(doubted(truth, before, held_out), [True, False, False, False])
    assert not doubted(truth, before / 6, held_out / 6).any()  # 0.58 each


@pytest.mark.parametrize(("count", "clips", "refuses"), [(2, 9, False), (3, 9, True), (3, 60, False), (4, 60, True)])
def test_more_doubts_than_chance_makes_are_a_refusal(count: int, clips: int, refuses: bool) -> None:
    before, after = Judged(clips // 2, clips, 1.0), Judged(clips, clips, 0.1)
    evidence = Evidence(clips // 2, 0, 0.0, is_cheaper=True, is_learned=True, guess=2.0)
    wrong = {f"{n}.wav": "b" for n in range(count)}
    report = Report(clips, clips, 5, 0.1, before, after, after, evidence, doubted=wrong)
    assert report.disagrees is refuses
    refusal = why_refused(report, False)
    assert bool(refusal) is refuses
    assert not refuses or f"{count} of {clips} clips are surely something else" in refusal
    assert not refuses or "0.wav (b), 1.wav (b), 2.wav (b)" in refusal
    assert why_refused(report, True) == ""


def test_what_would_help_is_said_of_a_model_that_is_no_better() -> None:
    whole, most = Judged(12, 12, 0.1), Judged(11, 12, 0.3)
    evidence = Evidence(1, 0, 0.5, is_cheaper=False, is_learned=True, guess=2.0)
    all_right = Report(12, 12, 5, 0.1, whole, whole, whole, evidence, untaught=("a", "b"))
    refusal = why_refused(all_right, False)
    assert "nothing that these clips could teach; no clips of a, b" in refusal
    assert "more clips" not in refusal
    assert why_refused(replace(all_right, before=most, int8=most), False).endswith("label help; no clips of a, b")
    by_chance = replace(all_right, before=most)
    assert "--accept-harm" not in why_refused(by_chance, False)
    assert "--accept-harm takes what harms, not what is no better or by chance" in why_refused(by_chance, True)


def test_clips_of_a_wrong_label_are_named(folder: Path) -> None:
    """By a model that is sure of itself: its scores are ten times as large."""
    old = load_model("old.npz")
    head = old.layers[-1]
    sure = replace(head, W=np.asarray(head.W) * 10, b=np.asarray(head.b) * 10)  # type: ignore[attr-defined]
    sure_model = replace(old, layers=(*old.layers[:-1], sure), ranges=None, covariances={})
    save_model(calibrate(sure_model, clips(20, seed=9)), "old.npz")
    sequences = clips(45)
    y = decisions(load_model("old.npz"), sequences)
    wrong = np.flatnonzero(y == 1)[:2]
    y[wrong] = 0
    save_dataset(data(sequences, y), Path("clips.npz"))
    found = json.loads(adapt().out)["doubted"]
    assert found
    assert {f"sequence {place}" for place in wrong} >= set(found)
    assert set(found.values()) == {"b"}


def test_a_column_that_saturates_is_told_and_its_range_widened(folder: Path) -> None:
    """By the definition: what int8 gives of a value is its own, or an end."""
    old = load_model("old.npz")
    assert old.ranges is not None
    low, high = old.ranges["x"]
    spans = {**old.ranges.spans, "x": (low / 16, high / 16)}
    narrow = replace(old, ranges=replace(old.ranges, spans=spans))
    sequences = load_dataset("clips.npz").sequences
    quantized = quantize(narrow)
    found = outside(quantized, sequences)
    assert found
    for name, one in found.items():
        j = narrow.feature_names.index(name) if narrow.feature_names else int(name)
        x = np.concatenate([x[:, j] for x in sequences]).astype(np.float64)
        codes = (x - float(quantized.input_mean[j])) * float(quantized.input_scale[j])
        codes = np.rint(codes + float(quantized.input_offset[j]))
        assert one.share == pytest.approx(((codes < -128) | (codes > 127)).mean(), abs=1e-3)
        assert (one.least, one.most) == (pytest.approx(x.min()), pytest.approx(x.max()))
    assert outside(quantize(widened(narrow, sequences)), sequences) == {}
    save_model(narrow, "old.npz")
    ended = run("adapt", "old.npz", "--data", "clips.npz", "-o", "new.npz", "--accept-harm")
    assert "of the clips lie outside of what int8 holds" in " ".join(ended.out.split())
    new = load_model("new.npz")
    assert new.provenance["adapted"]["widened"]
    assert new.ranges is not None
    assert np.ptp(new.ranges["x"]) > 2 * np.ptp(spans["x"])


def test_what_is_rehearsed_teaches_and_does_not_judge(folder: Path) -> None:
    assert adapt("--accept-harm").code == 0
    old = load_model("new.npz")
    sequences = clips(20, seed=5)
    save_dataset(data(sequences, decisions(old, sequences) * 0 + np.arange(20) % 2), Path("more.npz"))
    given = ["adapt", "new.npz", "--data", "more.npz", "-o", "newer.npz", "--json"]
    alone = json.loads(run(*given, "--accept-harm").out)
    both = json.loads(run(*given, "--accept-harm", "--rehearse", "clips.npz").out)
    assert (both["clips"], both["rehearsed"], both["before"]) == (60, 40, alone["before"])
    assert both["int8"]["of"] == 20
    assert both["int8"] != alone["int8"]  # it was taught by others, too
    assert alone["untaught"] == ["c"]
    assert both["untaught"] == []
    ended = run(*given[:-1], "--rehearse", "more.npz")
    assert "--rehearse: more.npz: 20 of 20 are among the clips, expected others" in told(ended)


def test_what_higher_thresholds_miss_is_told(folder: Path) -> None:
    model = replace(model_of(), answer=Answer("mean", 8, 4), events={"b": Rule(threshold=0.4)})
    own = clips(30, seed=3)
    truth = np.eye(3, dtype=np.float32)[decisions(model, own)]
    save_model(replace(model, examples=(), unseen=own, unseen_truth=truth), "old.npz")
    quiet = clips(30, seed=7)
    save_dataset(data(quiet, np.zeros(30, np.int64)), Path("quiet.npz"))
    ended = run("adapt", "old.npz", "--negatives", "quiet.npz", "-o", "new.npz", "--most-false", "1", "--json")
    found = json.loads(ended.out)["negatives"]["b"]
    assert found["of"] == int((truth.argmax(axis=1) == 1).sum())
    assert found["threshold"] > 0.4
    assert 0 <= found["found"] < found["found_before"] <= found["of"]
    assert not found["learned"]
    said = run("adapt", "old.npz", "--negatives", "quiet.npz", "-o", "new.npz").out
    assert f"of {found['of']} recordings of it that the model carries {found['found']} are told" in " ".join(
        said.split()
    )
