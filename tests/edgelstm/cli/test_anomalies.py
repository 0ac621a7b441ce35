"""Models that tell anomalies, streamed: the scores that are judged, kept states, thresholds that are asked for."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgelstm.cli import main
from edgelstm.devices.deploy.service import new_stream
from edgelstm.devices.deploy.settings import SETTINGS, Settings, write
from edgelstm.export.answering import answering
from edgelstm.export.elstm import encode
from edgelstm.export.onnx import float32 as onnx_float32
from edgelstm.model import Answer
from edgelstm.model_file import save_model
from edgelstm.quantization import quantize
from edgelstm.runtime.anomaly import read_detector, read_scoring, scores_along
from edgelstm.runtime.engines.open import open_model
from edgelstm.tasks import Anomaly
from edgelstm.tasks.anomaly import Learned
from random_models import random_model, random_signal

FRAMES = random_signal(70, 3, 7)
TASK = Anomaly(
    columns=("c", "a"), ahead=2, over=3, settle=5, learned=Learned((0.0, 0.1), (1.0, 2.0), (2.0, 1.0), 0.3)
)
SOURCE = replace(
    random_model(3, [8], [2], answer=Answer("last", 0, 1), activation="linear"),
    task=TASK,
    feature_names=("a", "b", "c"),
    labels=("c +2", "a +2"),
    sample_rate=10.0,
)
Run = Callable[..., tuple[int, list[dict], str]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, frames in {"frames": FRAMES, "first": FRAMES[:33], "rest": FRAMES[33:]}.items():
        np.savetxt(f"{name}.csv", frames, fmt="%.9g", delimiter=",", header="a,b,c", comments="")
    Path("m.elstm").write_bytes(encode(SOURCE))
    Path("q.elstm").write_bytes(encode(quantize(SOURCE)))
    Path("m.onnx").write_bytes(onnx_float32.encode(SOURCE))
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


@pytest.mark.parametrize("name", ["m.elstm", "q.elstm", "m.onnx"])
@pytest.mark.parametrize("hop", [1, 3])
def test_scores_are_those_of_the_answers(run: Run, name: str, hop: int) -> None:
    told = open_model(name).stream(hop=hop).push(FRAMES)
    wanted = scores_along(read_scoring(TASK.to_json(), ""), (2, 0), hop, FRAMES, told)
    code, answers, _ = run("stream", name, "frames.csv", "--hop", hop, "--no-unusual")
    assert code == 0
    assert [set(answer) for answer in answers] == [{"frame", "time", "anomaly", "score"}] * (70 // hop)
    found = [np.nan if answer["score"] is None else answer["score"] for answer in answers]
    np.testing.assert_allclose(found, wanted, rtol=1e-5)
    assert [answer["anomaly"] for answer in answers] == [bool(score >= 1) for score in wanted]
    assert len({answer["anomaly"] for answer in answers}) == 2


def test_a_kept_state_goes_on_as_if_nothing_had_been(run: Run) -> None:
    whole = run("stream", "q.elstm", "frames.csv", "--no-unusual")[1]
    first = run("stream", "q.elstm", "first.csv", "--no-unusual", "--state", "s")[1]
    again = run("stream", "q.elstm", "rest.csv", "--no-unusual", "--state", "s")[1]
    assert first + again == whole


def test_a_state_that_lacks_the_scores_is_refused(run: Run) -> None:
    run("stream", "q.elstm", "first.csv", "--state", "s")
    content = Path("s").read_bytes()
    place = content.rindex(b"\nedgelstm-state")
    line = json.loads(content[place + 16 :])
    bare = content[: place - line["beside"]]
    for wrong, reason in {
        bare: "scores: 0 bytes, expected",
        bare + b"\nedgelstm-state " + json.dumps({**line, "beside": len(content)}).encode() + b"\n": "beside",
        content[: place - 1] + content[place:]: "s: ",
    }.items():
        Path("s").write_bytes(wrong)
        code, answers, err = run("stream", "q.elstm", "rest.csv", "--state", "s")
        assert (code, answers) == (1, [])
        assert reason in err
        assert err.count("\n") == 1
        assert Path("s").read_bytes() == wrong
    Path("n.elstm").write_bytes(encode(quantize(replace(SOURCE, task=replace(TASK, learned=None)))))
    code, answers, err = run("stream", "n.elstm", "frames.csv")
    assert set(answers[0]) == {"frame", "time", "values"}


def test_another_threshold_is_asked_for(run: Run) -> None:
    scores = [answer["score"] or 0.0 for answer in run("stream", "m.elstm", "frames.csv")[1]]
    limit = sorted(scores)[-5] * 0.999
    for options in (("--threshold", limit), ("--threshold", 3, "--threshold", limit)):
        answers = run("stream", "m.elstm", "frames.csv", *options)[1]
        assert [answer["anomaly"] for answer in answers] == [score >= limit for score in scores]
        assert sum(answer["anomaly"] for answer in answers) == 5
    for wrong in ("0", "nan", "a=0.5"):
        code, _, err = run("stream", "m.elstm", "frames.csv", "--threshold", wrong)
        assert code == 2
        assert f"--threshold: {wrong}, expected a score above 0" in err


def test_a_file_is_exported_with_another_threshold(run: Run) -> None:
    of = answering(SOURCE, thresholds=("2",))
    assert of.task == replace(TASK, learned=replace(TASK.learned, threshold=0.6))  # type: ignore[type-var]
    Path("loud.elstm").write_bytes(encode(of))
    quiet, loud = (run("stream", name, "frames.csv")[1] for name in ("m.elstm", "loud.elstm"))
    for one, other in zip(quiet, loud):
        assert other["score"] == (None if one["score"] is None else pytest.approx(one["score"] / 2, rel=1e-5))


def test_a_threshold_that_is_asked_for_is_judged_and_verified(run: Run) -> None:
    """The model, its file, and a file that was exported with that threshold come to the same alarms."""
    save_model(SOURCE, "m.npz")
    asked = ("data", "--all", "--streamed", "--json", "--threshold", "0.5")
    Path("data").mkdir()
    for name, frames in {"one": FRAMES, "two": FRAMES[::-1]}.items():
        rows = "".join(
            f"{','.join(map(str, frame))},{int(40 <= n < 50)}\n" for n, frame in enumerate(frames.tolist())
        )
        Path(f"data/{name}.csv").write_text(f"a,b,c,is_anomaly\n{rows}")
    usual = run("evaluate", "m.npz", *asked[:-2])[1][0]
    code, (of_model,), err = run("evaluate", "m.npz", *asked)
    assert code == 0, err
    assert of_model != usual
    assert (
        run("export", "m.npz", "--precision", "float32", "--threshold", "0.5", "-o", "half.elstm", "--json")[0] == 0
    )
    assert run("verify", "half.elstm", "--against", "m.npz", "--json")[0] == 0
    of_file = run("evaluate", "m.elstm", *asked)[1][0]
    of_export = run("evaluate", "half.elstm", *asked[:-2])[1][0]
    wanted = [one for one in of_model if one["precision"] == "float32"]
    for found in (of_file, of_export):
        for one, other in zip(found, wanted, strict=True):
            for name in ("found", "false_alarms", "normal_frames_in_alarms"):
                assert one[name] == other[name]
            assert one["highest_normal_score"] == pytest.approx(other["highest_normal_score"], rel=1e-4)


def test_answers_that_tell_of_no_frame_are_wrong_usage(run: Run) -> None:
    for options, wanted in {
        ("--pooling", "mean", "--window", "6"): "--pooling: mean, expected last",
        ("--hop", "0"): "--hop: 0, expected at least 1",
    }.items():
        code, answers, err = run("stream", "m.elstm", "frames.csv", *options)
        assert (code, answers) == (2, [])
        assert wanted in err
    with pytest.raises(ValueError, match=r"^pooling: mean, expected last for anomaly"):
        answering(SOURCE, "mean", 6)
    settings = Settings("m.elstm", "0" * 64, source_file="x", pooling="mean", window=6)
    with pytest.raises(ValueError, match=r"^pooling: mean"):
        new_stream(open_model("m.elstm"), settings)


def test_a_deployed_service_tells_them_and_remembers(run: Run) -> None:
    wanted = run("stream", "q.elstm", "frames.csv", "--threshold", "1.2")[1]
    version = Path("name/versions/1").resolve()
    version.mkdir(parents=True)
    content = Path("q.elstm").read_bytes()
    (version / "m.elstm").write_bytes(content)
    os.mkfifo("pipe")
    settings = Settings(
        "m.elstm",
        hashlib.sha256(content).hexdigest(),
        source_file=str(Path("pipe").resolve()),
        keep_state=True,
        thresholds=("1.2",),
    )
    (version / SETTINGS).write_bytes(write(settings))
    command = [sys.executable, "-P", "-m", "edgelstm.devices.deploy.service", str(version)]
    found = []
    lines = [",".join(map(repr, frame)) + "\n" for frame in FRAMES.tolist()]
    for part in (lines[:33], lines[33:]):
        with (
            subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as service,
            os.fdopen(os.open("pipe", os.O_RDWR), "w") as pipe,  # waits for no reader: the service may have failed
        ):
            pipe.write("".join(part))
            pipe.flush()
            assert service.stdout is not None
            found += [json.loads(service.stdout.readline()) for _ in part]
            service.terminate()
            assert service.wait(60) == 0
    assert found == wanted


@pytest.mark.parametrize(
    "change",
    [
        {"columns": ["z"]},
        {"columns": []},
        {"ahead": 0},
        {"method": "x"},
        {"learned": {"threshold": 1}},
        {"over": 1e9},
    ],
)
def test_hostile_metadata_are_one_line(run: Run, change: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {**TASK.to_json(), **change}
    monkeypatch.setattr(Anomaly, "to_json", lambda _: values)
    Path("bad.elstm").write_bytes(encode(SOURCE))
    code, answers, err = run("stream", "bad.elstm", "frames.csv")
    assert (code, answers) == (1, [])
    assert f"bad.elstm: metadata: task: {next(iter(change))}" in err
    assert err.count("\n") == 1


def test_folds_without_events_are_told_by_the_same_figure(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(2)
    Path("runs").mkdir()
    for n in range(4):
        x = np.sin(np.arange(90) / 4 + n) + 0.05 * rng.standard_normal(90)
        odd = [n == 2 and 50 <= t < 55 for t in range(90)]
        text = "".join(f"{value:.4f},{int(is_odd)}\n" for value, is_odd in zip(x, odd))
        Path(f"runs/{n}.csv").write_text("x,is_anomaly\n" + text)
    Path("r.toml").write_text(
        "[task]\nkind = 'anomaly'\nsettle = 5\n[data]\nfile = 'runs'\nwindow = 30\n[model]\nunits = [2]\n"
        "[training]\nepochs = 1\n"
    )
    with pytest.raises(SystemExit) as ended:
        main(["crossvalidate", "r.toml", "--folds", "2", "--jobs", "1"])
    assert not ended.value.code
    name, head, *rows = capfd.readouterr().out.splitlines()
    assert name == "false alarms per 1,000 frames"
    assert head.startswith("fold")
    assert max(map(len, (head, *rows))) <= 80
    assert not any("%" in row for row in rows)


def test_a_memory_limit_counts_what_is_remembered_for_scores(run: Run) -> None:
    model = open_model("m.elstm")
    beside = read_detector(model.stream()).memory_bytes
    needs = model.stream_bytes + beside
    assert run("stream", "m.elstm", "frames.csv", "--memory-limit", str(needs))[0] == 0
    code, _, err = run("stream", "m.elstm", "frames.csv", "--memory-limit", str(needs - 1))
    said = f"a stream, and the {beside:,} bytes that are remembered beside it, take more than the memory limit of"
    assert code == 1
    assert said in " ".join(err.split())
