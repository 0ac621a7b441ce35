"""Exporting to every form at once: one table, every file readable by `inspect`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgelstm.export import FORMS
from edgelstm.model import Model
from edgelstm.model_file import save_model
from edgelstm.runtime.engines.open import SUFFIXES
from layer_lists import layer_list

Command = Callable[..., Any]
OPEN = [form for form in FORMS if form.suffix in SUFFIXES]


@pytest.fixture
def source(vowels_model: Model, tmp_path: Path) -> Path:
    path = tmp_path / "speaker.npz"
    save_model(vowels_model, path)
    return path


def test_all_forms_are_proven_and_shown_in_one_table(command: Command, source: Path) -> None:
    done = command("export", source, "--format", "all")
    assert done.code == 0, done.err
    rows = [line.split() for line in done.out.splitlines() if line.lstrip().startswith("✓")]
    assert [row[1] for row in rows] == [f"speaker-{form.name}{form.suffix}" for form in FORMS]
    assert "×" not in done.out
    for row in rows:
        assert (source.parent / row[1]).exists()
        assert (source.parent / f"{row[1]}.proof.json").exists()


def test_json_tells_what_each_form_costs(command: Command, source: Path) -> None:
    results = json.loads(command("export", source, "--format", "all", "--json").out)
    assert len(results) == len(FORMS)
    by_name = {Path(result["path"]).name: result for result in results}
    for result in results:
        assert result["proof"]["passed"]
        assert 0 <= result["proof"]["float_agreement"] <= 1
        assert (result["frame_us"] is None) == result["path"].endswith(".c")
    error = {name: result["proof"]["float_error"] for name, result in by_name.items()}
    # Floats differ from float64 in the last bits; 8 bits cost more; the same integers cost the same.
    assert error["speaker-float32.elstm"] < 1e-6 < error["speaker-int8.elstm"] < 0.2
    assert error["speaker-int8.elstm"] == pytest.approx(error["speaker-int8-exact.onnx"], rel=1e-4)
    assert error["speaker-int8.elstm"] == pytest.approx(error["speaker-int8.c"], rel=1e-9)


def test_inspect_reads_the_same_of_every_format(command: Command, source: Path) -> None:
    assert command("export", source, "--format", "all", "--licence", "CC-BY-4.0").code == 0
    told = json.loads(command("inspect", source, "--json").out)
    for form in OPEN:
        facts = json.loads(command("inspect", source.parent / f"speaker-{form.name}{form.suffix}", "--json").out)
        assert facts["licence"] == "CC-BY-4.0"
        for name in ("labels", "feature_names", "feature_units", "sample_rate", "normalize", "answer", "provenance"):
            assert facts[name] == told[name], (form.name, name)
        text = command("inspect", source.parent / f"speaker-{form.name}{form.suffix}").out
        assert "CC-BY-4.0" in text


def test_all_leaves_out_the_forms_that_do_not_hold_a_layer(command: Command, tmp_path: Path) -> None:
    save_model(layer_list("stacked frames"), tmp_path / "gru.npz")
    done = command("export", tmp_path / "gru.npz", "--format", "all", "--no-verify", "--json")
    assert done.code == 0, done.err
    written = {Path(result["path"]).name for result in json.loads(done.out)}
    left_out = done.err.splitlines()
    assert len(written) + len(left_out) == len(FORMS)
    assert {"gru-float32.onnx", "gru-int8-explicit.tflite", "gru-int8.elstm"} <= written
    assert "left out: tflite int8 holds no context layer (context0)" in left_out
    assert "left out: onnx int8-exact-sequence holds no stride of 3 frames" in left_out
    done = command("export", tmp_path / "gru.npz", "--format", "tflite", "--no-verify")
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert "tflite int8 holds no context layer (context0); forms that hold the model: elstm int8" in done.err


def test_the_list_names_the_layers_of_every_form(command: Command) -> None:
    shown = command("export", "--list").out
    assert shown.count("\n  layers  lstm") == len(FORMS)
    assert "layers  lstm, dense; LSTM layers before dense ones" in shown


def test_scales_go_to_the_forms_that_have_them(command: Command, source: Path) -> None:
    results = json.loads(command("export", source, "--format", "all", "--scales", "per-gate", "--json").out)
    by_name = {Path(result["path"]).name: result["scales"] for result in results}
    assert by_name["speaker-int8.elstm"] == by_name["speaker-int8-exact.onnx"] == "per-gate"
    assert by_name["speaker-float32.onnx"] is None
