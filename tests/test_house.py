"""The house keeps its rules: tables and documents name the same things, and few places name kinds of layers."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from edgelstm.export import FORMS
from edgelstm.export.elstm.kinds import KINDS as IN_FILES
from edgelstm.layers import KINDS
from edgelstm.quantization.kinds import KINDS as IN_INTEGERS
from edgelstm.runtime.engines.open import SUFFIXES
from edgelstm.runtime.layer_kinds import KINDS as READ
from edgelstm.runtime.sources.open import SOURCES
from edgelstm.training.layers import KINDS as TRAINED
from random_float_layers import JOIN, OF_SAMPLES, seeds_of_every_kind
from random_float_layers import MAKE as MAKE_FLOATS
from random_layers import MAKE, random_layers
from sound_models import hearing_model

QUANTIZE = [name for name, kind in IN_INTEGERS.items() if kind.quantize is not None]
ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
FILES = [path for folder in ("edgelstm", "export", "runtime", "devices") for path in (ROOT / folder).rglob("*.py")]

NAMES_KINDS = ("edgelstm/layers/", "edgelstm/importers/", "edgelstm/search/shape.py")
"""Where a kind of layer may be named beside its own files and each room's table: formats of strangers name kinds as
ours do, and a search changes the shape that most recipes have."""

OF_ALL_TRADES = {"dense", "lstm"}
"""Kinds that are a matter of their own: what scores come of, and what a recipe has that says nothing."""

ALSO_WORDS = {"activation", "last", "mean"}
"""Kinds whose names others have too: ways to pool, fields of layers."""


def test_every_room_knows_every_kind():
    core = set(re.findall(r"KIND\(\d+, (\w+)\)", (ROOT / "runtime/core/src/layers/layers.c").read_text()))
    assert set(QUANTIZE) == set(MAKE) <= set(TRAINED) <= set(KINDS) == set(READ) == set(IN_FILES) == core


def test_every_kind_is_drawn_where_laws_and_fuzzers_take_random_lists():
    """`seeds_of_every_kind` says which one it never draws."""
    assert {layer.kind for seed in range(20) for layer in random_layers(seed, calibrated=False).layers} == set(MAKE)
    assert {*MAKE_FLOATS, *JOIN, OF_SAMPLES} == set(KINDS)
    assert len(seeds_of_every_kind(24)) == 24
    assert OF_SAMPLES in {layer.kind for layer in hearing_model(256, "none").layers}
    in_c = re.findall(r"TINY_([A-Z_]+) = \d+", (ROOT / "tests/c/tiny_model.h").read_text())
    assert set(QUANTIZE) <= {name.lower() for name in in_c}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_a_file_and_in_the_documents(kind):
    assert (ROOT / f"edgelstm/layers/{kind}.py").exists()
    assert (ROOT / f"runtime/core/src/layers/{kind}.c").exists()
    assert f"`{kind}`" in (DOCS / "architecture.md").read_text()


@pytest.mark.parametrize("kind", QUANTIZE)
def test_every_kind_with_integers_is_a_file_in_each_room(kind):
    for folder in ("edgelstm/layers", "edgelstm/quantization", "export/elstm"):
        assert (ROOT / folder / f"{kind}.py").exists()
    assert (ROOT / f"runtime/core/src/layers/{kind}.c").exists()


@pytest.mark.parametrize("kind", TRAINED)
def test_every_kind_that_is_trained_is_a_file_and_in_the_documents(kind):
    assert (ROOT / f"edgelstm/training/layers/{kind}.py").exists()
    for page in ("architecture.md", "recipes.md"):
        assert f"`{kind}`" in (DOCS / page).read_text()


@pytest.mark.parametrize("form", FORMS, ids=lambda form: f"{form.format}-{form.name}")
def test_every_form_is_in_the_documents(form):
    assert f"`{form.name}`" in (DOCS / "exported-files.md").read_text() or form.format in ("elstm", "c")


@pytest.mark.parametrize("kind", SOURCES.values(), ids=SOURCES)
def test_every_source_is_in_the_documents_and_its_options_are_one_in_all(kind):
    text = (DOCS / "live.md").read_text()
    same = {option.name: option for other in SOURCES.values() for option in other.options()}
    assert kind.named is None or f"--{kind.name}" in text
    for option in kind.options():
        assert f"--{option.name.replace('_', '-')}" in text
        assert same[option.name] == option


def test_every_suffix_is_in_the_readme():
    text = (ROOT / "README.md").read_text()
    assert all(suffix in text for suffix in SUFFIXES)


def test_kinds_are_named_in_few_places():
    """No comparison with a kind's name, and no class of a layer, outside its own files and the rooms' tables."""
    kinds, found = set(KINDS) - ALSO_WORDS, []
    classes = {prefix + KINDS[kind].__name__: kind for kind in QUANTIZE for prefix in ("", "Quantized", "Trainable")}
    for path in FILES:
        name, text = str(path.relative_to(ROOT)), path.read_text()
        if name.startswith(NAMES_KINDS) or not any(word in text for word in (*kinds, *classes, "hc")):
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Compare):
                words = {leaf.value for leaf in ast.walk(node) if isinstance(leaf, ast.Constant)}
                if words & kinds:
                    found.append(f"{name} line {node.lineno}: compares with a kind of layer")
                if "hc" in words:
                    found.append(f"{name} line {node.lineno}: letters of a state by hand")
            of = classes.get(node.id) if isinstance(node, ast.Name) and path.name != "__init__.py" else None
            if of not in (None, path.stem, *OF_ALL_TRADES):
                found.append(f"{name} line {node.lineno}: names a class that is {of}.py's")
    assert found == []


PAGES = [*sorted(DOCS.glob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_documents_name_is_there(page):
    """Paths in backquotes; letters in capitals stand for a name."""
    pattern = r"`((?:edgelstm|export|runtime|devices|tests|benchmarks|tools|examples)/[\w./-]+)`"
    named = [path for path in re.findall(pattern, page.read_text()) if not re.search("[A-Z]{2,}", path)]
    assert [path for path in named if not (ROOT / path).exists()] == []
