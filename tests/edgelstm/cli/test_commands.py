"""The command line: help, the road train → evaluate → export → inspect, and one line for every nonsense."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from counts import some
from edgelstm.cli import COMMANDS
from edgelstm.data import Dataset, save_dataset
from edgelstm.model import Model
from edgelstm.model_file import save_model

Command = Callable[..., object]


def test_every_command_has_help_with_an_example(command: Command) -> None:
    ended = command("--help")
    assert ended.code == 0
    for name, summary in COMMANDS.items():
        assert name in ended.out
        assert summary.split(":")[0] in " ".join(ended.out.split())
        one = command(name, "--help")
        assert one.code == 0
        assert "xample" in one.out, name
        assert f"edgelstm {name}" in one.out, name


@pytest.mark.parametrize("encoding", ["latin-1", "cp437"])
def test_a_terminal_that_lacks_our_signs_gets_others(encoding: str) -> None:
    run = [sys.executable, "-c", "from edgelstm.cli import main; main()", "boards"]
    environment = os.environ | {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    done = subprocess.run(run, capture_output=True, env=environment, check=True)
    assert not done.stderr
    assert re.search(r"pi-4b +1-8 GiB", done.stdout.decode(encoding))


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom edgelstm.cli import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'numpy', 'onnx', 'onnxruntime', 'ai_edge_litert', 'edgelstm.model'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


RECIPE = """
[data]
file = "vowels.npz"
[model]
name = "small"
units = [8]
[training]
epochs = 2
loss = "last"
[answer]
hop = 0
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, vowels: Dataset, vowels_model: Model) -> Path:
    folder = tmp_path_factory.mktemp("made")
    save_dataset(vowels, folder / "vowels.npz")
    save_dataset(vowels.subset(np.arange(640) % 32 == 0), folder / "few.npz")
    save_model(vowels_model, folder / "model.npz")
    (folder / "recipe.toml").write_text(RECIPE)
    return folder


@pytest.fixture
def folder(tmp_path: Path, made: Path) -> Path:
    """A recipe, its data, and a trained model."""
    return shutil.copytree(made, tmp_path, dirs_exist_ok=True)


def test_the_road_from_data_to_a_file(command: Command, folder: Path) -> None:
    trained = command("train", folder / "recipe.toml", "-o", folder / "small.npz", "--json")
    assert trained.code == 0, trained.err
    report = json.loads(trained.out)
    assert [e["precision"] for e in report["evaluations"]] == ["float32", "int8 per-row"]
    assert report["evaluations"][0]["sequences"] == 370
    assert command("export", folder / "small.npz").code == 0
    assert (folder / "small-int8.elstm.proof.json").exists()

    # The file, run in the C core, decides as the reference does.
    of_model = json.loads(command("evaluate", folder / "small.npz", folder / "vowels.npz", "--json").out)
    of_file = json.loads(command("evaluate", folder / "small-int8.elstm", folder / "vowels.npz", "--json").out)
    assert of_model[1]["confusion"] == of_file[0]["confusion"]
    assert of_model[1] == report["evaluations"][1]


def test_int8_keeps_the_accuracy(command: Command, folder: Path) -> None:
    ended = command("evaluate", folder / "model.npz", folder / "vowels.npz", "--json")
    accuracy = {e["precision"]: e["accuracy"] for e in json.loads(ended.out)}
    assert accuracy["float32"] > 0.9
    assert accuracy["int8 per-row"] > accuracy["float32"] - 0.01


def test_evaluate_can_be_a_gate(command: Command, folder: Path) -> None:
    assert command("evaluate", folder / "model.npz", folder / "vowels.npz", "--min-accuracy", 0.5).code == 0
    ended = command("evaluate", folder / "model.npz", folder / "vowels.npz", "--min-accuracy", 0.999)
    assert ended.code == 3
    worst = min(
        json.loads(command("evaluate", folder / "model.npz", folder / "vowels.npz", "--json").out),
        key=lambda one: (one["accuracy"], one["precision"]),
    )
    assert f"{worst['accuracy']:.4f} of {worst['precision']} is below --min-accuracy 0.999" in ended.err


