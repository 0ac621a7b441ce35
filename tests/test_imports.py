"""Who may import whom: no circles, and every layer knows only what lies beneath it.

Imports within functions count, and so do those for types alone: who names a type knows where it lives.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = {
    "edgelstm": "edgelstm",
    "export": "edgelstm.export",
    "runtime": "edgelstm.runtime",
    "devices": "edgelstm.devices",
}


def modules() -> dict[str, Path]:
    """Module's name → its file, over the whole package."""
    found = {}
    for folder, package in FOLDERS.items():
        for path in (ROOT / folder).rglob("*.py"):
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            found[".".join([package, *(part for part in parts if part != "__init__")])] = path
    return found


def statements(node: ast.AST) -> Iterator[ast.AST]:
    """The statements within one: those of `match` and `except` lie in parts of their own. No expression imports."""
    for name in ("body", "orelse", "finalbody", "handlers", "cases"):
        yield from getattr(node, name, ())


def imported(node: ast.AST, known: set[str]) -> Iterator[str]:
    """Modules of the package that `node` and what is in it import."""
    for child in statements(node):
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names if alias.name in known)
        elif isinstance(child, ast.ImportFrom):
            assert not child.level, "expected absolute imports"
            for alias in child.names:
                module = f"{child.module}.{alias.name}"
                yield from (name for name in [module if module in known else child.module or ""] if name in known)
        else:
            yield from imported(child, known)


@pytest.fixture(scope="module")
def graph() -> dict[str, set[str]]:
    files = modules()
    known = set(files)
    assert len(known) > 100
    return {name: set(imported(ast.parse(path.read_text()), known)) - {name} for name, path in files.items()}


def reachable(graph: dict[str, set[str]], start: str) -> set[str]:
    seen, waiting = set(), [start]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += graph[name]
    return seen


def test_no_module_imports_itself_over_others(graph):
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' → '.join(reversed(error.args[1]))}")


def test_the_runtime_needs_neither_trainer_nor_exporters(graph):
    upper = ("edgelstm.export", "edgelstm.training", "edgelstm.model", "edgelstm.quantization", "edgelstm.devices")
    for name in graph:
        if name.startswith("edgelstm.runtime"):
            assert not [other for other in reachable(graph, name) if other.startswith(upper)], name


GROUND = {
    f"edgelstm.{name}" for name in ("files", "records", "plain", "hints", "delimited", "stamps", "wav", "resampling")
}


def test_devices_need_the_runtime_alone(graph):
    for name in graph:
        if name.startswith("edgelstm.devices"):
            others = reachable(graph, name) - GROUND
            allowed = ("edgelstm.devices", "edgelstm.runtime", "edgelstm.page")
            assert all(other.startswith(allowed) for other in others), name


def test_nothing_imports_the_commands(graph):
    for name, found in graph.items():
        if not name.startswith(("edgelstm.cli", "edgelstm.__main__")):
            assert not [other for other in found if other.startswith("edgelstm.cli")], name


def test_the_ground_imports_nothing_above_it(graph):
    for name in ("files", "plain", "hints", "delimited", "stamps", "wav", "resampling"):
        assert graph[f"edgelstm.{name}"] == set()
    assert graph["edgelstm.records"] == {"edgelstm.files", "edgelstm.hints", "edgelstm.plain"}
    for name in graph:
        if name.startswith("edgelstm.page"):
            assert all(other.startswith("edgelstm.page") for other in reachable(graph, name)), name


SCHEMA, CHECKS = "edgelstm.export.tflite.schema", "edgelstm.export.parity.checks"
TOLD = {"edgelstm.devices.units", "edgelstm.devices.profiling.budget"}


def test_the_toolchain_knows_exporters_and_boards_where_architecture_says_so(graph):
    """`search` measures; importers read a format that exporters write, and prove by the same checks."""
    knows_all = ("edgelstm.export", "edgelstm.devices", "edgelstm.cli", "edgelstm.search", "edgelstm.__main__")
    for name, found in graph.items():
        if name == "edgelstm" or name.startswith(knows_all):
            continue
        others = {other for other in found if other.startswith(("edgelstm.export", "edgelstm.devices"))}
        allowed = TOLD | ({SCHEMA, CHECKS} if name.startswith("edgelstm.importers") else set())
        assert others <= allowed, name
