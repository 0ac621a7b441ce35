"""Answers that are asked for on the command line: other pooling, window and hop, other thresholds."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgelstm.cli import main
from edgelstm.data import Dataset, save_dataset
from edgelstm.export.elstm import encode
from edgelstm.model import Answer
from edgelstm.model_file import load_model, save_model
from edgelstm.runtime.engines.open import open_model
from edgelstm.runtime.events.rule import Rule
from edgelstm.tasks.tags import Tags
from random_models import random_model, random_signal

FRAMES = random_signal(60, 3, 7)
SOURCE = random_model(3, [8], [3], answer=Answer("mean", 12, 4))
Run = Callable[..., tuple[int, list[dict], str]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    np.savetxt("frames.csv", FRAMES, fmt="%.9g", delimiter=",")
    for name, source in {
        "mean": SOURCE,
        "end": replace(SOURCE, answer=Answer("mean", 0, 0)),
        "last-end": replace(SOURCE, answer=Answer("last", 0, 0), sample_rate=0.0),
        "tags": replace(SOURCE, activation="sigmoid"),
    }.items():
        Path(f"{name}.elstm").write_bytes(encode(source))
    return tmp_path


@pytest.fixture
def run(folder: Path, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs in this process: (exit code, answers, stderr)."""

    def call(*arguments: object) -> tuple[int, list[dict], str]:
        with pytest.raises(SystemExit) as ended:
            main(list(map(str, arguments)))
        out, err = capfd.readouterr()
        return int(ended.value.code or 0), [json.loads(line) for line in out.splitlines()], err

    return call


@pytest.mark.parametrize(
    ("options", "answer"),
    [
        (("--hop", 6), Answer("mean", 12, 6)),
        (("--hop", 5, "--window", 20), Answer("mean", 20, 5)),
        (("--pooling", "last", "--hop", 1), Answer("last", 0, 1)),
        (("--window", 0, "--hop", 0), Answer("mean", 0, 0)),
    ],
)
def test_they_are_those_of_a_model_whose_own_they_are(run: Run, options: tuple, answer: Answer) -> None:
    Path("wanted.elstm").write_bytes(encode(replace(SOURCE, answer=answer)))
    expected = run("stream", "wanted.elstm", "frames.csv")
    assert expected[0] == 0
    assert expected[1]
    assert run("stream", "mean.elstm", "frames.csv", *options) == expected


def test_what_a_model_cannot_answer_is_wrong_usage(run: Run) -> None:
    for options, line in {
        ("--hop", 5): "--window: 12, expected a multiple of hop (5)",
        ("--hop", -1): "--hop: -1, expected 0 to 1048576 frames",
        ("--pooling", "median"): "--pooling: median, expected one of last, mean, mean+max",
        ("--threshold", 0.7): "--threshold: the answers are softmax, expected sigmoid",
    }.items():
        code, answers, err = run("stream", "mean.elstm", "frames.csv", *options)
        assert (code, answers) == (2, [])
        assert line in err


def test_labels_are_said_from_their_threshold_on(run: Run) -> None:
    _, usual, _ = run("stream", "tags.elstm", "frames.csv")
    assert len({tuple(answer["labels"]) for answer in usual}) > 1
    limits = {"class 0": 0.3, "class 1": 0.0, "class 2": 0.7}
    options = ("--threshold", 0.7, "--threshold", "class 0=0.3", "--threshold", "class 1=0")
    code, answers, _ = run("stream", "tags.elstm", "frames.csv", *options)
    assert code == 0
    for answer, before in zip(answers, usual, strict=True):
        assert answer["probabilities"] == before["probabilities"]
        assert answer["labels"] == [label for label, p in answer["probabilities"].items() if p >= limits[label]]
        assert before["labels"] == [label for label, p in answer["probabilities"].items() if p >= 0.5]


@pytest.mark.parametrize("text", ["1.5", "class 0=", "nan", "class 0=high", "class 9=0.5", "=0.5"])
def test_what_is_no_threshold_is_wrong_usage(run: Run, text: str) -> None:
    code, _, err = run("stream", "tags.elstm", "frames.csv", "--threshold", text)
    assert code == 2
    assert "--threshold: " in err


def live(model: str, *options: str) -> tuple[list[dict], str]:
    command = [sys.executable, "-c", "from edgelstm.cli import main; main()", "stream", model, *options]
    ended = subprocess.run(command, input=Path("frames.csv").read_bytes(), capture_output=True, check=True)
    return [json.loads(line) for line in ended.stdout.splitlines()], ended.stderr.decode()


