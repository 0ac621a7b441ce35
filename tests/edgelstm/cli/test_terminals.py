"""Every command, whatever its standard streams are: the table of docs/architecture.md, Errors."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import ssh_board
from counts import FULL, some
from edgelstm.cli import COMMANDS
from edgelstm.data import Dataset, save_dataset
from forked import Launcher, launcher
from inputs import write_inputs
from random_models import random_signal

BOARD = ["--board", "board", "--board-python", sys.executable, "--wheel", "wheels"]
RUNS = {
    "help": (["--help"], ""),
    "data": (["data", "inspect", "data.npz"], ""),
    "init": (["init", "data.npz", "--force", "-o", "new.toml"], "new.toml"),
    "train": (["train", "recipe.toml", "-o", "new.npz"], "new.npz"),
    "crossvalidate": (["crossvalidate", "recipe.toml", "--folds", "2", "--jobs", "1"], ""),
    "evaluate": (["evaluate", "model.npz", "data.npz", "--all"], ""),
    "import": (["import", "net.pt", "--layers", "rnn", "--stream", "-o", "new.npz"], "new.npz"),
    "calibrate": (["calibrate", "model.npz", "data.npz", "-o", "new.npz"], "new.npz"),
    "annotate": (["annotate", "kept"], ""),
    "adapt": (["adapt", "model.npz", "--data", "clips.npz", "-o", "new.npz"], "new.npz"),
    "export": (["export", "model.npz", "-o", "new.elstm"], "new.elstm"),
    "export --list": (["export", "--list"], ""),
    "verify": (["verify", "m.elstm", "--against", "model.npz"], ""),
    "inspect": (["inspect", "m.elstm"], ""),
    "stream": (["stream", "m.elstm", "frames.csv"], ""),
    "profile --predict": (["profile", "m.elstm", "--predict", "pi-5", "--output", "new.json"], "new.json"),
    "report": (["report", "report.json", "-o", "new.html"], "new.html"),
    "boards": (["boards"], ""),
}
"""Command → (arguments, the file that it writes)."""

LONG = {
    "profile": (["profile", "m.elstm", "--frames", "10", "--pace", "flat", "--output", "new.json"], "new.json"),
    "deploy --status": (["deploy", "--board", "board", "--board-python", sys.executable, "--status"], ""),
    "deploy": (["deploy", "m.elstm", *BOARD, "--source", "/x", "--no-service"], ""),
    "demo": (["demo", "--data", "watch-like.npz", "-o", "."], "watch.npz"),
    "search": (
        ["search", "recipe.toml", "--trials", "1", "--finalists", "1", "--seeds", "1", "-o", "found"],
        "found/recipe.toml",
    ),
}
"""Those that take seconds: everywhere in make test-all; in make test the first two, where it matters most."""

SHORTER_DEMO = """
from dataclasses import replace
import edgelstm.devices, edgelstm.recipes
recipe, profile = edgelstm.recipes.load_recipe, edgelstm.devices.profile
def shorter(name):
    whole = recipe(name)
    model, training = replace(whole.model, units=(4,)), replace(whole.training, epochs=1, skip=2)
    return replace(whole, model=model, training=training, data=replace(whole.data, window=8),
                   answer=replace(whole.answer, window=8, hop=4))
edgelstm.recipes.load_recipe = shorter
edgelstm.devices.profile = lambda paths, plan, *more: profile(paths[:1], replace(plan, frames=10), *more)
"""
"""What the demo does, on less."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything that the commands read."""
    folder = tmp_path_factory.mktemp("terminals")
    write_inputs(folder)
    signals = tuple(random_signal(40, 6, seed) for seed in range(10))
    groups = np.arange(10)
    save_dataset(
        Dataset(signals, groups % 2, ("raise", "rest"), groups, tuple("abcdef"), sample_rate=50),
        folder / "watch-like.npz",
    )
    return folder


@pytest.fixture(scope="module")
def environment(folder: Path) -> dict[str, str]:
    """With a board where this machine can be one."""
    if ssh_board.MISSING is not None:
        return {}
    (folder / "ssh").mkdir()
    board = ssh_board.SshBoard(folder / "ssh")
    board.login(f"export XDG_RUNTIME_DIR={board.home}/none")
    if FULL:
        (folder / "wheels").mkdir()
        ssh_board.own_wheel(folder / "wheels")
    return {"PATH": f"{board.bin}:{os.environ['PATH']}"}


@pytest.fixture(scope="module")
def launched(folder: Path, environment: dict[str, str]) -> Iterator[Launcher]:
    with launcher(folder, environment, SHORTER_DEMO) as started:
        yield started


