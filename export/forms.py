"""Every kind of file that a model can become, with what one must know to choose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from edgelstm.model import Model
from edgelstm.quantization import Granularity, QuantizedModel
from edgelstm.runtime.description import Precision
from edgelstm.runtime.states import Io

Encode = Callable[[Model | QuantizedModel, Io], bytes]


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
    encode: Encode
    io: tuple[Io, ...] = ("float32",)  # what may go in and come out, the default first

    @property
    def suffix(self) -> str:
        return f".{self.format}"


def _encoder(module: str, function: str = "encode", **options: Any) -> Encode:
    """`function` of a module of this package, imported only when called: what it needs may not be installed."""

    def encode(model: Model | QuantizedModel, io: Io) -> bytes:
        chosen = options if io == "float32" else {"io": io, **options}
        content: bytes = getattr(import_module(f"edgelstm.export.{module}"), function)(model, **chosen)
        return content

    return encode


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
        encode=_encoder("elstm"),
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
        encode=_encoder("elstm"),
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
        encode=_encoder("onnx.float32"),
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
        encode=_encoder("onnx.int8_dynamic"),
    ),
    Form(
        "onnx",
        "int8-portable",
        "int8-mixed",
        engine="onnxruntime",
        scales=("per-row", "per-gate"),
        io=("float32", "int8"),
        state="inputs h0 (uint8), c0 (float32), … and outputs h0_out, c0_out, …; h starts with its zero point",
        choose="a quarter of float32's size in any ONNX engine: standard operators, the same answers everywhere",
        beware="one frame per call; faster than float32 from some 150 units only",
        encode=_encoder("onnx.int8_portable"),
    ),
    Form(
        "onnx",
        "int8-portable-sequence",
        "int8-mixed",
        engine="onnxruntime",
        scales=("per-row", "per-gate"),
        io=("float32", "int8"),
        state="as int8-portable",
        choose="int8-portable for chunks: any number of frames per call, every bit as frame by frame",
        beware="float32 is faster for chunks of small models; 0 frames are refused; the engine must know Scan",
        encode=_encoder("onnx.int8_portable", scan=True),
    ),
    Form(
        "onnx",
        "int8-exact",
        "int8",
        engine="onnxruntime",
        scales=("per-row", "per-gate"),
        io=("float32", "int8"),
        state="inputs h0 (uint8), c0 (int16), … and outputs h0_out, c0_out, …; h starts with its zero point",
        choose="to hold another engine's integers against: every bit of the C core, in standard operators",
        beware="one frame per call; slower than float32; tables of 131 KB each for sigmoid and tanh",
        encode=_encoder("onnx.int8_exact"),
    ),
    Form(
        "onnx",
        "int8-exact-sequence",
        "int8",
        engine="onnxruntime",
        scales=("per-row", "per-gate"),
        io=("float32", "int8"),
        state="as int8-exact",
        choose="int8-exact for chunks: any number of frames per call",
        beware="as int8-exact; 0 frames are refused; the engine must know Scan",
        encode=_encoder("onnx.int8_exact", scan=True),
    ),
    Form(
        "tflite",
        "int8",
        "int8",
        engine="LiteRT, tflite-runtime",
        scales=("per-gate",),
        io=("float32", "int8"),
        state="variable tensors in the interpreter; reset_all_variables() starts anew",
        choose="where the board has TFLite, or an accelerator that takes its fused LSTM",
        beware="scales per gate are less accurate; on x86 slower than float; no CompiledModel in LiteRT",
        encode=_encoder("tflite.int8"),
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
        encode=_encoder("tflite.float32"),
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
        encode=_encoder("tflite.hybrid"),
    ),
    Form(
        "tflite",
        "int8-dynamic",
        "int8-dynamic",
        engine="LiteRT",
        scales=(),
        state="inputs h0, c0, … and outputs h0_out, c0_out, …, float32; starts with zeros",
        choose="LiteRT's most accurate form with int8 weights, and on CPUs among its fastest",
        beware="tflite-runtime 2.14 refuses it; other versions may round otherwise",
        encode=_encoder("tflite.explicit", "encode_int8_dynamic"),
    ),
    Form(
        "tflite",
        "float32-explicit",
        "float32",
        engine="LiteRT, tflite-runtime",
        scales=(),
        state="inputs h0, c0, … and outputs h0_out, c0_out, …; starts with zeros",
        choose="float32 in LiteRT on CPUs, faster than fused; for CompiledModel, which has no variable tensors",
        beware="the caller carries the state; four times the size of int8",
        encode=_encoder("tflite.explicit", "encode_float32"),
    ),
    Form(
        "tflite",
        "int8-explicit",
        "int8-cell",
        engine="LiteRT, tflite-runtime",
        scales=("per-row",),
        io=("float32", "int8"),
        state="inputs h0, c0, … and outputs h0_out, c0_out, …, int8; each starts with its zero point",
        choose="for runtimes and accelerators that take nothing but int8; as fast as int8-dynamic on CPUs",
        beware="the least accurate: gates and cell are int8 too; the caller carries the state",
        encode=_encoder("tflite.int8_explicit"),
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
        encode=_encoder("elstm"),
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
        encode=_encoder("elstm"),
    ),
)
"""Every form, the default of a format first."""


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
