"""Adapting a model to labels that it knows by other names, and what is refused: through the command."""

from __future__ import annotations

import errno
import json
import wave
from dataclasses import replace
from math import comb
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clips_to_learn import ANSWERS, LABELS, adapt, clips, data, decisions, model_of
from edgelstm.adaptation.adapting import carried_pieces
from edgelstm.adaptation.clips import ear_only, hear
from edgelstm.data import Dataset, load_dataset, save_dataset
from edgelstm.evaluation import evaluate
from edgelstm.export.elstm import encode
from edgelstm.model import Answer, Model
from edgelstm.model_file import load_model, save_model
from edgelstm.quantization import calibrate, quantize, reference
from edgelstm.runtime.engines.elstm import Model as Opened
from edgelstm.runtime.engines.elstm_stream import Stream
from edgelstm.runtime.events.events import Events
from edgelstm.runtime.events.rule import Rule
from in_process import run
from sound_models import hearing_model


def opened_int8(model: Model, folder: Path) -> Stream:
    path = folder / "m.elstm"
    path.write_bytes(encode(quantize(model)))
    return Opened(path).stream()


@pytest.mark.parametrize("answer", ANSWERS)
def test_what_is_heard_are_the_integers_of_the_reference(tmp_path: Path, answer: str) -> None:
    model = model_of(answer)
    quantized = quantize(model)
    path = tmp_path / "ear.elstm"
    path.write_bytes(encode(ear_only(model)))
    sequences = clips(3)
    heard = hear(quantized, Opened(path).stream(), sequences)
    assert quantized.layers[-1].takes is not None
    zero = quantized.layers[-1].takes.zero_point
    for place, trace in reference.traces(quantized, sequences):
        codes = trace.results["lstm0"].astype(int) - zero
        rows = {"last": 1, "mean": 30, "window": 6, "max": 30}[answer]  # 30 frames, of a window 4 and the 2 begun
        np.testing.assert_array_equal(heard.clips[place], codes[-rows:])


def test_it_learns_other_names_and_its_file_decides_as_it_says_in_the_same_bytes_each_time(folder: Path) -> None:
    ended = adapt("--elstm", "new.elstm", "--accept-harm")
    assert ended.code == 0, ended.err
    report = json.loads(ended.out)
    assert report["clips"] == 40
    assert report["before"]["right"] < 14 < 28 < report["int8"]["right"]
    assert report["proof"]["passed"]
    new, old = load_model("new.npz"), load_model("old.npz")
    assert new.provenance["adapted"]["int8"] == report["int8"]
    assert all(np.array_equal(a.W, b.W) for a, b in zip(new.layers[:-1], old.layers[:-1]))
    fresh = clips(40, seed=2)
    truth = data(fresh, (decisions(old, fresh) + 1) % 3)
    before, after = (evaluate(quantize(model), truth).headline.value for model in (old, new))
    assert before is not None
    assert after is not None
    assert before < 0.3 < 0.75 < after
    first = Path("new.npz").read_bytes(), Path("new.elstm").read_bytes()
    assert adapt("--elstm", "new.elstm", "--accept-harm").code == 0
    assert (Path("new.npz").read_bytes(), Path("new.elstm").read_bytes()) == first
    stream = Opened("new.elstm").stream()
    for x, expected in zip(fresh, decisions(new, fresh)):
        stream.reset()
        stream.push(x)
        assert stream.answer().argmax() == expected


@pytest.mark.usefixtures("quick")
def test_what_is_no_better_is_refused_and_nothing_is_written(folder: Path) -> None:
    sequences = clips(30)
    save_dataset(data(sequences, decisions(load_model("old.npz"), sequences)), Path("clips.npz"))
    ended = adapt()
    assert ended.code == 3
    assert "100.0 % before" in ended.err
    assert not Path("new.npz").exists()
    assert json.loads(ended.out)["output"] is None


