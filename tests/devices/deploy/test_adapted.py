"""A model adapted on a board that is this machine, by the package that its version brings, and deployed beside the
old one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import ssh_board
from counts import FULL
from edgelstm.cli.adaptable import adaptable
from edgelstm.data import Dataset, save_dataset
from edgelstm.devices.deploy.deployment import deploy, remove, rollback, status
from edgelstm.devices.deploy.settings import Settings
from edgelstm.devices.remote.target import Target
from edgelstm.export.elstm import encode
from edgelstm.model import Answer
from edgelstm.model_file import load_model, save_model
from edgelstm.quantization import calibrate, quantize, reference
from edgelstm.runtime import Model
from random_models import random_model, random_signal

pytestmark = [
    pytest.mark.skipif(ssh_board.MISSING is not None, reason=str(ssh_board.MISSING)),
    pytest.mark.skipif(not FULL, reason="several connections, and learning: make test-all"),
]

FEATURES, LABELS = 3, ("a", "b", "c")


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssh_board.SshBoard:
    """Without systemd."""
    made = ssh_board.SshBoard(tmp_path)
    monkeypatch.setenv("PATH", f"{made.bin}:{os.environ['PATH']}")
    made.login(f"export XDG_RUNTIME_DIR={made.home}/none")
    return made


def test_it_learns_there_and_is_tested_switched_to_and_rolled_back_from(
    board: ssh_board.SshBoard, tmp_path: Path
) -> None:
    target = Target("board", ssh_board.PYTHON, ssh_board.own_wheel(tmp_path))
    model = replace(random_model(FEATURES, [12], [3], seed=4, answer=Answer("mean", 0, 5)), labels=LABELS)
    rng = np.random.default_rng(1)
    clips = tuple(random_signal(30, FEATURES, n) + rng.normal(0, 1.5, FEATURES).astype(np.float32) for n in range(50))
    model, clips = calibrate(model, clips[30:]), clips[:30]
    save_model(model, tmp_path / "source.npz")
    old = tmp_path / "bell.elstm"
    old.write_bytes(encode(quantize(model)))
    said = [scores.mean(axis=0).argmax() for scores in reference.scores(quantize(model), clips)]
    labels = (np.array(said) + 1) % 3
    names = ("x0", "x1", "x2")
    save_dataset(Dataset(clips, labels, LABELS, np.arange(30), names, sample_rate=50.0), board.home / "clips.npz")
    np.savetxt(board.home / "frames.csv", clips[0], delimiter=",")
    settings = Settings("m", "", source_file=str(board.home / "frames.csv"))

    first = deploy(target, old, settings, "bell", beside={"model.npz": adaptable(old, tmp_path / "source.npz")})
    there = board.home / ".local/share/edgelstm/bell/current"
    learn = "cd {} && PYTHONPATH=package exec {} -m edgelstm adapt model.npz --data ~/clips.npz -o ~/new.npz --elstm "
    learn = learn.format(there, ssh_board.PYTHON) + "~/new.elstm --json"
    done = subprocess.run([shutil.which("ssh") or "ssh", "board", learn], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["int8"]["right"] > report["before"]["right"]
    assert report["carried"] is report["same"] is None  # nobody's recordings are on the board
    new, taught = board.home / "new.elstm", board.home / "new.npz"
    assert load_model(taught).provenance["adapted"]["int8"] == report["int8"]

    second = deploy(target, new, None, "bell", beside={"model.npz": adaptable(new, taught)})
    assert (second.before, status(target)[0].current) == (first.version, second.version)
    assert streamed(target) == pytest.approx(expected(new, clips[0]), rel=1e-5)
    third = rollback(target, "bell", service=False)
    assert (third.version, third.before) == (first.version, second.version)
    assert streamed(target) == pytest.approx(expected(old, clips[0]), rel=1e-5)
    assert (there / "model.npz").read_bytes() != taught.read_bytes()
    remove(target, "bell")


def streamed(target: Target) -> list[float]:
    """What the version that is current answers, run by hand."""
    done = subprocess.run([status(target)[0].run], capture_output=True, text=True, check=True)
    last = json.loads(done.stdout.splitlines()[-1])
    return list(last["probabilities"].values())


def expected(file: Path, frames: np.ndarray) -> list[float]:
    stream = Model(file).stream()
    found: list[float] = stream.push(frames)[-1].tolist()
    return found
