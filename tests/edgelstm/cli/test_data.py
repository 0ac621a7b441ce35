"""From a folder of CSV files to an exported model by three commands, and what `data` says of them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgelstm.data import Dataset, load_dataset
from edgelstm.tasks import read_dataset
from edgelstm.training import load_config
from edgelstm.training.proposed_sound import propose_sound, sound_lines
from edgelstm.training.sound import Sound

Command = Callable[..., Any]


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """Slow and fast swings of three people, a file each, with decimal commas, as a German spreadsheet saves them."""
    folder = tmp_path / "swings"
    folder.mkdir()
    rng = np.random.default_rng(3)
    for label, rate in (("slow", 1.0), ("fast", 3.0)):
        for n in range(6):
            time = np.arange(150) / 50
            x = np.sin(2 * np.pi * (rate * time + rng.random())) + 0.1 * rng.normal(size=150)
            lines = [f"{t:.2f};{value:.4f};person {n % 3}".replace(".", ",") for t, value in zip(time, x)]
            (folder / f"{label}.{n}.csv").write_text("\n".join(["time;angle [deg];person", *lines]) + "\n")
    return folder


def test_three_commands_from_recordings_to_a_board(recordings: Path, command: Command) -> None:
    recipe, model, file = (recordings.parent / name for name in ("recipe.toml", "model.npz", "model.elstm"))
    assert command("init", recordings, "-o", recipe).code == 0
    trained = command("train", recipe, "-o", model, "--set", "training.epochs=20", "--json")
    assert trained.code == 0, trained.err
    float32, int8 = json.loads(trained.out)["evaluations"]
    assert float32["accuracy"] == int8["accuracy"] == 1.0
    assert command("export", model, "--format", "elstm", "-o", file).code == 0
    answers = command("stream", file, recordings / "fast.0.csv")
    assert answers.code == 0, answers.err
    last = json.loads(answers.out.splitlines()[-1])
    assert last["label"] == "fast"


def test_a_model_is_asked_about_data_in_any_format(recordings: Path, command: Command) -> None:
    recipe, model = recordings.parent / "recipe.toml", recordings.parent / "model.npz"
    assert command("init", recordings, "-o", recipe).code == 0
    assert command("train", recipe, "-o", model, "--set", "training.epochs=20").code == 0
    asked = command("evaluate", model, recordings, "--json")
    assert asked.code == 0, asked.err
    # The people that training kept for testing, in windows as it evaluated them.
    trained = json.loads(command("train", recipe, "-o", model, "--set", "training.epochs=20", "--json").out)
    assert json.loads(asked.out)[:2] == trained["evaluations"]
    assert "is what was trained on, by its name" in " ".join(asked.err.split())
    # Others of their own two parts.
    others = recordings.parent / "others"
    others.mkdir()
    series = [",".join(str(n % period) for n in range(150)) for period in (50, 17)]
    text = f"@problemName o\n@classLabel true slow fast\n@data\n{series[0]}:slow\n{series[1]}:fast\n"
    for part in ("TRAIN", "TEST"):
        (others / f"O_{part}.ts").write_text(text)
    other = command("evaluate", model, others, "--json")
    assert other.code == 0, other.err
    said = " ".join(other.err.split())
    assert "o brings a test part of its own: 300 of 600 frames are judged" in said
    assert "trained on" not in said
    # More columns, in another order: found by name.
    for path in recordings.iterdir():
        lines = (line.split(";") for line in path.read_text().splitlines())
        path.write_text("\n".join(f"{n};{person};{angle};{time}" for n, (time, angle, person) in enumerate(lines)))
        path.write_text(path.read_text().replace("0;", "noise;", 1))
    again = command("evaluate", model, recordings, "--json")
    assert again.out == asked.out, again.err
    exported = command("export", model, "--data", recordings, "-o", recordings.parent / "m.elstm")
    assert exported.code == 0, exported.err
    for path in recordings.iterdir():
        path.write_text(path.read_text().replace("angle [deg]", "angle"))
    refused = command("evaluate", model, recordings)
    assert refused.code == 1
    assert "no column 'angle [deg]' for features" in refused.err


def test_calibrating_needs_no_labels_nor_any_column_but_features(recordings: Path, command: Command) -> None:
    """Whatever the recipe named; verify takes the same data. evaluate needs what it judges by."""
    recipe, model = recordings.parent / "recipe.toml", recordings.parent / "model.npz"
    assert command("init", recordings, "-o", recipe).code == 0
    named = ("data.time=time", "data.group=person", "training.epochs=1")
    assert command("train", recipe, "-o", model, *(w for one in named for w in ("--set", one))).code == 0
    for header in ("angle [deg]\n", ""):
        bare = recordings.parent / f"bare{len(header)}"
        bare.mkdir()
        for number, path in enumerate(sorted(recordings.iterdir())):
            angles = [line.split(";")[1].replace(",", ".") for line in path.read_text().splitlines()[1:]]
            (bare / f"r{number}.csv").write_text(header + "\n".join(angles) + "\n")
        file = recordings.parent / f"m{len(header)}.elstm"
        exported = command("export", model, "--data", bare, "-o", file, "--accept-loss", "--json")
        assert exported.code == 0, exported.err
        assert json.loads(exported.out)[0]["proof"]["agrees"]["data"] == "unseen"
        verified = command("verify", file, bare, "--against", model, "--calibrate", "--accept-loss")
        assert verified.code == 0, verified.out + verified.err
        refused = command("evaluate", model, bare)
        assert (refused.code, refused.err.count("Traceback")) == (1, 0)
    ended = command("data", "inspect", bare, "--label", "activity")
    assert ended.code == 1
    assert "r0.csv: no header with names of columns, expected one with 'activity' for label" in ended.err


def test_inspect_shows_what_was_understood(recordings: Path, command: Command) -> None:
    found = json.loads(command("data", "inspect", recordings, "--json").out)
    assert (found["recordings"], found["frames"], found["sample_rate"]) == (12, 1800, 50)
    assert found["labels"] == {"fast": 6, "slow": 6}
    assert found["groups"] == {"person 0": 4, "person 1": 4, "person 2": 4}
    assert [(column["name"], column["unit"]) for column in found["columns"]] == [("angle [deg]", "deg")]
    text = command("data", "inspect", recordings).out
    for word in ("12 of 150", "50 frames per second", "fast 6", "angle [deg]"):
        assert word in text


def test_sound_is_known_by_its_name_and_what_it_holds(tmp_path: Path, command: Command) -> None:
    """Samples are still most of the time: no logarithm is proposed for them. A level that is called so is none, nor
    a machine's vibration, however fast: its recipe names the choice."""
    x = np.random.default_rng(0).normal(size=4000)
    x[::8] *= 3000
    for name, rate, values, is_sound in (
        ("sound", 8000, x, True),
        ("sound", 50, x, False),
        ("microphone", 8000, np.rint(x), True),
        ("microphone", 8000, x, False),
        ("microphone", 500, np.rint(x), False),
        ("ax", 8000, np.rint(x), False),
    ):
        table, path = np.stack([np.arange(4000) / rate, values], axis=1), tmp_path / "x.csv"
        np.savetxt(path, table, "%.9g", ",", header=f"time,{name}", comments="")
        warnings = json.loads(command("data", "inspect", path, "--json").out)["warnings"]
        assert any("far outside" in line for line in warnings) != is_sound, (name, rate)
    frames = tuple(np.rint(x[n::4, None]).astype(np.float32) for n in range(4))
    dataset = Dataset(frames, np.arange(4) % 2, ("a", "b"), np.arange(4), ("microphone",), sample_rate=8000.0)
    assert propose_sound(dataset).bands == 20
    assert not propose_sound(replace(dataset, sample_rate=500.0))
    shaking = replace(dataset, feature_names=("ax",))
    assert not propose_sound(shaking)
    assert "init then proposes [sound]" in sound_lines(Sound(), shaking)[0]


