"""Data larger than the memory that a process may take are trained on.

The limit is RLIMIT_DATA: memory of the process's own. What the system maps of files does not count to it; it leaves
that memory when others need it.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import wave
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.lib import format as npy

from counts import FULL, times

LIMIT = 180 << 20
"""Bytes; the interpreter with numpy and OpenBLAS takes half of it for data of any size."""
FRAMES, FEATURES = 10_000, 64  # of a recording
TS_FRAMES = 2_000  # of a series

RECIPE = """
[data]
window = 200
validation = 0.1
[model]
layers = [{ kind = "context", rows = 20, hop = 20 }, { kind = "lstm", units = 4 }]
[training]
epochs = 1
loss = "mean"
[answer]
pooling = "mean"
window = 200
hop = 100
"""


def signals(count: int) -> np.ndarray:
    """A recording, slow or fast swings in noise."""
    noise = np.random.default_rng(count % 7).normal(size=(FRAMES, FEATURES))
    swings = np.sin(np.arange(FRAMES) * (0.1 if count % 2 else 0.5) + count)
    return (0.5 * noise + swings[:, None]).astype(np.float32)


def write_npz(path: Path, size: int, is_switch: bool = False) -> None:
    """is_switch: the first column is 1 where it was above 0, else 0."""
    count = size // (FRAMES * FEATURES * 4) + 1
    few = [signals(n) for n in range(10)]
    header = {"descr": "<f4", "fortran_order": False, "shape": (count, FRAMES, FEATURES)}
    with zipfile.ZipFile(path, "w") as archive:
        with archive.open("X.npy", "w", force_zip64=True) as member:
            npy.write_array_header_1_0(member, header)
            for n in range(count):
                frames = few[n % 10] + np.float32(n / 1000)
                if is_switch:
                    frames[:, 0] = frames[:, 0] > 0
                member.write(frames.tobytes())
        with archive.open("y.npy", "w") as member:
            npy.write_array(member, np.arange(count) % 2)


def write_csv(path: Path, size: int) -> None:
    """Series one after another, until the file has `size` bytes."""
    few = [[",".join(f"{value:.4f}" for value in frame) for frame in signals(n).tolist()] for n in range(10)]
    with path.open("w") as file:
        file.write(",".join(["series", "label", *(f"f{n}" for n in range(FEATURES))]) + "\n")
        n = 0
        while file.tell() <= size:
            first = ",".join([f"{n / 1000:.3f}"] * FEATURES)  # no two are the same
            begin = f"s{n},{('fast', 'slow')[n % 2]},"
            file.writelines(f"{begin}{frame}\n" for frame in (first, *few[n % 10]))
            n += 1


def write_wav_folder(path: Path, size: int) -> None:
    """One folder for each label, in it files of as many channels as the other files have columns; `size` bytes as
    floats."""
    few = [4000 * signals(n) for n in range(10)]
    for n in range(size // (FRAMES * FEATURES * 4) + 1):
        folder = path / ("fast", "slow")[n % 2]
        folder.mkdir(parents=True, exist_ok=True)
        with wave.open(str(folder / f"{n}.wav"), "wb") as file:
            file.setparams((FEATURES, 2, FRAMES, 0, "NONE", ""))
            file.writeframes((few[n % 10] + n).astype("<i2").tobytes())  # no two are the same


def write_ts(path: Path, size: int) -> None:
    """Series of as many dimensions as the other files have columns."""
    few = [
        ":".join(",".join(f"{v:.4f}" for v in row) for row in signals(n)[:TS_FRAMES].T.tolist()) for n in range(10)
    ]
    with path.open("w") as file:
        file.write("@problemName large\n@timeStamps false\n@classLabel true fast slow\n@data\n")
        n = 0
        while file.tell() <= size:
            file.write(
                f"{n / 1000:.3f},{few[n % 10].partition(',')[2]}:{('fast', 'slow')[n % 2]}\n"
            )  # no two the same
            n += 1


def trained(data: Path, recipe: Path, text: str = RECIPE) -> list[dict[str, Any]]:
    """How good what is trained on `data` is, in a process of its own, which may take `LIMIT` of memory."""
    recipe.write_text(text)
    model = recipe.with_suffix(".npz")
    ended = subprocess.run(
        [sys.executable, "-m", "edgelstm", "train", recipe, "--data", data, "-o", model, "--json"],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (LIMIT, LIMIT)),
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
        cwd=recipe.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    report = json.loads(ended.stdout)
    return [*report["evaluations"], report["streamed"]]


def accuracy(data: Path, recipe: Path) -> float:
    return min(result["accuracy"] for result in trained(data, recipe))


def test_an_npz_file_larger_than_memory_is_trained_on(tmp_path: Path) -> None:
    path = tmp_path / "large.npz"
    write_npz(path, times(LIMIT, 10 * LIMIT))
    assert path.stat().st_size > LIMIT
    assert accuracy(path, tmp_path / "recipe.toml") > 0.95


ALONG = """
[task]
kind = "frames"
[data]
window = 200
validation = 0.1
[model]
layers = [{ kind = "context", rows = 20, hop = 20 }, { kind = "lstm", units = 4 }]
[training]
epochs = 1
[answer]
hop = 20
"""


@pytest.mark.skipif(not FULL, reason="takes minutes: EDGELSTM_ALL=1")
def test_data_larger_than_memory_are_judged_along_them(tmp_path: Path) -> None:
    path = tmp_path / "large.npz"
    write_npz(path, 10 * LIMIT)
    assert min(result["accuracy"] for result in trained(path, tmp_path / "recipe.toml", ALONG)) > 0.9
    ahead = ALONG.replace('"frames"', '"forecast"\ncolumns = ["0"]\nahead = [1]')
    answers = 0.1 * path.stat().st_size / (4 * FEATURES * 20)
    for result in trained(path, tmp_path / "recipe.toml", ahead):
        assert result["answers"] > answers
    odd = ALONG.replace('"frames"', '"anomaly"\ncolumns = ["0"]')  # recordings of label 0 are normal
    for result in trained(path, tmp_path / "recipe.toml", odd):
        assert result["answers"] > answers


@pytest.mark.skipif(not FULL, reason="takes minutes: EDGELSTM_ALL=1")
@pytest.mark.parametrize("kind", ["regress", "tags"])
def test_numbers_and_tags_of_every_frame_are_learned_of_data_larger_than_memory(tmp_path: Path, kind: str) -> None:
    """The first column is told, of the others, which swing alike: whether it is up, or how far."""
    path = tmp_path / "large.npz"
    write_npz(path, 10 * LIMIT, is_switch=kind == "tags")
    recipe = ALONG.replace('"frames"', f'"{kind}"\ncolumns = ["0"]\nper = "frame"')
    for result in trained(path, tmp_path / "recipe.toml", recipe):
        assert result["answers"] > 0.1 * path.stat().st_size / (4 * FEATURES * 20)


TEXT = """
[task]
kind = "text"
[data]
window = 100
validation = 0.1
test = 0.05
[model]
units = [4]
[training]
epochs = 1
learning_rate = 0.02
"""


@pytest.mark.skipif(not FULL, reason="takes minutes: EDGELSTM_ALL=1")
def test_texts_larger_than_memory_are_learned(tmp_path: Path) -> None:
    """Each symbol is a frame of 65 columns; words are of 64 letters, each with half of the others behind it."""
    letters = np.array([*map(chr, range(48, 112))])
    rng = np.random.default_rng(3)
    texts = tmp_path / "texts"
    texts.mkdir()
    for n in range(20):
        steps = rng.integers(1, 33, 10 * LIMIT // (20 * 4 * 65) + 1)
        (texts / f"{n}.txt").write_text("".join(letters[np.cumsum(steps) % 64]))
    for result in trained(texts, tmp_path / "recipe.toml", TEXT):
        assert result["answers"] > 0.04 * 10 * LIMIT / (4 * 65)
        assert result["bits"] < 6


@pytest.mark.skipif(not FULL, reason="takes minutes: EDGELSTM_ALL=1")
def test_a_long_recording_with_values_that_lack_is_filled_from_disk(tmp_path: Path) -> None:
    """One recording: its numbers are ten times what the process may take."""
    path = tmp_path / "large.csv"
    few = [",".join(f"{value:.2f}" for value in frame) for frame in signals(1)]
    lacking = "," * (FEATURES - 1)
    with path.open("w") as file:
        file.write(",".join(f"f{n}" for n in range(FEATURES)) + "\n")
        for n in range(10 * LIMIT // (8 * FEATURES * FRAMES) + 1):
            file.writelines(f"{frame}\n" for frame in (f"{n}" + few[0][few[0].index(",") :], lacking, *few[2:]))
    ahead = ALONG.replace('"frames"', '"forecast"\ncolumns = ["f0"]\nahead = [1]')
    recipe = ahead.replace("[data]", '[data]\nmissing = "interpolate"')
    for result in trained(path, tmp_path / "recipe.toml", recipe):
        assert result["answers"] > 0.1 * 10 * LIMIT / (8 * FEATURES * 20)


GATHER = """
import numpy as np
from edgelstm.data.dataset import Dataset
from edgelstm.judging.gathering import Gathered
from edgelstm.tasks import Frames
from edgelstm.data.targets import Kept

