"""Deploying to a board that is this machine, with a real systemd of its own where this machine lets one run."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import ssh_board
from counts import FULL
from edgelstm.devices.deploy.deployment import deploy, logs, name_of, remove, rollback, status
from edgelstm.devices.deploy.settings import PASSWORD, Settings
from edgelstm.devices.remote import BoardError
from edgelstm.devices.remote.target import Target
from edgelstm.export.elstm import encode
from edgelstm.quantization import quantize
from edgelstm.runtime import Model
from random_models import random_model, random_signal

pytestmark = pytest.mark.skipif(ssh_board.MISSING is not None, reason=str(ssh_board.MISSING))

FEATURES = 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("deploy")


@pytest.fixture(scope="module")
def made(folder):
    return ssh_board.SshBoard(folder)


@pytest.fixture(scope="module")
def models(folder):
    """Three versions of a model."""
    paths = []
    for seed in (1, 2, 3):
        paths.append(folder / f"v{seed}" / "Door Bell.elstm")
        paths[-1].parent.mkdir()
        paths[-1].write_bytes(encode(quantize(random_model(FEATURES, [16], [3], seed=seed))))
    return paths


@pytest.fixture(scope="module")
def wheel(folder):
    return ssh_board.own_wheel(folder)


@pytest.fixture
def board(made, wheel, monkeypatch):
    """A board without systemd."""
    monkeypatch.setenv("PATH", f"{made.bin}:{os.environ['PATH']}")
    made.login(f"export XDG_RUNTIME_DIR={made.home}/none")
    made.target = Target("board", ssh_board.PYTHON, wheel)
    for usual in (".config", ".local/share"):
        (made.home / usual).mkdir(parents=True, exist_ok=True)
    yield made
    for one in status(made.target):
        remove(made.target, one.name)
    assert [path for path in made.left() if path.startswith(".")] == [".config", ".local", ".local/share"]
    assert made.running() == []


@pytest.fixture(scope="module")
def systemd(made, folder):
    """A user's systemd whose home is the board's."""
    runtime = folder / "runtime"
    runtime.mkdir(mode=0o700)
    own = "-mC" if os.geteuid() == 0 else "-UrmC"
    script = (
        "umount -l /sys/fs/cgroup; mount -t cgroup2 cgroup2 /sys/fs/cgroup || exit 1; "
        "mount -t tmpfs run /run || exit 1; mkdir -p /run/systemd/system; exec /usr/lib/systemd/systemd --user"
    )
    environment = {
        "HOME": str(made.home),
        "PATH": os.environ["PATH"],
        "XDG_RUNTIME_DIR": str(runtime),
        "LC_ALL": "C.UTF-8",
    }
    with (
        (folder / "systemd.log").open("wb") as log,
        subprocess.Popen(
            ["unshare", own, "--fork", "--kill-child", "sh", "-c", script], env=environment, stdout=log, stderr=log
        ) as manager,
    ):
        ready = time.monotonic() + 10
        while not (runtime / "systemd/private").exists():
            if manager.poll() is not None or time.monotonic() > ready:
                manager.kill()
                pytest.skip("no systemd can be started here")
            time.sleep(0.05)
        yield f"export XDG_RUNTIME_DIR={runtime}\n"
        subprocess.run(["systemctl", "--user", "exit"], env=environment, check=True)
        try:
            manager.wait(10)
        except subprocess.TimeoutExpired:
            manager.kill()


@pytest.fixture
def served(board, systemd):
    """A board with systemd, and a named pipe with frames."""
    board.login(systemd)
    (board.home / "sensor").unlink(missing_ok=True)
    os.mkfifo(board.home / "sensor")
    board.answers = board.home / "answers"
    board.answers.unlink(missing_ok=True)
    board.settings = Settings("m", "", source_file=str(board.home / "sensor"), output=str(board.answers))
    return board


def feed(board, frames):
    """Write frames into the pipe as a sensor would, and leave."""
    with (board.home / "sensor").open("w") as pipe:
        pipe.write("".join(",".join(map(str, frame)) + "\n" for frame in frames))


def answers(board, count):
    """So many answers, as soon as they are there."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        lines = board.answers.read_text().splitlines() if board.answers.exists() else []
        if len(lines) >= count:
            return [json.loads(line) for line in lines]
        time.sleep(0.05)
    raise AssertionError(f"{len(lines)} answers, expected {count}")


