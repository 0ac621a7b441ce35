"""Emulated boards behind SSH: the wheels of `make wheels`, a trained model, the integers of this machine.

`make test-arm` runs it (test_boards.sh), with what it made before in EDGELSTM_ARM_BUILD: systems and the model.
"""

import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import ssh_board
from counts import FULL
from edgelstm.devices import Unavailable
from edgelstm.devices.deploy.deployment import deploy, remove
from edgelstm.devices.deploy.settings import Settings
from edgelstm.devices.profiling.plan import Plan
from edgelstm.devices.profiling.remote import profile_boards
from edgelstm.devices.profiling.report import Report
from edgelstm.devices.remote import BoardError, Session
from edgelstm.devices.remote.target import Target

HERE = Path(__file__).resolve().parent
BUILD = Path(os.environ.get("EDGELSTM_ARM_BUILD", ""))
WHEELS = Path(__file__).parents[2] / "dist"
MODEL = BUILD / "real/model.elstm"

pytestmark = [
    pytest.mark.skipif("EDGELSTM_ARM_BUILD" not in os.environ, reason="emulated boards: make test-arm runs them"),
    pytest.mark.skipif(ssh_board.MISSING is not None, reason=str(ssh_board.MISSING)),
]

# host: (Debian's architecture, processor, architecture of the Python, kernel set, model by the device tree, CPU part)
BOARDS = {
    "zero2": ("arm64", "cortex-a53", "aarch64", "neon", "Raspberry Pi Zero 2 W Rev 1.0", "0xd03"),
    "pi4": ("arm64", "cortex-a72", "aarch64", "neon", "Raspberry Pi 4 Model B Rev 1.4", "0xd08"),
    "pi5": ("arm64", "cortex-a76", "aarch64", "dotprod", "Raspberry Pi 5 Model B Rev 1.0", "0xd0b"),
    "pi2": ("armhf", "cortex-a7", "armv7l", "neon", "Raspberry Pi 2 Model B Rev 1.1", "0xc07"),
}
EACH_SYSTEM = tuple(BOARDS) if FULL else ("pi5", "pi2")
"""A board of each architecture: every processor's integers are held to the same by test_c.sh and test_wheels.sh."""
EACH_KERNEL = tuple(BOARDS) if FULL else ("zero2", "pi5", "pi2")
QUICK = Plan(frames=200, seconds=20, warm_up=20, pace="flat", wait=120)
LONG = Plan(frames=10**8, seconds=600, pace="flat", wait=120)


