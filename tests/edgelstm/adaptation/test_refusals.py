"""What clips cannot teach, and what is said of it: through the command."""

from __future__ import annotations

import json
import wave
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from clips_to_learn import LABELS, adapt, clips, data, decisions, told
from edgelstm.data import load_dataset, save_dataset
from edgelstm.data.known import marks_of
from edgelstm.model import Answer
from edgelstm.model_file import load_model, save_model
from in_process import run
from sound_models import hearing_model


def test_a_label_of_a_single_clip_is_refused(folder: Path) -> None:
    found = load_dataset("clips.npz")
    of_c = np.flatnonzero(found.y == 2)
    save_dataset(found.subset(np.delete(np.arange(40), of_c[1:])), Path("clips.npz"))
    ended = adapt()
    assert ended.code == 1
    assert "clips.npz: 1 clip of c, expected at least two of each label" in told(ended)


@pytest.mark.usefixtures("quick")
def test_a_label_that_is_told_no_more_is_refused_by_name(folder: Path) -> None:
    """Three clips of c that the old model told look to what it learns like those of a."""
    old, sequences = load_model("old.npz"), clips(60)
    said = decisions(old, sequences)
    y = np.where(said == 2, 0, (said + 1) % 2)
    y[np.flatnonzero(said == 2)[:3]] = 2
    save_dataset(data(sequences, y), Path("clips.npz"))
    ended = adapt()
    label = json.loads(ended.out)["labels"]["c"]
    assert (label["before"]["right"], label["before"]["of"]) == (3, 3)
    assert 2 * label["after"]["right"] < 3
    assert ended.code == 3
    assert f"harms label c: 3 of 3 right before, {label['after']['right']} after" in told(ended)
    ended = adapt("--accept-harm")
    assert ended.code == 0
    assert "warning: told less often than before, or never: c" in told(ended)


@pytest.mark.usefixtures("quick")
def test_clips_that_it_has_learned_from_do_not_judge_it_again(folder: Path) -> None:
    assert adapt("--accept-harm").code == 0
    found, more = load_dataset("clips.npz"), clips(6, seed=8)
    save_dataset(data((*more, *found.sequences), np.append([0, 0, 1, 1, 2, 2], found.y)), Path("more.npz"))
    ended = run("adapt", "new.npz", "--data", "more.npz", "-o", "newer.npz")
    assert ended.code == 1
    assert "and 39 more, of 46 clips: the model has learned from them already" in told(ended)
    assert not Path("newer.npz").exists()


def test_a_single_sound_is_negative_and_what_it_lacks_to_judge_by_is_told(folder: Path) -> None:
    save_model(
        replace(hearing_model(256), activation="softmax", labels=LABELS, answer=Answer("mean", 8, 4)), "sound.npz"
    )
    for n in range(4):
        write_sound(f"{n}.wav", n)
    Path("list.csv").write_text("file,label\n0.wav,a\n1.wav,a\n2.wav,b\n3.wav,b\n")
    ended = run("adapt", "sound.npz", "--negatives", "0.wav", "-o", "new.npz", "--event", "a")
    assert ended.code == 0, ended.err
    assert "1.02 s of --negatives say little of 1 event an hour, expected 3 h or more" in told(ended)
    ended = run("adapt", "sound.npz", "--data", "list.csv", "--known", "0.wav", "-o", "newer.npz")
    assert ended.code == 2
    assert "--known: 0.wav: has no label, expected one for each clip" in told(ended)


def write_sound(path: str, seed: int) -> None:
    with wave.open(path, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(np.random.default_rng(seed).integers(-999, 999, 8192).astype("<i2").tobytes())


def test_each_fault_of_a_list_has_its_line_and_its_name_once(folder: Path) -> None:
    Path("clips").mkdir()
    Path("clips/0.csv").write_text("x0,x1,x2\n" + "1,2,3\n" * 20)
    Path("clips/labels.csv").write_text("file,label\n8.csv,a\n9.csv,a\n")
    ended = run("adapt", "old.npz", "--data", "clips/labels.csv", "-o", "new.npz")
    assert ended.code == 1
    assert [line.split(",")[0] for line in ended.err.splitlines()] == [
        "edgelstm: labels.csv line 2: '8.csv'",
        "edgelstm: labels.csv line 3: '9.csv'",
    ]
    Path("clips/labels.csv").write_text("file,label\n0.csv,q\n")
    ended = run("adapt", "old.npz", "--data", "clips/labels.csv", "-o", "new.npz")
    assert told(ended) == "edgelstm: clips/labels.csv: labels: 'q', expected the model's labels: a, b, c"
    ended = run("adapt", "old.npz", "--data", "clips", "-o", "new.npz")
    assert "--data clips: a folder with a list of labels, expected the list: clips/labels.csv" in told(ended)


@pytest.mark.usefixtures("quick")
def test_recordings_to_judge_by_that_it_knows_are_told(folder: Path) -> None:
    sequences = clips(6, seed=9)
    known = data(sequences, np.arange(6) % 3)
    save_dataset(known, Path("known.npz"))
    save_model(replace(load_model("old.npz"), provenance={"seen": marks_of(known)}), "old.npz")
    assert "--known: 6 of 6 recordings begin as some that the model has learned from" in told(
        adapt("--known", "known.npz")
    )


@pytest.mark.usefixtures("quick")
def test_a_guess_is_what_frequencies_cost(folder: Path) -> None:
    """A third of each label: ln 3 a decision."""
    sequences = clips(30)
    save_dataset(data(sequences, np.arange(30) % 3), Path("clips.npz"))
    assert json.loads(adapt().out)["evidence"]["guess"] == pytest.approx(np.log(3))


@pytest.mark.usefixtures("quick")
def test_labels_that_seem_exchanged_are_refused_and_taken_by_a_word(folder: Path) -> None:
    ended = adapt()
    assert (ended.code, Path("new.npz").exists()) == (3, False)
    assert "are these labels exchanged? (--accept-harm takes it all the same)" in told(ended)
    ended = run("adapt", "old.npz", "--data", "clips.npz", "-o", "new.npz", "--accept-harm")
    assert ended.code == 0
    assert "warning: most clips are heard by other names" in told(ended)
    assert ended.out.splitlines()[-1] == "Next: edgelstm export new.npz"