@pytest.fixture(scope="module")
def launched_abroad(folder: Path, environment: dict[str, str]) -> Iterator[Launcher]:
    """Where the locale's encoding is ISO 8859-1: one that is made for it, as few systems have one. ASCII, which every
    system has, is none in its place: click takes it for UTF-8."""
    made = ["localedef", "-i", "de_DE", "-f", "ISO-8859-1", str(folder / "de_DE")]
    if not shutil.which("localedef") or subprocess.run(made, capture_output=True, check=False).returncode:
        pytest.skip("no locale can be made here (Debian: apt install locales)")
    locale = {"LOCPATH": str(folder), "LC_ALL": "de_DE", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    with launcher(folder, environment | locale, SHORTER_DEMO) as started:
        yield started


def ready(name: str, folder: Path) -> Iterator[tuple[list[str], Path | None]]:
    """(arguments, the file that the command will write, which is not there yet)."""
    if name.startswith("deploy") and ssh_board.MISSING is not None:
        pytest.skip(str(ssh_board.MISSING))
    arguments, written = (RUNS | LONG)[name]
    path = folder / written if written else None
    if path is not None:
        path.unlink(missing_ok=True)
    yield arguments, path
    assert not list(folder.glob("*.part"))


def part(first: str, end: str = "") -> list[str]:
    """The commands from `first` to that before `end`, of which `make test` asks what it asks the others elsewhere;
    `make test-all` asks all of them all."""
    names = list(RUNS)
    return [*RUNS, *LONG] if FULL else names[names.index(first) : names.index(end) if end else None]


@pytest.fixture
def run(request: pytest.FixtureRequest, folder: Path) -> Iterator[tuple[list[str], Path | None]]:
    yield from ready(request.param, folder)


@pytest.fixture(params=[*RUNS, *some(LONG, 2)])
def run_of_all(request: pytest.FixtureRequest, folder: Path) -> Iterator[tuple[list[str], Path | None]]:
    yield from ready(request.param, folder)


Run = tuple[list[str], Path | None]


def in_turn(arguments: list[str], turn: int, *kinds: str) -> str:
    """One kind for each command, `stream` the last one: `make test` takes turn 0, which has every kind."""
    commands = [known for known, _ in (RUNS | LONG).values()]
    first = commands.index(RUNS["stream"][0]) + 1
    return kinds[(commands.index(arguments) - first + turn) % len(kinds)]


def test_every_command_is_in_the_table() -> None:
    assert set(COMMANDS) == {arguments[0] for arguments, _ in (RUNS | LONG).values()} - {"--help"}


def test_in_a_locale_that_lacks_our_signs(launched_abroad: Launcher, run_of_all: Run) -> None:
    arguments, path = run_of_all
    ended = launched_abroad.run(*arguments, encoding="locale")
    assert (ended.code, ended.err.decode("iso-8859-1").count("edgelstm: ")) == (0, 0), ended.err
    assert path is None or path.stat().st_size
    if arguments[0] == "stream":
        ended.out.decode()  # JSON is UTF-8 everywhere
    else:
        assert ended.out.decode("iso-8859-1").strip()
        assert "✓".encode() not in ended.out


@pytest.mark.parametrize("run", part("inspect"), indirect=True)
@pytest.mark.parametrize("turn", some(range(2)))
def test_without_anyone_who_reads(launched: Launcher, run: Run, turn: int) -> None:
    """What works goes on; what only prints has nothing more to do."""
    arguments, path = run
    out = in_turn(arguments, turn, "left", "closed")
    ended = launched.run(*arguments, out=out)
    if (arguments[0], out) == ("stream", "closed"):
        assert ended.code == 2
        assert ended.err.startswith(b"edgelstm: stdout is closed; the answers go there")
        return
    assert (ended.code, b"edgelstm: " in ended.err) == (0, False), ended.err
    assert path is None or path.stat().st_size


def test_into_a_full_disk(launched: Launcher, run_of_all: Run) -> None:
    """An error that names stdout, after the work; the demo prints as it goes, and ends there."""
    arguments, path = run_of_all
    ended = launched.run(*arguments, out="/dev/full")
    assert ended.code == 1
    assert ended.err.splitlines()[-1] == b"edgelstm: stdout: no space left on device"
    assert path is None or arguments[0] == "demo" or path.stat().st_size


@pytest.mark.parametrize("run", part("import", "inspect"), indirect=True)
@pytest.mark.parametrize("turn", some(range(2)))
def test_stderr_decides_nothing(launched: Launcher, run: Run, turn: int) -> None:
    arguments, path = run
    ended = launched.run(*arguments, err=in_turn(arguments, turn, "closed", "/dev/full"))
    assert ended.code == 0
    assert ended.out
    assert path is None or path.stat().st_size


@pytest.mark.parametrize("err", ["left", "closed", "/dev/full"])
def test_an_error_that_nobody_reads_has_its_code_all_the_same(launched: Launcher, err: str) -> None:
    assert launched.run("inspect", "recipe.toml", err=err).code == 1
    assert launched.run("inspect", err=err).code == 2


@pytest.mark.parametrize("out", ["left", "closed"])
def test_a_gate_has_its_code_when_nobody_reads(launched: Launcher, out: str) -> None:
    gate = ("evaluate", "model.npz", "data.npz", "--all", "--min-accuracy", "1")
    assert launched.run(*gate).code == launched.run(*gate, out=out).code == 3


@contextlib.contextmanager
def special(kind: str, folder: Path) -> Iterator[tuple[Path, bytearray]]:
    """(where to write to, what came there, complete in the end)."""
    got = bytearray()
    if kind == "link":
        target, where = folder / "target", folder / "link"
        target.write_bytes(b"")
        where.unlink(missing_ok=True)
        where.symlink_to("target")
        yield where, got
        assert where.is_symlink()
        got += target.read_bytes()
        return
    if kind == "pipe":
        where = folder / "pipe"
        if not where.exists():
            os.mkfifo(where)
        reader, held = os.open(where, os.O_RDONLY | os.O_NONBLOCK), os.open(where, os.O_WRONLY)
        os.set_blocking(reader, True)
    else:
        try:
            reader, held = os.openpty()
        except OSError as error:
            pytest.skip(f"no pseudo-terminals here: {error}")
        where = Path(os.ttyname(held))
    thread = threading.Thread(target=read_all, args=(reader, got))
    thread.start()
    try:
        yield where, got
    finally:
        os.close(held)
        thread.join()
    assert kind == "terminal" or stat.S_ISFIFO(where.stat().st_mode)


def read_all(reader: int, into: bytearray) -> None:
    with contextlib.suppress(OSError):  # a terminal whose other end has gone
        while data := os.read(reader, 1 << 16):
            into += data
    os.close(reader)


@pytest.mark.parametrize("run", part("help", "import"), indirect=True)
@pytest.mark.parametrize("turn", some(range(3)))
def test_into_what_is_no_plain_file(launched: Launcher, run: Run, folder: Path, turn: int) -> None:
    arguments, path = run
    kind = in_turn(arguments, turn, "link", "pipe", "terminal")
    with special(kind, folder) as (where, got):
        ended = launched.run(*arguments, out=where)
    assert ended.code == 0, ended.err
    assert path is None or path.stat().st_size
    assert got


def test_ctrl_c_is_one_line(folder: Path) -> None:
    """While a command waits for what its file holds."""
    pipe = folder / "slow.json"
    os.mkfifo(pipe)
    command = [sys.executable, "-m", "edgelstm", "report", str(pipe)]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program,
        pipe.open("wb"),  # which waits until the command has it open
    ):
        program.send_signal(signal.SIGINT)
        out, err = program.communicate(timeout=60)
    assert (program.returncode, out, err) == (130, "", "edgelstm: interrupted\n")