LONG, COUNT = 1_000_000, {count}
classes = np.arange(LONG) % 3
kept = Gathered()
for sequence in range(COUNT):
    for start in range(0, LONG, 20_000):
        at = np.arange(start, start + 20_000)
        kept.add(at + 1, np.eye(3, dtype=np.float32)[np.where(at % 10, classes[at], 0)])
    kept.end()
x = tuple(np.broadcast_to(np.float32(0), (4, 1)) for _ in range(COUNT))
data = Dataset(x, np.zeros(COUNT, int), ("a", "b", "c"), np.arange(COUNT), (), targets=Kept([classes] * COUNT))
found = Frames().judge("float32", False, data, kept.done())
print(found.count, found.accuracy)
"""


SCORE = """
import numpy as np
from edgelstm.data.dataset import Dataset
from edgelstm.data.own import Own
from edgelstm.judging.gathering import Gathered
from edgelstm.tasks.anomaly import Anomaly, Learned

LONG, COUNT = 1_000_000, {count}
is_odd = np.arange(LONG) % 10_000 >= 9_990
told = np.where(is_odd, 5.0, np.arange(LONG) % 1000 / 2000).astype(np.float32)[:, None]
kept = Gathered()
for sequence in range(COUNT):
    for start in range(0, LONG, 20_000):
        kept.add(np.arange(start, start + 20_000) + 1, told[start : start + 20_000])
    kept.end()
