"""`edgelstm stream` from devices: samples and lines, what is lost, what was asked wrongly."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import wave
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from edgelstm.cli import main
from edgelstm.cli.export_told import next_commands
from edgelstm.export.elstm import encode
from edgelstm.layers import LSTM, Dense
from edgelstm.model import Answer, Model, Normalize
from edgelstm.model_file import load_model, save_model
from edgelstm.runtime import Model as RuntimeModel
from edgelstm.runtime.events.asked import changed_rules
from edgelstm.runtime.events.events import Events
from edgelstm.runtime.events.rule import Rule
from edgelstm.runtime.gaps import Gaps
from edgelstm.runtime.sources.source import Gap, Source
from edgelstm.runtime.streaming import Answers, stream_frames

COMMAND = [sys.executable, "-c", "from edgelstm.cli import main; main()", "stream"]


def built(features=1, names=("sound",), rate=8000.0, hop=10):
    rng = np.random.default_rng(5)
    lstm = LSTM(rng.normal(size=(32, features)), rng.normal(0, 0.3, (32, 8)), rng.normal(size=32))
    normalize = Normalize(np.zeros(features), np.full(features, 8000.0))
    layers = (lstm, Dense(rng.normal(size=(2, 8)), np.zeros(2)))
    answer = Answer("mean", 2 * hop, hop)
    return Model(normalize, layers, "softmax", answer, labels=("yes", "no"), feature_names=names, sample_rate=rate)


@pytest.fixture
def sound():
    return np.random.default_rng(2).integers(-9999, 9999, (200, 1))


@pytest.fixture
def files(tmp_path, sound):
    (tmp_path / "model.elstm").write_bytes(encode(built()))
    with wave.open(str(tmp_path / "x.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(sound.astype("<i2").tobytes())
    return tmp_path


@pytest.fixture
def run(files, monkeypatch, capfd):
    """Runs in this process: (exit code, lines, stderr)."""

    def call(*arguments, stdin=b""):
        monkeypatch.chdir(files)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as ended:
            main(["stream", *map(str, arguments)])
        out, err = capfd.readouterr()
        return ended.value.code, [json.loads(line) for line in out.splitlines()], err

    return call


def probabilities(lines):
    return np.array([list(line["probabilities"].values()) for line in lines if "event" not in line], np.float32)


def test_a_wav_file_is_answered_as_the_runtime_does(run, files, sound):
    code, lines, err = run("model.elstm", "--wav", "x.wav")
    assert (code, err) == (0, "")
    expected = RuntimeModel(files / "model.elstm").stream().push(sound.astype(np.float32))
    np.testing.assert_array_equal(probabilities(lines), expected)
    assert run("model.elstm", "--wav", "-", stdin=(files / "x.wav").read_bytes())[1] == lines


def test_sound_that_is_given_as_lines_is_told_how_it_is_read(run, files):
    code, lines, err = run("model.elstm", "x.wav")
    assert (code, lines) == (1, [])
    assert err.endswith("x.wav: a WAV file, expected frames as text; sound is read by --wav\n")
    (files / "x.csv").write_text("1,2,3\n")
    code, lines, err = run("model.elstm", "x.csv")
    assert (code, lines) == (1, [])
    assert "no column 'sound'" in err
    assert err.endswith("; the model takes sound: --wav FILE or --microphone gives it\n")


def test_a_file_of_a_model_that_takes_sound_is_tried_by_sound():
    path = Path("model.elstm")
    assert next_commands(path, built()).splitlines() == [
        "Next: edgelstm stream model.elstm --wav sound.wav",
        "  or: edgelstm stream model.elstm --microphone",
        "  or: edgelstm profile model.elstm",
    ]
    assert next_commands(path, built(2, ("ax", "ay"))).startswith("Next: edgelstm stream model.elstm frames.csv\n")


class Broken(Source):
    """Frames, and gaps before some of them."""

    def __init__(self, frames, gaps):
        super().__init__("broken")
        self._frames, self._gaps = frames, gaps

    @property
    def place(self):
        return "broken"

    def __iter__(self):
        for number, frame in enumerate(self._frames):
            self._gap = self._gaps.get(number)
            yield frame


def streamed(files, frames, gaps, most=5):
    model, out = RuntimeModel(files / "model.elstm"), io.BytesIO()
    counted = Gaps(8000, most)
    stream_frames(model.stream(), Broken(frames, gaps), Answers(model, out), limit=None, rate=0, gaps=counted)
    return [json.loads(line) for line in out.getvalue().splitlines()], counted


@pytest.mark.parametrize("gap", [Gap("overrun", 6 / 8000), Gap("was away"), Gap("was away", 3600.0)])
def test_a_long_gap_begins_anew_and_says_so(files, sound, gap):
    """From then on the answers are a new stream's; times go on by the source's own."""
    frames = sound.astype(np.float32)
    lines, counted = streamed(files, frames, {105: gap})
    expected = [RuntimeModel(files / "model.elstm").stream().push(part) for part in (frames[:105], frames[105:])]
    np.testing.assert_array_equal(probabilities(lines), np.concatenate(expected))
    assert lines[10] == {
        "event": "gap", "frame": 105, "time": 0.013125, "seconds": gap.seconds, "why": gap.why, "reset": True
    }  # fmt: skip
    missing = round((gap.seconds or 0) * 8000)
    assert [line["frame"] for line in lines[11:]] == [105 + missing + n for n in range(10, 91, 10)]
    assert counted.resets == counted.count == 1
    assert "1 gap, " in counted.words


def test_a_short_gap_is_bridged_by_a_straight_line(files, sound):
    frames = sound.astype(np.float32)
    lines, counted = streamed(files, frames, {105: Gap("overrun", 3 / 8000)})
    between = [frames[104] + (frames[105] - frames[104]) * n / 4 for n in (1, 2, 3)]
    whole = np.concatenate([frames[:105], np.array(between, np.float32), frames[105:]])
    expected = RuntimeModel(files / "model.elstm").stream().push(whole)
    np.testing.assert_allclose(probabilities(lines), expected, atol=1e-6)
    assert [line["reset"] for line in lines if "event" in line] == [False]
    assert (counted.made_up, counted.resets) == (3, 0)
    assert streamed(files, frames, {105: Gap("overrun", 3 / 8000)}, most=2)[1].resets == 1


def test_a_gap_before_the_first_frame_is_told(files, sound):
    lines, _ = streamed(files, sound.astype(np.float32), {0: Gap("was away")})
    assert lines[0] == {"event": "gap", "frame": 0, "time": 0, "seconds": None, "why": "was away", "reset": True}


def test_a_serial_port_from_end_to_end(files):
    (files / "xyz.elstm").write_bytes(encode(built(3, ("x", "y", "z"), 50.0, hop=1)))
    try:
        near, far = os.openpty()
    except OSError as error:
        pytest.skip(f"no pseudo-terminals here: {error}")
    command = [*COMMAND, "xyz.elstm", "--serial", os.ttyname(far), "--limit", "2"]
    with subprocess.Popen(command, cwd=files, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
        answered = None
        while answered is None:  # what waits when it opens the port is dropped
            os.write(near, b"1,2,3\n")
            with contextlib.suppress(subprocess.TimeoutExpired):
                answered = program.communicate(timeout=0.05)
    out, err = answered
    assert (program.returncode, err) == (0, b"")
    frame = np.array([1, 2, 3], np.float32)
    expected = RuntimeModel(files / "xyz.elstm").stream().push(np.array([frame, frame]))
    lines = [json.loads(line) for line in out.splitlines()]
    np.testing.assert_array_equal(probabilities(lines), expected)
    assert all(datetime.fromisoformat(line["at"]).utcoffset() == timedelta(0) for line in lines)
    os.close(near)
    os.close(far)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["x.csv", "--wav", "x.wav"], "--wav: beside FILE, expected one source of frames"),
        (["--serial", "/dev/none", "--wav", "x.wav"], "--serial: beside --wav, expected one source of frames"),
        (["--wav", "x.wav", "--baud", "9600"], "--baud: goes with --serial"),
        (["x.csv", "--channel", "1"], "--channel: goes with --wav or --microphone"),
        (["--wav", "x.wav", "--format", "ndjson"], "--format: goes with FILE or --serial or --mqtt"),
        (["--wav", "x.wav", "--gap", "3"], "--gap: goes with FILE or --serial or --mqtt or --microphone"),
        (["--wav", "x.wav", "--card-rate", "48000"], "--card-rate: goes with --microphone"),
        (["--mqtt", "mqtt://ann:s3cret@hub/a"], "--mqtt: a password in the URL shows in ps"),
        (["--wav", "x.wav", "--publish", "hub/a"], "--publish: 'hub/a', expected mqtt://HOST/TOPIC"),
        (["--wav", "x.wav", "--home-assistant"], "--home-assistant: goes with --publish"),
        (["--wav", "x.wav", "--mqtt-ca", "x"], "--mqtt-ca: goes with --mqtt or --publish"),
        (["--mqtt", "mqtt://hub/a", "--mqtt-password", "none"], "none: no such file or directory"),
        (["--serial", "/dev/none-there"], "/dev/none-there: no such port; ls /dev/serial/by-id names those"),
        (["--wav", "none.wav"], "none.wav: no such file or directory"),
    ],
)
def test_what_is_asked_wrongly_is_one_line(run, arguments, problem):
    code, lines, err = run("model.elstm", *arguments)
    assert (code, lines) == (2, [])
    assert err.startswith(f"edgelstm: {problem}")
    assert err.count("\n") == 1


def test_events_are_told_behind_their_answers_and_end_with_a_gap(files, sound):
    """Against a walk over the answers by hand: a mean of two from 0.5 on, that ends below 0.4."""
    model, out = RuntimeModel(files / "model.elstm"), io.BytesIO()
    rules = changed_rules({}, ["yes:smooth=2,refractory=0", "no:threshold=0,smooth=1,refractory=0"], ("yes", "no"))
    gaps = {105: Gap("was away", 1.0)}
    answers = Answers(model, out, events=Events(rules, 8000))
    stream_frames(model.stream(), Broken(sound.astype(np.float32), gaps), answers, limit=None, rate=0)
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    is_on, before, expected = False, 0.0, []
    for line in lines:
        if line.get("event") == "gap":
            expected += [("end", line["frame"])] if is_on else []
            is_on, before = False, 0.0
        elif "event" not in line:
            score, before = (line["probabilities"]["yes"] + before) / 2, line["probabilities"]["yes"]
            full = line["frame"] not in (10, 8115)  # one of two
            if (not is_on and score >= 0.5 and full and line["probabilities"]["yes"] >= 0.5) or (
                is_on and score < 0.4
            ):
                is_on = not is_on
                expected.append(("start" if is_on else "end", line["frame"]))
    found = [(line["event"], line["frame"]) for line in lines if line.get("label") == "yes" and "event" in line]
    assert {kind for kind, _ in found} == {"start", "end"}
    assert [kind for kind, _ in found] == [kind for kind, _ in expected]
    always = [(line["event"], line["frame"]) for line in lines if line.get("label") == "no" and "event" in line]
    assert always == [("start", 10), ("end", 105), ("start", 8115)]


def test_events_are_kept_in_the_file_and_changed_when_asked(run, files, capfd):
    save_model(replace(built(), events={"yes": Rule(0.0, smooth=1)}), files / "model.npz")
    assert load_model(files / "model.npz").events == {"yes": Rule(0.0, smooth=1)}
    with pytest.raises(SystemExit) as ended:
        main(["export", str(files / "model.npz"), "-o", str(files / "kept.onnx"), "--format", "onnx", "--precision",
              "float32", "--no-verify", "--event", "no:threshold=0,smooth=1"])  # fmt: skip
    assert not ended.value.code
    capfd.readouterr()
    (files / "kept.elstm").write_bytes(encode(replace(built(), events={"no": Rule(0.0, smooth=1)})))

    def started(*arguments):
        _, lines, _ = run(*arguments, "--wav", "x.wav", "--limit", "1")
        return {line["label"] for line in lines if line.get("event") == "start"}

    assert started("kept.onnx") == {"yes", "no"}
    assert started("kept.elstm") == {"no"}
    assert started("kept.elstm", "--event", "yes:threshold=0,smooth=1") == {"no", "yes"}
    assert started("kept.elstm", "--event", ":1.0") == set()
    assert started("model.elstm") == set()


def test_events_go_on_where_the_state_does(run, files, sound):
    """Two halves with a state between them tell what the whole tells, whatever is on, and rests, there."""
    usual = np.median(probabilities(run("model.elstm", "--wav", "x.wav")[1]), axis=0)
    rules = zip(("yes", "no"), usual, (2, 1), strict=True)
    texts = [f"{label}:{limit:.6f},release={limit:.6f},smooth={n},least=1" for label, limit, n in rules]
    asked = ("model.elstm", "--event", texts[0], "--event", texts[1], "--event", ":refractory=0.003")

    def half(part, *more):
        with wave.open(str(files / "half.wav"), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes(part.astype("<i2").tobytes())
        return run(*asked, "--wav", "half.wav", *more)[1]

    whole = half(sound)
    assert len([line for line in whole if "event" in line]) > 4
    for cut in (55, 100, 150):
        assert half(sound[:cut], "--state", f"state{cut}") + half(sound[cut:], "--state", f"state{cut}") == whole


def test_an_event_file_counts_after_the_options(run, files):
    (files / "events").write_text("# of the hall\n\nyes:threshold=0,smooth=1\n")
    _, lines, _ = run("model.elstm", "--wav", "x.wav", "--event", "yes:1.0", "--event-file", "events", "--limit", "1")
    assert [line["label"] for line in lines if line.get("event") == "start"] == ["yes"]
    code, _, err = run("model.elstm", "--wav", "x.wav", "--event-file", "none")
    assert (code, err.split(":")[1]) == (2, " none")
    (files / "events").write_text("maybe\n")
    code, _, err = run("model.elstm", "--wav", "x.wav", "--event-file", "events")
    assert (code, err) == (1, "edgelstm: events: line 1: event: 'maybe', expected one of yes, no\n")


def test_an_event_that_there_is_not_is_one_line(run):
    code, _, err = run("model.elstm", "--wav", "x.wav", "--event", "maybe")
    assert (code, err) == (2, "edgelstm: --event: 'maybe', expected one of yes, no (see edgelstm stream --help)\n")


def test_times_in_lines_tell_gaps_when_asked(run, files):
    """A straight line over three missing frames is what was sent; behind more the stream begins anew."""
    (files / "xyz.elstm").write_bytes(encode(built(3, ("x", "y", "z"), 50.0, hop=1)))
    frames = [(n, 2 * n, 5) for n in range(30)]
    rows = [f"{n / 50:.2f},{x},{y},{z}\n" for n, (x, y, z) in enumerate(frames)]
    (files / "x.csv").write_text("".join(rows[:10] + rows[13:20] + rows[24:]))
    asked = ("xyz.elstm", "x.csv", "--columns", "time,x,y,z")
    code, lines, err = run(*asked, "--gap", "3")
    remark, counted = err.splitlines()
    assert (code, counted) == (0, "edgelstm: x.csv: 2 gaps, 0.14 s missing, 3 frames made up, begun anew 1 time")
    assert "0.06 s missing before line 11" in remark
    model, sent = RuntimeModel(files / "xyz.elstm"), np.array(frames, np.float32)
    expected = [model.stream().push(part) for part in (sent[:20], sent[24:])]
    np.testing.assert_allclose(probabilities(lines), np.concatenate(expected), atol=1e-6)
    assert [line["frame"] for line in lines if "event" not in line] == [*range(1, 21), *range(25, 31)]
    gaps = [(line["frame"], line["why"], line["reset"]) for line in lines if "event" in line]
    assert gaps == [(10, "by its times", False), (20, "by its times", True)]
    assert not any("event" in line or "at" in line for line in run(*asked)[1])
    text = "".join(rows[:10] + rows[13:]).replace(",", ";").replace(".", ",")
    err = run("xyz.elstm", *asked[2:], "--gap", "3", stdin=text.encode())[2]
    assert err.splitlines()[-1] == "edgelstm: stdin: 1 gap, 0.06 s missing, 3 frames made up"


def test_sound_has_no_columns(run):
    assert (
        "--columns: goes with FILE or --serial or --mqtt" in run("model.elstm", "--wav", "x.wav", "--columns", "x")[2]
    )


@pytest.mark.parametrize(("asked", "code"), [((), 1), (("--missing", "hold"), 0), (("--missing", "refuse"), 1)])
def test_a_pipe_goes_on_where_a_line_cannot_be_read(files, capfd, monkeypatch, asked, code):
    (files / "xyz.elstm").write_bytes(encode(built(3, ("x", "y", "z"), 50.0, hop=1)))
    reading, writing = os.pipe()
    os.write(writing, b"1,2,3\n1,,3\n3,4,5\n")
    os.close(writing)
    with os.fdopen(reading, "r") as pipe:
        monkeypatch.setattr(sys, "stdin", pipe)
        with pytest.raises(SystemExit) as ended:
            main(["stream", str(files / "xyz.elstm"), *asked])
    out, err = capfd.readouterr()
    assert ended.value.code == code
    lines = [json.loads(line) for line in out.splitlines()]
    sent = {"hold": [[1, 2, 3], [1, 2, 3], [3, 4, 5]], "refuse": [[1, 2, 3]]}.get(asked[-1] if asked else "")
    sent = [[1, 2, 3], [2, 3, 4], [3, 4, 5]] if sent is None else sent
    expected = RuntimeModel(files / "xyz.elstm").stream().push(np.array(sent, np.float32))
    np.testing.assert_allclose(probabilities(lines), expected, atol=1e-6)
    assert [line["why"] for line in lines if "event" in line] == ([] if asked else ["unreadable"])
    assert "stdin line 2, column 2 (y): empty, expected a number" in err
    assert ("edgelstm: stdin: 1 of 3 lines could not be read" in err) == (not asked)


def test_clips_of_events_are_kept_where_they_are_asked_for(run, files, sound):
    (files / "clips").mkdir()
    asked = ("model.elstm", "--wav", "x.wav", "--event", "yes:threshold=0,smooth=1")
    assert run(*asked, "--keep", "clips")[0] == 0
    (path,) = (files / "clips").iterdir()
    assert "-start-yes-" in path.name
    with wave.open(str(path)) as file:  # all of it: it is shorter than what a clip has before and behind
        assert file.getframerate() == 8000
        np.testing.assert_array_equal(np.frombuffer(file.readframes(1000), "<i2"), sound[:, 0])
    assert "--keep: no label is watched" in run("model.elstm", "--wav", "x.wav", "--keep", "clips")[2]
    assert run(*asked, "--keep", "none")[:2] == (2, [])