def split_in_two(model: Model) -> Dataset:
    """Twenty-eight clips of a group whose labels changed, eight of one whose labels are as they were."""
    sequences = clips(36)
    said = decisions(model, sequences)
    groups = np.repeat([0, 1], [28, 8])
    return data(sequences, np.where(groups == 0, (said + 1) % 3, said), groups, ("left", "right"))


@pytest.mark.usefixtures("quick")
def test_harm_to_a_group_is_seen_and_refused(folder: Path) -> None:
    save_dataset(split_in_two(load_model("old.npz")), Path("clips.npz"))
    ended = adapt()
    assert ended.code == 3
    assert "group right: 100.0 % before" in ended.err
    groups = json.loads(ended.out)["groups"]
    assert groups["right"]["after"]["right"] < groups["right"]["before"]["right"] == 8
    assert groups["left"]["after"]["right"] > groups["left"]["before"]["right"]
    assert adapt("--accept-harm").code == 0


@pytest.mark.usefixtures("quick")
def test_what_was_known_before_is_asked(folder: Path) -> None:
    old = load_model("old.npz")
    sequences = clips(20, seed=3)
    save_dataset(data(sequences, decisions(old, sequences)), Path("known.npz"))
    ended = adapt("--known", "known.npz")
    assert ended.code == 3
    assert "what was known before: 100.0 % before" in ended.err
    assert json.loads(ended.out)["same"] is not None  # its own recording


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("window", [0, 10])
def test_what_the_model_carries_tells_that_it_forgets(folder: Path, window: int) -> None:
    """Its recordings keep the labels that the clips change."""
    old = load_model("old.npz")
    provenance = {"config": {"data": {"window": window}}} if window else {}
    old = replace(old, provenance=provenance, examples=(), unseen=clips(20, seed=3))
    pieces, none = carried_pieces(old)
    assert none is None
    assert len(pieces) == (60 if window else 20)
    truth = np.eye(3, dtype=np.float32)[decisions(old, pieces[:20])]
    save_model(replace(old, unseen_truth=truth), "old.npz")
    ended = adapt("--accept-harm")
    assert ended.code == 0, ended.err
    assert "warning: it forgets" in ended.err
    found = json.loads(ended.out)["carried"]
    new = decisions(load_model("new.npz"), pieces)
    expected = np.tile(truth.argmax(axis=1), len(pieces) // 20)
    assert found["after"] == {
        "right": int((new == expected).sum()),
        "of": len(pieces),
        "cost": found["after"]["cost"],
    }
    assert found["before"]["right"] == int((decisions(old, pieces) == expected).sum())
    assert load_model("new.npz").provenance["adapted"]["carried"] == found
    less = json.loads(ended.out)["less"]
    _assert_labels_fell(less, expected, decisions(old, pieces), new)
    assert f"more than by chance: {', '.join(less)}" in " ".join(ended.err.split())
    save_model(old, "old.npz")
    assert "that the model carries are" in adapt("--accept-harm").err  # where their labels are not known


def _assert_labels_fell(found: dict[str, Any], truth: np.ndarray, old: np.ndarray, new: np.ndarray) -> None:
    """By the definition of a sign test, whose limit of 0.1 three labels share."""
    assert found
    for place, label in enumerate(LABELS):
        before, after = (said[truth == place] == place for said in (old, new))
        lost, won = int((before & ~after).sum()), int((after & ~before).sum())
        chance = sum(comb(lost + won, n) for n in range(lost, lost + won + 1)) / 2 ** (lost + won)
        assert (label in found) == (lost > won and chance <= 0.1 / 3)
        if label in found:
            counts = {(side, key): found[label][side][key] for side in ("before", "after") for key in ("right", "of")}
            assert list(counts.values()) == [before.sum(), len(before), after.sum(), len(after)]


@pytest.mark.usefixtures("quick")
def test_who_teaches_what_it_knew_too_is_not_warned(folder: Path) -> None:
    old = load_model("old.npz")
    sequences = load_dataset("clips.npz").sequences
    truth = np.eye(3, dtype=np.float32)[(decisions(old, sequences) + 1) % 3]
    save_model(replace(old, unseen=tuple(sequences), unseen_truth=truth), "old.npz")
    ended = adapt("--accept-harm")
    assert ended.code == 0
    assert "forgets" not in ended.err


@pytest.mark.usefixtures("quick")
def test_groups_held_out_as_a_whole(folder: Path) -> None:
    save_dataset(split_in_two(load_model("old.npz")), Path("clips.npz"))
    report = json.loads(adapt("--by-group").out)
    assert report["folds"] == 2
    assert report["int8"]["cost"] > json.loads(adapt().out)["int8"]["cost"]  # nothing was learned of either


def test_what_cannot_be_adapted_is_refused_in_one_line(folder: Path) -> None:
    model = load_model("old.npz")
    save_model(replace(model, ranges=None, covariances={}), "old.npz")
    ended = adapt()
    assert ended.code == 1
    assert "calibrate it first" in ended.err
    save_model(replace(model, activation="linear"), "old.npz")
    assert "expected one that tells the label" in adapt().err
    save_model(model, "old.npz")
    one = clips(3)
    save_dataset(data(one, np.arange(3)), Path("clips.npz"))
    ended = adapt()
    assert ended.code == 1
    assert "expected at least two of each" in ended.err


@pytest.mark.usefixtures("quick")
def test_what_may_be_chance_is_refused(folder: Path) -> None:
    """Labels that say nothing, and too few clips."""
    sequences = clips(40)
    said = decisions(load_model("old.npz"), sequences)
    for seed in range(2):
        save_dataset(data(sequences, np.random.default_rng(seed).permutation(said)), Path("clips.npz"))
        assert adapt().code == 3
    order = np.argsort(said, kind="stable")
    few = np.sort(np.concatenate([order[said[order] == label][:2] for label in range(3)]))
    y = said[few].copy()
    y[:2] = (y[:2] + 1) % 3
    save_dataset(data(tuple(sequences[n] for n in few), y), Path("clips.npz"))
    assert adapt().code == 3


@pytest.mark.usefixtures("quick")
def test_labels_that_no_clip_has_are_not_forgotten(folder: Path) -> None:
    old, found = load_model("old.npz"), load_dataset("clips.npz")
    save_dataset(found.subset(found.y != 2), Path("clips.npz"))
    ended = adapt()
    assert ended.code == 3
    assert "no clips of c: what is not taught is forgotten" in " ".join(ended.err.split())
    assert adapt("--accept-harm").code == 0
    sequences = clips(40, seed=3)
    y = decisions(old, sequences)
    some = np.flatnonzero(y == 2)
    save_dataset(data(tuple(sequences[n] for n in some), y[some]), Path("known.npz"))
    report = json.loads(adapt("--known", "known.npz").out)
    assert report["kept"] == report["known"]
    assert bool(report["refused"]) == (report["kept"]["after"]["right"] < 0.98 * len(some))


@pytest.mark.parametrize(("turn", "told"), [(0, "are the same:"), (1, "are the same, with the labels ")])
def test_a_clip_that_is_there_twice_is_refused(folder: Path, turn: int, told: str) -> None:
    """Held out, its copy would have been learned from."""
    sequences = clips(40)
    y = (decisions(load_model("old.npz"), sequences) + 1) % 3
    again = np.append(y, (y[3] + turn) % 3)
    save_dataset(data((*sequences, sequences[3].copy()), again), Path("clips.npz"))
    ended = adapt()
    assert ended.code in (1, 2)
    assert told in " ".join(ended.err.split())
    assert not Path("new.npz").exists()


@pytest.mark.usefixtures("quick")
def test_what_taught_it_is_known_again(folder: Path) -> None:
    """A figure over clips that it learned from is too good."""
    assert adapt("--accept-harm").code == 0
    assert "40 of 40 recordings begin as some that were learned from" in run("evaluate", "new.npz", "clips.npz").err
    first = load_model("new.npz").provenance["seen"]
    sequences = clips(30, seed=5)
    save_dataset(data(sequences, (decisions(load_model("new.npz"), sequences) + 1) % 3), Path("more.npz"))
    assert run("adapt", "new.npz", "--data", "more.npz", "-o", "newer.npz", "--accept-harm").code == 0
    seen = load_model("newer.npz").provenance["seen"]
    assert seen.startswith(first)
    assert "30 of 30 recordings begin as" in run("evaluate", "newer.npz", "more.npz").err


@pytest.mark.usefixtures("quick")
def test_without_recordings_clips_held_out_are_the_judge(folder: Path) -> None:
    old = calibrate(load_model("old.npz"), clips(20, seed=9))  # what a place brings is within its ranges
    save_model(replace(old, examples=(), unseen=()), "old.npz")
    ended = run("adapt", "old.npz", "--data", "clips.npz", "-o", "new.npz", "--elstm", "new.elstm", "--accept-harm")
    assert ended.code == 0, ended.err
    assert "the model carries no recordings: clips held out are the judge" in ended.out
    assert Path("new.elstm.proof.json").exists()
    sequences = clips(20, seed=3)
    save_dataset(data(sequences, decisions(old, sequences)), Path("known.npz"))
    assert "what was known before: 100.0 % before" in adapt("--known", "known.npz").err


@pytest.mark.usefixtures("quick")
def test_both_files_or_none(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "new.elstm")

    monkeypatch.setattr("edgelstm.export.export_model", full)
    ended = adapt("--elstm", "new.elstm", "--accept-harm")
    assert ended.code == 1
    assert sorted(path.name for path in Path().iterdir()) == ["clips.npz", "old.npz"]


def test_thresholds_of_the_places_own_negatives(folder: Path) -> None:
    """So high that along them events begin as rarely as asked for, counted by the stream's own rules."""
    old = replace(load_model("old.npz"), answer=Answer("mean", 8, 4))
    save_model(replace(old, events={"b": Rule(smooth=2)}), "old.npz")
    quiet = clips(60, seed=7)
    save_dataset(data(quiet, np.zeros(60, np.int64)), Path("quiet.npz"))
    ended = run("adapt", "old.npz", "--negatives", "quiet.npz", "-o", "new.npz", "--most-false", "100", "--json")
    assert ended.code == 0, ended.err
    found = json.loads(ended.out)["negatives"]["b"]
    new = load_model("new.npz")
    assert new.provenance["negatives"] == {"b": found}
    assert new.events["b"].threshold == found["threshold"] > 0.5
    assert new.events["b"].ends_below == pytest.approx(found["threshold"] - 0.1)
    assert all(np.array_equal(a.W, b.W) for a, b in zip(new.layers, old.layers))
    hours = 60 * 30 / 50 / 3600

    def begun(rule: Rule) -> int:
        events, count, frame = Events({"b": rule}, 50.0), 0, 0
        stream = opened_int8(old, folder)
        for x in quiet:
            for answer in stream.push(x):
                frame += 4
                count += sum(event.kind == "start" for event in events.update(frame, {"b": float(answer[1])}))
        return count

    assert begun(Rule(smooth=2)) / hours > 100 >= begun(new.events["b"]) / hours
    assert found["false"] >= begun(new.events["b"])  # one that stays on over a recording's end counts again
    ended = run(
        "adapt",
        "old.npz",
        "--data",
        "clips.npz",
        "--negatives",
        "quiet.npz",
        "-o",
        "new.npz",
        "--event",
        "a",
        "--accept-harm",
    )
    assert set(load_model("new.npz").events) == {"a", "b"}
    assert "event a: threshold" in ended.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-o", "new.npz"], "--data: expected labelled clips to learn from, or --negatives"),
        (["-o", "new.npz", "--negatives", "clips.npz", "--layers"], "--layers: goes with --data"),
        (["-o", "new.npz", "--data", "clips.npz", "--event", "a"], "--event: goes with --negatives"),
        (["-o", "new.npz", "--data", "clips.npz", "--most-false", "1"], "--most-false: goes with --negatives"),
        (["-o", "new.npz", "--negatives", "clips.npz"], "answers at the end alone, expected one that answers"),
    ],
)
def test_options_that_do_not_go_together(folder: Path, arguments: list[str], words: str) -> None:
    ended = run("adapt", "old.npz", *arguments)
    assert ended.code in (1, 2)
    assert words in ended.err