def the_only(board):
    (found,) = status(board.target)
    return found


def expected(model, frames):
    return Model(model).stream().push(np.asarray(frames, np.float32))


def test_a_service_streams_and_an_upgrade_takes_its_place(served, models):
    first = deploy(served.target, models[0], served.settings, "bell")
    assert (first.systemd, first.problem, first.before) == (True, "", "")
    frames = random_signal(20, FEATURES)
    feed(served, frames[:10])
    answers(served, 10)
    feed(served, frames[10:])  # another writer: the stream goes on
    found = answers(served, 20)
    figures = [list(one["probabilities"].values()) for one in found]
    np.testing.assert_allclose(figures, expected(models[0], frames), rtol=1e-6)

    second = deploy(served.target, models[1], None, "bell")  # with the settings that are there
    assert (second.before, the_only(served).active) == (first.version, "active")
    os.truncate(served.answers, 0)
    feed(served, frames)
    figures = [list(one["probabilities"].values()) for one in answers(served, 20)]
    np.testing.assert_allclose(figures, expected(models[1], frames), rtol=1e-6)

    third = rollback(served.target, "bell")
    assert (third.version, third.before) == (first.version, second.version)
    os.truncate(served.answers, 0)
    feed(served, frames)
    figures = [list(one["probabilities"].values()) for one in answers(served, 20)]
    np.testing.assert_allclose(figures, expected(models[0], frames), rtol=1e-6)
    last = json.loads(logs(served.target, "bell", 1))
    assert list(last["probabilities"].values()) == figures[-1]


def test_what_opens_a_broker_lies_where_nobody_else_reads_it(board, models):
    pytest.importorskip("paho.mqtt", reason="needs paho-mqtt")
    settings = Settings("m", "", source_file="/dev/null", publish="mqtt://ann@127.0.0.1:1/out")
    deploy(board.target, models[0], settings, "bell", service=False, secrets={PASSWORD: b"s3cret\n"})
    root = board.home / ".local/share/edgelstm/bell"
    files = [path for path in board.home.rglob("*") if path.is_file()]
    holding = [path for path in files if b"s3cret" in path.read_bytes()]
    assert len(holding) == len(the_only(board).versions) == 1
    for path in holding:
        assert (path.name, path.stat().st_mode & 0o777) == (PASSWORD, 0o600)
        assert root in path.parents


def test_a_version_that_does_not_start_gives_way_to_the_one_before(served, models):
    first = deploy(served.target, models[0], served.settings, "bell")
    broken = Settings("m", "", source_file="/dev/no-such-sensor")
    with pytest.raises(
        BoardError, match=f"does not start: /dev/no-such-sensor: no such.*; {first.version} runs again"
    ):
        deploy(served.target, models[1], broken, "bell")
    found = the_only(served)
    assert (found.current, found.versions, found.active) == (first.version, (first.version,), "active")
    frames = random_signal(3, FEATURES)
    feed(served, frames)
    assert len(answers(served, 3)) == 3


def test_a_first_version_that_does_not_start_leaves_nothing(served, models):
    with pytest.raises(BoardError, match=r"does not start.*nothing of it is left"):
        deploy(served.target, models[0], Settings("m", "", source_command=("no-such-program",)), "bell")
    assert status(served.target) == ()