def test_the_console_script_loads_nothing_before_it_hears_ctrl_c() -> None:
    """What it imports first is Python's own, and little."""
    program = "import sys, edgelstm.__main__; print(*(name for name in sys.modules if name.startswith('edgelstm')))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == {"edgelstm", "edgelstm.__main__"}


NO_TEXT = os.fsdecode(b"\xff\xfe")
NAMES = [f"-{NO_TEXT}\x1b[31mred\n", NO_TEXT, "\x1b[31mred\n", "-", "a\nb", "läuft \u2713"]


@pytest.mark.parametrize("name", some(NAMES), ids=ascii)
def test_files_may_have_any_name(launched: Launcher, folder: Path, name: str) -> None:
    for suffix, source in {"npz": "model.npz", "csv": "frames.csv", "json": "report.json"}.items():
        (folder / f"./{name}.{suffix}").write_bytes((folder / source).read_bytes())
    (folder / f"{name}-data.npz").write_bytes((folder / "data.npz").read_bytes())
    for command in (
        ["inspect", f"./{name}.npz"],
        ["export", f"./{name}.npz", "-o", f"./{name}.elstm"],
        ["verify", f"./{name}.elstm", "--against", f"./{name}.npz"],
        ["evaluate", f"./{name}.elstm", f"./{name}-data.npz", "--all"],
        ["stream", f"./{name}.elstm", f"./{name}.csv"],
        ["profile", f"./{name}.elstm", "--predict", "pi-5", "--output", f"./{name}-new.json"],
        ["report", f"./{name}.json", "-o", f"./{name}.html"],
        ["data", "inspect", f"./{name}-data.npz"],
    ):
        ended = launched.run(*command)
        assert (ended.code, ended.err) == (0, b""), command
        assert b"\x1b[31mred" not in ended.out