def test_many_columns_are_told_in_few_lines(tmp_path: Path, command: Command) -> None:
    x = np.random.default_rng(0).normal(size=(40, 300))
    x[:, 200:] = 7
    x[3, :20] = 1e4
    x[:30, 20] = np.geomspace(1e3, 1e6, 30) * np.where(np.arange(30) % 2, 1, 0)
    names = [f"sensor {n} of the machine on the third floor [m/s^2]" for n in range(300)]
    np.savetxt(tmp_path / "wide.csv", x, "%.7g", ",", header=",".join(names), comments="")
    shown = command("data", "inspect", tmp_path / "wide.csv").out
    said = " ".join(shown.split())
    assert f"columns {', '.join(names[200:205])} and 95 more: each is always 7: it tells nothing" in said
    assert f"! column {names[3]}: 1 far outside" in said
    assert "more warnings, which data inspect --json has" in said
    assert len(shown.splitlines()) < 130
    assert max(map(len, shown.splitlines())) <= 80
    warnings = json.loads(command("data", "inspect", tmp_path / "wide.csv", "--json").out)["warnings"]
    assert any("sensor 20 of" in line and "by their own level" in line for line in warnings)


def test_labels_that_are_most_likely_one_are_told(tmp_path: Path, command: Command) -> None:
    rows = [f"{n},{n % 7},{label}" for label in ("Rest", "rest", "walk slow", "walk_slow", "run") for n in range(9)]
    (tmp_path / "long.csv").write_text("\n".join(["series,x,label", *rows]) + "\n")
    shown = command("data", "inspect", tmp_path / "long.csv")
    said = " ".join((shown.out + shown.err).split())
    assert "labels 'Rest' and 'rest' differ in case or spaces alone: one label?" in said
    assert "labels 'walk slow' and 'walk_slow' differ" in said
    assert "'run'" not in said