def test_a_service_that_fails_is_started_again_and_says_why(served, models):
    deploy(served.target, models[0], replace(served.settings, missing="refuse"), "bell")
    with (served.home / "sensor").open("w") as pipe:
        pipe.write("1,2,nonsense,4\n")
    end = time.monotonic() + 60
    found = the_only(served)
    while (found.state != "auto-restart" or "nonsense" not in found.problem) and time.monotonic() < end:
        time.sleep(0.1)
        found = the_only(served)
    assert (found.state, "nonsense" in found.problem) == ("auto-restart", True)


@pytest.mark.skipif(not FULL, reason="waits for systemd: make test-all; test_installation.py has the same law")
def test_a_version_that_keeps_failing_is_not_rolled_back_to(served, models):
    first = deploy(served.target, models[0], served.settings, "bell")
    second = deploy(served.target, models[1], None, "bell")
    with (served.home / "sensor").open("w") as pipe:
        pipe.write("1,2,nonsense,4\n")
    end = time.monotonic() + 20
    while the_only(served).state != "auto-restart" and time.monotonic() < end:
        time.sleep(0.1)
    third = deploy(served.target, models[2], None, "bell")
    assert (third.before, the_only(served).active) == (second.version, "active")
    assert rollback(served.target, "bell").version == first.version


@pytest.mark.skipif(not FULL, reason="a deployment as the others: make test-all; test_service.py has the same law")
def test_a_state_is_kept_when_asked_for(served, models):
    kept = Settings("m", "", source_file=served.settings.source_file, output=str(served.answers), keep_state=True)
    deploy(served.target, models[0], kept, "bell")
    frames = random_signal(20, FEATURES)
    feed(served, frames[:10])
    answers(served, 10)
    # stopped and started, as by a restart of the board
    deploy(served.target, models[0], kept, "bell")
    feed(served, frames[10:])
    figures = [list(one["probabilities"].values()) for one in answers(served, 20)]
    np.testing.assert_allclose(figures, expected(models[0], frames), rtol=1e-6)


def test_without_systemd_the_files_are_there_and_run_by_hand(board, models, tmp_path):
    frames = random_signal(5, FEATURES)
    np.savetxt(tmp_path / "frames.csv", frames, delimiter=",")
    done = deploy(board.target, models[0], Settings("m", "", source_file=str(tmp_path / "frames.csv")), "bell")
    assert not done.systemd
    assert done.problem
    by_hand = subprocess.run([the_only(board).run], capture_output=True, text=True, check=True)
    figures = [list(json.loads(line)["probabilities"].values()) for line in by_hand.stdout.splitlines()]
    np.testing.assert_allclose(figures, expected(models[0], frames.astype(np.float32)), rtol=1e-5)


def test_versions_count_on_and_the_same_again_makes_none(board, models):
    """test_installation.py has the law of more of them, without a board."""
    source = Settings("m", "", source_file="/dev/sensor")
    first = deploy(board.target, models[0], source, "bell", service=False)
    assert deploy(board.target, models[0], source, "bell", service=False).version == first.version
    second = deploy(board.target, models[0], None, "bell", service=False, beside={"model.npz": b"a"})
    assert [one.version[:4] for one in (first, second)] == ["0001", "0002"]
    found = the_only(board)
    assert (found.versions, found.current) == ((first.version, second.version), second.version)
    versions = board.home / ".local/share/edgelstm/bell/versions"
    assert [path.read_bytes() for path in versions.glob("*/model.npz")] == [b"a"]
    assert rollback(board.target, "bell", service=False).version == first.version
    assert the_only(board).current == first.version


def tree(path: Path) -> dict[str, str]:
    return {
        str(one.relative_to(path)): str(one.readlink())
        if one.is_symlink()
        else hashlib.sha256(one.read_bytes()).hexdigest()
        for one in path.rglob("*")
        if one.is_symlink() or one.is_file()
    }