class Board(ssh_board.SshBoard):
    def __init__(self, folder: Path, name: str):
        folder.mkdir()
        super().__init__(folder)
        system, self.processor, self.architecture, self.kernel, self.model, part = BOARDS[name]
        self.name, self.root, proc = name, BUILD / f"root-{system}", folder / "proc"
        (proc / "device-tree").mkdir(parents=True)
        (proc / "device-tree/model").write_text(f"{self.model}\0")
        core = f"processor\t: 0\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU part\t: {part}\n"
        (proc / "cpuinfo").write_text(core)
        (proc / "meminfo").write_text("MemTotal:         436372 kB\n")
        self._proc = proc
        self.login(self.system())

    def system(self, before: str = "", python: bool = True) -> str:
        """A login script: the command runs in the board's system. `before` may mount something else there."""
        mounts = [
            f"mount --bind {shlex.quote(str(self._proc))} {self.root}/proc",
            f"mount --bind {shlex.quote(str(self.home))} {self.root}/root",
            before or "true",
        ]
        if not python:
            mounts.append(f"mount --bind /dev/null {self.root}/usr/bin/python3.11")
        inside = f'{" && ".join(mounts)} && cd / && exec "$@"'
        run = [HERE / "run_in_root.sh", self.root, self.processor, "sh", "-c", 'cd /root && exec "$@"', "_"]
        words = ["unshare", "-Urm", "sh", "-c", inside, "_", *map(str, run)]
        return f"set -- {shlex.join(words)}\n"

    def measuring(self) -> list[Path]:
        """Processes that measure on this board."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                ours = f"QEMU_CPU={self.processor}".encode() in (process / "environ").read_bytes()
                if ours and b"edgelstm.devices.profiling.agent" in (process / "cmdline").read_bytes():
                    found.append(process)
            except OSError:
                continue
        return found


@pytest.fixture(scope="module")
def boards(tmp_path_factory):
    folder = tmp_path_factory.mktemp("boards")
    made = {name: Board(folder / name, name) for name in BOARDS}
    path = os.environ["PATH"]
    os.environ["PATH"] = f"{ssh_board.together(folder, made)}:{path}"
    yield made
    os.environ["PATH"] = path


@pytest.fixture(autouse=True)
def nothing_left(boards):
    yield
    end = time.monotonic() + 60
    for board in boards.values():
        board.login(board.system())
        while (board.left() or board.measuring()) and time.monotonic() < end:
            time.sleep(0.1)
        assert board.left() == []
        assert board.measuring() == []


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    """The first recorded frames."""
    path = tmp_path_factory.mktemp("frames") / "frames.csv"
    path.write_bytes(b"".join((BUILD / "real/frames.csv").read_bytes().splitlines(keepends=True)[:200]))
    return path


@pytest.fixture(scope="module")
def expected(frames):
    """An answer and a digest of the state for each frame, by the scalar reference on this machine."""
    script = [sys.executable, HERE / "stream_frames.py", "scalar", MODEL, frames]
    environment = {**os.environ, "EDGELSTM_KERNEL": "scalar"}
    text = subprocess.run(script, capture_output=True, text=True, check=True, env=environment).stdout
    assert len(text.splitlines()) == 200
    return text


def one(name, plan=QUICK, wheels=WHEELS):
    (outcome,) = profile_boards([Target(name, wheels=wheels)], [MODEL], plan)
    return outcome.result


def test_every_board_reports_side_by_side(boards):
    """All at the same time. No board here has vcgencmd or a thermal zone: the reasons stand in the report."""
    outcomes = profile_boards([Target(name, wheels=WHEELS) for name in EACH_KERNEL], [MODEL], QUICK)
    for outcome, board in zip(outcomes, map(boards.get, EACH_KERNEL), strict=True):
        report = outcome.result
        assert isinstance(report, Report), str(report)
        assert report.board.emulated is True
        assert report.board.name == board.model
        assert report.board.architecture == board.architecture
        (run,) = report.runs
        assert run.model.kernel == board.kernel
        assert run.model.precision == "int8"
        assert isinstance(run.before.temperature_c, Unavailable)
        assert isinstance(run.before.throttling, Unavailable)


def stream_on(name, frames):
    """What stream_frames.py prints there."""
    with Session(name) as session:
        wheel = next(WHEELS.glob(f"*_{BOARDS[name][2]}.whl"))
        session.put(wheel.name, wheel.read_bytes())
        session.unpack(wheel.name, "package")
        for file in (HERE / "stream_frames.py", MODEL, frames):
            session.put(file.name, file.read_bytes())
        done = session.run(
            [None, "-P", "stream_frames.py", BOARDS[name][3], MODEL.name, frames.name],
            environment={"PYTHONPATH": f"{session.facts.folder}/package"},
            seconds=120,
            what="streaming",
        )
    assert done.errors == ()
    return done.out.decode()


def test_the_integers_of_a_stream_are_those_of_this_machine(boards, frames, expected):
    with ThreadPoolExecutor() as pool:
        for name, found in zip(EACH_SYSTEM, pool.map(stream_on, EACH_SYSTEM, [frames] * len(EACH_SYSTEM))):
            assert found == expected, name


def test_a_deployed_version_is_tested_there_and_runs_by_hand(boards, frames, expected):
    """The self-test compares the int8 state in every bit. There is no systemd: the files stay, and it is said."""
    board, target = boards["pi2"], Target("pi2", wheels=WHEELS)
    (board.home / "frames.csv").write_bytes(frames.read_bytes())
    done = deploy(target, MODEL, Settings("m", "", source_file="/root/frames.csv"), "vowels")
    assert (done.systemd, done.problem) == (False, "no systemctl there")
    with Session("pi2") as session:
        run = "/root/.local/share/edgelstm/vowels/current/run"
        ran = session.run([run], seconds=60, what="the service", at_home=True)
    remove(target, "vowels")
    (board.home / "frames.csv").unlink()
    for empty in (".local/share", ".local"):
        (board.home / empty).rmdir()
    assert ran.errors == ()
    answers = [line.partition(" ")[0].split(",") for line in expected.splitlines()]
    for line, answer in zip(ran.out.decode().splitlines(), answers, strict=True):
        assert list(json.loads(line)["probabilities"].values()) == pytest.approx(list(map(float, answer)), rel=1e-6)


def test_the_wrong_architectures_wheel_is_refused(boards):
    for name, wrong in (("pi2", "aarch64"), ("pi4", "armv7l")):
        wheel = next(WHEELS.glob(f"*_{wrong}.whl"))
        result = one(name, wheels=wheel)
        assert type(result) is ValueError
        assert f"expected one for {boards[name].architecture}" in str(result)


def test_a_missing_python_is_named(boards):
    boards["pi2"].login(boards["pi2"].system(python=False))
    result = one("pi2")
    assert isinstance(result, BoardError)
    assert "python3" in str(result)


def test_a_full_disk_is_told(boards):
    board = boards["zero2"]
    full = f"mount -t tmpfs -o size=300k disk {board.root}/root && mount -t tmpfs -o size=8k disk {board.root}/tmp"
    board.login(board.system(before=full))
    result = one("zero2")
    assert isinstance(result, BoardError)
    assert "are needed" in str(result)


def test_a_connection_cut_in_the_middle_leaves_nothing(boards):
    board = boards["pi5"]

    def cut():
        end = time.monotonic() + 60
        while not board.measuring() and time.monotonic() < end:
            time.sleep(0.05)
        time.sleep(1)
        os.kill(board.server, signal.SIGKILL)

    cutter = threading.Thread(target=cut)
    cutter.start()
    result = one("pi5", LONG)
    cutter.join()
    assert isinstance(result, BoardError)
    assert "the connection was cut while measuring model.elstm" in str(result)
