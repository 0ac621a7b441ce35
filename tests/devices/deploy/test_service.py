"""The service of a deployed version, run as it is on a board: every kind of source, files that were tampered with."""

import hashlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import wave
from dataclasses import replace

import numpy as np
import pytest

from edgelstm.devices.deploy.settings import PASSWORD, SELF_TEST, SETTINGS, SelfTest, Settings, write
from edgelstm.devices.frames import noise
from edgelstm.export.elstm import encode
from edgelstm.quantization import quantize
from edgelstm.runtime import Model
from forked import launcher
from random_models import random_model, random_signal
from sound_models import framed, hard_sound, hearing_model

FEATURES = 4
FRAMES = random_signal(20, FEATURES)
LINES = "".join(",".join(map(str, frame)) + "\n" for frame in FRAMES)


@pytest.fixture(scope="module")
def content():
    return encode(quantize(random_model(FEATURES, [16], [3])))


@pytest.fixture
def version(tmp_path, content):
    """Makes NAME/versions/1 with the given settings."""

    def make(content=content, **settings):
        folder = tmp_path / "name/versions/1"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "m.elstm").write_bytes(content)
        sha256 = hashlib.sha256(content).hexdigest()
        (folder / SETTINGS).write_bytes(write(Settings("m.elstm", **{"sha256": sha256, **settings})))
        (folder / SELF_TEST).write_bytes(write(SelfTest.of(found := Model(folder / "m.elstm"), noise(found, 5))))
        return folder

    return make