@pytest.mark.usefixtures("folder")
def test_who_waits_for_answers_of_a_model_that_gives_one_at_the_end_is_told_so_once() -> None:
    answers, err = live("end.elstm")
    assert [answer["frame"] for answer in answers] == [60]
    assert err == (
        "edgelstm: end.elstm: answers at the end of input alone; for others meanwhile: --hop N --window W "
        "(frames, 50 for about 1 s)\n"
    )
    assert live("last-end.elstm")[1].endswith("; for others meanwhile: --hop N (frames)\n")
    answers, err = live("end.elstm", "--hop", "20", "--window", "40")
    assert [answer["frame"] for answer in answers] == [20, 40, 60]
    assert err == ""


def test_a_recording_that_lies_there_is_answered_without_a_word(run: Run) -> None:
    assert run("stream", "end.elstm", "frames.csv")[2] == ""


def test_a_state_goes_on_with_the_answers_that_it_was_saved_with_alone(run: Run) -> None:
    options = ("--hop", 5, "--window", 20, "--state", "kept")
    assert run("stream", "mean.elstm", "frames.csv", *options)[0] == 0
    code, answers, _ = run("stream", "mean.elstm", "frames.csv", *options)
    assert (code, answers[0]["frame"]) == (0, 65)
    code, answers, err = run("stream", "mean.elstm", "frames.csv", "--state", "kept")
    assert (code, answers) == (1, [])
    assert "kept: snapshot: the snapshot is of a stream with another pooling, window or hop" in err


@pytest.mark.parametrize("form", [("elstm", "int8"), ("onnx", "float32"), ("c", "int8")], ids=" ".join)
def test_an_exported_file_answers_as_was_asked_for_and_is_proven_so(run: Run, form: tuple[str, str]) -> None:
    if form[0] == "onnx":
        pytest.importorskip("onnx")
        pytest.importorskip("onnxruntime")
    save_model(replace(SOURCE, answer=Answer("last", 0, 0)), "end.npz")
    options = ("--pooling", "mean", "--window", 12, "--hop", 4, "--licence", "MIT")
    code, _, err = run("export", "end.npz", "--format", form[0], "--precision", form[1], *options, "--json")
    assert code == 0, err
    written = Path(f"end-{form[1]}.{form[0]}")
    assert json.loads(Path(f"{written}.proof.json").read_text())["same_rounding"]["passed"]
    assert run("verify", written, "--against", "end.npz", "--json")[0] == 0
    if form[0] == "c":
        return
    opened = open_model(written)
    assert opened.metadata["answer"] == {"pooling": "mean", "window": 12, "hop": 4}
    assert run("export", "end.npz", "--format", form[0], "--precision", form[1], "--json")[0] == 0
    other = open_model(written)
    assert other.hop == 0
    expected = other.stream(pooling="mean", window=12, hop=4).push(FRAMES)
    np.testing.assert_array_equal(opened.stream().push(FRAMES), expected)


