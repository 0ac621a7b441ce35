"""The demo goes on with the files that have passed their proof, whichever these are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgelstm.devices
import edgelstm.export
import edgelstm.recipes
from edgelstm.data import Dataset, load_dataset, save_dataset
from edgelstm.export import Export, find_form
from edgelstm.model import Model
from edgelstm.training import Config
from random_models import random_signal

FORMS = (find_form("elstm", "int8"), find_form("elstm", "float32"), find_form("tflite", "int8"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Data like the demo's; its recipe and its profile take a moment, and it exports three forms alone."""
    groups = np.arange(10)
    signals = tuple(random_signal(40, 6, seed) for seed in range(10))
    data = Dataset(signals, groups % 2, ("raise", "rest"), groups, tuple("abcdef"), sample_rate=50)
    save_dataset(data, tmp_path / "data.npz")
    whole_recipe, whole_profile = edgelstm.recipes.load_recipe, edgelstm.devices.profile

    def recipe(name: str) -> Config:
        whole = whole_recipe(name)
        return replace(
            whole,
            model=replace(whole.model, units=(4,)),
            training=replace(whole.training, epochs=1, skip=2),
            data=replace(whole.data, window=8),
            answer=replace(whole.answer, window=8, hop=4),
        )

    def profile(paths: list[Path], plan: Any) -> Any:
        return whole_profile(paths[:1], replace(plan, frames=10))

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(edgelstm.recipes, "load_recipe", recipe)
    monkeypatch.setattr(edgelstm.devices, "profile", profile)
    monkeypatch.setattr(edgelstm.export, "FORMS", FORMS)
    return tmp_path


@pytest.mark.parametrize(
    ("lost", "streams"),
    [
        ({"watch-int8.elstm"}, "watch-float32.elstm: 3 unseen recordings, 120 frames one by one"),
        (
            {"watch-int8.elstm", "watch-float32.elstm"},
            "left out: it runs .elstm files, and none has passed its proof",
        ),
        ({f"watch-{form.name}{form.suffix}" for form in FORMS}, "left out: it runs .elstm files, and none has"),
    ],
)
def test_the_demo_streams_a_file_that_has_passed(
    command: Callable[..., Any], folder: Path, monkeypatch: pytest.MonkeyPatch, lost: set[str], streams: str
) -> None:
    """Those that have not are in no command that it proposes, nor profiled."""
    whole = edgelstm.export.export_model

    def export_model(model: Model, path: Path, *, precision: str) -> Export:
        made = whole(model, path, precision=precision, accept_loss=True)
        assert made.proof is not None
        agrees = replace(made.proof.agrees, passed=path.name not in lost, error=0.5)
        return replace(made, proof=replace(made.proof, agrees=agrees, accepted_loss=False))

    monkeypatch.setattr(edgelstm.export, "export_model", export_model)
    ended = command("demo", "--data", "data.npz", "-o", "out")
    assert ended.code == 0, ended.err
    assert f"Stream  {streams}" in ended.out
    passed = [name for name in (f"watch-{form.name}{form.suffix}" for form in FORMS) if name not in lost]
    after = ended.out[ended.out.index("Stream  ") :]
    assert not any(name in after for name in lost)
    assert ("edgelstm stream out/" in after) == any(name.endswith(".elstm") for name in passed)
    assert ("edgelstm inspect out/" in after) == bool(passed)
    assert (folder / "out/recording.csv").exists()


def test_the_demo_takes_data_of_an_unknown_rate(command: Callable[..., Any], folder: Path) -> None:
    data = load_dataset(folder / "data.npz")
    save_dataset(replace(data, sample_rate=0.0), folder / "data.npz")
    ended = command("demo", "--data", folder / "data.npz", "--output", folder / "out")
    assert ended.code == 0, ended.err
    assert "windows of 8 frames from unseen people" in ended.out
    assert "the sensor's" not in ended.out
