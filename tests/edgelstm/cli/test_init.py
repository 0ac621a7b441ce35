"""`init` writes no recipe that `train` refuses, and says of data what would be better."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

Command = Callable[..., Any]
RNG = np.random.default_rng(11)


def write_ts(folder: Path, first: list[np.ndarray], second: list[np.ndarray]) -> Path:
    for part, series in (("TRAIN", first), ("TEST", second)):
        lines = [f"{','.join(f'{v:.5f}' for v in x)}:{'ab'[n % 2]}" for n, x in enumerate(series)]
        text = "@problemName Twins\n@timeStamps false\n@classLabel true a b\n@data\n" + "\n".join(lines) + "\n"
        (folder / f"Twins_{part}.ts").write_text(text)
    return folder


def test_identical_recordings_are_refused_as_train_refuses_them(tmp_path: Path, command: Command) -> None:
    x = [RNG.normal(size=20) for _ in range(20)]
    data = write_ts(tmp_path, x[:12], [*x[12:], x[3]])
    recipe = tmp_path / "recipe.toml"
    refused = command("init", data, "-o", recipe)
    assert refused.code == 1
    assert not recipe.exists()
    recipe.write_text(f'[data]\nfile = "{data}"\n')
    assert command("train", recipe, "-o", tmp_path / "m.npz").err == refused.err
    assert "recording 3 and recording 20 are the same" in refused.err
    warnings = json.loads(command("data", "inspect", data, "--json").out)["warnings"]
    assert any(line.startswith("the same recordings: series 4 (train) and series 9 (test); ") for line in warnings)
    one = tmp_path / "unique.npz"
    assert (
        command("data", "convert", data, "-o", one, "--unique").out
        == f"✓ {one}: 20 recordings, 400 frames, 2 labels\n"
    )
    assert command("init", one, "-o", tmp_path / "r.toml").code == 0


def test_recordings_that_hold_others_are_told(tmp_path: Path, command: Command) -> None:
    """And no other: neither what parts from it late, nor what is too short or too still to tell, nor symbols."""
    long, other, still = RNG.normal(size=9000), RNG.normal(size=60), np.zeros(80)
    late = np.append(long[:5000], RNG.normal(size=4500))
    symbols = RNG.integers(0, 2, size=200).astype(float)
    series = [other[:40], long, late, other, long[:8000], long[1:70], other[:10], still, still[:50], symbols]
    data = write_ts(tmp_path, series[:5], [*series[5:], symbols[:150]])
    warnings = json.loads(command("data", "inspect", data, "--json").out)["warnings"]
    (line,) = (line for line in warnings if line.startswith("recordings that hold frames of others"))
    inside = {"series 1 (train) in series 4 (train)", "series 5 (train) in series 2 (train)"}
    inside |= {f"series 1 (test) in series {n} (train)" for n in (2, 3, 5)}
    told = line.removeprefix("recordings that hold frames of others: ").partition("; train")[0]
    assert {*told.split("; ")} == inside


def test_labels_that_are_measured_are_told_of(tmp_path: Path, command: Command) -> None:
    np.savez(
        tmp_path / "fat.npz", X=RNG.normal(size=(40, 20, 1)), y=np.array([f"{n / 8:.1f}" for n in range(20)] * 2)
    )
    said = command("init", tmp_path / "fat.npz", "-o", tmp_path / "recipe.toml")
    assert "labels are numbers, 20 different ones: --task regress" in said.err
    assert "--task regress" in command("data", "inspect", tmp_path / "fat.npz").out
    asked = command("init", tmp_path / "fat.npz", "-o", tmp_path / "regress.toml", "--task", "regress")
    assert (asked.code, asked.err) == (0, "")
    np.savez(tmp_path / "digits.npz", X=RNG.normal(size=(80, 20, 1)), y=np.arange(80) % 10)
    assert command("init", tmp_path / "digits.npz", "-o", tmp_path / "digits.toml").err == ""


@pytest.mark.parametrize(("key", "kind"), [("@targetlabel true", "regress"), ("@classLabel true", "classify")])
def test_what_a_header_says_of_labels_is_believed(tmp_path: Path, command: Command, key: str, kind: str) -> None:
    series = "".join(f"{','.join(f'{v:.4f}' for v in RNG.normal(size=20))}:{n % 6 / 4}\n" for n in range(24))
    (tmp_path / "x.ts").write_text(f"@problemName x\n@timestamps false\n{key}\n@univariate true\n@data\n{series}")
    done = command("init", tmp_path / "x.ts", "-o", tmp_path / "recipe.toml")
    assert f'kind = "{kind}"' in (tmp_path / "recipe.toml").read_text()
    assert done.code == 0, done.err
    assert ("as the data say that labels are measured" in done.out) == (kind == "regress")
    assert command("data", "convert", tmp_path / "x.ts", "-o", tmp_path / "x.npz").code == 0
    again = command("init", tmp_path / "x.npz", "-o", tmp_path / "again.toml")
    assert again.out.replace("again.toml", "recipe.toml") == done.out


def test_one_class_by_the_names_of_files_is_called_so(tmp_path: Path, command: Command) -> None:
    for n in range(6):
        (tmp_path / f"same.{n}.csv").write_text("x\n" + "".join(f"{k % (n + 3)}\n" for k in range(50)))
    refused = command("init", tmp_path, "-o", tmp_path / "recipe.toml")
    assert refused.code == 1
    assert "one class only ('same', which all file names begin with)" in " ".join(refused.err.split())


def test_a_normal_label_that_nobody_has_is_named(tmp_path: Path, command: Command) -> None:
    rows = "".join(f"{n % 7},{'ab'[n // 150]}\n" for n in range(300))
    (tmp_path / "x.csv").write_text(f"x,label\n{rows}")
    refused = command("init", tmp_path / "x.csv", "--task", "anomaly", "--normal", "zz", "-o", tmp_path / "r.toml")
    assert refused.code == 1
    assert "no label 'zz', expected task.normal (init --normal) to be one of 'a', 'b'" in " ".join(
        refused.err.split()
    )
    done = command("init", tmp_path / "x.csv", "--task", "anomaly", "--normal", "a", "-o", tmp_path / "r.toml")
    assert done.code == 0, done.err


def test_lengths_that_are_alike_are_one_number(tmp_path: Path, command: Command) -> None:
    def told(*lengths: int) -> str:
        np.savez(
            tmp_path / "x.npz",
            **{
                "X": np.zeros((sum(lengths), 1), np.float32),
                "lengths": np.array(lengths),
                "y": np.arange(len(lengths)),
            },
        )
        return str(command("data", "inspect", tmp_path / "x.npz").out)

    assert "recordings  3 of 20 frames\n" in told(20, 20, 20)
    assert "recordings  3 of 1,795 to 4,568 frames, half of them up to 2,000\n" in told(2000, 1795, 4568)


def test_a_recipe_without_a_task_names_it_for_labels_of_frames(tmp_path: Path, command: Command) -> None:
    data = tmp_path / "x.csv"
    data.write_text("x,label\n" + "".join(f"{n % 7},{'ab'[n // 50 % 2]}\n" for n in range(400)))
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('[data]\nfile = "x.csv"\n')
    assert 'task.kind = "frames"' in command("train", recipe).err


@pytest.mark.parametrize("key", ["test_groups", "validation_groups"])
def test_groups_of_a_single_recording_are_refused_with_a_remedy(tmp_path: Path, command: Command, key: str) -> None:
    (tmp_path / "x.csv").write_text("x,y z\n" + "".join(f"{n % 7},{n % 5}\n" for n in range(400)))
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(f'[task]\nkind = "forecast"\nahead = [1]\n[data]\nfile = "x.csv"\n{key} = ["x.csv"]\n')
    refused = command("train", recipe, "-o", tmp_path / "m.npz")
    assert refused.code == 1
    assert f"data.{key}: groups x.csv: x is a single recording" in refused.err
    assert 'data.split = "time"' in refused.err


def test_one_of_a_thing_is_one(tmp_path: Path, command: Command) -> None:
    (tmp_path / "x.csv").write_text("time,speed [m/s]\n" + "".join(f"{n + (n > 9)},{n}\n" for n in range(40)))
    read = command("data", "inspect", tmp_path / "x.csv", "--missing", "hold").out
    assert "1 frame lacked in 1 hole" in read
    assert "1 frame lacks before" in command("data", "inspect", tmp_path / "x.csv", "--missing", "refuse").err
    assert "1 frame lacks in 1 hole" in " ".join(command("data", "inspect", tmp_path / "x.csv").out.split())


def test_a_unit_in_a_name_is_said_once(tmp_path: Path, command: Command) -> None:
    x = RNG.normal(size=(2, 600)).round(3)
    (tmp_path / "x.csv").write_text("speed [m/s],load (kN)\n" + "".join(f"{a},{b}\n" for a, b in x.T.tolist()))
    recipe, model = tmp_path / "recipe.toml", tmp_path / "model.npz"
    command("init", tmp_path / "x.csv", "--task", "forecast", "-o", recipe)
    trained = command("train", recipe, "-o", model, "--set", "training.epochs=1")
    assert trained.code == 0, trained.err
    told = command("inspect", model).out + command("evaluate", model, tmp_path / "x.csv").out
    page = (tmp_path / "model.run" / "report.html").read_text()
    for text in (told, page):
        assert "speed [m/s]" in text
        assert "[m/s] [m/s]" not in text.replace("+1", "").replace("  ", " ")
        assert "(kN) [kN]" not in text