def test_numbers_of_other_signs_are_other_labels(tmp_path: Path, command: Command) -> None:
    rows = [f"{n},{n % 7},{label}" for n in range(12) for label in (1, -1)]
    (tmp_path / "long.csv").write_text("\n".join(["series,x,label", *rows]) + "\n")
    assert "differ" not in command("data", "inspect", tmp_path / "long.csv").out


def test_columns_that_are_most_likely_times_are_told(tmp_path: Path, command: Command) -> None:
    rows = "".join(f"2024-05-0{n % 9 + 1},{1700 + n},{n % 4}\n" for n in range(12))
    for name, remedy in (("Tag", "--time"), ("", "in the file")):
        (tmp_path / "r.csv").write_text(f"{name},YEAR,x\n{rows}")
        shown = " ".join(command("data", "inspect", tmp_path / "r.csv").out.split())
        assert f"{name or 'a column without a name'} holds dates and is not read: name it" in shown
        assert remedy in shown
        assert "column YEAR rises by 1 at every frame" in shown
        assert "column x rises" not in shown
    assert "holds dates" not in command("data", "inspect", tmp_path / "r.csv", "--time", "YEAR", "--label", "x").err


def test_new_data_of_one_label_alone_are_read_as_all_were(recordings: Path, command: Command) -> None:
    folders = recordings.parent / "folders"
    for path in sorted(recordings.iterdir()):
        place = folders / path.name.split(".")[0] / path.name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(path.read_bytes())
    recipe, model = recordings.parent / "recipe.toml", recordings.parent / "model.npz"
    for whole, alone in ((folders, "fast"), (recordings, "fast.1.csv")):
        assert command("init", whole, "-o", recipe, "--force").code == 0
        assert command("train", recipe, "-o", model, "--set", "training.epochs=2").code == 0
        new = recordings.parent / f"new {alone}"
        (new / alone).parent.mkdir()
        (whole / alone).rename(new / alone)
        ended = command("evaluate", model, new, "--all", "--json")
        assert ended.code == 0, ended.err
        assert json.loads(ended.out)[0]["sequences"] == (6 if alone == "fast" else 1)


def test_convert_keeps_what_was_read(recordings: Path, command: Command) -> None:
    path = recordings.parent / "swings.npz"
    assert command("data", "convert", recordings, "-o", path).code == 0
    before, after = read_dataset(recordings), load_dataset(path)
    for one, other in zip(before.sequences, after.sequences, strict=True):
        np.testing.assert_array_equal(one, other)
    assert [before.group(n) for n in range(12)] == [after.group(n) for n in range(12)]
    assert before.labels == after.labels
    assert before.feature_names == after.feature_names