x = (np.zeros((LONG, 1), np.float32),) * COUNT
truth = [is_odd.astype(np.int8)] * COUNT
data = Dataset(x, np.zeros(COUNT, int), ("0 +1",), np.arange(COUNT), (), targets=Own(x, (0,), truth, 1))
task = Anomaly(over=1, settle=0, slack=2, margin=1, quantile=0.25)
said = kept.done()
task = task.finish(np.zeros(1), np.ones(1), data, said)
known = Anomaly(over=1, settle=0, slack=2, learned=Learned((0.0,), (1.0,), (1.0,), 1.0))
for streamed in (False, True):
    found = known.judge("float32", streamed, data, said).at_threshold
    print(found.events, found.found, found.false)
print(task.learned.threshold * task.learned.error[0])
"""


def limited(program: str, count: int) -> list[str]:
    """What `program` prints with `count` of sequences, in a process that may take `LIMIT` of memory."""
    ended = subprocess.run(
        [sys.executable, "-c", program.format(count=count)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (LIMIT, LIMIT)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.split()


def test_scores_larger_than_memory_are_judged() -> None:
    """Each 20 bytes with its place and its answer: at full count ten times what the process may take."""
    count = times(1, 90)
    *counts, quarter = limited(SCORE, count)
    events = 100 * count
    assert [int(n) for n in counts] == [events, events, 0] * 2
    assert float(quarter) == pytest.approx(0.25 * (0.999 + 0.001) / 2, abs=1e-3)


def test_answers_larger_than_memory_are_judged() -> None:
    """Each 28 bytes with its place: at full count ten times what the process may take."""
    count = times(2, 80)
    answers, accuracy = limited(GATHER, count)
    at = np.arange(1_000_000)
    assert int(answers) == count * 1_000_000
    assert float(accuracy) == pytest.approx(((at % 10 > 0) | (at % 3 == 0)).mean())


@pytest.mark.skipif(not FULL, reason="takes minutes: EDGELSTM_ALL=1")
def test_a_csv_file_larger_than_memory_is_trained_on(tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    write_csv(path, 10 * LIMIT)
    assert accuracy(path, tmp_path / "recipe.toml") > 0.95


@pytest.mark.skipif(not FULL, reason="takes minutes: EDGELSTM_ALL=1")
def test_sounds_larger_than_memory_are_trained_on(tmp_path: Path) -> None:
    write_wav_folder(tmp_path / "sounds", 10 * LIMIT)
    assert accuracy(tmp_path / "sounds", tmp_path / "recipe.toml") > 0.95


@pytest.mark.skipif(not FULL, reason="takes minutes: EDGELSTM_ALL=1")
def test_a_ts_file_larger_than_memory_is_trained_on(tmp_path: Path) -> None:
    path = tmp_path / "large.ts"
    write_ts(path, 10 * LIMIT)
    assert accuracy(path, tmp_path / "recipe.toml") > 0.95