def test_thresholds_go_into_the_file_and_are_kept_in_the_model(run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    source = replace(SOURCE, activation="sigmoid", thresholds=(0.5, 0.25, 0.5))
    save_model(source, "tags.npz")
    assert load_model("tags.npz").thresholds == source.thresholds
    assert run("export", "tags.npz", "--threshold", "class 2=0.7", "--json")[0] == 0
    assert open_model("tags-int8.elstm").metadata["thresholds"] == [0.5, 0.25, 0.7]
    with pytest.raises(SystemExit):
        main(["inspect", "tags-int8.elstm"])
    told = " ".join(capfd.readouterr().out.split())
    assert "thresholds class 0 from 0.5, class 1 from 0.25, class 2 from 0.7" in told
    limits = {"class 0": 0.5, "class 1": 0.25, "class 2": 0.7}
    _, answers, _ = run("stream", "tags-int8.elstm", "frames.csv")
    for answer in answers:
        assert answer["labels"] == [label for label, p in answer["probabilities"].items() if p >= limits[label]]


def test_events_that_a_model_watches_are_listed(run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    rules = {"class 0": Rule(0.85), "class 2": Rule(0.7, 0.3, smooth=9, least=4, refractory=5, warm_up=20)}
    save_model(replace(SOURCE, events=rules), "watch.npz")
    assert run("export", "watch.npz", "--json")[2].count("were for its own answers") == 0
    for file in ("watch.npz", "watch-int8.elstm"):
        with pytest.raises(SystemExit):
            main(["inspect", file])
        lines = capfd.readouterr().out.splitlines()
        assert all(len(line) <= 80 for line in lines)
        told = " ".join(" ".join(lines).split())
        assert "event class 0 from 0.85, below 0.75 no more, 3 of 5, 1.5 s apart" in told
        assert "event class 2 from 0.7, below 0.3 no more, 4 of 9, 5 s apart, not in the first 20" in told
    _, _, err = run("export", "watch.npz", "--pooling", "last", "--window", "0", "--json")
    assert "thresholds of events were for its own answers" in " ".join(err.split())


def test_an_export_of_what_a_model_cannot_answer_is_wrong_usage(run: Run) -> None:
    save_model(SOURCE, "m.npz")
    code, _, err = run("export", "m.npz", "--hop", 5)
    assert code == 2
    assert "--window: 12, expected a multiple of hop (5)" in err
    code, _, err = run("export", "m.npz", "--threshold", 0.2)
    assert code == 2
    assert "--threshold: the answers are softmax" in err
    assert not list(Path().glob("m-*"))


@pytest.mark.parametrize(
    ("thresholds", "activation", "problem"),
    [
        ((0.5,), "sigmoid", "Model.thresholds: 1 numbers, expected 3 or none"),
        ((0.5,) * 3, "softmax", "Model.thresholds: 3 numbers, expected none with softmax"),
        ((0.5, 0.5, 1.5), "sigmoid", r"Model.thresholds\[2\]: 1.5, expected 0 to 1"),
    ],
)
def test_thresholds_of_a_model_are_one_for_each_sigmoid(thresholds: tuple, activation: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        replace(SOURCE, activation=activation, thresholds=thresholds)


def save_recordings(recordings: tuple[np.ndarray, ...], truth: list[int]) -> None:
    names = {"labels": SOURCE.labels, "feature_names": SOURCE.feature_names}
    groups = np.arange(len(truth))
    save_dataset(Dataset(recordings, y=np.array(truth), groups=groups, sample_rate=50.0, **names), "data.npz")


def test_evaluate_judges_the_answers_that_are_asked_for(run: Run) -> None:
    """As a model whose own they are is judged, float and integers, and the C core's file."""
    save_recordings(tuple(random_signal(frames, 3, frames) for frames in (25, 31, 40, 55)), [0, 1, 2, 1])
    save_model(replace(SOURCE, answer=Answer("last", 0, 0)), "end.npz")
    save_model(replace(SOURCE, answer=Answer("mean", 10, 5)), "wanted.npz")
    asked = ("--pooling", "mean", "--answer-window", 10, "--hop", 5)
    _, (expected,), _ = run("evaluate", "wanted.npz", "data.npz", "--all", "--streamed", "--json")
    code, (found,), err = run("evaluate", "end.npz", "data.npz", "--all", "--streamed", "--json", *asked)
    assert (code, found) == (0, expected), err
    assert expected[-1]["sequences"] == 151 // 5
    assert run("export", "end.npz", "--json")[0] == 0
    _, (of_file,), _ = run("evaluate", "end-int8.elstm", "data.npz", "--all", "--streamed", "--json", *asked)
    of_integers = [one for one in expected if one["precision"] == "int8 per-row"]
    assert [one["confusion"] for one in of_file] == [one["confusion"] for one in of_integers]


@pytest.mark.parametrize("model", ["end.npz", "end.elstm"])
def test_evaluate_streamed_says_what_a_model_without_a_hop_lacks(run: Run, model: str) -> None:
    save_model(replace(SOURCE, answer=Answer("mean", 0, 0)), "end.npz")
    save_recordings((FRAMES, FRAMES), [0, 1])
    code, _, err = run("evaluate", model, "data.npz", "--all", "--streamed")
    assert code == 1
    assert "the model answers only when asked (hop 0)" in err
    assert "see --hop" in err
    code, _, err = run("evaluate", model, "data.npz", "--all", "--hop", 7, "--answer-window", 10)
    assert code == 2
    assert "--answer-window: 10, expected a multiple of hop (7)" in err


def test_evaluate_counts_labels_by_the_thresholds_that_are_asked_for(run: Run) -> None:
    names = ("class 0", "class 1", "class 2")
    tags = replace(SOURCE, activation="sigmoid", task=Tags(columns=names), answer=Answer("last", 0, 1))
    Path("data").mkdir()
    for n in range(4):
        rows = "".join(f"{','.join(map(str, frame))},{n % 2},1,0\n" for frame in random_signal(20, 3, n).tolist())
        Path(f"data/r{n}.csv").write_text(",".join([*SOURCE.feature_names, *names]) + "\n" + rows)
    limits = (0.9, 0.2, 0.5)
    save_model(replace(tags, thresholds=limits), "wanted.npz")
    _, (expected,), _ = run("evaluate", "wanted.npz", "data", "--all", "--streamed", "--json")
    save_model(tags, "usual.npz")
    asked = ("--threshold", "class 0=0.9", "--threshold", "class 1=0.2")
    code, (found,), err = run("evaluate", "usual.npz", "data", "--all", "--streamed", "--json", *asked)
    assert (code, found) == (0, expected), err
    assert [found[0]["labels"][name]["threshold"] for name in names] == list(limits)
    assert run("export", "usual.npz", "--json")[0] == 0
    _, (of_file,), _ = run("evaluate", "usual-int8.elstm", "data", "--all", "--streamed", "--json", *asked)
    of_integers = [one for one in expected if one["precision"] == "int8 per-row"]
    assert [one["labels"] for one in of_file] == [one["labels"] for one in of_integers]
