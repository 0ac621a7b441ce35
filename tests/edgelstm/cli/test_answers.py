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
from edgelstm.export.elstm import encode
from edgelstm.model import Answer
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
        ("--pooling", "median"): "--pooling: median, expected last or mean",
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
