"""Models that tell numbers: what is told of which columns, and the whole road beside another engine's arithmetic."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelstm import forward
from edgelstm.data.columns import Roles
from edgelstm.data.npz_writing import save_recordings
from edgelstm.data.options import ReadOptions
from edgelstm.data.read import read_recordings
from edgelstm.data.recordings import Recording, Recordings
from edgelstm.model import Answer, Model, Normalize
from edgelstm.runtime.engines.open import open_model
from edgelstm.tasks import Regress, read_dataset
from edgelstm.training import parse_config
from edgelstm.training.aims import Scaling
from random_layers import random_layers

Command = Callable[..., object]


def recordings(columns: int = 3, lengths: tuple[int, ...] = (5, 7), seed: int = 0) -> Recordings:
    rng = np.random.default_rng(seed)
    names = tuple("abcdefgh"[:columns])
    whole = tuple(
        Recording(f"r{n}", rng.normal(size=(length, columns)).astype(np.float32), label=f"{n / 4}")
        for n, length in enumerate(lengths)
    )
    return Recordings(whole, names, tuple(f"unit {name}" for name in names))


@given(st.integers(2, 6), st.data())
def test_columns_that_are_told_are_no_features_and_nothing_is_lost(columns: int, data: st.DataObject) -> None:
    told = data.draw(st.permutations("abcdef"[:columns]))[: data.draw(st.integers(1, columns - 1))]
    whole = recordings(columns)
    found = Regress(tuple(told), "frame").dataset(whole)
    assert found.labels == tuple(told)
    assert found.label_units == tuple(f"unit {name}" for name in told)
    assert found.feature_names == tuple(name for name in whole.names if name not in told)
    for place, recording in enumerate(whole.recordings):
        for names, frames in (
            (found.feature_names, found.sequences[place]),
            (found.labels, found.targets[place]),
        ):
            for n, name in enumerate(names):
                np.testing.assert_array_equal(frames[:, n], recording.frames[:, whole.names.index(name)])


def test_a_number_of_each_recording_is_its_label_or_a_column_that_stays() -> None:
    whole = recordings()
    labels = Regress().dataset(whole)
    assert [labels.targets[n].tolist() for n in range(2)] == [[[0.0]], [[0.25]]]
    still = replace(
        whole,
        recordings=tuple(replace(r, frames=r.frames * [1, 1, 0] + [0, 0, n]) for n, r in enumerate(whole.recordings)),
    )
    column = Regress(("c",)).dataset(still)
    assert [column.targets[n].tolist() for n in range(2)] == [[[0.0]], [[1.0]]]
    assert column.feature_names == ("a", "b")


@pytest.mark.parametrize(
    ("task", "change", "message"),
    [
        (Regress(("x",)), {}, "data: no column 'x' of numbers, expected one of a, b, c"),
        (Regress(("a", "b", "c")), {}, "data: every column is to be told, expected others to tell it from"),
        (Regress(("a",)), {}, 'r0: what is to be told changes within it, expected one number, or per = "frame"'),
        (Regress(), {"label": "wet"}, "r0: label 'wet', expected a number, or task.columns that name what"),
        (Regress(), {"label": None}, "r0: has no label, expected a number, or task.columns that name what"),
        (Regress(), {"label": "inf"}, "r0: label inf, expected a finite number"),
    ],
)
def test_what_data_do_not_have_is_one_line(task: Regress, change: dict[str, object], message: str) -> None:
    whole = recordings()
    whole = replace(whole, recordings=(replace(whole.recordings[0], **change), whole.recordings[1]))
    with pytest.raises(ValueError, match="^" + message.replace("(", r"\(")) as caught:
        task.dataset(whole)
    assert "\n" not in str(caught.value)


@given(st.integers(0, 50))
def test_the_last_layer_carries_the_scale(seed: int) -> None:
    model = random_layers(seed)
    rng = np.random.default_rng(seed)
    scaling = Scaling(rng.normal(0, 100, model.outputs), rng.uniform(0.01, 50, model.outputs))
    frames = [rng.normal(size=(4 * model.stride, model.features)).astype(np.float32)]
    bare = Model(Normalize(model.normalize.mean, model.normalize.std), model.layers, "linear", Answer("last", 0, 0))
    carried = replace(bare, layers=scaling.carried(bare.layers))
    learned = forward.scores(bare, frames)[0].astype(np.float64)
    expected = learned * scaling.std + scaling.mean
    np.testing.assert_allclose(forward.scores(carried, frames)[0], expected, rtol=1e-3, atol=1e-3 * scaling.std.max())
    np.testing.assert_allclose(scaling.down(scaling.up(learned)), learned, rtol=1e-6, atol=1e-6)


RECIPE = """
[task]
kind = "regress"
columns = ["level [m]"]
per = "frame"
[data]
file = "tanks"
features = ["in [l/s]", "out [l/s]"]
window = 60
[model]
units = [10]
[training]
epochs = 20
batch = 4
learning_rate = 0.02
criterion = "huber"
"""


def write_tanks(folder: Path, header: str = "in [l/s],out [l/s],level [m],spare") -> None:
    """level' = 0.8 level + 0.3 in - 0.2 out."""
    rng = np.random.default_rng(1)
    folder.mkdir()
    for n in range(5):
        flows, level = rng.normal(size=(200, 2)), 0.0
        lines = [header]
        for inflow, outflow in flows:
            level = 0.8 * level + 0.3 * inflow - 0.2 * outflow
            lines.append(f"{inflow:.5f},{outflow:.5f},{10 + level:.5f},7")
        (folder / f"{n}.csv").write_text("\n".join(lines) + "\n")


