"""Profiles over SSH on a board that is this machine: OpenSSH at both ends, and everything that can break, broken."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy
import pytest

import ssh_board
from edgelstm.devices.profiling.lock import alone
from edgelstm.devices.profiling.plan import Plan
from edgelstm.devices.profiling.remote import profile_boards
from edgelstm.devices.profiling.report import Report
from edgelstm.devices.remote import BoardError, Session, far_end, session
from edgelstm.devices.remote.target import Target
from edgelstm.export.elstm import encode
from edgelstm.export.onnx import float32 as onnx_float32
from edgelstm.quantization import quantize
from random_models import random_model

pytestmark = pytest.mark.skipif(ssh_board.MISSING is not None, reason=str(ssh_board.MISSING))

HOSTS = """
Host stranger
  HostKeyAlias stranger
Host changed
  UserKnownHostsFile {folder}/changed_hosts
Host wrongkey
  IdentityFile {folder}/other_key
Host nowhere
  HostName nowhere.invalid
  ProxyCommand none
Host refused
  HostName 127.0.0.1
  Port 1
  ProxyCommand none
"""
SHORT = Plan(frames=1000, seconds=20, pace="flat", wait=120)
LONG = Plan(frames=10**8, seconds=60, pace="flat", wait=120)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("remote")


@pytest.fixture(scope="module")
def made(folder):
    return ssh_board.SshBoard(folder, HOSTS)


@pytest.fixture(scope="module")
def wheel(folder):
    return ssh_board.own_wheel(folder)


@pytest.fixture(scope="module")
def model(folder):
    path = folder / "a model.elstm"
    path.write_bytes(encode(quantize(random_model(4, [16], [3]))))
    return path


@pytest.fixture
def board(made, monkeypatch):
    """Nothing of ours may be there before or after a test, nor run."""
    monkeypatch.setenv("PATH", f"{made.bin}:{os.environ['PATH']}")
    made.login("")
    assert made.left() == []
    yield made
    gone = time.monotonic() + 20
    while (made.left() or made.running()) and time.monotonic() < gone:
        time.sleep(0.05)
    assert made.left() == []
    assert made.running() == []


def profile(wheel, model, *hosts, plan=SHORT, python=ssh_board.PYTHON, progress=lambda host, what: None):
    targets = [Target(host, python, wheel) for host in hosts]
    return [one.result for one in profile_boards(targets, [model], plan, on_progress=progress)]


def problem(wheel, model, host="board", **options):
    (result,) = profile(wheel, model, host, **options)
    assert isinstance(result, BoardError)
    text = str(result)
    assert text.startswith(f"{host}: ")
    assert text.isprintable()
    return text


def test_a_profile_comes_back_from_a_board(board, wheel, model):
    (report,) = profile(wheel, model, "board")
    assert isinstance(report, Report)
    assert [run.model.file for run in report.runs] == ["a model.elstm"]


def test_frames_are_sent_along(board, wheel, model, tmp_path):
    frames = tmp_path / "some frames.csv"
    frames.write_text("x0,x1,x2,x3\n" + "1,2,3,4\n" * 12_000)
    (report,) = profile(
        wheel, model, "board", plan=Plan(frames=100, seconds=9, pace="flat", data=str(frames), wait=120)
    )
    assert "10,000 frames of some frames.csv" in report.runs[0].input


def test_a_board_that_fails_leaves_the_others_alone(board, wheel, model):
    first, second, third = profile(wheel, model, "board", "refused", "board2")
    assert isinstance(second, BoardError)
    assert isinstance(first, Report)
    assert isinstance(third, Report)


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("nowhere", ("cannot be reached", "resolve")),
        ("refused", ("cannot be reached", "refused")),
        ("wrongkey", ("cannot be reached", "Permission denied", "ssh-copy-id")),
        ("stranger", ("cannot be reached", "Host key verification failed", "log in once by hand")),
        ("changed", ("cannot be reached", "Host key verification failed", "has changed")),
    ],
)
def test_a_board_that_cannot_be_reached_says_why(board, wheel, model, host, words):
    text = problem(wheel, model, host)
    assert all(word in text for word in words), text


@pytest.mark.parametrize("host", ["-oProxyCommand=touch x", "", "a b", "a;b", "$(id)", "`id`", "a\nb", "x" * 300])
def test_a_host_is_no_option_and_no_program(host):
    with pytest.raises(ValueError, match="expected a host"):
        Session(host)


@pytest.mark.parametrize(
    "host",
    ["@", "a@", "@b", "::@", ":", "[]", "%", "//", "a/b", "a@-x", "ssh://", "ssh://a@", "ssh://a/b", "ssh://a:0"],
)
def test_a_host_that_ssh_would_answer_with_its_usage_never_reaches_it(host):
    with pytest.raises(ValueError, match="expected a host"):
        session.check_host(host)


@pytest.mark.parametrize(
    "host",
    [
        "pi",
        "u@192.168.0.7",
        "a_b",
        "::1",
        "u@fe80::1%eth0",
        "[::1]",
        "a@b@c",
        "ssh://pi",
        "ssh://u@pi:22",
        "ssh://pi/",
    ],
)
def test_a_host_that_ssh_takes_is_taken(host):
    assert session.check_host(host) == host
    asked = subprocess.run([shutil.which("ssh"), "-F", "none", "-G", "--", host], capture_output=True, text=True)
    assert asked.returncode == 0, asked.stderr


@pytest.mark.parametrize("shell", ["sh", "bash", "fish", "tcsh"])
def test_every_login_shell_understands_the_first_command(shell):
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell}")
    source = b"print('it has become this')"
    words = [shell, "-c", session._command(ssh_board.PYTHON, len(source))]
    done = subprocess.run(words, input=source, capture_output=True, check=True)
    assert done.stdout.splitlines()[1:] == [b"edgelstm-python %d.%d" % sys.version_info[:2], b"it has become this"]


def test_a_missing_python_is_named(board, wheel, model, tmp_path):
    (tmp_path / "env").symlink_to("/usr/bin/env")
    board.login(f"PATH={tmp_path}")
    assert "no python3 there (Debian: apt install python3 python3-numpy)" in problem(wheel, model, python="python3")
    assert "no /opt/no/python there" in problem(wheel, model, python="/opt/no/python")


def test_an_old_python_is_refused_by_its_version(board, wheel, model, tmp_path):
    old = tmp_path / "python3.9"
    old.write_text("#!/bin/sh\nprintf '\\nedgelstm-python 3.9\\n'; cat >/dev/null\n")
    old.chmod(0o755)
    assert "Python 3.9 as" in problem(wheel, model, python=str(old))
    assert "expected 3.11 or newer" in problem(wheel, model, python=str(old))


def test_a_python_without_numpy_is_named(board, wheel, model, tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True)
    text = problem(wheel, model, python=f"{tmp_path}/bare/bin/python3")
    assert "no numpy" in text
    assert "1.24 or newer is needed" in text


def test_a_program_that_is_no_python_is_named(board, wheel, model):
    assert "cannot be started" in problem(wheel, model, python="false")


def test_what_a_login_script_prints_does_no_harm(board, wheel, model):
    board.login("echo Welcome; printf '\\033[31mno newline'; echo noise >&2")
    (report,) = profile(wheel, model, "board")
    assert isinstance(report, Report)
    board.login("yes")
    assert "print without end" in problem(wheel, model)


def test_the_wheel_of_another_architecture_is_refused_before_it_is_sent(board, model, tmp_path):
    from edgelstm.devices import detect

    other = "armv7l" if detect().architecture != "armv7l" else "aarch64"
    wrong = ssh_board.own_wheel(tmp_path, other)
    (result,) = profile(wrong, model, "board")
    assert type(result) is ValueError
    assert f"expected one for {detect().architecture}" in str(result)
    assert "no wheel of edgelstm" in problem(tmp_path, model)  # a folder that holds only the wrong one


def test_a_model_that_is_none_is_found_here(board, wheel, tmp_path):
    bad = tmp_path / "bad.elstm"
    bad.write_bytes(b"no model")
    with pytest.raises(ValueError, match=r"bad\.elstm"):
        profile(wheel, bad, "nowhere")
    with pytest.raises(FileNotFoundError):
        profile(wheel, tmp_path / "none.elstm", "nowhere")


def test_a_file_that_fails_on_the_board_is_the_files_fault(board, wheel, tmp_path):
    bad = tmp_path / "bad.onnx"
    bad.write_bytes(b"no model")
    (result,) = profile(wheel, bad, "board")
    assert type(result) is ValueError
    assert "bad.onnx" in str(result)


def test_a_model_whose_engine_the_board_lacks_is_left_out(board, wheel, model, tmp_path):
    """The board's Python has numpy and nothing else."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True)
    (packages,) = (tmp_path / "bare").glob("lib/python*/site-packages")
    for path in Path(numpy.__file__).parents[1].glob("numpy*"):
        (packages / path.name).symlink_to(path)
    target, onnx = Target("board", f"{tmp_path}/bare/bin/python3", wheel), tmp_path / "m.onnx"
    onnx.write_bytes(onnx_float32.encode(random_model(4, [8], [2])))
    (outcome,) = profile_boards([target], [onnx, model], SHORT)
    assert [run.model.file for run in outcome.result.runs] == ["a model.elstm"]
    ((file, reason),) = [(one.file, one.reason) for one in outcome.result.skipped]
    assert file == "m.onnx"
    assert "onnxruntime" in reason
    (outcome,) = profile_boards([target], [onnx], SHORT)
    assert isinstance(outcome.result, BoardError)
    assert "onnxruntime" in str(outcome.result)


