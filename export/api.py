"""Exporting: a model, a form and a path in; a file that was proven in its engine out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from secrets import token_hex
from tempfile import gettempdir
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from edgelstm.export.answering import as_exported
from edgelstm.export.errors import NoRecordingsError
from edgelstm.export.form import Form, IntegerForm, Source
from edgelstm.export.forms import check_input, check_io, check_layers, find_form
from edgelstm.export.metadata import four_bits_of
from edgelstm.export.parity.agreement import Data
from edgelstm.export.parity.proof import Proof, prove
from edgelstm.export.placing import check_names, place, place_failed
from edgelstm.files import candidate
from edgelstm.hearing import behind, ear_of, features_of
from edgelstm.model import Model
from edgelstm.plain import file_name
from edgelstm.quantization import Granularity, QuantizedModel, quantize
from edgelstm.quantization.affine import InputCodes
from edgelstm.quantization.quantized_model import Weights
from edgelstm.runtime.engines.open import open_model
from edgelstm.runtime.metadata import NO_FOUR_BITS
from edgelstm.runtime.states import Io

Frames = Sequence[NDArray[np.float32]]


@lru_cache(4)
def _behind(model: Model) -> Model:
    """Kept, as below."""
    return behind(model)


@lru_cache(4)
def _quantized(model: Model, scales: str, input_codes: InputCodes, weights: Weights) -> QuantizedModel:
    """Kept: several files are made of one model."""
    return quantize(model, scales, input_codes, weights)  # type: ignore[arg-type]  # which it checks


@dataclass(frozen=True)
class Export:
    """A file that was written. `proof` is None when it was not asked for."""

    path: Path
    size: int  # bytes
    form: Form
    scales: Granularity | None
    proof: Proof | None
    model: Model  # as the file holds it: where its form makes no features of sound, the model behind these
    remark: str = ""  # where the form is of no use for this model


def export_model(
    model: Model,
    path: str | Path,
    *,
    precision: str | None = None,
    scales: Granularity | None = None,
    io: Io = "float32",
    input_codes: InputCodes = "int8",
    sequences: Sequence[NDArray[np.float32]] | None = None,
    verify: bool = True,
    accept_loss: bool = False,
) -> Export:
    """Write `model` to `path`, whose suffix (.elstm, .onnx, .tflite, .c) says the format, and prove the file.

    precision: the name of one of the format's `FORMS`; left out, the first (int8, for ONNX float32).
    scales: of int8 weights, per-row or per-gate; left out, the most accurate that the format holds.
    io: float32 (raw frames in, scores and probabilities out) or, where the form allows, int8: `x` and `scores` are
    integers, which the field `io` of the file's metadata explains.
    input_codes: what frames become in a form made from integers: int8, or int16 where the form allows.
    sequences: real raw sequences (frames, features) that calibration did not see, for the proof; left out, those that
    the model carries.
    verify: run the file in its engine against the reference, and write `PATH.proof.json`.
    accept_loss: take a file that does not agree with the float model as it should; the proof says so.

    A form without a layer that hears takes the features of sound: its file begins behind that layer.

    A file whose proof fails (see `Export.proof.passed`) is left as NAME.failed.SUFFIX (NAME.failed-1.SUFFIX where
    that is not of an earlier export); a good file that lay at `path` before stays. A link at `path` stays: what it
    points to is replaced, and the proof lies beside that. ImportError when the engine for the proof is not
    installed; NoRecordingsError for a model that carries none, without `sequences`; ValueError for a form that does
    not exist, a model that it cannot hold, a path where something lies that is no regular file.
    """
    path = Path(path)
    form = find_form(path.suffix.removeprefix("."), precision)
    model, sequences = held_by(form, model, sequences)
    if scales is not None and scales not in get_args(Granularity):
        raise ValueError(f"scales: {scales!r}, expected one of {', '.join(get_args(Granularity))}")
    if scales is not None and scales not in form.scales:
        held = " or ".join(form.scales) or "no scales"
        raise ValueError(f"scales: {scales}, {form.format} {form.name} holds {held}")
    check_io(form, io)
    check_input(form, input_codes)
    check_layers(form, model)
    check_names(path, form.companions)
    source, proven_on = _source(form, model, scales, input_codes), _sequences(model, sequences) if verify else None
    try:
        content = form.encode(source, io)
    except ModuleNotFoundError as error:
        raise ImportError(
            f"{path}: needs {error.name}, which is not installed: pip install 'edgelstm[toolchain]'"
        ) from None
    # Proven under another name first: a file at `path` is always a good one.
    with candidate(path, form.opened_as or form.suffix) as made:
        made.write(content)
        made.finish()
        try:
            proof = prove(made.path, form, source, *proven_on) if proven_on else None
        except (ImportError, ValueError) as error:  # said of the file that was asked for
            raise type(error)(str(error).replace(str(made.path), str(path))) from None
        if proof is not None and accept_loss:
            proof = proof.accepting_loss()
        if proof is not None and not proof.passed:
            written = place_failed(made, proof)
            proof = proof.of_file(file_name(written))
        else:
            written = path
            files = form.files(content, made.target, model)
            if files[""] is not content:
                content = files[""]
                made.write(content)
            proof = proof and proof.of(file_name(made.target), content)
            place(made, {suffix: other for suffix, other in files.items() if suffix}, proof)
    granularity = source.granularity if isinstance(source, QuantizedModel) else None
    remark = ""
    if isinstance(source, QuantizedModel) and source.weights == "int4" and not four_bits_of(source):
        remark = NO_FOUR_BITS
    return Export(written, len(content), form, granularity, proof, model, remark)


def held_by(form: Form, model: Model, sequences: Frames | None = None) -> tuple[Model, Frames | None]:
    """`model` and its recordings as `form` takes them: one that holds no layer that hears takes features instead."""
    ear = ear_of(model)
    if ear is None or ear.kind in form.kinds:
        return model, sequences
    return _behind(model), None if sequences is None else features_of(ear, sequences)


def _source(form: Form, model: Model, scales: str | None, input_codes: InputCodes) -> Source:
    """What `form` is made from; `scales` as the integer model is to have them, left out, the form's own."""
    if not form.scales:
        return model
    weights = form.weights if isinstance(form, IntegerForm) else "int8"
    return _quantized(model, scales or form.scales[0], input_codes, weights)


