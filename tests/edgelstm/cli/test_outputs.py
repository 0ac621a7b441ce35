"""Where outputs may go: never over what is no regular file, never over what is read, and that is said before work."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from edgelstm.data import Dataset, save_dataset
from edgelstm.devices.profiling.report import write_report
from edgelstm.export.elstm import encode
from edgelstm.model_file import save_model
from made_up_report import REPORT
from random_models import random_model

Command = Callable[..., Any]

RECIPE = "[data]\nfile = 'data.npz'\n[model]\nunits = [4]\n[training]\nepochs = 1\n[answer]\nhop = 0\n"

WRITERS = {
    "train": (["train", "recipe.toml", "-o"], ".npz", ["recipe.toml", "data.npz"]),
    "train --data": (["train", "recipe.toml", "--data", "other.npz", "-o"], ".npz", ["recipe.toml", "other.npz"]),
    "export": (["export", "model.npz", "-o"], ".elstm", ["model.npz"]),
    "export --data": (["export", "model.npz", "--data", "data.npz", "-o"], ".elstm", ["model.npz", "data.npz"]),
    "export to C": (["export", "model.npz", "--format", "c", "-o"], ".c", ["model.npz"]),
    "data convert": (["data", "convert", "data.npz", "-o"], ".npz", ["data.npz"]),
    "data convert, a folder": (["data", "convert", "many", "-o"], ".npz", ["many/in/b.csv"]),
    "export --data, a folder": (["export", "model.npz", "--data", "many", "-o"], ".elstm", ["many/a.csv"]),
    "calibrate": (["calibrate", "model.npz", "many", "-o"], ".npz", ["model.npz", "many/a.csv"]),
    "calibrate by a list": (["calibrate", "model.npz", "list.csv", "-o"], ".npz", ["list.csv", "sound/one.wav"]),
    "report of a model": (["report", "model.npz", "many", "-o"], ".html", ["model.npz", "many/a.csv"]),
    "report": (["report", "a.json", "b.json", "-o"], ".html", ["a.json", "b.json"]),
    "profile": (
        ["profile", "m.elstm", "--data", "frames.csv", "--output"],
        ".json",
        ["m.elstm", "frames.csv"],
    ),
    "profile --predict": (["profile", "m.elstm", "--predict", "pi-5", "--output"], ".json", ["m.elstm"]),
    "stream": (["stream", "m.elstm", "frames.csv", "--state"], ".state", ["m.elstm", "frames.csv"]),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Everything that the commands read; work that was begun fails the test."""
    rng = np.random.default_rng(0)
    data = Dataset(
        name="made up",
        sequences=tuple(rng.normal(size=(9, 3)).astype(np.float32) for _ in range(8)),
        y=np.arange(8) % 2,
        labels=("a", "b"),
        groups=np.arange(8),
        feature_names=("x", "y", "z"),
    )
    save_dataset(data, tmp_path / "data.npz")
    save_dataset(data, tmp_path / "other.npz")
    (tmp_path / "recipe.toml").write_text(RECIPE)
    model = random_model(3, [4], [2])
    save_model(model, tmp_path / "model.npz")
    (tmp_path / "m.elstm").write_bytes(encode(model))
    (tmp_path / "frames.csv").write_text("1,2,3\n" * 5)
    for name in ("many/a.csv", "many/in/b.csv", "sound/one.wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x,y,z\n" + "1,2,3\n" * 5)
    (tmp_path / "list.csv").write_text("file,label\nsound/one.wav,a\n")
    for name in ("a.json", "b.json"):
        write_report(REPORT, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    for work in ("edgelstm.training.train", "edgelstm.export.export_model", "edgelstm.devices.profile"):
        monkeypatch.setattr(work, lambda *_, **__: pytest.fail("work was done"))
    return tmp_path


def tree(folder: Path) -> dict[str, object]:
    """Every name with what is there."""
    return {
        str(path): (path.lstat().st_ino, path.lstat().st_mode, path.is_file() and path.read_bytes())
        for path in sorted(folder.rglob("*"))
    }


def refused(command: Command, folder: Path, arguments: list[str], *said: str) -> None:
    before = tree(folder)
    ended = command(*arguments)
    assert ended.code == 2, ended.out + ended.err
    assert len(ended.err.splitlines()) == 1, ended.err
    for words in said:
        assert words in ended.err
    assert tree(folder) == before


@pytest.mark.parametrize("writer", WRITERS)
def test_what_is_no_regular_file_is_refused(command: Command, folder: Path, writer: str) -> None:
    arguments, suffix, _ = WRITERS[writer]
    os.mkfifo(folder / f"pipe{suffix}")
    (folder / f"folder{suffix}").mkdir()
    (folder / f"link{suffix}").symlink_to(f"pipe{suffix}")
    refused(command, folder, [*arguments, f"pipe{suffix}"], f"pipe{suffix}: a named pipe, expected a regular file")
    refused(command, folder, [*arguments, f"link{suffix}"], f"link{suffix}: a named pipe, expected a regular file")
    if not writer.startswith("export"):  # which writes into a folder
        refused(command, folder, [*arguments, f"folder{suffix}"], f"folder{suffix}")
    try:
        os.mknod(folder / f"node{suffix}", 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    except OSError:
        return  # only root may make device nodes
    refused(command, folder, [*arguments, f"node{suffix}"], f"node{suffix}: a device, expected a regular file")


def test_what_goes_beside_a_page_is_not_written_over_either(command: Command, folder: Path) -> None:
    arguments = ["report", "model.npz", "many", "-o", "many/page.html"]
    os.link("many/a.csv", "many/page.json")
    refused(command, folder, arguments, "many/page.json: the same file as many/a.csv, which is read")
    (folder / "many/page.json").unlink()
    (folder / "many/page.json").symlink_to("page.html")
    refused(command, folder, arguments, "many/page.html: the same file as many/page.json, which is written too")


@pytest.mark.parametrize("how", ["itself", "link", "hard link"])
@pytest.mark.parametrize("writer", WRITERS)
def test_what_is_read_is_not_written_over(command: Command, folder: Path, writer: str, how: str) -> None:
    arguments, suffix, inputs = WRITERS[writer]
    for name in inputs:
        output = Path(name) if how == "itself" else folder / f"{name}-out{suffix}"
        if how == "link":
            output.symlink_to(folder / name)
        elif how == "hard link":
            os.link(name, output)
        elif output.suffix != suffix and writer.startswith(("train", "export", "data", "calibrate", "report")):
            refused(command, folder, [*arguments, str(output)], f"expected {suffix}")
            continue
        refused(command, folder, [*arguments, str(output)], f"{output}: the same file as {name}, which is read")


def test_a_folder_that_is_not_there_or_takes_no_files_is_named(
    command: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused(command, folder, ["export", "model.npz", "-o", "new"], "new: no such folder, expected", "NAME.elstm")
    (folder / "link.json").symlink_to("no/such/report.json")
    refused(command, folder, ["profile", "m.elstm", "--output", "link.json"], "no/such does not exist")
    # as it is for others than root, and on a read-only disk
    monkeypatch.setattr(os, "access", lambda _, mode: not mode & os.W_OK)
    for arguments, suffix, _ in WRITERS.values():
        refused(command, folder, [*arguments, f"new{suffix}"], f"new{suffix}: no files can be made in the folder")


def test_what_lies_where_a_folder_might_be_is_named(command: Command, folder: Path) -> None:
    os.mkfifo(folder / "fifo")
    (folder / "notes").write_text("mine")
    for name, to in (("to_fifo", "fifo"), ("to_file", "notes"), ("to_nothing", "gone"), ("to_itself", "to_itself")):
        (folder / name).symlink_to(to)
    said = {
        "fifo": "a named pipe",
        "notes": "a file",
        "to_fifo": "a link to a named pipe",
        "to_file": "a link to a file",
        "to_nothing": "a link that leads nowhere",
        "to_itself": "a link that leads nowhere",
    }
    for name, kind in said.items():
        refused(command, folder, ["export", "model.npz", "-o", name], f"{name}: {kind}, expected a folder")


def test_what_an_export_writes_is_not_written_over_by_itself(command: Command, folder: Path) -> None:
    """Links among the names of one export: to a file that is there, and to one that will be."""
    written = "which is written too"
    (folder / "m.elstm.proof.json").symlink_to("m.elstm")
    (folder / "new.elstm.proof.json").symlink_to("new.elstm")
    for name in ("m.elstm", "new.elstm"):
        expected = f"{name}.proof.json: the same file as {name}, {written}"
        refused(command, folder, ["export", "model.npz", "-o", name], expected)
    (folder / "new.h").symlink_to("new.c")
    refused(command, folder, ["export", "model.npz", "--format", "c", "-o", "new.c"], f"new.c, {written}")
    (folder / "model-float32.onnx").symlink_to("model-int8.elstm")
    refused(
        command,
        folder,
        ["export", "model.npz", "--format", "elstm", "--format", "onnx"],
        f"model-int8.elstm, {written}",
    )
    (folder / "out").mkdir()
    (folder / "out/watch-int8.tflite").symlink_to("watch.npz")
    refused(command, folder, ["demo", "--data", "data.npz", "-o", "out"], f"watch.npz, {written}")


def test_files_that_go_with_an_export_are_checked_too(command: Command, folder: Path) -> None:
    os.mkfifo(folder / "m.h")
    refused(command, folder, ["export", "model.npz", "--format", "c", "-o", "m.c"], "m.h: a named pipe")
    (folder / "new.elstm.proof.json").symlink_to("data.npz")
    arguments = ["export", "model.npz", "--data", "data.npz", "-o", "new.elstm"]
    refused(command, folder, arguments, "the same file as data.npz, which is read")


def test_the_demo_leaves_its_data_alone(command: Command, folder: Path) -> None:
    (folder / "out").mkdir()
    (folder / "data.npz").rename(folder / "out/watch.npz")
    refused(command, folder, ["demo", "--data", "out/watch.npz", "-o", "out"], "the same file as out/watch.npz")
    (folder / "out/watch.npz").rename(folder / "data.npz")
    os.mkfifo(folder / "out/watch-int8.tflite")
    refused(command, folder, ["demo", "--data", "data.npz", "-o", "out"], "watch-int8.tflite: a named pipe")


def test_the_converter_leaves_its_wheel_alone(folder: Path) -> None:
    from edgelstm.data.__main__ import main

    (folder / "a.whl").write_bytes(b"a wheel")
    done = CliRunner().invoke(main, ["watch", "a.whl", "a.whl"])
    assert done.exit_code == 1
    assert "a.whl: the same file as a.whl, which is read" in done.output
    assert (folder / "a.whl").read_bytes() == b"a wheel"