def test_a_column_is_told_frame_by_frame_along_the_whole_road(command: Command, tmp_path: Path) -> None:
    write_tanks(tmp_path / "tanks")
    (tmp_path / "r.toml").write_text(RECIPE)
    ended = command("train", tmp_path / "r.toml", "-o", tmp_path / "m.npz", "--json")
    assert ended.code == 0, ended.err
    float32, int8 = json.loads(ended.out)["evaluations"]
    error, of_mean = float32["outputs"]["level [m]"]["rmse"], float32["outputs"]["level [m]"]["deviation"]
    assert error < 0.4 * of_mean
    assert int8["outputs"]["level [m]"]["rmse"] < 1.1 * error
    exported = command("export", tmp_path / "m.npz", "-o", tmp_path / "m.onnx", "--format", "onnx")
    assert exported.code == 0, exported.err

    # The same answers by onnxruntime, the same error by numpy.
    model = open_model(tmp_path / "m.onnx")
    errors = []
    for path in sorted((tmp_path / "tanks").iterdir()):
        rows = np.loadtxt(path, delimiter=",", skiprows=1, dtype=np.float32)
        errors.append(model.stream().push(rows[:, :2])[:, 0] - rows[:, 2])
    by_hand = float(np.sqrt((np.concatenate(errors).astype(np.float64) ** 2).mean()))
    found = command("evaluate", tmp_path / "m.npz", tmp_path / "tanks", "--all", "--json")
    assert json.loads(found.out)[0]["outputs"]["level [m]"]["rmse"] == pytest.approx(by_hand, rel=1e-3)
    assert command("evaluate", tmp_path / "m.npz", tmp_path / "tanks", "--max-error", by_hand / 2).code == 3
    assert command("evaluate", tmp_path / "m.npz", tmp_path / "tanks", "--max-error", by_hand * 2).code == 0

    # Columns are found by name wherever they stand, or refused.
    write_tanks(tmp_path / "other", "in [l/s],out [l/s],height [m],spare")
    ended = command("evaluate", tmp_path / "m.npz", tmp_path / "other")
    assert ended.code == 1
    assert "no column 'level [m]'" in ended.err.splitlines()[0]


def test_three_commands_learn_a_column_that_changes(command: Command, tmp_path: Path) -> None:
    write_tanks(tmp_path / "tanks")
    recipe, model = tmp_path / "r.toml", tmp_path / "m.npz"
    begun = command("init", tmp_path / "tanks", "-o", recipe, "--task", "regress", "--columns", "level [m]")
    assert begun.code == 0, begun.err
    assert parse_config(recipe.read_text()).task == Regress(("level [m]",), "frame")
    assert command("train", recipe, "-o", model, "--set", "training.epochs=2").code == 0
    assert command("export", model, "-o", tmp_path / "m.elstm").code == 0
    begun = command("init", tmp_path / "tanks", "-o", recipe, "--force", "--task", "regress", "--columns", "spare")
    assert parse_config(recipe.read_text()).task == Regress(("spare",), "recording")


def test_what_is_told_is_read_beside_the_features(tmp_path: Path) -> None:
    write_tanks(tmp_path / "tanks")
    config = parse_config(RECIPE)
    found = read_dataset(tmp_path / "tanks", config.data.read_options(), config.task)
    assert found.feature_names == ("in [l/s]", "out [l/s]")
    assert found.labels == ("level [m]",)


def test_features_are_chosen_by_name_in_any_format(tmp_path: Path) -> None:
    whole = recordings()
    save_recordings(whole, tmp_path / "walks.npz")
    options = ReadOptions(Roles(features=("c", "a")))
    found = read_recordings(tmp_path / "walks.npz", options)
    assert (found.names, found.units) == (("c", "a"), ("unit c", "unit a"))
    for chosen, recording in zip(found.recordings, whole.recordings, strict=True):
        np.testing.assert_array_equal(chosen.frames, recording.frames[:, [2, 0]])
    told = read_dataset(tmp_path / "walks.npz", options, Regress(("b",), "frame"))
    assert (told.feature_names, told.labels) == (("c", "a"), ("b",))
    with pytest.raises(ValueError, match=r"no column 'x' of numbers, expected one of a, b, c$"):
        read_recordings(tmp_path / "walks.npz", ReadOptions(Roles(features=("x",))))