def test_what_readers_say_is_said_of_options_that_there_are(folder: Path) -> None:
    Path("clips").mkdir()
    for n in range(4):
        (folder / "clips" / f"{n}.csv").write_text("x0,x1,x2\n1,,2\n" + "1,2,3\n" * 20)
    Path("clips/list.csv").write_text("file,label\n0.csv,a\n1.csv,a\n2.csv,b\n3.csv,b\n")
    ended = run("adapt", "old.npz", "--data", "clips/list.csv", "-o", "new.npz")
    assert ended.code == 1
    assert "data convert --missing" in ended.err
    assert "recipe" not in ended.err
    ended = run("adapt", "old.npz", "--data", "clips/0.csv", "-o", "new.npz")
    assert "0.csv" in ended.err
    ended = run("adapt", "old.elstm", "--data", "clips/list.csv", "-o", "new.npz")
    assert "expected the model.npz that it was made of" in " ".join(ended.err.split())


def test_sound_of_two_channels_is_told(folder: Path) -> None:
    save_model(replace(hearing_model(256), activation="softmax", labels=LABELS), "sound.npz")
    Path("wav").mkdir()
    for n in range(4):
        with wave.open(f"wav/{n}.wav", "wb") as file:
            file.setparams((2, 2, 8000, 0, "NONE", ""))
            file.writeframes(bytes(range(256)) * 64)
    Path("wav/list.csv").write_text("file,label\n0.wav,a\n1.wav,a\n2.wav,b\n3.wav,b\n")
    ended = run("adapt", "sound.npz", "--data", "wav/list.csv", "-o", "new.npz")
    assert (ended.code, ended.out) == (1, "")
    assert "sound of 2 channels, the model takes one" in ended.err


