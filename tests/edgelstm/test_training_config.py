"""The configuration: strict, and its errors say what would be right."""

from __future__ import annotations

from pathlib import Path

import pytest

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
        ("training = 3", "training: expected `table`, got `int`"),
        ("[", "not TOML: "),
    ],
)
def test_errors_are_one_line_that_names_the_key(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}") as caught:
        parse_config(text)
    assert "\n" not in str(caught.value)


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
