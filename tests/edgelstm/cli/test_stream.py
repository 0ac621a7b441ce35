"""`edgelstm stream`: answers as they come, state, pacing, nonsense. Its processes: test_stream_process.py."""

import io
import json
import os
import sys
from dataclasses import replace

import numpy as np
import pytest

from edgelstm.cli import main
from edgelstm.export.elstm import encode
from edgelstm.export.onnx import float32 as onnx_float32
from edgelstm.model import Model
from edgelstm.quantization import quantize
from edgelstm.quantization.reference import scores
from edgelstm.runtime import Model as RuntimeModel
from stream_models import CSV_TEXT, NAMES, RECORDING, built, start, write_models


@pytest.fixture
def files(tmp_path):
    return write_models(tmp_path)


@pytest.fixture
def run(files, monkeypatch, capfd):
    """Runs in this process: (exit code, answers, stderr)."""

    def call(*arguments, stdin=""):
        monkeypatch.chdir(files)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        with pytest.raises(SystemExit) as ended:
            main(["stream", *map(str, arguments)])
        out, err = capfd.readouterr()
        return ended.value.code, [json.loads(line) for line in out.splitlines()], err

    return call


@pytest.mark.parametrize("name", ["model.elstm", "int8.elstm", "hop7.elstm", "strided.elstm"])
def test_answers_are_those_of_the_runtime_bit_for_bit(run, files, name):
    code, answers, err = run(name, "frames.csv")
    assert (code, err) == (0, "")
    model = RuntimeModel(files / name)
    expected = model.stream().push(RECORDING)
    found = np.array([list(answer["probabilities"].values()) for answer in answers], np.float32)
    np.testing.assert_array_equal(found, expected)
    assert [answer["frame"] for answer in answers] == list(range(model.hop, 41, model.hop))
    assert [answer["time"] for answer in answers] == [n / 50 for n in range(model.hop, 41, model.hop)]
    for answer, row in zip(answers, expected):
        assert answer["label"] == ("rest", "läuft")[row.argmax()]
        assert answer["probability"] == answer["probabilities"][answer["label"]]


def test_stdin_is_read_as_the_file_is(run):
    expected = run("model.elstm", "frames.csv")
    assert run("model.elstm", stdin=CSV_TEXT) == expected
    assert run("model.elstm", "-", stdin=CSV_TEXT) == expected


def test_a_model_with_one_answer_gives_it_at_the_end(run, files):
    code, answers, _ = run("end.elstm", "frames.csv")
    stream = RuntimeModel(files / "end.elstm").stream()
    stream.push(RECORDING)
    assert (code, len(answers), answers[0]["frame"]) == (0, 1, 40)
    np.testing.assert_array_equal(np.array(list(answers[0]["probabilities"].values()), np.float32), stream.answer())


def test_sigmoid_lists_labels_and_linear_values(run, files):
    for activation in ("sigmoid", "linear"):
        model = built(activation)
        (files / f"{activation}.elstm").write_bytes(encode(model))
    _, answers, _ = run("sigmoid.elstm", "frames.csv")
    assert {len(answer["labels"]) for answer in answers} > {1}
    for answer in answers:
        assert answer["labels"] == [label for label, p in answer["probabilities"].items() if p >= 0.5]
    _, answers, _ = run("linear.elstm", "frames.csv")
    expected = RuntimeModel(files / "linear.elstm").stream().push(RECORDING)
    np.testing.assert_array_equal(np.array([list(a["values"].values()) for a in answers], np.float32), expected)


@pytest.mark.parametrize("labels", [(), ("same", "same")])
def test_outputs_without_names_of_their_own_are_numbered(run, files, labels):
    (files / "bare.elstm").write_bytes(encode(built(labels=labels)))
    _, answers, _ = run("bare.elstm", "frames.csv", "--limit", 1)
    assert list(answers[0]["probabilities"]) == ["0", "1"]
    assert answers[0]["label"] in ("0", "1")


def test_limit_counts_answers(run):
    code, answers, _ = run("hop7.elstm", "frames.csv", "--limit", 2)
    assert (code, [answer["frame"] for answer in answers]) == (0, [7, 14])


