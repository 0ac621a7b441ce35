"""What `train --keys` prints: every key of every section, with what it means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

from edgelstm.tasks import TASKS
from edgelstm.training.config import Config
from edgelstm.training.keys import recipe_keys
from edgelstm.training.layers import KINDS


def test_every_key_has_a_meaning() -> None:
    keys = list(recipe_keys())
    assert all(key.meaning for key in keys), [key for key in keys if not key.meaning]
    sections = {key.section for key in keys}
    assert {field.name for field in fields(Config)} <= sections
    for kind, task in TASKS.items():
        assert [key.name for key in keys if key.section == f"task ({kind})"] == [field.name for field in fields(task)]
    assert {f"model.layers ({kind})" for kind in KINDS} <= sections
    assert next(key for key in keys if key.name == "learning_rate").default == "0.003"


def test_they_are_printed_without_a_recipe(command: Callable[..., Any]) -> None:
    ended = command("train", "--keys")
    assert ended.code == 0, ended.err
    assert "[training]" in ended.out
    assert "learning_rate = 0.003" in ended.out
    assert max(map(len, ended.out.splitlines())) <= 80