def test_bad_files_are_listed_a_line_each(recordings: Path, command: Command) -> None:
    for name in ("fast.1.csv", "slow.2.csv"):
        with (recordings / name).open("a") as file:
            file.write("3,1;\n")
    for arguments in (("data", "inspect", recordings), ("init", recordings, "-o", recordings.parent / "r.toml")):
        ended = command(*arguments)
        assert ended.code == 1
        assert [line.split(":")[1].strip() for line in ended.err.splitlines()] == [
            "fast.1.csv line 152", "slow.2.csv line 152",
        ]  # fmt: skip
    assert not (recordings.parent / "r.toml").exists()


def test_a_recipe_that_is_there_stays(recordings: Path, command: Command) -> None:
    recipe = recordings.parent / "recipe.toml"
    recipe.write_text("mine")
    assert command("init", recordings, "-o", recipe).code == 2
    assert recipe.read_text() == "mine"
    assert command("init", recordings, "-o", recipe, "--force").code == 0


def test_what_cannot_be_data_is_refused(tmp_path: Path, command: Command) -> None:
    (tmp_path / "x.xls").write_bytes(b"x")
    (tmp_path / "empty").mkdir()
    for what, code, words in (
        ("nothing", 2, "no such file"),
        ("x.xls", 1, "suffix .xls, expected"),
        ("empty", 1, "a folder without any of these"),
    ):
        ended = command("data", "inspect", tmp_path / what)
        assert (ended.code, len(ended.err.splitlines())) == (code, 1), ended.err
        assert words in ended.err


def test_a_file_that_is_there_is_not_converted_over(recordings: Path, command: Command) -> None:
    path = recordings.parent / "model.npz"
    path.write_text("mine")
    assert command("data", "convert", recordings, "-o", path).code == 2
    assert path.read_text() == "mine"
    assert command("data", "convert", recordings, "-o", path, "--force").code == 0


def test_the_remedy_is_named_where_no_label_is_found(tmp_path: Path, command: Command) -> None:
    for n in range(4):
        (tmp_path / f"{n}.csv").write_text("a,state\n1,on\n2,on\n")
    ended = command("init", tmp_path, "-o", tmp_path / "r.toml")
    assert ended.code == 1
    assert "--label state" in ended.err


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_recipe_that_is_proposed_can_be_trained(tmp_path: Path, command: Command, count: int) -> None:
    """Also of very few recordings; where there is nothing to test on, that is said at once."""
    rng = np.random.default_rng(0)
    for label in ("a", "b"):
        for n in range(count):
            rows = "\n".join(f"{value:.3f}" for value in rng.normal(label == "a", 1, 30))
            (tmp_path / f"{label}.{n}.csv").write_text(f"x\n{rows}\n")
    recipe, model = tmp_path / "r.toml", tmp_path / "m.npz"
    proposed = command("init", tmp_path, "-o", recipe)
    if count == 1:
        assert proposed.code == 1
        assert "has no label" in proposed.err or "two or more of each label" in proposed.err
        return
    trained = command("train", recipe, "-o", model, "--set", "training.epochs=1")
    assert trained.code == 0, trained.err


def test_what_is_normal_can_be_named(tmp_path: Path, command: Command) -> None:
    rows = "\n".join(f"{n % 7},{'gut' if n < 350 else 'kaputt'}" for n in range(400))
    (tmp_path / "pump.csv").write_text(f"x,label\n{rows}\n")
    recipe = tmp_path / "r.toml"
    refused = command("init", tmp_path / "pump.csv", "--task", "anomaly", "-o", recipe)
    assert refused.code == 1
    assert "expected task.normal (init --normal)" in refused.err
    written = command(
        "init", tmp_path / "pump.csv", "--task", "anomaly", "--normal", "gut", "--ahead", 2, "-o", recipe
    )
    assert written.code == 0, written.err
    config = load_config(recipe)
    assert (config.task.normal, config.task.ahead) == ("gut", 2)
    assert command("init", tmp_path / "pump.csv", "--normal", "gut", "-o", recipe, "--force").code == 2