def why_not_made(form: Form, model: Model, scales: Granularity | None, input_codes: InputCodes) -> str | None:
    """What keeps `form` from being made from `model` with these, as `export_model` takes them; None: nothing that its
    layers and its integers tell."""
    model, _ = held_by(form, model)
    held = form.why_not(model)
    if held is not None:
        return f"holds {held}"
    try:
        _source(form, model, scales if scales in form.scales else None, input_codes)
    except ValueError as error:
        return f"cannot be made: {error}"
    return None


def verify(path: str | Path, model: Model, sequences: Sequence[NDArray[np.float32]] | None = None) -> Proof:
    """Repeat the proof of the exported file at `path`, made from `model`.

    sequences: as in `export_model`. Answers and licence are expected as the file tells them. Integer models are made
    anew from `model`, with the scales and the input that the file names. A file that answers wrongly gives a proof
    that has not passed; errors as `open_model` and `export_model` raise them.
    """
    path = Path(path)
    if path.suffix == ".c":
        from edgelstm.export.c_source import decode

        content = path.read_bytes()
        # Never put anywhere; where this process is killed, the next one to verify removes what it left.
        with candidate(Path(gettempdir(), f"edgelstm-{token_hex(8)}"), ".elstm") as held:
            held.write(decode(path))
            held.finish()
            try:
                return verify(held.path, model, sequences).of(file_name(path), content)
            except ValueError as error:  # said of the file that was asked for
                raise ValueError(str(error).replace(str(held.path), str(path))) from None
    described = open_model(path)
    form = find_form(path.suffix.lower().removeprefix("."), described.precision)
    model = as_exported(model, described.description)
    model, sequences = held_by(form, model, sequences)
    scales, input_codes = described.metadata.get("scales"), described.metadata.get("input", "int8")
    return prove(path, form, _source(form, model, str(scales), input_codes), *_sequences(model, sequences))


def _sequences(model: Model, given: Frames | None) -> tuple[Frames, Frames, Data]:
    """(for the same rounding, to agree on, what the latter are). Those shorter than the model's stride lead to no
    scores, and are left out."""
    found: tuple[Frames, Frames, Data]
    if given is not None:
        sequences = _long_enough(model, given)
        found = sequences, sequences, "given"
    else:
        examples, unseen = _long_enough(model, model.examples), _long_enough(model, model.unseen)
        found = examples or unseen, unseen or examples, "unseen" if unseen else "calibration"
    if found[0]:
        return found
    if given is None:
        raise NoRecordingsError(model, "to prove the file with")
    least = f" of {model.stride} frames or more" if model.stride > 1 else ""
    raise ValueError(f"sequences: none{least}, expected some to prove the file with")


def _long_enough(model: Model, sequences: Frames) -> Frames:
    return [sequence for sequence in sequences if not 0 < len(sequence) < model.stride]
