"""Exporting: a model, a form and a path in; a file that was proven in its engine out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from edgelstm.export.files import write_whole
from edgelstm.export.proof import Proof, prove
from edgelstm.model import Model
from edgelstm.quantization import Granularity, QuantizedModel, quantize
from edgelstm.runtime.description import Precision
from edgelstm.runtime.engines import open_model


@dataclass(frozen=True)
class Form:
    """One kind of file: for which engine, in which precision."""

    format: str
    name: str  # as `--precision` takes it: unique within the format
    precision: Precision  # of what it computes; it decides how the file is proven
    engine: str
    scales: tuple[Granularity, ...]  # that the integer model may have, the default first; none: made from floats
    state: str  # where it is kept between frames
    choose: str  # when to take this form
    beware: str
    encode: Callable[[Model | QuantizedModel], bytes]

    @property
    def suffix(self) -> str:
        return f".{self.format}"


def _elstm(model: Model | QuantizedModel) -> bytes:
    from edgelstm.export.elstm import encode

    return encode(model)


def _onnx_float32(model: Model | QuantizedModel) -> bytes:
    from edgelstm.export.onnx_float32 import encode

    assert isinstance(model, Model)
    return encode(model)


def _onnx_int8_dynamic(model: Model | QuantizedModel) -> bytes:
    from edgelstm.export.onnx_int8_dynamic import encode

    assert isinstance(model, Model)
    return encode(model)


def _onnx_int8_exact(model: Model | QuantizedModel) -> bytes:
    from edgelstm.export.onnx_int8_exact import encode

    assert isinstance(model, QuantizedModel)
    return encode(model)


def _tflite_float32(model: Model | QuantizedModel) -> bytes:
    from edgelstm.export.tflite_float32 import encode

    assert isinstance(model, Model)
    return encode(model)


def _tflite_int8(model: Model | QuantizedModel) -> bytes:
    from edgelstm.export.tflite_int8 import encode

    assert isinstance(model, QuantizedModel)
    return encode(model)


def _tflite_hybrid(model: Model | QuantizedModel) -> bytes:
    from edgelstm.export.tflite_hybrid import encode

    assert isinstance(model, Model)
    return encode(model)


def _tflite_float32_explicit(model: Model | QuantizedModel) -> bytes:
    from edgelstm.export.tflite_explicit import encode_float32

    assert isinstance(model, Model)
    return encode_float32(model)


def _tflite_int8_dynamic(model: Model | QuantizedModel) -> bytes:
    from edgelstm.export.tflite_explicit import encode_int8_dynamic

    assert isinstance(model, Model)
    return encode_int8_dynamic(model)


def _tflite_int8_explicit(model: Model | QuantizedModel) -> bytes:
    from edgelstm.export.tflite_int8_explicit import encode

    assert isinstance(model, QuantizedModel)
    return encode(model)


FORMS = (
    Form(
        "elstm",
        "int8",
        "int8",
        engine="EdgeLSTM's C core",
        scales=("per-row", "per-gate"),
        state="inside the stream: 3 bytes per unit; saved and restored as bytes",
        choose="the smallest and fastest on every board; the same integers on every processor",
        beware="scales per gate only where TFLite must agree in every bit: they cost accuracy",
        encode=_elstm,
    ),
    Form(
        "elstm",
        "float32",
        "float32",
        engine="EdgeLSTM's C core",
        scales=(),
        state="inside the stream: 8 bytes per unit; saved and restored as bytes",
        choose="where int8 costs too much accuracy, or to see what it costs",
        beware="four times the size of int8",
        encode=_elstm,
    ),
    Form(
        "onnx",
        "float32",
        "float32",
        engine="onnxruntime",
        scales=(),
        state="inputs h0, c0, … and outputs h0_out, c0_out, …; starts with zeros",
        choose="for other people's tools: standard operators, any number of frames per call",
        beware="a call with 0 frames spoils the state",
        encode=_onnx_float32,
    ),
    Form(
        "onnx",
        "int8-dynamic",
        "int8-dynamic",
        engine="onnxruntime",
        scales=(),
        state="inputs h0, c0, … and outputs h0_out, c0_out, …, float32; starts with zeros",
        choose="the fastest and smallest in onnxruntime",
        beware="one frame per call; an operator of onnxruntime alone; other versions may round otherwise",
        encode=_onnx_int8_dynamic,
    ),
    Form(
        "onnx",
        "int8-exact",
        "int8",
        engine="onnxruntime",
        scales=("per-row", "per-gate"),
        state="inputs h0 (uint8), c0 (int16), … and outputs h0_out, c0_out, …; h starts with its zero point",
        choose="to hold another engine's integers against: every bit of the C core, in standard operators",
        beware="one frame per call; slower than float32; tables of 131 KB each for sigmoid and tanh",
        encode=_onnx_int8_exact,
    ),
    Form(
        "tflite",
        "int8",
        "int8",
        engine="LiteRT, tflite-runtime",
        scales=("per-gate",),
        state="variable tensors in the interpreter; reset_all_variables() starts anew",
        choose="where the board has TFLite, or an accelerator that takes its fused LSTM",
        beware="scales per gate are less accurate; on x86 slower than float; no CompiledModel in LiteRT",
        encode=_tflite_int8,
    ),
    Form(
        "tflite",
        "float32",
        "float32",
        engine="LiteRT, tflite-runtime",
        scales=(),
        state="variable tensors in the interpreter; reset_all_variables() starts anew",
        choose="where int8 costs too much accuracy; on x86 several times faster than TFLite's int8",
        beware="four times the size of int8; no CompiledModel in LiteRT",
        encode=_tflite_float32,
    ),
    Form(
        "tflite",
        "hybrid",
        "hybrid",
        engine="LiteRT, tflite-runtime",
        scales=(),
        state="variable tensors in the interpreter, float32; reset_all_variables() starts anew",
        choose="the size of int8 without calibrating, where the state should stay in the interpreter",
        beware="TensorFlow Lite Micro loads it and answers NaN; no CompiledModel in LiteRT",
        encode=_tflite_hybrid,
    ),
    Form(
        "tflite",
        "int8-dynamic",
        "int8-dynamic",
        engine="LiteRT",
        scales=(),
        state="inputs h0, c0, … and outputs h0_out, c0_out, …, float32; starts with zeros",
        choose="the fastest in LiteRT on CPUs, and its most accurate in int8",
        beware="tflite-runtime 2.14 refuses it; other versions may round otherwise",
        encode=_tflite_int8_dynamic,
    ),
    Form(
        "tflite",
        "float32-explicit",
        "float32",
        engine="LiteRT, tflite-runtime",
        scales=(),
        state="inputs h0, c0, … and outputs h0_out, c0_out, …; starts with zeros",
        choose="float32 for runtimes without variable tensors, such as LiteRT's CompiledModel",
        beware="the caller carries the state; four times the size of int8",
        encode=_tflite_float32_explicit,
    ),
    Form(
        "tflite",
        "int8-explicit",
        "int8-cell",
        engine="LiteRT, tflite-runtime",
        scales=("per-row",),
        state="inputs h0, c0, … and outputs h0_out, c0_out, …, int8; each starts with its zero point",
        choose="for accelerators and runtimes that take nothing but int8; as fast as int8-dynamic on CPUs",
        beware="the least accurate: gates and cell are int8 too; the caller carries the state",
        encode=_tflite_int8_explicit,
    ),
    Form(
        "c",
        "int8",
        "int8",
        engine="EdgeLSTM's C core",
        scales=("per-row", "per-gate"),
        state="inside the stream: 3 bytes per unit; saved and restored as bytes",
        choose="for firmware and programs that link their model: a .c file with its .h",
        beware="what is proven are the bytes that it holds; four times their size as source",
        encode=_elstm,
    ),
    Form(
        "c",
        "float32",
        "float32",
        engine="EdgeLSTM's C core",
        scales=(),
        state="inside the stream: 8 bytes per unit; saved and restored as bytes",
        choose="as int8 in C, where int8 costs too much accuracy",
        beware="as int8 in C; not for a core that was built for int8 alone",
        encode=_elstm,
    ),
)
"""Every form, the default of a format first."""


@dataclass(frozen=True)
class Export:
    """A file that was written. `proof` is None when it was not asked for."""

    path: Path
    size: int  # bytes
    form: Form
    scales: Granularity | None
    proof: Proof | None


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


def export_model(
    model: Model,
    path: str | Path,
    *,
    precision: str | None = None,
    scales: Granularity | None = None,
    sequences: Sequence[NDArray[np.float32]] | None = None,
    verify: bool = True,
) -> Export:
    """Write `model` to `path`, whose suffix (.elstm, .onnx, .tflite, .c) says the format, and prove the file.

    precision: the name of one of the format's `FORMS`; left out, the first (int8, for ONNX float32).
    scales: of int8 weights, per-row or per-gate; left out, the most accurate that the format holds.
    sequences: real raw sequences (frames, features) for the proof; left out, those that the model carries.
    verify: run the file in its engine against the reference, and write `PATH.proof.json`.

    A file whose proof fails (see `Export.proof.passed`) is left as NAME.failed.SUFFIX; a good file that lay at
    `path` before stays. ImportError when the engine for the proof is not installed, ValueError for a form that
    does not exist or a model that it cannot hold.
    """
    path = Path(path)
    form = find_form(path.suffix.removeprefix("."), precision)
    if scales is not None and scales not in get_args(Granularity):
        raise ValueError(f"scales: {scales!r}, expected one of {', '.join(get_args(Granularity))}")
    if scales is not None and scales not in form.scales:
        held = " or ".join(form.scales) or "no scales"
        raise ValueError(f"scales: {scales}, {form.format} {form.name} holds {held}")
    chosen = scales or (form.scales[0] if form.scales else None)
    quantized = quantize(model, chosen) if chosen else None
    examples = _sequences(model, sequences) if verify else ()
    try:
        content = form.encode(quantized or model)
    except ModuleNotFoundError as error:
        raise ImportError(
            f"{path}: needs {error.name}, which is not installed: pip install 'edgelstm[toolchain]'"
        ) from None
    if not verify:
        return Export(path, len(_put(path, content, form, model)), form, chosen, None)
    # Proven under another name first: a file at `path` is always a good one.
    candidate = path.with_suffix(f".failed{'.elstm' if form.format == 'c' else form.suffix}")
    write_whole(candidate, content)
    try:
        proof = prove(candidate, model, quantized, examples, form.precision)
    except BaseException as error:
        candidate.unlink(missing_ok=True)
        if isinstance(error, ImportError):  # said of the file that was asked for
            raise ImportError(str(error).replace(str(candidate), str(path))) from None
        raise
    written = candidate
    if proof.passed:
        written, content = path, _put(path, content, form, model)
        candidate.unlink()
        proof = _proof_of(proof, path.name, content)
    proof.write(written)
    return Export(written, len(content), form, chosen, proof)


def _put(path: Path, content: bytes, form: Form, model: Model) -> bytes:
    """Write the file at `path`, for C with its header beside it; returns what it holds."""
    if form.format == "c":
        from edgelstm.export.c_source import encode

        content, header = encode(content, path, model.features, model.outputs)
        write_whole(path.with_suffix(".h"), header)
    write_whole(path, content)
    return content


def _proof_of(proof: Proof, name: str, content: bytes) -> Proof:
    """`proof`, said of the file `name` that holds `content`."""
    return replace(proof, file=name, sha256=hashlib.sha256(content).hexdigest(), size=len(content))


def verify(path: str | Path, model: Model, sequences: Sequence[NDArray[np.float32]] | None = None) -> Proof:
    """Repeat the proof of the exported file at `path`, made from `model`.

    sequences: as in `export_model`. Integer models are made anew from `model`, with the scales that the file names.
    A file that answers wrongly gives a proof that has not passed; errors as `open_model` and `export_model` raise
    them.
    """
    path = Path(path)
    if path.suffix == ".c":
        from edgelstm.export.c_source import decode

        with TemporaryDirectory() as folder:
            held = Path(folder) / f"{path.stem}.elstm"
            held.write_bytes(decode(path))
            return _proof_of(verify(held, model, sequences), path.name, path.read_bytes())
    described = open_model(path)
    scales: Any = described.metadata.get("scales")
    quantized = quantize(model, scales or "") if scales or described.precision == "int8" else None
    precision: Any = described.precision
    return prove(path, model, quantized, _sequences(model, sequences), precision)


def _sequences(model: Model, given: Sequence[NDArray[np.float32]] | None) -> Sequence[NDArray[np.float32]]:
    sequences = model.examples if given is None else tuple(given)
    if not sequences:
        raise ValueError(f"model {model.name}: carries no sequences to prove the file with; give data")
    return sequences
