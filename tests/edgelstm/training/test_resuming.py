"""What lies at a training's output stays until it is replaced: the model, and the record of the run that made it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgelstm.data import Dataset, save_dataset
from edgelstm.files import held
from edgelstm.model_file import load_model
from edgelstm.training.kernels import description
from edgelstm.training.run_folder import read_run

Command = Callable[..., object]

RECIPE = """
[data]
file = "data.npz"
[model]
units = [3]
[training]
epochs = 3
"""


@pytest.fixture
def line(tmp_path: Path, command: Command) -> tuple[object, ...]:
    """A training that has ended once."""
    rng = np.random.default_rng(0)
    x = tuple(rng.normal(n % 2, 1, size=(12, 2)).astype(np.float32) for n in range(12))
    save_dataset(Dataset(x, np.arange(12) % 2, ("a", "b"), np.arange(12), ("x", "y")), tmp_path / "data.npz")
    (tmp_path / "recipe.toml").write_text(RECIPE)
    words = ("train", tmp_path / "recipe.toml", "-o", tmp_path / "model.npz", "--no-report")
    assert command(*words).code == 0
    return words


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def interrupt(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Ctrl-C after so many epochs."""
    from edgelstm.cli.show.progress import TrainingBar

    def stop(self: TrainingBar, epoch: object) -> None:
        if epoch.number == after:  # type: ignore[attr-defined]
            raise KeyboardInterrupt

    monkeypatch.setattr(TrainingBar, "update", stop)


def test_a_model_keeps_its_record_until_another_takes_its_place(
    line: tuple[object, ...], tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, folder = tmp_path / "model.npz", tmp_path / "model.run"
    before = files(tmp_path)
    with monkeypatch.context() as patch:
        interrupt(patch, 2)
        assert command(*line, "--seed", 5).code == 130
    found = files(tmp_path)
    assert {name: found[name] for name in before} == before
    assert sorted(set(found) - set(before)) == ["model.run/checkpoint.npz", "model.run/running.json"]
    assert len(read_run(folder, model)[1]) == 3
    assert command(*line, "--seed", 5, "--resume").code == 0
    assert sorted(path.name for path in folder.iterdir()) == ["run.json"]
    told, epochs = read_run(folder, model)
    assert (told["recipe"]["training"]["seed"], len(epochs)) == (5, 3)
    assert command(*line[:3], tmp_path / "whole.npz", "--no-report", "--seed", 5).code == 0
    for one, other in zip(load_model(model).layers, load_model(tmp_path / "whole.npz").layers, strict=True):
        assert all(np.array_equal(getattr(one, name), getattr(other, name)) for name in one.arrays)


def test_who_goes_on_is_told_what_rounds_otherwise_now(
    line: tuple[object, ...], tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not the number of threads, which changes no weight."""
    with monkeypatch.context() as patch:
        interrupt(patch, 1)
        assert command(*line, "--seed", 5, "--threads", 1).code == 130
    running = tmp_path / "model.run" / "running.json"
    told = json.loads(running.read_text())
    assert told["computed_by"] in (description(), description().replace("2 threads", "1 thread"))
    with monkeypatch.context() as patch:
        interrupt(patch, 2)
        ended = command(*line, "--seed", 5, "--threads", 2, "--resume")
        assert (ended.code, "rounds" in ended.err) == (130, False)
    running.write_text(json.dumps({**told, "numpy": "1.0", "computed_by": "C kernels (abacus), 9 threads"}))
    ended = command(*line, "--seed", 5, "--resume", "--json")
    assert ended.code == 0
    said = " ".join(ended.err.split())
    assert f"numpy: {np.__version__} now, 1.0 then; computed by: {description()} now, C kernels (abacus), 9" in said
    run = json.loads((tmp_path / "model.run" / "run.json").read_text())
    assert run["computed_by"] == json.loads(ended.out)["computed_by"] == description()


def test_what_has_ended_is_not_trained_again(line: tuple[object, ...], tmp_path: Path, command: Command) -> None:
    before = files(tmp_path)
    ended = command(*line, "--resume")
    assert (ended.code, ended.err) == (0, "")
    assert "model.npz: finished already" in ended.out
    assert len(ended.out.splitlines()) == 1
    assert json.loads(command(*line, "--resume", "--json").out)["finished"] is True
    assert files(tmp_path) == before


def test_where_nothing_was_interrupted_nothing_goes_on(
    line: tuple[object, ...], tmp_path: Path, command: Command
) -> None:
    before = files(tmp_path)
    for words in (
        (*line, "--seed", 5),  # another model lies there
        (*line[:3], tmp_path / "new.npz"),
    ):
        ended = command(*words, "--resume")
        assert (ended.code, len(ended.err.splitlines())) == (2, 1), ended.err
        assert "--resume: " in ended.err
        assert "checkpoint.npz is not there" in ended.err
    assert files(tmp_path) == before


def test_a_run_that_ended_before_its_first_epoch_begins_anew(
    line: tuple[object, ...], tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    import edgelstm.training

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(edgelstm.training, "train", stop)
        assert command(*line, "--seed", 5).code == 130
    ended = command(*line, "--seed", 5, "--resume")
    assert ended.code == 0
    assert "begins anew" in " ".join(ended.err.split())


def test_one_training_at_a_time_to_one_output(line: tuple[object, ...], tmp_path: Path, command: Command) -> None:
    before = files(tmp_path)
    with held(tmp_path / "model.npz"):
        ended = command(*line, "--seed", 5)
    assert (ended.code, len(ended.err.splitlines())) == (1, 1)
    assert "model.npz: in use by another process" in ended.err
    assert files(tmp_path) == before
