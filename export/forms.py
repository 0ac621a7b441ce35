"""Every kind of file that a model can become."""

from __future__ import annotations

from edgelstm.export import c_source, elstm
from edgelstm.export.form import Form
from edgelstm.export.onnx import float32, int8_dynamic, int8_exact, int8_portable
from edgelstm.export.tflite import explicit, fused
from edgelstm.model import Model

FORMS: tuple[Form, ...] = (
    elstm.INT8,
    elstm.FLOAT32,
    elstm.BF16,
    elstm.INT4,
    float32.FORM,
    int8_dynamic.FORM,
    int8_portable.FORM,
    int8_portable.SEQUENCE,
    int8_exact.FORM,
    int8_exact.SEQUENCE,
    fused.INT8,
    fused.FLOAT32,
    fused.HYBRID,
    explicit.INT8_DYNAMIC,
    explicit.FLOAT32,
    explicit.INT8,
    c_source.INT8,
    c_source.FLOAT32,
    c_source.BF16,
    c_source.INT4,
)
"""The default of a format first."""


def find_form(format_name: str, precision: str | None = None) -> Form:
    """The form of that name, or the format's default. ValueError that lists what there is."""
    formats = list(dict.fromkeys(form.format for form in FORMS))
    if format_name not in formats:
        raise ValueError(f"format: {format_name!r}, expected one of {', '.join(formats)}")
    forms = [form for form in FORMS if form.format == format_name]
    for form in forms:
        if precision in (None, form.name):
            return form
    known = ", ".join(form.name for form in forms)
    raise ValueError(f"precision: {precision!r}, expected one of {known} for {format_name}")


def check_io(form: Form, io: str) -> None:
    """ValueError that lists the forms that take `io`, when this one does not."""
    if io not in form.io:
        takers = ", ".join(f"{other.format} {other.name}" for other in FORMS if io in other.io)
        held = " or ".join(form.io)
        raise ValueError(f"io: {io!r}, expected {held} for {form.format} {form.name}; others: {takers or 'none'}")


def check_input(form: Form, codes: str) -> None:
    """ValueError that lists the forms whose frames may become `codes`, when those of this one may not."""
    if codes != "int8" and codes not in form.inputs:
        takers = ", ".join(f"{other.format} {other.name}" for other in FORMS if codes in other.inputs)
        raise ValueError(f"input: {codes!r}, expected int8 for {form.format} {form.name}; others: {takers or 'none'}")


def check_layers(form: Form, model: Model) -> None:
    """ValueError that lists the forms that hold `model`, when this one does not."""
    why_not = form.why_not(model)
    if why_not is not None:
        holders = ", ".join(f"{other.format} {other.name}" for other in FORMS if other.why_not(model) is None)
        raise ValueError(f"{form.format} {form.name} holds {why_not}; forms that hold the model: {holders or 'none'}")