def test_a_folder_that_cannot_be_written_gives_way_to_the_next(board, wheel, model, tmp_path):
    board.login(f"export XDG_CACHE_HOME=/proc/no HOME=/proc/no TMPDIR={tmp_path}")
    (report,) = profile(wheel, model, "board")
    assert isinstance(report, Report)
    assert list(tmp_path.iterdir()) == []
    board.login(
        f"export HOME=/proc/no TMPDIR={tmp_path}; mkdir -p {tmp_path}; ln -s /proc {tmp_path}/edgelstm-$(id -u)"
    )
    assert "no folder to work in" in problem(wheel, model)


@pytest.mark.parametrize("size", ["64k", "700k"])
def test_a_full_disk_is_told_before_and_while_sending(board, wheel, model, size):
    if subprocess.run(["unshare", "-Urm", "true"], capture_output=True).returncode:
        pytest.skip("no user namespaces here")
    board.login(f'set -- unshare -Urm sh -c \'mount -t tmpfs -o size={size} disk "$HOME"; exec "$@"\' _')
    assert "are needed" in problem(wheel, model)
    # a disk that fills up meanwhile, as others write too
    with (
        Session("board", python=ssh_board.PYTHON) as session,
        pytest.raises(BoardError, match="no space left") as told,
    ):
        session.put("much", bytes(2_000_000))
    assert "sending much" in str(told.value)


