"""Real data and models trained on it, shared by all tests."""

from __future__ import annotations

import contextlib
import fcntl
import gc
import math
import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# Products in tests are small: threads that wait for one another took a third of all the time. Read as numpy is first
# imported, here and in the programs that tests start.
os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")

from counts import FULL, times
from edgelstm.data import Dataset, load_dataset
from edgelstm.devices.profiling.lock import NAME_VARIABLE
from edgelstm.model import Model
from in_process import PROGRESS

ROOT = Path(__file__).parent.parent

# Where the tests run in the background or under nohup, Ctrl-C or SIGHUP is ignored, and so it would be in every
# program that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

# Programs that tests start must not find the checkout's folders where the installed package should be.
os.environ["PYTHONSAFEPATH"] = "1"

# Tens of thousands of objects are made while tests are collected, and stay: nothing of them is worth looking for.
gc.disable()

# No test's files must outlive a power cut, and what is killed needs no disk: to wait for it was half of the time of
# tests of commands. Whether files are brought there is asked in test_files.py.
os.fsync = lambda _descriptor: None  # type: ignore[assignment]

# onnxruntime, where tests import it themselves, tells nobody and writes nothing into the home.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

# What tests look for must not depend on whose screen and whose settings these are.
os.environ.update(COLUMNS="80", LINES="24")
for variable in ("EDGELSTM_KERNEL", "EDGELSTM_ZIG", "NOTIFY_SOCKET", "NO_COLOR", "FORCE_COLOR", "PYTHONWARNINGS"):
    os.environ.pop(variable, None)

# CMake and ninja are those of the environment, whatever else PATH names.
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"

# A machine has one place for profiles, and who finds it taken waits: tests neither for others' nor for a user's.
os.environ[NAME_VARIABLE] = f"edgelstm.tests.{os.getpid()}"

# A law's examples are few and the same in every run; `make test-all` draws others, as many as the test says.
MOST_EXAMPLES = 10
settings.register_profile("tests", deadline=None, derandomize=not FULL, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")


def _fewer_examples(self: settings, *arguments: Any, **options: Any) -> None:
    if isinstance(options.get("max_examples"), int):
        options["max_examples"] = min(options["max_examples"], MOST_EXAMPLES)
    _all_examples(self, *arguments, **options)


if not FULL:
    _all_examples = settings.__init__
    settings.__init__ = _fewer_examples  # type: ignore[method-assign]
    settings.register_profile("few", settings.default, max_examples=MOST_EXAMPLES)
    settings.load_profile("few")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[Any]:
    """One of the processes that share the tests collects them ahead of the others, which find their bytecode then: it
    takes six seconds to make."""
    with Path(__file__).open() as lock, contextlib.ExitStack() as held:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            held.callback(fcntl.flock, lock, fcntl.LOCK_UN)
        except BlockingIOError:
            fcntl.flock(lock, fcntl.LOCK_SH)
            fcntl.flock(lock, fcntl.LOCK_UN)
        return (yield)


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


def _dataset(name: str) -> Dataset:
    path = ROOT / "data" / name
    if not path.exists():
        pytest.skip(f"data/{name} is missing; `make data` downloads it")
    return load_dataset(path)


@pytest.fixture(scope="session")
def watch() -> Dataset:
    """140 recordings of smartwatch exercises, 6 channels at 50 Hz."""
    return _dataset("watch.npz")


@pytest.fixture(scope="session")
def vowels() -> Dataset:
    """JapaneseVowels: 640 sequences of 7 to 29 frames, 12 channels, 9 speakers."""
    return _dataset("japanese-vowels.npz")


@pytest.fixture(scope="session")
def vowels_model(vowels: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Trained for a few seconds on the training split: not the best, but real. Carries 4 recordings that calibrated
    it and 12 unseen ones, enough for a share of answers."""
    recipe = (
        "[model]\nunits = [32]\n[training]\nepochs = 12\nlearning_rate = 0.01\nloss = 'last'\n[answer]\nhop = 0\n"
    )

    def make() -> Model:
        model = _trained(vowels.subset(~vowels.test), recipe)
        return replace(
            model, examples=model.examples[: times(4, 12)], unseen=model.unseen[: times(12, 18)], unseen_truth=None
        )

    return _made_once("vowels", make, tmp_path_factory)


@pytest.fixture(scope="session")
def watch_model(watch: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Trained for a few seconds on two subjects' recordings, answering by the mean of the last 4 seconds. Carries 2
    recordings that calibrated it and 500 frames each of 2 unseen ones."""
    recipe = (
        "[data]\nwindow = 200\n[model]\nunits = [24]\n[training]\nepochs = 3\nlearning_rate = 0.01\nskip = 20\n"
        "[answer]\npooling = 'mean'\nwindow = 200\nhop = 50\n"
    )

    def make() -> Model:
        model = _trained(watch.subset([n for n in range(len(watch)) if watch.groups[n] in (1, 3)]), recipe)
        unseen = tuple(x[: times(500, 600)] for x in model.unseen[: times(2, 3)])
        return replace(model, examples=model.examples[: times(2, 4)], unseen=unseen, unseen_truth=None)

    return _made_once("watch", make, tmp_path_factory)


def _trained(training: Dataset, recipe: str) -> Model:
    from edgelstm.quantization import calibrate
    from edgelstm.training import parse_config, train

    trained = train(training, parse_config(recipe))
    return calibrate(trained.model, trained.calibration)


def _made_once(name: str, make: Callable[[], Model], factory: pytest.TempPathFactory) -> Model:
    """By whichever of the processes that share the tests asks first; the others read its file."""
    from edgelstm.model_file import load_model, save_model

    folder = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    path = folder / f"{name}-model.npz"
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            save_model(make(), path)
    return load_model(path)


@dataclass(frozen=True)
class Ended:
    """What a command left behind."""

    code: int
    out: str
    err: str


@pytest.fixture
def command(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ended]:
    """Runs `edgelstm ARGUMENTS` in this process."""
    from edgelstm.cli import main

    monkeypatch.setattr(PROGRESS, math.inf)

    def run(*arguments: str | Path) -> Ended:
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return Ended(int(ended.value.code or 0), out, err)

    return run
