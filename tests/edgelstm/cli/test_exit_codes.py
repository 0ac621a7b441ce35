"""The exit codes of docs/architecture.md: whichever file of whichever command is not there, or is not what it should
be. What goes wrong on a board is in test_profile_board.py, gates in test_terminals.py."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from edgelstm.cli import COMMANDS
from in_process import refused_well, run
from inputs import write_inputs

CALLS = [
    ["demo", "--data", "<data.npz>"],
    ["data", "inspect", "<data.npz>"],
    ["data", "convert", "<data.npz>", "-o", "new.npz"],
    ["init", "<data.npz>", "-o", "new.toml"],
    ["train", "<recipe.toml>", "-o", "new.npz"],
    ["train", "recipe.toml", "--data", "<data.npz>", "-o", "new.npz"],
    ["search", "<recipe.toml>", "--trials", "1"],
    ["crossvalidate", "<recipe.toml>", "--folds", "2", "--jobs", "1"],
    ["evaluate", "<model.npz>", "<data.npz>", "--all"],
    ["evaluate", "<m.elstm>", "<data.npz>", "--all"],
    ["import", "<net.pt>", "--layers", "rnn", "--stream", "-o", "new.npz"],
    ["calibrate", "<model.npz>", "data.npz", "-o", "new.npz"],
    ["calibrate", "model.npz", "<data.npz>", "-o", "new.npz"],
    ["adapt", "<model.npz>", "--data", "clips.npz", "-o", "new.npz"],
    ["adapt", "model.npz", "--data", "<data.npz>", "-o", "new.npz"],
    ["export", "<model.npz>", "-o", "new.elstm"],
    ["export", "model.npz", "--data", "<data.npz>", "-o", "new.elstm"],
    ["verify", "<m.elstm>", "--against", "<model.npz>"],
    ["verify", "m.elstm", "<data.npz>", "--against", "model.npz"],
    ["inspect", "<m.elstm>"],
    ["inspect", "<model.npz>"],
    ["inspect", "<m.c>"],
    ["stream", "<m.elstm>", "<frames.csv>"],
    ["profile", "<m.elstm>", "--data", "<frames.csv>", "--frames", "10", "--pace", "flat"],
    ["profile", "<m.elstm>", "--predict", "pi-5"],
    ["profile", "m.elstm", "--boards", "<boards.toml>"],
    ["report", "<report.json>", "-o", "new.html"],
    ["deploy", "<m.elstm>", "--board", "board", "--source", "x"],
]
"""Each file in <> is in turn another thing than it should be; the others are as they should."""

CASES = [(call, place) for call in CALLS for place, word in enumerate(call) if word.startswith("<")]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    write_inputs(folder)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def with_another(call: list[str], place: int, name: str) -> list[str]:
    return [name if here == place else word.strip("<>") for here, word in enumerate(call)]


def test_every_command_that_reads_is_in_the_table() -> None:
    assert {call[0] for call in CALLS} == set(COMMANDS) - {"annotate", "boards"}


@pytest.mark.parametrize(("call", "place"), CASES, ids=[" ".join(call) + f" {place}" for call, place in CASES])
def test_what_is_not_there_is_2_and_what_is_bad_is_1(folder: Path, call: list[str], place: int) -> None:
    suffix = Path(call[place].strip("<>")).suffix
    (folder / f"bad{suffix}").write_bytes(b"\x00\x01 no such thing\n" * 9)
    (folder / f"folder{suffix}").mkdir()
    (folder / f"link{suffix}").symlink_to("nowhere")
    before = sorted(folder.rglob("*"))
    takes_folders = call[place] == "<data.npz>" and call[0] != "demo"  # an empty one holds no recordings
    for name, code in {
        f"none{suffix}": 2,
        f"no/such/folder/none{suffix}": 2,
        f"link{suffix}": 2,
        f"folder{suffix}": 1 if takes_folders else 2,
        f"bad{suffix}": 1,
    }.items():
        ended = run(*with_another(call, place, name))
        assert refused_well(ended)
        assert (ended.code, ended.out) == (code, ""), (name, ended)
        assert name in ended.err
        assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ("train recipe.toml --set x", 2, "--set x: expected a key"),
        ("train recipe.toml --set training.epochs=x", 2, "training.epochs: 'x', expected a whole number"),
        ("profile m.elstm --core 4000", 2, "--core 4000: this process may run on "),
        ("profile m.elstm --budget nope=3", 2, "--budget 'nope': no such figure"),
        ("profile m.elstm --budget latency_p99=x", 2, "--budget latency_p99: 'x'"),
        ("profile m.elstm --predict nope", 2, "--predict: unknown board 'nope'"),
        ("profile model.npz", 1, "model.npz: suffix .npz"),
        ("stream pipe.elstm", 1, "pipe.elstm: a named pipe, expected a model file"),
        ("stream m.elstm frames.csv --state m.elstm", 2, "--state m.elstm: the same file as m.elstm, which is read"),
        ("export data.npz", 1, "data.npz: a data set, not a model"),
        ("inspect frames.csv", 1, "recordings are no model"),
    ],
)
def test_the_codes_of_other_mistakes(folder: Path, arguments: str, code: int, words: str) -> None:
    os.mkfifo(folder / "pipe.elstm")
    ended = run(*arguments.split())
    assert (ended.code, ended.out) == (code, "")
    assert len(ended.err.splitlines()) == 1
    assert words in ended.err