def test_evaluate_streams_through_whole_recordings_and_names_the_short_ones(
    command: Command, watch: Dataset, watch_model: Model, tmp_path: Path
) -> None:
    """Fresh windows beside one stream, of the model and of the C core's file alike."""
    few = watch.subset([n for n in range(len(watch)) if watch.groups[n] == 5][:5])
    few = replace(few, sequences=(few.sequences[0][:150], *(x[:450] for x in few.sequences[1:])))
    save_dataset(few, tmp_path / "few.npz")
    save_model(watch_model, tmp_path / "m.npz")
    found = command("evaluate", tmp_path / "m.npz", tmp_path / "few.npz", "--window", 200, "--streamed", "--json")
    assert found.code == 0, found.err
    lines = " ".join(found.err.split())
    assert lines == "note: 1 of 5 recordings are shorter than the window of 200 frames: left out"
    of_model = {(each["precision"], each["streamed"]): each for each in json.loads(found.out)}
    assert len(of_model) == 6
    assert of_model["float32", False]["sequences"] == sum(len(x) // 200 for x in few.sequences)
    assert of_model["float32", True]["sequences"] == few.frames // 50
    assert command("export", tmp_path / "m.npz", "--accept-loss").code == 0
    arguments = (tmp_path / "m-int8.elstm", tmp_path / "few.npz", "--window", 200, "--streamed")
    of_file = json.loads(command("evaluate", *arguments, "--json").out)
    for each in of_file:
        assert each["confusion"] == of_model["int8 per-row", each["streamed"]]["confusion"]
    shown = command("evaluate", *arguments).out
    assert f"found, of {of_file[0]['sequences']}" in shown
    assert f"streamed, of {of_file[1]['sequences']}" in shown


def test_export_lists_every_form(command: Command) -> None:
    from edgelstm.export import FORMS

    ended = command("export", "--list")
    assert ended.code == 0
    blocks = ended.out.count("beware")
    assert blocks == len(FORMS) == len({(form.format, form.name) for form in FORMS})
    for form in FORMS:
        assert f"{form.format} {form.name}  {form.engine}" in ended.out


def test_a_failing_proof_leaves_the_good_file_alone(
    command: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exporter swaps two gates: exit 3, and what lay there before stays."""
    from edgelstm.export.elstm import lstm

    path = folder / "model-int8.elstm"
    path.write_bytes(b"good")
    right = lstm.interleaved  # gates first: weights and what belongs to their rows
    monkeypatch.setattr(lstm, "interleaved", lambda *parts: right(*(part[::-1] for part in parts)))
    ended = command("export", folder / "model.npz")
    assert ended.code == 3, ended.out + ended.err
    assert "✗" in ended.out
    assert path.read_bytes() == b"good"
    assert (folder / "model-int8.failed.elstm").exists()
    assert not list(folder.glob("*.part"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "form", some(["elstm-int8", "onnx-float32", "tflite-int8", "onnx-int8-dynamic", "onnx-int8-exact"], 3)
)
def test_verify_repeats_the_proof(command: Command, folder: Path, form: str) -> None:
    name, precision = form.split("-", 1)
    command("export", folder / "model.npz", "--format", name, "--precision", precision)
    path = folder / f"model-{precision}.{name}"
    ended = command("verify", path, "--against", folder / "model.npz")
    assert ended.code == 0, ended.out + ended.err
    assert "SHA-256: the file that was proven" in ended.out
    assert "✗" not in ended.out
    other_data = command("verify", path, folder / "few.npz", "--against", folder / "model.npz", "--json")
    result = json.loads(other_data.out)
    assert result["as_exported"] is True
    assert result["proof"]["passed"]
    assert result["proof"]["same_rounding"]["sequences"] == result["proof"]["agrees"]["recordings"] == 20
    assert result["proof"]["agrees"]["data"] == "given"
    # What was proven at export is proven again, to the last digit.
    record = json.loads(Path(f"{path}.proof.json").read_text())
    assert json.loads(command("verify", path, "--against", folder / "model.npz", "--json").out)["proof"] == record


@pytest.mark.slow
def test_verify_knows_another_model_and_another_file(command: Command, folder: Path) -> None:
    path = folder / "model-int8.elstm"
    command("export", folder / "model.npz")
    command("train", folder / "recipe.toml", "-o", folder / "small.npz")
    assert command("verify", path, "--against", folder / "small.npz").code == 1  # of other widths
    load = np.load(folder / "model.npz", allow_pickle=False)
    arrays = dict(load)
    name = next(name for name in arrays if name.endswith("W") and arrays[name].shape == (128, 12))
    arrays[name] = arrays[name] * np.float32(1.01)
    np.savez(folder / "other.npz", **arrays)
    other = command("verify", path, "--against", folder / "other.npz")
    assert other.code == 3, other.out + other.err
    assert "✗" in other.out
    # The same answers from a file that is not the one that was proven.
    proof = Path(f"{path}.proof.json")
    proof.write_text(proof.read_text().replace(json.loads(proof.read_text())["sha256"], "0" * 64))
    ended = command("verify", path, "--against", folder / "model.npz")
    assert ended.code == 3
    assert "not the file that was proven" in ended.out
    proof.write_text("{}")
    assert "proof.json: " in command("verify", path, "--against", folder / "model.npz").err
    proof.unlink()
    assert command("verify", path, "--against", folder / "model.npz").code == 0


@pytest.mark.slow
def test_verify_after_export_with_data(command: Command, folder: Path) -> None:
    """Calibrated anew at export: the file follows from the model and the data together."""
    command("export", folder / "model.npz", "--data", folder / "few.npz")
    arguments = ("verify", folder / "model-int8.elstm", folder / "few.npz", "--against", folder / "model.npz")
    ended = command(*arguments)
    assert (ended.code, ended.err) == (3, "Note: if the file was exported with --data, give --calibrate\n")
    ended = command(*arguments, "--calibrate")
    assert (ended.code, ended.err) == (0, "")
    ended = command(*arguments[:2], *arguments[3:], "--json")
    assert "exported with --data, give DATA and --calibrate" in ended.err


@pytest.mark.parametrize(("form", "package"), [("onnx", "onnx"), ("onnx", "onnxruntime"), ("tflite", "flatbuffers")])
def test_a_package_that_is_not_installed_is_named(
    command: Command, folder: Path, monkeypatch: pytest.MonkeyPatch, form: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    before = sorted(folder.rglob("*"))
    ended = command("export", folder / "model.npz", "--format", form)
    assert ended.code == 1
    assert re.search(rf"model-\w+\.{form}: .*{package}.*pip install", ended.err), ended.err
    assert len(ended.err.strip().splitlines()) == 1
    assert sorted(folder.rglob("*")) == before


def test_inspect_tells_memory_to_the_byte(command: Command, folder: Path) -> None:
    command("export", folder / "model.npz", "--no-verify")
    facts = json.loads(command("inspect", folder / "model-int8.elstm", "--json").out)
    assert facts["snapshot_bytes"] == 64 + 3 * 32
    assert facts["frame_macs"] == 4 * 32 * (12 + 32) + 9 * 32
    assert f"{facts['stream_bytes']:,} bytes per stream" in command("inspect", folder / "model-int8.elstm").out


NONSENSE = [
    (["trian"], 2, "no command 'trian', perhaps train"),
    (["train"], 2, "CONFIG: missing"),
    (["train", "missing.toml"], 2, "missing.toml: no such file"),
    (["train", "recipe.toml", "--foo"], 2, "--foo: no such option"),
    (["train", "recipe.toml", "-o", "model.txt"], 2, "suffix .txt, expected .npz"),
    (["train", "recipe.toml", "-o", "no/such/model.npz"], 2, "no/such does not exist"),
    (["train", "misspelt.toml"], 1, "training: unknown field 'epoch', perhaps 'epochs'"),
    (["train", "letters.bin"], 1, "letters.bin"),
    (["train", "recipe.toml", "--data", "missing.npz"], 2, "missing.npz: no such file"),
    (["train", "recipe.toml", "--data", "letters.npz"], 1, "letters.npz: not a readable NPZ file"),
    (["evaluate", "model.npz"], 2, "DATA: missing"),
    (["evaluate", "missing.npz", "vowels.npz"], 2, "missing.npz: no such file"),
    (["evaluate", "vowels.npz", "vowels.npz"], 1, "vowels.npz"),
    (["evaluate", "model.npz", "model.npz"], 1, "model.npz"),
    (["evaluate", "model.npz", "empty.npz"], 1, "empty.npz"),
    (["evaluate", "model.npz", "vowels.npz", "--window", "100"], 1, "expected at most 29"),
    (["evaluate", "letters.elstm", "vowels.npz"], 1, "letters.elstm: not an EdgeLSTM file"),
    (["export", "missing.npz"], 2, "missing.npz: no such file"),
    (["export", "letters.npz"], 1, "letters.npz: not a readable NPZ file"),
    (["export", "model.npz", "--format", "pt"], 2, "--format: 'pt', expected one of elstm, onnx, tflite, c"),
    (["export", "model.npz", "--format", "onnx", "--precision", "int8"], 2, "--precision: 'int8'"),
    (["export", "model.npz", "--format", "all", "--precision", "int9"], 2, "--precision: 'int9'"),
    (["export", "model.npz", "--format", "tflite", "--scales", "per-row"], 2, "--scales: 'per-row'"),
    (["export", "model.npz", "-o", "model.bin"], 2, "suffix .bin, expected .elstm"),
    (["export", "model.npz", "-o", "no/such/m.elstm"], 2, "no/such does not exist"),
    (["verify", "letters.elstm"], 2, "--against: missing"),
    (["verify", "missing.elstm", "--against", "model.npz"], 2, "missing.elstm: no such file"),
    (["verify", "letters.elstm", "--against", "missing.npz"], 2, "missing.npz: no such file"),
    (["verify", "letters.elstm", "--against", "model.npz"], 1, "letters.elstm: not an EdgeLSTM file"),
    (["verify", "letters.onnx", "--against", "model.npz"], 1, "letters.onnx"),
    (["verify", "letters.elstm", "--against", "model.npz", "--calibrate"], 2, "--calibrate: no DATA"),
    (["inspect", "missing.elstm"], 2, "missing.elstm: no such file"),
    (["inspect", "letters.elstm"], 1, "letters.elstm: not an EdgeLSTM file"),
    (["inspect", "cut.npz"], 1, "cut.npz"),
    (["inspect", "empty.npz"], 1, "empty.npz"),
    (["inspect", "."], 2, ".: is a folder, expected a model file"),
    (["inspect", "letters.onnx"], 1, "letters.onnx"),
    (["inspect", "letters.tflite"], 1, "letters.tflite"),
    (["inspect", "recipe.toml"], 1, "recipe.toml"),
    (["demo", "--data", "missing.npz"], 2, "missing.npz: no such file"),
    (["demo", "--data", "model.npz"], 1, "model.npz"),
    (
        ["stream", "model.npz", "x.csv"],
        1,
        "model.npz: suffix .npz, expected one of .elstm, .onnx, .tflite; a model",
    ),
    (
        ["stream", "model.c", "x.csv"],
        1,
        "model.c: suffix .c, expected one of .elstm, .onnx, .tflite; C source",
    ),
    (["inspect", "x.csv"], 1, "recordings are no model: edgelstm data inspect looks at them"),
    (["boards", "pi-zero-2-w"], 2, "unknown board 'pi-zero-2-w', perhaps 'pi-zero-2w'"),
]


@pytest.mark.parametrize(("arguments", "code", "said"), NONSENSE, ids=[" ".join(a) for a, _, _ in NONSENSE])
def test_nonsense_gets_one_line_and_leaves_nothing(
    command: Command, folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, said: str
) -> None:
    for suffix in ("npz", "elstm", "onnx", "tflite", "bin"):
        (folder / f"letters.{suffix}").write_bytes(b"these are only letters " * 9)
    (folder / "empty.npz").write_bytes(b"")
    (folder / "cut.npz").write_bytes((folder / "model.npz").read_bytes()[:2000])
    for name in ("model.c", "x.csv"):
        (folder / name).touch()
    (folder / "misspelt.toml").write_text(RECIPE.replace("epochs", "epoch"))
    before = sorted(folder.rglob("*"))
    monkeypatch.chdir(folder)
    ended = command(*arguments)
    assert ended.code == code, ended.err
    lines = ended.err.strip().splitlines()
    assert len(lines) == 1, ended.err
    assert lines[0].startswith("edgelstm: ")
    assert said in lines[0]
    assert not ended.out
    assert sorted(folder.rglob("*")) == before


def test_debug_shows_the_traceback(folder: Path) -> None:
    run = [sys.executable, "-c", "from edgelstm.cli import main; main()"]
    done = subprocess.run([*run, "--debug", "inspect", folder / "missing.npz"], capture_output=True, text=True)
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_no_color_and_pipes_get_plain_text(command: Command, folder: Path) -> None:
    ended = command("export", folder / "model.npz")
    assert not re.search(r"\x1b\[", ended.out + ended.err)