def cut_while_measuring(board, wheel, model, cut):
    """What a profile says whose connection is cut when the measuring has begun."""

    def cut_when_it_runs():
        end = time.monotonic() + 30
        while (
            not any("edgelstm.devices.profiling.agent" in one for one in board.running()) and time.monotonic() < end
        ):
            time.sleep(0.02)
        cut()

    cutter = threading.Thread(target=cut_when_it_runs)
    cutter.start()
    text = problem(wheel, model, plan=LONG)
    cutter.join()
    return text


def test_a_connection_cut_in_the_middle_leaves_nothing(board, wheel, model):
    text = cut_while_measuring(board, wheel, model, lambda: os.kill(board.server, signal.SIGKILL))
    assert "the connection was cut while measuring a model.elstm" in text


def test_a_far_end_that_dies_takes_the_measuring_along_and_the_next_connection_cleans_up(board, wheel, model):
    def kill():
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                far_end = b"sys.stdin.buffer.read" in (process / "cmdline").read_bytes()
                if far_end and str(board.home).encode() in (process / "environ").read_bytes():
                    os.kill(int(process.name), signal.SIGKILL)

    assert "cut while measuring" in cut_while_measuring(board, wheel, model, kill)
    (left,) = (board.home / ".cache/edgelstm").iterdir()
    long_ago = time.time() - 3600
    os.utime(left, (long_ago, long_ago))
    with Session("board", python=ssh_board.PYTHON):
        assert not left.exists()


