"""All keys of a recipe with what they mean: read from where they are defined, so that nothing is said twice."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import io
import json
import textwrap
import tokenize
from collections.abc import Iterator
from dataclasses import MISSING, dataclass

from edgelstm import records
from edgelstm.tasks import TASKS
from edgelstm.training.config import Config
from edgelstm.training.layers import KINDS


@dataclass(frozen=True)
class Key:
    """One key of a recipe."""

    section: str  # such as data, or task of one kind: task (forecast)
    name: str
    default: str  # as TOML has it; empty: there is none
    meaning: str  # empty: its name says it


def recipe_keys() -> Iterator[Key]:
    """Every key, section by section, in the order of the definitions."""
    for section in dataclasses.fields(Config):
        if section.name == "task":
            kinds = ", ".join(TASKS)
            yield Key("task", "kind", '"classify"', f"what the model is for: {kinds}")
            for kind, task in TASKS.items():
                yield from _keys(f"task ({kind})", task)
        elif section.name == "budget":
            yield Key("budget", "…", "", "what the model may cost, by the names of edgelstm profile --budget")
        elif section.name == "search":
            yield Key("search", "…", "", "what edgelstm search tries (docs/searching.md): a list, or low and high")
        else:
            yield from _keys(section.name, type(getattr(Config(), section.name)))
    for kind, layer in KINDS.items():
        yield from _keys(f"model.layers ({kind})", layer)


def _keys(section: str, record: type) -> Iterator[Key]:
    meanings = comments(record)
    for field in dataclasses.fields(record):
        default = "" if field.default is MISSING else _as_toml(field.default)
        yield Key(section, field.name, default, meanings.get(field.name, ""))


def _as_toml(value: object) -> str:
    return "" if value is None else json.dumps(records.to_json(value), ensure_ascii=False)


def comments(record: type) -> dict[str, str]:
    """Field's name → the comment in its lines, of a dataclass and those that it is made of."""
    found: dict[str, str] = {}
    for kind in reversed(record.__mro__):
        if not dataclasses.is_dataclass(kind):
            continue
        source = textwrap.dedent(inspect.getsource(kind))
        lines = {
            token.start[0]: token.string.lstrip("# ")
            for token in tokenize.generate_tokens(io.StringIO(source).readline)
            if token.type == tokenize.COMMENT
        }
        (body,) = ast.parse(source).body
        assert isinstance(body, ast.ClassDef)
        for node in body.body:
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                own = range(node.lineno, (node.end_lineno or node.lineno) + 1)
                if said := [lines[line] for line in own if line in lines]:
                    found[node.target.id] = said[-1]
    return found
