"""The configuration: strict, and its errors say what would be right."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path

import pytest

from edgelstm.devices.profiling.budget import FIGURES, model_budget
from edgelstm.recipes import load_recipe
from edgelstm.tasks import TASKS
from edgelstm.training import Config, load_config, parse_config
from edgelstm.training.layers import (
    KINDS,
    TrainableContext,
    TrainableConv,
    TrainableDense,
    TrainableGRU,
    TrainableLSTM,
)

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[trainng]\nepochs = 3", "unknown field 'trainng', perhaps 'training'"),
        ("[training]\nepoch = 3", "training: unknown field 'epoch', perhaps 'epochs'"),
        ("[augment]\nrotaton = 3", "augment: unknown field 'rotaton', perhaps 'rotation'"),
        ("[task]\nkind = 'classify'\nahead = 3", "task: unknown field 'ahead', classify has none"),
        (
            "[task]\nkind = 'regress'\nahead = 3",
            "task: unknown field 'ahead', expected one of columns, per for regress",
        ),
        ("[answer]\nxyz = 3", "answer: unknown field 'xyz', expected one of pooling, window, hop"),
        ("[training]\nepochs = 0", "training.epochs: 0, expected 1 to 1,048,576"),
        ("[training]\nepochs = 'many'", "training.epochs: 'many', expected a whole number"),
        ("[training]\nlearning_rate = nan", "configuration: training.learning_rate: nan, expected a finite number"),
        ("[training]\nlearning_rate = 0", "training.learning_rate: 0.0, expected more than 0 and at most 1"),
        ("[training]\ndropout = nan", "configuration: training.dropout: nan, expected a finite number"),
        ("[training]\nloss = 'all'", "training.loss: 'all', expected one of frames, last, mean"),
        ("[model]\nunits = []", "model.units: a list of 0, expected 1 to 8 items"),
        ("[model]\nunits = [64, 0]", r"model.units\[1\]: 0, expected 1 to 4,096"),
        ("[answer]\npooling = 'mean'\nwindow = 10\nhop = 3", "answer.window: 10, expected a multiple of hop"),
        ("[augment]\nrotation = 20", "augment.triads: empty"),
        ("[training]\npatience = 5", "training.patience: 5, expected 0 without data.validation"),
        ("[augment]\ntriads = [[0, 1]]", r"augment.triads\[0\]: a list of 2, expected 3 items"),
        ("[data]\nwindow = 10\n[training]\nskip = 10", "training.skip: 10, expected less than data.window"),
        ("[training]\nnesterov = true", "training.nesterov: true, expected false without optimizer"),
        ("[training]\noptimizer = 'sgd'\nnesterov = true\nmomentum = 0.0", "training.nesterov: true, expected false"),
        ("[training]\noptimizer = 'rmsprop'", "training.optimizer: 'rmsprop', expected one of adam, sgd"),
        ("[training]\nmomentum = 1.0", "training.momentum: 1.0, expected at least 0 and less than 1"),
        ("[training]\nsecond_rate = 0", "training.second_rate: 0.0, expected more than 0"),
        ("[training]\nsecond_rate = 0.01", "training.second_rate: 0.01, expected training.second_epochs with it"),
        ("[training]\nmomentum = 0.5", 'training.momentum: 0.5, expected it with optimizer = "sgd" alone'),
        ("[training]\nbuckets = 0", "training.buckets: 0, expected 1 to"),
        ("[training]\ntruncate = 50\nloss = 'last'", "training.loss: 'last', expected frames with training.truncate"),
        ("[training]\ntruncate = 50\nskip = 50", r"training.skip: 50, expected less than training.truncate \(50\)"),
        (
            "[training]\ntruncate = 50\n[augment]\nmixup = 0.4",
            "augment.mixup: 0.4, expected 0 with training.truncate",
        ),
        (
            "[training]\ntruncate = 50\n[augment]\nspeed = 0.2",
            "augment.speed: 0.2, expected 0 with training.truncate",
        ),
        ("[training]\ntruncate = 50\nbalance = 'sampling'", "training.balance: 'sampling', expected weights with"),
        ("[budget]\nlatency_p99 = '2'", "budget latency_p99: '2', expected "),
        ("[budget]\nrss = '20MB'", "budget rss: '20MB', expected "),
        ("[budget]\ndeadline_misses = -1", "budget deadline_misses: '-1', expected "),
        ("[budget]\nlatncy_p99 = '2ms'", "budget 'latncy_p99': no such figure, perhaps 'latency_p99'"),
        ("training = 3", "training: 3, expected "),
        ("[", r"configuration: no TOML \("),
    ],
)
def test_errors_are_one_line_that_names_the_key(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}") as caught:
        parse_config(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("layers", "rest", "message"),
    [
        (
            "{kind = 'grru', units = 4}",
            "",
            r"model.layers\[0\].kind: 'grru', expected one of lstm, gru, context, conv",
        ),
        ("{units = 4}", "", r"model.layers\[0\].kind: null, expected one of lstm, gru, context, conv, dense"),
        ("{kind = 'lstm', units = 4}, {kind = 'gru'}", "", r"model.layers\[1\]: no field 'units'"),
        ("{kind = 'gru', unit = 4}", "", r"model.layers\[0\]: unknown field 'unit', perhaps 'units'"),
        ("{kind = 'gru', units = 0}", "", r"model.layers\[0\].units: 0, expected 1 to 4,096"),
        (
            "{kind = 'gru', units = 4, reset = 'never'}",
            "",
            r"model.layers\[0\].reset: 'never', expected one of after, b",
        ),
        ("{kind = 'context', rows = 4, hop = 5}", "", r"model.layers\[0\]: hop: 5, expected at most rows \(4\)"),
        ("'lstm'", "", r"model.layers\[0\]: 'lstm', expected an object"),
        ("{kind = 'lstm', units = 4}", "units = [4]", "model: units and layers: both given, expected either"),
        ("{kind = 'lstm', units = 4}", "hidden = [4]", "model: hidden and layers: both given, expected either"),
        (
            "{kind = 'context', rows = 6, hop = 6}",
            "[answer]\nhop = 9",
            "answer.hop: 9, expected a multiple of 6: the ",
        ),
        (
            "{kind = 'context', rows = 6, hop = 6}",
            "[answer]\npooling = 'mean'\nwindow = 9\nhop = 3",
            "answer.hop: 3, ",
        ),
        (
            "{kind = 'context', rows = 2, hop = 2}, {kind = 'context', rows = 3, hop = 3}",
            "[data]\nwindow = 8\n[answer]\nhop = 6",
            "data.window: 8, expected a multiple of 6: the model's scores come every 6 frames",
        ),
    ],
)
def test_errors_about_layers_name_the_layer(layers: str, rest: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}") as caught:
        parse_config(f"[model]\nlayers = [{layers}]\n{rest}")
    assert "\n" not in str(caught.value)


def test_layers_of_all_kinds_in_any_order() -> None:
    text = """
    [answer]
    hop = 4
    [[model.layers]]
    kind = "context"
    rows = 8
    hop = 4
    [[model.layers]]
    kind = "conv"
    filters = 16
    taps = 3
    dilation = 2
    [[model.layers]]
    kind = "gru"
    units = 32
    reset = "before"
    [[model.layers]]
    kind = "dense"
    units = 5
    [[model.layers]]
    kind = "lstm"
    units = 3
    """
    config = parse_config(text)
    expected = (
        TrainableContext(8, 4),
        TrainableConv(16, 3, 1, 2),
        TrainableGRU(32, "before"),
        TrainableDense(5),
        TrainableLSTM(3),
    )
    assert config.model.layers == expected
    assert config.model.all_layers(7) == (*expected, TrainableDense(7, "linear"))
    assert config.model.stride == 4
    told = config.to_json()["model"]["layers"]
    assert json.loads(json.dumps(told)) == told
    assert told[2] == {"kind": "gru", "units": 32, "reset": "before"}


def test_units_and_hidden_are_short_for_lstm_and_dense_layers() -> None:
    model = parse_config("[model]\nunits = [8, 4]\nhidden = [6]").model
    assert model.all_layers(2) == (TrainableLSTM(8), TrainableLSTM(4), TrainableDense(6), TrainableDense(2, "linear"))
    assert parse_config("[model]\nhidden = [6]").to_json()["model"]["units"] == [64]


def test_a_budget_takes_the_figures_that_profiling_has() -> None:
    limits = {"µs": "1.5ms", "B": "4KiB", "": 3}
    table = {name: limits[unit] for name, unit in FIGURES.items()}
    text = "[budget]\n" + "\n".join(f"{name} = {json.dumps(limit)}" for name, limit in table.items())
    config = parse_config(text)
    assert config.to_json()["budget"] == table
    found = {budget.name: budget.limit for budget in model_budget({"provenance": {"config": config.to_json()}})}
    assert found == {name: {"µs": 1500, "B": 4096, "": 3}[unit] for name, unit in FIGURES.items()}
    assert parse_config("").to_json()["budget"] == {}


def test_an_empty_configuration_is_the_default() -> None:
    assert parse_config("") == Config()


def test_the_data_file_is_found_from_the_configuration(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text("[data]\nfile = 'sets/a.npz'\n")
    assert load_config(path).data.file == str(tmp_path / "sets" / "a.npz")
    path.write_text("[model]\nunits = [8]\n")
    with pytest.raises(ValueError, match=r"run\.toml: data\.file: missing"):
        load_config(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match=r"run\.toml: "):
        load_config(path)
    with pytest.raises(FileNotFoundError):
        load_config(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("watch", "watch.npz"),
        ("watch_gru", "watch.npz"),
        ("japanese_vowels", "japanese-vowels.npz"),
        ("weather", "weather.npz"),
        ("pulse", "pulse.npz"),
        ("docstrings", "docstrings"),
    ],
)
def test_the_recipes_are_valid(name: str, data: str) -> None:
    assert Path(load_recipe(name).data.file).name == data


def test_the_document_names_every_section_and_key() -> None:
    text = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
    parts = {part[: part.index("]`")]: part for part in text.split("\n## `[")[1:]}
    assert parts.keys() == {section.name for section in fields(Config)}
    for section in fields(Config):
        if section.name in ("budget", "search"):  # tables of whatever is limited, and tried
            continue
        if section.name == "task":
            rows = re.findall(r"^\| `(\w+)` \| `", parts["task"], re.MULTILINE)
            assert set(rows) == {key.name for task in TASKS.values() for key in fields(task)}
            assert all(f"\n| `{kind}` |" in parts["task"] for kind in TASKS)
            continue
        rows = re.findall(r"^\| `(\w+)` \|", parts[section.name].partition("| kind |")[0], re.MULTILINE)
        assert rows == [key.name for key in fields(getattr(Config(), section.name))]
    found = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", parts["model"].partition("| kind |")[2], re.MULTILINE))
    assert found.keys() == KINDS.keys()
    for kind, keys in found.items():
        assert re.findall(r"`(\w+)`", keys) == [key.name for key in fields(KINDS[kind])]  # type: ignore[arg-type]