def test_an_interrupt_ends_everything(board, wheel, model):
    """As Ctrl-C does: in the main thread, while another one waits for the board."""

    def interrupt(_, what):
        if what.startswith("profiling"):
            threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT)).start()

    with pytest.raises(KeyboardInterrupt):
        profile(wheel, model, "board", plan=LONG, progress=interrupt)


def test_two_at_once_keep_apart(board, wheel, model):
    patient = Plan(frames=1000, seconds=20, pace="flat", wait=60)
    first, second = profile(wheel, model, "board", "board2", plan=patient)
    assert isinstance(first, Report)
    assert isinstance(second, Report)


def test_a_board_that_measures_for_somebody_else_says_so(board, wheel, model):
    with alone(120):
        text = problem(wheel, model, plan=Plan(frames=100, seconds=9, pace="flat", wait=0))
    assert "another profile is being measured" in text


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("x" * 200_000, "makes no sense"),
        ('{"is": "facts", "facts": {"python": 3}}', "what it says of itself"),
        ("[]", "makes no sense"),
        ("", "the connection was cut"),
        ('{"is": "problem", "text": "\\u001b[31mred"}', "red"),
    ],
)
def test_a_hostile_board_is_refused(board, wheel, model, tmp_path, answer, words):
    fake = tmp_path / "python"
    (tmp_path / "answer").write_text(answer and answer + "\n")
    fake.write_text(f"#!/bin/sh\nprintf '\\nedgelstm-python 3.11\\n'\ncat '{tmp_path}/answer'\nsleep 1\n")
    fake.chmod(0o755)
    assert words in problem(wheel, model, python=str(fake))


def test_a_connection_that_falls_silent_is_given_up(board, wheel, model, monkeypatch):
    """As when a cable is pulled: nobody says that it is over."""
    monkeypatch.setattr(session, "_PING_SECONDS", 0.2)

    def fall_silent():
        monkeypatch.setattr(session, "_ANSWER_SECONDS", 1.0)  # not before: beside a load, starting takes longer
        os.kill(board.server, signal.SIGSTOP)

    text = cut_while_measuring(board, wheel, model, fall_silent)
    os.kill(board.server, signal.SIGCONT)
    assert "the connection was cut while measuring a model.elstm (no word for 1 s)" in text


def test_the_far_end_gives_up_when_nobody_speaks(board):
    """It runs here, with a shorter patience and a pipe that stays open but silent."""
    source = Path(far_end.__file__).read_text()
    assert source.count("PATIENCE = 60\n") == 1
    impatient = source.replace("PATIENCE = 60\n", "PATIENCE = 1\n")
    command, environment = [ssh_board.PYTHON, "-c", impatient], {"HOME": str(board.home), "PATH": os.environ["PATH"]}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, env=environment, cwd=board.home, **pipes) as alone:
        order = {"do": "run", "arguments": ["sleep", "600"], "environment": {}, "at_home": False}
        alone.stdin.write(json.dumps(order).encode() + b"\n")
        alone.stdin.flush()
        assert json.loads(alone.stdout.readline())["is"] == "facts"
        assert alone.stdout.read() == b""
        assert alone.wait(30) == 0
    assert board.running() == []