def test_inspect_counts_what_lacks_before_anybody_says_what_becomes_of_it(tmp_path: Path, command: Command) -> None:
    lines = [f"{n},{n % 7 if n % 10 else ''},{n % 5},{'' if n == 6 else 3}" for n in range(60) if n not in (20, 21)]
    (tmp_path / "r.csv").write_text("\n".join(["time [s],a,b,c", *lines]) + "\n")
    found = json.loads(command("data", "inspect", tmp_path / "r.csv", "--json").out)
    assert {column["name"]: column["missing"] for column in found["columns"]} == {"a": 5, "b": 0, "c": 1}
    assert found["frames"] == 58
    (note,) = found["notes"]
    assert note.startswith("r.csv: 2 frames lack in 1 hole by its times, the first before line 22; --missing")
    assert any(line.startswith("6 values missing: --missing interpolate") for line in found["warnings"])
    shown = command("data", "inspect", tmp_path / "r.csv")
    assert shown.code == 0
    assert re.search(r"^  column .* missing  outliers$", shown.out, re.M)
    refused = command("data", "inspect", tmp_path / "r.csv", "--missing", "refuse")
    assert refused.code == 1
    assert "r.csv line 2: column a: no value" in refused.err
    filled = json.loads(command("data", "inspect", tmp_path / "r.csv", "--json", "--missing", "hold").out)
    assert filled["frames"] == 60
    assert [column["missing"] for column in filled["columns"]] == [0, 0, 0]


def test_inspect_counts_what_lacks_in_series(tmp_path: Path, command: Command) -> None:
    head = "@problemName p\n@timeStamps false\n@classLabel true a b\n@data\n"
    (tmp_path / "p.ts").write_text(head + "1,?,3:4,5,6:a\n?,?,?:1,2,3:b\n")
    found = json.loads(command("data", "inspect", tmp_path / "p.ts", "--json").out)
    assert [column["missing"] for column in found["columns"]] == [4, 0]
    assert command("data", "inspect", tmp_path / "p.ts", "--missing", "refuse").code == 1


def test_inspect_counts_what_lacks_in_arrays(tmp_path: Path, command: Command) -> None:
    x = np.random.default_rng(0).normal(size=(3, 20, 2)).astype(np.float32)
    known = x.copy()
    x[1, 4:6, 0], x[2, 0, 1], x[2, 19, 1] = np.nan, np.nan, np.nan
    np.savez(tmp_path / "d.npz", X=x, feature_names=["p", "q"])
    found = json.loads(command("data", "inspect", tmp_path / "d.npz", "--json").out)
    assert [column["missing"] for column in found["columns"]] == [2, 2]
    assert any(line.startswith("4 values missing: --missing interpolate") for line in found["warnings"])
    refused = command("init", tmp_path / "d.npz", "--task", "forecast", "-o", tmp_path / "d.toml")
    assert refused.code == 1
    assert (
        "X: sequence 1 holds NaN at frame 4, feature 0 (p) and 1 more value of this sequence (--miss" in refused.err
    )
    filled = command("data", "convert", tmp_path / "d.npz", "--missing", "interpolate", "-o", tmp_path / "f.npz")
    assert filled.code == 0, filled.err
    with np.load(tmp_path / "f.npz") as arrays:
        frames = arrays["X"].reshape(3, 20, 2)
    known[1, 4:6, 0] = np.interp([4, 5], [3, 6], known[1, [3, 6], 0])
    known[2, 0, 1], known[2, 19, 1] = known[2, 1, 1], known[2, 18, 1]
    np.testing.assert_allclose(frames, known, rtol=1e-6)
    x[0, :, 1] = np.nan
    np.savez(tmp_path / "d.npz", X=x)
    empty = command("data", "inspect", tmp_path / "d.npz", "--missing", "hold")
    assert (empty.code, empty.err.count("X: sequence 0, feature 1: no value at all")) == (1, 1)
    x[0, 3, 0] = np.inf
    np.savez(tmp_path / "d.npz", X=x)
    infinite = command("data", "inspect", tmp_path / "d.npz", "--missing", "hold")
    assert (infinite.code, infinite.err.count("holds infinity at frame 3, feature 0; expected numbers")) == (1, 1)