@pytest.mark.parametrize("how", ["cut", "full", "other answers"])
def test_a_failed_upload_never_replaces_a_working_version(board, models, wheel, how, monkeypatch):
    source = Settings("m", "", source_file="/dev/sensor")
    deploy(board.target, models[0], source, "bell", service=False)
    root = board.home / ".local/share/edgelstm/bell"
    before, login = tree(root), f"export XDG_RUNTIME_DIR={board.home}/none\n"
    if how == "cut":

        def tell(line):
            if line.startswith("testing"):
                os.kill(board.server, signal.SIGKILL)

        with pytest.raises(BoardError, match="the connection was cut"):
            deploy(board.target, models[1], source, "bell", service=False, tell=tell)
    elif how == "full":
        if subprocess.run(["unshare", "-Urm", "true"], capture_output=True).returncode:
            pytest.skip("no user namespaces here")
        board.login(
            login + 'set -- unshare -Urm sh -c \'mkdir -p "$HOME/.local/share/edgelstm/bell/versions"; '
            'mount -t tmpfs -o size=64k disk "$HOME/.local/share/edgelstm/bell/versions"; exec "$@"\' _'
        )
        with pytest.raises(BoardError) as full:
            deploy(board.target, models[1], source, "bell", service=False)
        board.login(login)
        assert "no space left" in str(full.value)
    else:
        # the board computes something else: there another model has the name and the SHA-256 is forged along
        from edgelstm.devices.deploy import deployment

        other = deployment.self_test(models[2])
        monkeypatch.setattr(deployment, "self_test", lambda path: other)
        with pytest.raises(BoardError, match="self-test: "):
            deploy(board.target, models[1], source, "bell", service=False)
    end = time.monotonic() + 20
    while tree(root) != before and time.monotonic() < end:
        time.sleep(0.1)
    found = the_only(board)
    assert len(found.versions) == 1
    assert tree(root) == before


@pytest.mark.skipif(not FULL, reason="takes minutes: make test-all; test_installation.py kills what the board does")
def test_a_laptop_that_is_killed_leaves_whole_versions_and_nothing_else(board, models, wheel):
    """`edgelstm deploy`, killed at random places; then the next one."""
    rng, source = random.Random(5), Settings("m", "", source_file="/dev/sensor")
    root = board.home / ".local/share/edgelstm/bell"
    start = time.monotonic()
    first = deploy(board.target, models[0], source, "bell", service=False)
    usual = time.monotonic() - start
    words = ["--board", "board", "--board-python", ssh_board.PYTHON, "--wheel", str(wheel), "--name", "bell"]
    program = f"from edgelstm.cli import main; main({['deploy', str(models[1]), *words, '--no-service']!r})"
    for _ in range(10):
        with subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.DEVNULL) as laptop:
            time.sleep(rng.uniform(0.3, 0.5 + usual))
            laptop.kill()
        end = time.monotonic() + 20
        while board.running() and time.monotonic() < end:
            time.sleep(0.05)
        assert board.running() == []
        done = deploy(board.target, models[2], source, "bell", service=False)
        found = the_only(board)
        assert (found.current, first.version in found.versions) == (done.version, True)
        assert [path.name for path in root.iterdir() if path.name not in ("versions", "current")] == []
        assert {path.name for path in (root / "versions").iterdir()} == set(found.versions)
        while rollback(board.target, "bell", service=False).version != first.version:
            pass


def test_what_is_not_there_is_said(board, models):
    with pytest.raises(ValueError, match="bell is not there yet"):
        deploy(board.target, models[0], None, "bell")
    with pytest.raises(BoardError, match="bell: not deployed there, nothing is"):
        rollback(board.target, "bell")
    with pytest.raises(BoardError, match="bell: not deployed there"):
        logs(board.target, "bell", 10)
    with pytest.raises(BoardError, match="bell: not deployed there"):
        remove(board.target, "bell")


def test_names():
    assert name_of(Path("some/Door Bell (2).elstm")) == "door-bell-2"
    assert name_of(Path("ü.elstm")) == "model"
