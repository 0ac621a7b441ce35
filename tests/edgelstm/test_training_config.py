"""The configuration: strict, and its errors say what would be right."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgelstm.devices.profiling.budget import FIGURES, model_budget
from edgelstm.recipes import load_recipe
from edgelstm.training import Config, load_config, parse_config


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[trainng]\nepochs = 3", "unknown key 'trainng', did you mean 'training'?"),
        ("[training]\nepoch = 3", r"unknown key \[training\] 'epoch', did you mean 'epochs'?"),
        ("[augment]\nrotaton = 3", r"unknown key \[augment\] 'rotaton', did you mean 'rotation'?"),
        ("[answer]\nxyz = 3", r"unknown key \[answer\] 'xyz', expected one of pooling, window, hop"),
        ("[training]\nepochs = 0", "training.epochs: expected `int` >= 1"),
        ("[training]\nepochs = 'many'", "training.epochs: expected `int`, got `str`"),
        ("[training]\nlearning_rate = nan", "training.learning_rate: "),
        ("[training]\ndropout = nan", "training.dropout: "),
        ("[training]\nloss = 'all'", "training.loss: 'all', expected one of frames, last, mean"),
        ("[model]\nunits = []", "model.units: "),
        ("[model]\nunits = [64, 0]", r"model.units\[1\]: "),
        ("[answer]\npooling = 'mean'\nwindow = 10\nhop = 3", "answer.window: 10, expected a multiple of hop"),
        ("[augment]\nrotation = 20", "augment.triads: empty"),
        ("[augment]\ntriads = [[0, 1]]", r"augment.triads\[0\]: "),
        ("[data]\nwindow = 10\n[training]\nskip = 10", "training.skip: 10, expected less than data.window"),
        ("[budget]\nlatency_p99 = '2'", "budget.latency_p99: expected a time such as '800us' or '2ms'"),
        ("[budget]\nrss = '20MB'", "budget.rss: expected a size such as '768B' or '4KiB'"),
        ("[budget]\ndeadline_misses = -1", "budget.deadline_misses: expected `int` >= 0"),
        ("[budget]\nlatncy_p99 = '2ms'", r"unknown key \[budget\] 'latncy_p99', did you mean 'latency_p99'?"),
        ("training = 3", "training: expected `table`, got `int`"),
        ("[", "not TOML: "),
    ],
)
def test_errors_are_one_line_that_names_the_key(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}") as caught:
        parse_config(text)
    assert "\n" not in str(caught.value)


def test_a_budget_names_the_figures_that_profiling_has() -> None:
    """The names and units of edgelstm.devices.profiling.budget, which a board has without msgspec."""
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
    with pytest.raises(ValueError, match=r"run\.toml: \[data\] file: missing"):
        load_config(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match=r"run\.toml: "):
        load_config(path)
    with pytest.raises(FileNotFoundError):
        load_config(tmp_path / "none.toml")


@pytest.mark.parametrize("name", ["watch", "japanese_vowels"])
def test_the_recipes_are_valid(name: str) -> None:
    assert Path(load_recipe(name).data.file).name == f"{name.replace('_', '-')}.npz"