@pytest.mark.parametrize("name", ["int8.elstm", "hop7.elstm", "strided.elstm"])
@pytest.mark.parametrize("cut", [1, 10, 39])
def test_a_saved_state_goes_on_as_if_never_stopped(run, name, cut):
    _, whole, _ = run(name, "frames.csv")
    header, *lines = CSV_TEXT.splitlines(keepends=True)
    answers = []
    for part, said in (
        (lines[:cut], ""),
        (lines[cut:], f"edgelstm: s.state: goes on from frame {cut}, the state is "),
    ):
        code, found, err = run(name, "--state", "s.state", stdin=header + "".join(part))
        assert (code, err[: len(said) or None]) == (0, said)
        answers += found
    assert answers == whole


def test_a_state_that_is_too_old_is_not_gone_on_from(run, files):
    run("model.elstm", "--state", "s.state", stdin="1,2,3\n")
    code, answers, err = run("model.elstm", "--state", "s.state", "--state-max-age", "1h", stdin="1,2,3\n")
    assert (code, answers[0]["frame"]) == (0, 2)
    (files / "s.state").write_bytes((files / "s.state").read_bytes().partition(b"\nedgelstm-state ")[0])
    os.utime(files / "s.state", (0, 0))  # as old as its file
    code, answers, err = run("model.elstm", "--state", "s.state", "--state-max-age", "1h", stdin="1,2,3\n")
    assert (code, answers[0]["frame"]) == (0, 1)
    assert "days old, at most 60 min was asked for: starts afresh" in err


def test_two_streams_with_one_state_are_noticed(run, files):
    """Whatever the second calls it; who was killed has let go."""
    (files / "link").symlink_to("s.state")
    with start(files, "model.elstm", "--state", "s.state") as first:
        first.stdin.write(b"1,2,3\n")
        first.stdin.flush()
        first.stdout.readline()
        for name in ("s.state", files / "s.state", "link"):
            code, answers, err = run("model.elstm", "--state", name, stdin="1,2,3\n")
            assert (code, answers) == (1, [])
            assert err == f"edgelstm: {name}: in use by another process, expected a file of its own\n"
        assert run("model.elstm", "--state", "other.state", stdin="1,2,3\n")[0] == 0
        first.kill()
    before = {path.name for path in files.iterdir()}
    assert run("model.elstm", "--state", "s.state", stdin="1,2,3\n")[0] == 0
    assert before - {path.name for path in files.iterdir()} == {
        name for name in before if name.startswith(".edgelstm-")
    }
    assert not list(files.glob(".edgelstm-*"))


@pytest.mark.parametrize("text", ["", "\n\n", "accel_x,accel_y,gyro_x\n"])
def test_no_frames_are_no_error_where_a_state_goes_on(run, files, text):
    assert run("model.elstm", stdin=text)[0] == 1
    expected = "edgelstm: stdin: no frames, s.state stays as it was\n"
    assert run("model.elstm", "--state", "s.state", stdin=text) == (0, [], expected)
    assert not (files / "s.state").exists()
    run("model.elstm", "--state", "s.state", stdin="1,2,3\n")
    saved = (files / "s.state").read_bytes()
    code, answers, err = run("model.elstm", "--state", "s.state", stdin=text)
    assert (code, answers, err.endswith(expected)) == (0, [], True)
    assert (files / "s.state").read_bytes() == saved


def test_an_error_leaves_the_saved_state_and_earlier_answers(run, files):
    run("model.elstm", "--state", "s.state", stdin="1,2,3\n")
    before = (files / "s.state").read_bytes()
    code, answers, err = run("model.elstm", "--state", "s.state", stdin="1,2,3\n4,5,6\n1,2,abc\n7,8,9\n")
    assert (code, [answer["frame"] for answer in answers]) == (1, [2, 3])
    assert err.splitlines()[1:] == ["edgelstm: stdin line 3, column 3 (gyro_x): 'abc' is not a number"]
    assert (files / "s.state").read_bytes() == before
    assert not list(files.glob(".s.state*"))