@pytest.mark.usefixtures("quick")
def test_lists_of_spreadsheets_and_files_that_are_listed_twice(folder: Path) -> None:
    """With a byte order mark and semicolons, as `annotate` goes on with them."""
    dataset = load_dataset("clips.npz")
    Path("csv").mkdir()
    rows = ["File;label"]
    for n, x in enumerate(dataset.sequences):
        np.savetxt(f"csv/{n}.csv", x, delimiter=",", header="x0,x1,x2", comments="", fmt="%.9g")
        rows.append(f"{n}.csv;{LABELS[dataset.y[n]]}")
    Path("csv/list.csv").write_bytes(b"\xef\xbb\xbf" + "\r\n".join(rows).encode())
    expected = json.loads(adapt("--accept-harm").out)
    ended = run("adapt", "old.npz", "--data", "csv/list.csv", "-o", "new.npz", "--json", "--accept-harm")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["int8"] == expected["int8"]
    Path("csv/list.csv").write_text("file,label\n0.csv,a\n1.csv,b\n0.csv,a\n1.csv,b\n")
    ended = run("adapt", "old.npz", "--data", "csv/list.csv", "-o", "new.npz")
    assert ended.code == 1
    assert ended.err == "edgelstm: csv/list.csv: 0.csv is listed twice, expected each clip once\n"