def start(folder, *options, **more):
    command = [sys.executable, "-P", "-m", "edgelstm.devices.deploy.service", *options, str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


@pytest.fixture(scope="module")
def launched(tmp_path_factory):
    with launcher(tmp_path_factory.mktemp("services"), module="edgelstm.devices.deploy.service") as started:
        yield started


@pytest.fixture
def run(launched):
    """Runs a service to its end: (exit code, answers as rows, stderr)."""

    def call(folder, *options):
        code, out, err = launched.run(*options, folder, environment=os.environ)
        return code, [list(json.loads(line)["probabilities"].values()) for line in out.splitlines()], err.decode()

    return call


def expected(folder, frames=FRAMES):
    return Model(folder / "m.elstm").stream().push(frames)


def test_a_file_and_a_program_are_streamed_to_their_end(run, version, tmp_path):
    (tmp_path / "frames.csv").write_text(LINES)
    for source in ({"source_file": str(tmp_path / "frames.csv")}, {"source_command": ("printf", "%s", LINES)}):
        folder = version(**source)
        code, found, err = run(folder)
        assert (code, err) == (0, "")
        np.testing.assert_allclose(found, expected(folder), rtol=1e-6)


def test_a_program_that_fails_fails_the_service(run, version):
    code, found, err = run(version(source_command=("sh", "-c", f"printf %s '{LINES}'; exit 3")))
    assert (code, len(found)) == (1, len(FRAMES))
    assert "sh: ended with 3" in err


def test_a_program_that_is_not_there_is_said_so_whatever_folders_are_searched(run, version, tmp_path, monkeypatch):
    (tmp_path / "closed").mkdir(mode=0)  # to all but root
    monkeypatch.setenv("PATH", f"{tmp_path / 'closed'}:{tmp_path / 'nowhere'}:/usr/bin:/bin")
    for name in ("no-such-program", str(tmp_path / "no-such-program")):
        code, _, err = run(version(source_command=(name,)))
        assert (code, err) == (1, f"{name}: no such file or directory\n")


def test_a_devices_first_line_is_dropped_and_its_end_is_a_failure(version):
    """A terminal stands for a serial port: it is one to the kernel."""
    near, far = os.openpty()
    with start(version(source_file=os.ttyname(far))) as service:
        os.write(near, b"7,3\n" + LINES.encode())
        answers = [json.loads(service.stdout.readline()) for _ in FRAMES]
        os.close(far)
        os.close(near)
        _, err = service.communicate(timeout=60)
    assert service.returncode == 1
    assert [one["frame"] for one in answers] == list(range(1, len(FRAMES) + 1))
    assert "/dev/pts/" in err
    assert "the device has gone" in err


def test_a_stop_keeps_the_state_when_asked_for(version, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    folder = version(source_file=str(tmp_path / "pipe"), keep_state=True)
    halves = LINES.splitlines(keepends=True)
    found = []
    for half in (halves[:7], halves[7:]):
        with start(folder) as service, (tmp_path / "pipe").open("w") as pipe:
            pipe.write("".join(half))
            pipe.flush()
            found += [json.loads(service.stdout.readline()) for _ in half]
            service.send_signal(signal.SIGTERM)
            assert service.wait(60) == 0
    figures = [list(one["probabilities"].values()) for one in found]
    np.testing.assert_allclose(figures, expected(folder), rtol=1e-6)


def test_a_killed_service_goes_on_from_what_was_saved_and_says_so(version, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    folder = version(source_file=str(tmp_path / "pipe"), keep_state=True, state_every=1e-6, state_max_age=3600.0)
    lines = LINES.splitlines(keepends=True)
    with start(folder) as service, (tmp_path / "pipe").open("w") as pipe:
        for line in lines[:8]:  # those that come together are saved together
            pipe.write(line)
            pipe.flush()
            service.stdout.readline()
        service.kill()
    with start(folder) as service, (tmp_path / "pipe").open("w") as pipe:
        pipe.write(lines[8])
        pipe.flush()
        answer = json.loads(service.stdout.readline())
        service.terminate()
        _, err = service.communicate(timeout=60)
    assert answer["frame"] in (8, 9)  # the last frame was answered, and perhaps not saved
    assert f"state: goes on from frame {answer['frame'] - 1}, the state is " in err
    bare = (tmp_path / "name/state").read_bytes().partition(b"\nedgelstm-state ")[0]
    (tmp_path / "name/state").write_bytes(bare)
    os.utime(tmp_path / "name/state", (0, 0))
    with start(folder) as service, (tmp_path / "pipe").open("w") as pipe:
        pipe.write(lines[0])
        pipe.flush()
        assert json.loads(service.stdout.readline())["frame"] == 1
        service.terminate()
        assert "starts afresh" in service.communicate(timeout=60)[1]


def test_a_second_service_with_the_same_state_ends_at_once(run, version, tmp_path):
    """As where somebody starts `run` by hand beside it."""
    os.mkfifo(tmp_path / "pipe")
    folder = version(source_file=str(tmp_path / "pipe"), keep_state=True)
    with start(folder) as service, (tmp_path / "pipe").open("w") as pipe:
        pipe.write(LINES)
        pipe.flush()
        service.stdout.readline()
        code, found, err = run(folder)
        assert (code, found) == (1, [])
        assert err == f"{tmp_path / 'name/state'}: in use by another process, expected a file of its own\n"
        service.kill()
    (tmp_path / "frames.csv").write_text(LINES)
    assert run(version(source_file=str(tmp_path / "frames.csv"), keep_state=True))[0] == 0


def test_a_source_that_gave_nothing_is_no_failure_where_a_state_is_kept(run, version, tmp_path):
    (tmp_path / "none.csv").write_text("")
    source = {"source_file": str(tmp_path / "none.csv")}
    code, _, err = run(version(**source, keep_state=True))
    assert (code, err) == (0, f"{tmp_path / 'none.csv'}: no frames, {tmp_path / 'name/state'} stays as it was\n")
    assert run(version(**source))[0] == 1


@pytest.mark.parametrize("tells", [True, False])
def test_unusual_values_are_told_unless_that_is_off(version, tmp_path, tells):
    (tmp_path / "frames.csv").write_text("0,0,0,0\n0,900,0,0\n")
    ranged = replace(random_model(FEATURES, [16], [3]), feature_range=((-1.0, 1.0),) * FEATURES)
    ranged = encode(quantize(ranged))
    folder = version(
        source_file=str(tmp_path / "frames.csv"), tells_unusual=tells, sha256=hashlib.sha256(ranged).hexdigest()
    )
    (folder / "m.elstm").write_bytes(ranged)
    with start(folder) as service:
        answers = [json.loads(line) for line in service.communicate(timeout=60)[0].splitlines()]
    assert ["unusual" in answer for answer in answers] == [False, tells]


def test_answers_are_those_that_were_asked_for(run, version, tmp_path):
    (tmp_path / "frames.csv").write_text(LINES)
    asked = {"pooling": "mean", "window": 10, "hop": 5}
    folder = version(source_file=str(tmp_path / "frames.csv"), **asked)
    code, found, err = run(folder)
    assert (code, err) == (0, "")
    np.testing.assert_allclose(found, Model(folder / "m.elstm").stream(**asked).push(FRAMES), rtol=1e-6)
    assert run(folder, "--self-test")[0] == 0


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        ({"window": 10}, "window: 10, expected 0 with pooling last; a mean has a window\n"),
        ({"thresholds": ("0.7",)}, "threshold: the answers are softmax, expected sigmoid: labels one by one\n"),
    ],
)
def test_answers_that_the_model_cannot_give_fail_the_test_before_it_runs(run, version, asked, line):
    assert run(version(source_file="/dev/null", **asked), "--self-test") == (1, [], line)


def test_a_service_that_answers_at_the_end_alone_says_so_where_there_may_be_none(run, version):
    source = {"source_command": ("printf", "%s", LINES)}
    code, found, err = run(version(**source, hop=0))
    assert (code, len(found)) == (0, 1)
    assert "m.elstm: answers at the end of input alone; for others meanwhile: --hop N" in err


def test_answers_do_not_go_where_frames_come_from(run, version, tmp_path):
    (tmp_path / "frames.csv").write_text(LINES)
    (tmp_path / "link").symlink_to("frames.csv")
    code, _, err = run(version(source_file=str(tmp_path / "frames.csv"), output=str(tmp_path / "link")))
    assert code == 1
    assert "link: the file that frames are read from" in err
    assert (tmp_path / "frames.csv").read_text() == LINES


@pytest.mark.parametrize("before", ["", '{"frame": 7}\n', '{"frame": 7}\n{"fra'])
def test_answers_begin_on_a_line_of_their_own(run, version, tmp_path, before):
    (tmp_path / "answers").write_text(before)
    (tmp_path / "frames.csv").write_text(LINES)
    assert run(version(source_file=str(tmp_path / "frames.csv"), output=str(tmp_path / "answers")))[0] == 0
    lines = (tmp_path / "answers").read_text().splitlines()
    assert lines[: len(before.splitlines())] == before.splitlines()
    assert [json.loads(line)["frame"] for line in lines[len(before.splitlines()) :]] == list(
        range(1, len(FRAMES) + 1)
    )


def test_systemd_is_told_when_it_is_ready_and_why_it_fails(run, version, tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(30)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        code, _, err = run(version(source_command=("echo", "1,2,x,4")))
        assert [manager.recv(4096).decode() for _ in range(2)] == ["READY=1", f"STATUS={err.splitlines()[-1]}"]
    assert code == 1
    assert "line 1" in err


def test_the_watchdog_is_fed_while_no_frames_come_and_the_status_counts(version, tmp_path, monkeypatch):
    """By the loop that takes frames: of a pipe that nobody writes to."""
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(60)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "400000")
        with start(version(source_file=str(tmp_path / "pipe"))) as service, (tmp_path / "pipe").open("w") as pipe:
            pipe.write(LINES)
            pipe.write("1,2,x,4\n" + LINES)
            pipe.flush()
            words = [manager.recv(4096).decode() for _ in range(2)]
            while words.count("WATCHDOG=1") < 3:
                words.append(manager.recv(4096).decode())
            service.terminate()
            out, err = service.communicate(timeout=60)
    assert words[0] == "READY=1"
    assert any(word.startswith("STATUS=") and word.endswith("0 dropped, 0 reconnections") for word in words)
    assert len([line for line in out.splitlines() if "probabilities" in line]) == 2 * len(FRAMES) + 1  # one made up
    assert "pipe line 21, column 3 (x2): 'x' is not a number; passed over" in err


def test_a_serial_port_is_waited_for(version, tmp_path):
    near, far = os.openpty()
    (tmp_path / "port").symlink_to(os.ttyname(far))
    with start(version(device="serial", where=str(tmp_path / "port"))) as service:
        answer = None
        while answer is None:  # what waits when it opens the port is dropped
            os.write(near, b"1,2,3,4\n")
            if select.select([service.stdout], [], [], 0.05)[0]:
                answer = json.loads(service.stdout.readline())
        os.close(far)
        os.close(near)
        assert "the device has gone; trying every 1 s until it is back" in service.stderr.readline()
        service.terminate()
        assert service.wait(60) == 0
    assert (answer["frame"], "at" in answer) == (1, True)


def test_a_password_that_others_can_read_is_refused(run, version):
    pytest.importorskip("paho.mqtt", reason="needs paho-mqtt")
    folder = version(device="mqtt", where="mqtt://127.0.0.1:1/in")
    (folder / PASSWORD).write_text("s3cret\n")
    (folder / PASSWORD).chmod(0o644)
    code, _, err = run(folder, "--self-test")
    assert (code, err) == (1, f"{folder / PASSWORD}: others can read it, expected rights 0600\n")


def test_a_board_without_what_a_source_needs_says_so_before_it_runs(run, version, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    code, _, err = run(version(device="microphone", where="default"), "--self-test")
    assert (code, err) == (1, "arecord: not found; install alsa-utils, or edgelstm[microphone]\n")
    (tmp_path / "paho").mkdir()
    (tmp_path / "paho/__init__.py").write_text("")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with start(version(source_file="/dev/null", publish="mqtt://hub/out"), "--self-test") as service:  # finds its own
        _, err = service.communicate(timeout=60)
    assert (service.returncode, err) == (
        1,
        "MQTT needs paho-mqtt: pip install 'edgelstm[mqtt]', or Debian's python3-paho-mqtt\n",
    )


def test_the_self_test_finds_other_answers_and_other_files(run, version):
    folder = version(source_file="/dev/sensor")
    assert run(folder, "--self-test") == (0, [], "")
    test = json.loads((folder / SELF_TEST).read_text())
    for name, value, words in (
        ("state_sha256", "0" * 64, "the int8 state is another one"),
        ("answer", [0.1, 0.1, 0.8], "answers are off by"),
        ("answer", [0.5], "answers are off by"),
        ("frames", "none", "expected a list"),
    ):
        (folder / SELF_TEST).write_text(json.dumps({**test, name: value}))
        code, _, err = run(folder, "--self-test")
        assert code == 1
        assert words in err
    (folder / "m.elstm").write_bytes(encode(quantize(random_model(FEATURES, [16], [3], seed=9))))
    assert "not the file that was deployed" in run(folder, "--self-test")[2]


ARECORD = """#!{python}
import os
os.write(1, open({samples!r}, "rb").read())
"""


def test_a_board_that_hears_keeps_what_it_heard_where_it_was_asked_to(run, version, tmp_path, monkeypatch):
    """From samples on: the self-test of an int8 model that hears, and a program that stands for arecord."""
    model = quantize(replace(hearing_model(256), activation="softmax"))
    sound = hard_sound(8000)[:8000].astype("<i2")
    (tmp_path / "samples").write_bytes(sound.tobytes())
    (tmp_path / "arecord").write_text(ARECORD.format(python=sys.executable, samples=str(tmp_path / "samples")))
    (tmp_path / "arecord").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    folder = version(
        encode(model), device="microphone", where="default", hop=1, keep=str(tmp_path / "clips"), keep_most=1,
        events=("0:threshold=0,smooth=1",),
    )  # fmt: skip
    code, _, err = run(folder, "--self-test")
    assert (code, err) == (1, f"{tmp_path / 'clips'}: no such folder\n")
    (tmp_path / "clips").mkdir()
    assert run(folder, "--self-test") == (0, [], "")
    with start(folder) as service:
        lines = [json.loads(service.stdout.readline()) for _ in range(101)]
        service.send_signal(signal.SIGTERM)
        service.communicate(timeout=60)
    frames = framed(sound, 80)
    answers = [list(line["probabilities"].values()) for line in lines if "event" not in line]
    heard = Model(folder / "m.elstm").stream(hop=1).push(frames)
    np.testing.assert_allclose(answers, heard, rtol=1e-6)
    (path,) = (tmp_path / "clips").iterdir()
    assert "-start-0-" in path.name
    with wave.open(str(path)) as file:
        assert file.getframerate() == 8000
        np.testing.assert_array_equal(np.frombuffer(file.readframes(9000), "<i2"), sound)