def test_a_rate_paces_frames_as_the_sensor_would(run, monkeypatch):
    """With a clock that only sleeping moves, 40 frames at 50 Hz end 39 periods after they began."""
    now = [100.0]
    monkeypatch.setattr("edgelstm.runtime.streaming.time.monotonic", lambda: now[0])
    monkeypatch.setattr("edgelstm.runtime.streaming.time.sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    code, answers, _ = run("model.elstm", "frames.csv", "--rate")
    assert (code, len(answers)) == (0, 40)
    assert now[0] == pytest.approx(100 + 39 / 50)


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "expected"),
    [
        (["none.elstm", "frames.csv"], "", 2, "none.elstm: no such file"),
        (["model.elstm", "none.csv"], "", 2, "none.csv: no such file"),
        (["model.elstm", "."], "", 2, ".: is a directory"),
        ([".", "frames.csv"], "", 2, ".: is a folder, expected a model file"),
        (["frames.csv"], "", 1, "frames.csv: suffix .csv, expected one of .elstm, .onnx, .tflite"),
        (["cut.elstm"], "1,2,3\n", 1, "cut.elstm: "),
        (["empty.elstm"], "1,2,3\n", 1, "empty.elstm: "),
        (["text.elstm"], "1,2,3\n", 1, "text.elstm: "),
        (["model.elstm"], "", 1, "stdin: no frames"),
        (["end.elstm"], "accel_x,accel_y,gyro_x\n", 1, "stdin: no frames after the header"),
        (["model.elstm"], "1,nan,3\n", 1, "stdin line 1, column 2 (accel_y): 'nan' is not a finite number"),
        (["model.elstm"], "1,2\n", 1, "stdin line 1: 2 columns, expected 3"),
        (["model.elstm"], "accel_x,accel_y\n1,2\n", 1, "stdin line 1: no column 'gyro_x'"),
        (["model.elstm", "--format", "xml"], "", 2, "--format: 'xml', expected auto, csv, ndjson or text"),
        (["model.elstm", "--limit", "0"], "", 2, "--limit"),
        (["model.elstm", "--frobnicate"], "", 2, "--frobnicate"),
        ([], "", 2, "MODEL"),
        (["model.elstm", "--memory-limit", "10"], "1,2,3\n", 1, "the memory limit is 10"),
        (["model.elstm", "--state-every", "1s"], "1,2,3\n", 2, "--state-every: goes with --state"),
        (["model.elstm", "--state", "no/such/s"], "1,2,3\n", 2, "folder no/such does not exist"),
        (["model.elstm", "--state", "frames.csv"], "1,2,3\n", 1, "frames.csv: snapshot"),
        (["model.elstm", "--state", "other.state"], "1,2,3\n", 1, "other.state: snapshot"),
    ],
)  # fmt: skip
def test_nonsense_gets_one_line_and_leaves_nothing(run, files, arguments, stdin, code, expected):
    whole = (files / "model.elstm").read_bytes()
    (files / "cut.elstm").write_bytes(whole[: len(whole) // 2])
    (files / "empty.elstm").write_bytes(b"")
    (files / "text.elstm").write_text("no model\n" * 100)
    (files / "other.state").write_bytes(RuntimeModel(files / "hop7.elstm").stream().save())
    before = {path: path.read_bytes() for path in files.iterdir()}
    found, answers, err = run(*arguments, stdin=stdin)
    assert (found, answers) == (code, [])
    assert err.startswith("edgelstm: ")
    assert err.count("\n") == 1
    assert expected in err
    assert {path: path.read_bytes() for path in files.iterdir()} == before


def test_rate_without_a_sample_rate_is_refused(run, files):
    source = built()
    (files / "norate.elstm").write_bytes(encode(Model(source.normalize, source.layers, feature_names=NAMES)))
    code, _, err = run("norate.elstm", "frames.csv", "--rate")
    assert (code, err.count("\n")) == (2, 1)
    assert "does not say its sample rate" in err
    _, answers, _ = run("norate.elstm", "frames.csv")
    assert answers[0]["time"] is None


def test_other_engines_stream_with_the_same_lines(run, files):
    """onnxruntime computes in its own way; labels, frames and times are the same, probabilities nearly."""
    pytest.importorskip("onnxruntime")
    (files / "model.onnx").write_bytes(onnx_float32.encode(built()))
    _, expected, _ = run("model.elstm", "frames.csv")
    code, answers, _ = run("model.onnx", "frames.csv", "--state", "s.state")
    assert (code, len(answers)) == (0, len(expected))
    for answer, other in zip(answers, expected):
        assert answer["probability"] == pytest.approx(other["probability"], abs=1e-5)
        assert (answer["label"], answer["frame"], answer["time"]) == (other["label"], other["frame"], other["time"])
    code, answers, _ = run("model.onnx", "--state", "s.state", stdin="1,2,3\n")
    assert (code, answers[0]["frame"]) == (0, 41)
    for option in ("--memory-limit", "--threads"):
        code, _, err = run("model.onnx", "frames.csv", option, 60)
        assert (code, err.count("\n")) == (2, 1)
        assert err.startswith(f"edgelstm: {option}: onnxruntime ")


def test_threads_change_no_line(run):
    pytest.importorskip("edgelstm.runtime._step")
    assert run("model.elstm", "frames.csv", "--threads", 2) == run("model.elstm", "frames.csv")


def test_answers_that_overflow_are_an_error_not_bad_json(run, files):
    pytest.importorskip("onnxruntime")  # .elstm files bound their weights
    (files / "huge.onnx").write_bytes(onnx_float32.encode(built("linear", scale=2e38)))
    code, answers, err = run("huge.onnx", "frames.csv")
    assert (code, err.count("\n")) == (1, 1)
    assert "not finite" in err
    assert all(np.isfinite(list(answer["values"].values())).all() for answer in answers)


@pytest.fixture
def watched(files):
    """A model that knows what training saw."""
    usual = ((-4.0, 4.0), (-4.0, 4.0), (-4.0, 4.0))
    (files / "watched.elstm").write_bytes(encode(replace(built(), feature_range=usual)))
    return "watched.elstm"


def test_unusual_features_are_marked_in_the_answer(run, watched):
    frames = "accel_x,accel_y,gyro_x\n0,0,0\n99,0,-99\n0,0,0\n"
    code, answers, err = run(watched, stdin=frames)
    assert (code, err) == (0, "")
    assert [answer.get("unusual") for answer in answers] == [None, ["accel_x", "gyro_x"], None]
    _, unmarked, _ = run(watched, "--no-unusual", stdin=frames)
    for answer in answers:
        answer.pop("unusual", None)
    assert unmarked == answers


@pytest.mark.parametrize("digits", ["٣", "３", "१", "1٣", "-３.5"])
def test_digits_of_other_scripts_are_no_numbers(run, digits):
    code, answers, err = run("model.elstm", stdin=f"1,2,3\n4,{digits},6\n")
    assert (code, len(answers)) == (1, 1)
    assert f"stdin line 2, column 2 (accel_y): {digits!r} is not a number, expected the digits 0 to 9" in err


def test_times_that_contradict_the_rate_are_one_remark(run):
    lines = [f"{n / 100:.2f},1,2,3" for n in range(40)]
    code, answers, err = run("model.elstm", stdin="\n".join(["time,accel_x,accel_y,gyro_x", *lines]))
    assert (code, len(answers)) == (0, 40)
    assert err == "edgelstm: stdin: column time: 100 frames per second, the model's rate is 50\n"


def test_times_of_slow_frames_are_those_of_the_rate(run, files):
    """The header's rate is float32, by which the hundredth hour would be 356399.99137 s after the first."""
    (files / "slow.elstm").write_bytes(encode(replace(built(), sample_rate=1 / 3600)))
    _, answers, _ = run("slow.elstm", stdin="1,2,3\n" * 99)
    assert answers[-1]["time"] == 356_400


@pytest.mark.parametrize(("name", "frame"), [("hop7.elstm", 7), ("strided.elstm", 8)])
def test_too_few_frames_for_an_answer_are_told(run, name, frame):
    code, answers, err = run(name, stdin="1,2,3\n" * 3)
    assert (code, answers) == (0, [])
    assert err == f"edgelstm: no answer: 3 frames so far, the next comes with frame {frame}\n"


def test_help_has_an_example(run, capfd):
    with pytest.raises(SystemExit) as ended:
        main(["stream", "--help"])
    assert ended.value.code == 0
    assert "Example:" in capfd.readouterr().out


@pytest.mark.slow
def test_real_recordings_stream_to_what_the_integer_reference_says(run, files, watch, watch_model):
    """Smartwatch data through CSV and the int8 core, against scores in numpy, averaged over the window by hand."""
    quantized, frames = quantize(watch_model), watch.sequences[0][:400]
    (files / "watch.elstm").write_bytes(encode(quantized))
    rows = [",".join(watch.feature_names), *(",".join(map(repr, row)) for row in frames.tolist())]
    (files / "watch.csv").write_text("\n".join(rows))
    code, answers, _ = run("watch.elstm", "watch.csv")
    assert (code, [answer["frame"] for answer in answers]) == (0, list(range(50, 401, 50)))
    frame_scores = scores(quantized, [frames])[0].astype(np.float64)
    for answer in answers:
        mean = frame_scores[max(0, answer["frame"] - 200) : answer["frame"]].mean(axis=0)
        softmax = np.exp(mean) / np.exp(mean).sum()
        np.testing.assert_allclose(list(answer["probabilities"].values()), softmax, atol=1e-6)
        assert answer["label"] == watch.labels[softmax.argmax()]
