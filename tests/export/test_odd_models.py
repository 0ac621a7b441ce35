"""No model, however odd, becomes a file that loads and answers wrongly: it is proven, or refused in one line."""

import pytest
from hypothesis import HealthCheck, given, settings

from counts import times
from edgelstm.export import FORMS, export_model
from odd_models import beyond, odd_lists, odd_models

# Each example makes its own file; and making a model takes a while on a slow machine.
UNCHECKED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
ENGINES = {"onnx": ("onnx", "onnxruntime"), "tflite": ("flatbuffers", "ai_edge_litert")}


@pytest.mark.parametrize("form", FORMS, ids=lambda form: f"{form.format}-{form.name}")
@settings(max_examples=times(2, 10), deadline=None, suppress_health_check=UNCHECKED)
@given(model=odd_models())
def test_an_odd_model_is_proven_or_refused(form, model, tmp_path):
    proven_or_refused(form, model, tmp_path)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: f"{form.format}-{form.name}")
@settings(max_examples=times(2, 10), deadline=None, suppress_health_check=UNCHECKED)
@given(model=odd_lists())
def test_an_odd_list_of_layers_is_proven_or_refused(form, model, tmp_path):
    proven_or_refused(form, model, tmp_path)


def proven_or_refused(form, model, tmp_path):
    for package in ENGINES.get(form.format, ()):
        pytest.importorskip(package)
    path, sequences = tmp_path / f"model{form.suffix}", [*model.examples, beyond(model)]
    for io in form.io:
        try:
            proof = export_model(model, path, precision=form.name, io=io, sequences=sequences, accept_loss=True).proof
        except ValueError as refused:
            assert "expected" in str(refused) or "forms that hold the model" in str(refused)  # noqa: PT017
            assert "\n" not in str(refused)  # noqa: PT017
        else:
            assert proof is not None
            assert proof.passed, proof.lines()
