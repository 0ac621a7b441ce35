"""Small `.tflite` files of other makers' forms, written with the schema that LiteRT brings."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tflite_writer import Part, TfliteFile

F, H, OUT, T = 3, 4, 2, 7


def some(*shape: int) -> np.ndarray:
    return np.random.default_rng([*shape, 5]).normal(0, 0.6, shape).astype(np.float32)


def head(part: Part, h: str) -> None:
    part.constant("fc", some(OUT, H))
    part.constant("fc_b", some(OUT))
    part.op("FULLY_CONNECTED", f"{h} fc fc_b", [("scores", (1, OUT))], table="FullyConnectedOptions")
    part.op("SOFTMAX", "scores", [("answers", (1, OUT))], table="SoftmaxOptions", beta=1.0)


def lstm_cell(part: Part, x: str, h: str, c: str) -> None:
    """As Keras's cells are converted: gives `h_new` and `c_new`."""
    for name, array in (("W", some(4 * H, F)), ("R", some(4 * H, H)), ("b", some(4 * H))):
        part.constant(name, array)
    part.constant("axis", 1, "int32")
    wide = (1, 4 * H)
    part.op("FULLY_CONNECTED", f"{x} W _", [("zx", wide)], table="FullyConnectedOptions")
    part.op("FULLY_CONNECTED", f"{h} R _", [("zh", wide)], table="FullyConnectedOptions")
    part.op("ADD", "zx zh", [("zs", wide)], table="AddOptions")
    part.op("ADD", "zs b", [("z", wide)], table="AddOptions")
    parts = [(f"z{gate}", (1, H)) for gate in "ifgo"]
    part.op("SPLIT", "axis z", parts, table="SplitOptions", numSplits=4)
    for gate in "ifo":
        part.op("LOGISTIC", f"z{gate}", [(gate, (1, H))])
    part.op("TANH", "zg", [("g", (1, H))])
    part.op("MUL", f"f {c}", [("kept", (1, H))], table="MulOptions")
    part.op("MUL", "i g", [("entering", (1, H))], table="MulOptions")
    part.op("ADD", "kept entering", [("c_new", (1, H))], table="AddOptions")
    part.op("TANH", "c_new", [("tanh_c", (1, H))])
    part.op("MUL", "o tanh_c", [("h_new", (1, H))], table="MulOptions")


def written_out(path: Path) -> Path:
    """One frame in a call; states go in and come out, h and c in turn."""
    file = TfliteFile()
    part = Part(file, "main")
    for name, shape in (("frame", (1, 1, F)), ("state_1", (1, H)), ("state_2", (1, H))):
        part.tensor(name, shape)
    part.constant("shape", [1, F], "int32")
    part.op("RESHAPE", "frame shape", [("flat", (1, F))], table="ReshapeOptions")
    lstm_cell(part, "flat", "state_2", "state_1")
    head(part, "h_new")
    part.ends("frame state_1 state_2", "h_new answers c_new")
    return file.write(path)


def loop(path: Path, *, sequences: bool = False, backwards: bool = False) -> Path:
    """A window of T frames in a WHILE, as Keras 3 is converted; states begin with zeros."""
    file = TfliteFile()
    part, cond, body = Part(file, "main"), Part(file, "cond"), Part(file, "body")
    part.tensor("frames", (1, T, F))
    part.constant("order", [1, 0, 2], "int32")
    part.op("TRANSPOSE", "frames order", [("rows", (T, 1, F))], table="TransposeOptions")
    many = T if sequences else 1
    part.constant("zero", 0, "int32")
    part.constant("list", np.zeros((many, 1, H)))
    part.constant("zeros", np.zeros((1, H)))
    values = [("n", (), "int32"), ("list_in", (many, 1, H), "float32"), ("c_in", (1, H), "float32")]
    values += [("h_in", (1, H), "float32"), ("rows_in", (T, 1, F), "float32")]
    for inner in (cond, body):
        for name, shape, dtype in values:
            inner.tensor(name, shape, dtype)
    cond.constant("most", T, "int32")
    cond.tensor("more", (), "bool")
    cond.op("LESS", "n most", [("more", ())], table="LessOptions")
    cond.ends("n list_in c_in h_in rows_in", "more")
    body.constant("one", 1, "int32")
    body.tensor("next", (), "int32")
    body.op("ADD", "n one", [("next", ())], table="AddOptions")
    place = "n"
    if backwards:
        body.constant("newest", T - 1, "int32")
        body.tensor("back", (), "int32")
        body.op("SUB", "newest n", [("back", ())], table="SubOptions")
        place = "back"
    body.op("GATHER", f"rows_in {place}", [("x", (1, F))], table="GatherOptions", axis=0)
    lstm_cell(body, "x", "h_in", "c_in")
    body.constant("shape", [1, 1, H], "int32")
    body.op("RESHAPE", "h_new shape", [("given", (1, 1, H))], table="ReshapeOptions")
    if sequences:
        _into_list(body)
    body.ends("n list_in c_in h_in rows_in", f"next {'list_new' if sequences else 'given'} c_new h_new rows_in")
    part.tensor("n_end", (), "int32")
    ends = [("n_end", ()), ("list_end", (many, 1, H)), ("c_end", (1, H)), ("h_end", (1, H)), ("rows_end", (T, 1, F))]
    part.op(
        "WHILE", "zero list zeros zeros rows", ends, table="WhileOptions", condSubgraphIndex=1, bodySubgraphIndex=2
    )
    part.constant("first", [-1, 0, 0], "int32")
    part.constant("end", [0, 0, 0], "int32")
    part.constant("step", [1, 1, 1], "int32")
    masks = {"beginMask": 6, "endMask": 7, "shrinkAxisMask": 1}
    part.op("STRIDED_SLICE", "list_end first end step", [("h", (1, H))], table="StridedSliceOptions", **masks)
    head(part, "h")
    part.ends("frames", "answers")
    return file.write(path)


def _into_list(body: Part) -> None:
    """The list with what a step gives in its place."""
    for name in ("n", "next"):
        body.constant(f"{name}_side", [1], "int32")
        body.tensor(f"{name}_flat", (1,), "int32")
        body.op("RESHAPE", f"{name} {name}_side", [(f"{name}_flat", (1,))], table="ReshapeOptions")
        body.constant(f"{name}_rest", [-1, -1] if name == "n" else [0, 0], "int32")
        body.tensor(f"{name}_place", (3,), "int32")
        body.op(
            "CONCATENATION",
            f"{name}_flat {name}_rest",
            [(f"{name}_place", (3,))],
            table="ConcatenationOptions",
            axis=0,
        )
    body.constant("none", [0, 0, 0], "int32")
    body.constant("all", [-1, -1, -1], "int32")
    body.op("SLICE", "list_in none n_place", [("older", (1, 1, H))], table="SliceOptions")
    body.op("SLICE", "list_in next_place all", [("newer", (1, 1, H))], table="SliceOptions")
    for name in ("older", "newer"):
        body.graph.tensors[body.names[name]].shapeSignature = [-1, 1, H]
    body.op("CONCATENATION", "older given newer", [("list_new", (T, 1, H))], table="ConcatenationOptions", axis=0)


def unrolled(path: Path, frames: int = 3) -> Path:
    """Every frame of a window written out, states of zeros left out of the first."""
    file = TfliteFile()
    part = Part(file, "main")
    part.tensor("frames", (1, frames, F))
    rows = [(f"x{n}", (1, F)) for n in range(frames)]
    part.op("UNPACK", "frames", rows, table="UnpackOptions", num=frames, axis=1)
    part.constant("W", some(4 * H, F))
    part.constant("R", some(4 * H, H))
    part.constant("b", some(4 * H))
    part.constant("axis", 1, "int32")
    h = c = ""
    for n in range(frames):
        h, c = _step(part, n, h, c)
    head(part, h)
    part.ends("frames", "answers")
    return file.write(path)


def _step(part: Part, n: int, h: str, c: str) -> tuple[str, str]:
    def name(word: str) -> str:
        return f"{word}_{n}"

    wide = (1, 4 * H)
    part.op("FULLY_CONNECTED", f"x{n} W b", [(name("z"), wide)], table="FullyConnectedOptions")
    z = name("z")
    if h:
        part.op("FULLY_CONNECTED", f"{h} R _", [(name("zh"), wide)], table="FullyConnectedOptions")
        part.op("ADD", f"{z} {name('zh')}", [(name("sum"), wide)], table="AddOptions")
        z = name("sum")
    parts = [(name(f"z{gate}"), (1, H)) for gate in "ifgo"]
    part.op("SPLIT", f"axis {z}", parts, table="SplitOptions", numSplits=4)
    for gate in "ifo":
        part.op("LOGISTIC", name(f"z{gate}"), [(name(gate), (1, H))])
    part.op("TANH", name("zg"), [(name("g"), (1, H))])
    part.op("MUL", f"{name('i')} {name('g')}", [(name("c"), (1, H))], table="MulOptions")
    cell = name("c")
    if c:
        part.op("MUL", f"{name('f')} {c}", [(name("kept"), (1, H))], table="MulOptions")
        part.op("ADD", f"{cell} {name('kept')}", [(name("whole"), (1, H))], table="AddOptions")
        cell = name("whole")
    part.op("TANH", cell, [(name("bent"), (1, H))])
    part.op("MUL", f"{name('o')} {name('bent')}", [(name("h"), (1, H))], table="MulOptions")
    return name("h"), cell


def variables(path: Path) -> Path:
    """One frame in a call; h and c are resources of the interpreter."""
    file = TfliteFile()
    part, init = Part(file, "main"), Part(file, "init")
    part.tensor("frame", (1, F))
    for letter in "hc":
        for where in (init, part):
            where.tensor(f"{letter}_handle", (), "resource")
            options = {"table": "VarHandleOptions", "container": "", "sharedName": letter}
            where.op("VAR_HANDLE", "", [(f"{letter}_handle", ())], **options)
        init.constant(f"{letter}_zeros", np.zeros((1, H)))
        init.op("ASSIGN_VARIABLE", f"{letter}_handle {letter}_zeros", [], table="AssignVariableOptions")
    init.ends("", "")
    part.op("CALL_ONCE", "", [], table="CallOnceOptions", initSubgraphIndex=1)
    for letter in "hc":
        part.op("READ_VARIABLE", f"{letter}_handle", [(f"{letter}_in", (1, H))], table="ReadVariableOptions")
    lstm_cell(part, "frame", "h_in", "c_in")
    for letter in "hc":
        part.op("ASSIGN_VARIABLE", f"{letter}_handle {letter}_new", [], table="AssignVariableOptions")
    head(part, "h_new")
    part.ends("frame", "answers")
    return file.write(path)


def one_operator(path: Path, name: str) -> Path:
    """A file whose only operator is this one, custom where the schema has no such name."""
    file = TfliteFile()
    part = Part(file, "main")
    part.tensor("frame", (1, F))
    part.op(name, "frame", [("answers", (1, F))])
    part.ends("frame", "answers")
    return file.write(path)


def fused(path: Path, *, absent: int = 0, looks: str = "", mean: bool = False) -> Path:
    """UNIDIRECTIONAL_SEQUENCE_LSTM over a window, as Keras 2 is converted. absent: the place of an input that others
    leave out, which is given here. looks: a convolution before it looks back, or ahead. mean: behind it the mean over
    the window."""
    file = TfliteFile()
    part = Part(file, "main")
    part.tensor("frames", (1, T, F))
    source = _convolved(part, looks) if looks else "frames"
    for name, rows in (("W", some(4 * H, F)), ("R", some(4 * H, H)), ("b", some(4 * H))):
        for gate, array in zip("ifgo", np.split(rows, 4)):
            part.constant(name + gate, array)
    for letter in "hc":
        part.tensor(letter, (1, H), variable=True)
    names = [source, *(name + gate for name in "WR" for gate in "ifgo"), "_", "_", "_"]
    names += [*(f"b{gate}" for gate in "ifgo"), "_", "_", "h", "c", "_", "_", "_", "_"]
    if absent:
        names[absent] = "bi"
    options = {"fusedActivationFunction": 4, "cellClip": 10.0}
    table = "UnidirectionalSequenceLSTMOptions"
    part.op("UNIDIRECTIONAL_SEQUENCE_LSTM", " ".join(names), [("rows", (1, T, H))], table=table, **options)
    if mean:
        part.constant("time", [1], "int32")
        part.op("MEAN", "rows time", [("newest", (1, H))], table="ReducerOptions")
    else:
        part.constant("first", [0, -1, 0], "int32")
        part.constant("end", [0, 0, 0], "int32")
        part.constant("step", [1, 1, 1], "int32")
        masks = {"beginMask": 5, "endMask": 7, "shrinkAxisMask": 2}
        part.op("STRIDED_SLICE", "rows first end step", [("newest", (1, H))], table="StridedSliceOptions", **masks)
    head(part, "newest")
    part.ends("frames", "answers")
    return file.write(path)


def _convolved(part: Part, looks: str) -> str:
    """Three taps and ReLU, as Keras's Conv1D is converted."""
    part.constant("zeros", [[0, 0], [2, 0] if looks == "back" else [1, 1], [0, 0]], "int32")
    part.op("PAD", "frames zeros", [("padded", (1, T + 2, F))], table="PadOptions")
    part.constant("picture_shape", [1, 1, T + 2, F], "int32")
    part.op("RESHAPE", "padded picture_shape", [("picture", (1, 1, T + 2, F))], table="ReshapeOptions")
    part.constant("taps", some(F, 1, 3, F))
    part.constant("taps_b", some(F))
    options = {"padding": 1, "strideW": 1, "strideH": 1, "fusedActivationFunction": 1}
    part.op("CONV_2D", "picture taps taps_b", [("seen", (1, 1, T, F))], table="Conv2DOptions", **options)
    part.constant("rows_shape", [1, T, F], "int32")
    part.op("RESHAPE", "seen rows_shape", [("convolved", (1, T, F))], table="ReshapeOptions")
    return "convolved"


def beside(path: Path, fused: int = 0) -> Path:
    """One frame in a call: what an LSTM gives and the frame side by side. fused: an activation."""
    file = TfliteFile()
    part = Part(file, "main")
    for name, shape in (("frame", (1, F)), ("h", (1, H)), ("c", (1, H))):
        part.tensor(name, shape)
    lstm_cell(part, "frame", "h", "c")
    options = {"table": "ConcatenationOptions", "axis": -1, "fusedActivationFunction": fused}
    part.op("CONCATENATION", "h_new frame", [("both", (1, H + F))], **options)
    part.constant("fc", some(OUT, H + F))
    part.op("FULLY_CONNECTED", "both fc _", [("answers", (1, OUT))], table="FullyConnectedOptions")
    part.ends("frame h c", "answers h_new c_new")
    return file.write(path)


def _centred(part: Part, _: str) -> None:
    """(frame - mean)·factor·gain"""
    part.op("SUB", "frame mean", [("centred", (1, F))], table="SubOptions")
    part.op("MUL", "centred factor", [("even", (1, F))], table="MulOptions")
    part.constant("gain", some(F))
    part.op("MUL", "even gain", [("x", (1, F))], table="MulOptions")


def _spread(part: Part, has: str) -> None:
    """frame·f + (offset - mean·f), f = factor·gain, as Keras 3 computes it. has: `gain`, `offset`, both, or `folded`:
    both, and the mean taken from the offset."""
    side, f = 1, "factor"
    if has != "offset":
        part.constant("gain", some(F))
        part.op("MUL", "factor gain", [("slope", (1, F))], table="MulOptions")
        side, f = F, "slope"
    part.op("MUL", f"frame {f}", [("scaled", (1, F))], table="MulOptions")
    if has != "gain":
        part.constant("offset", some(F))
    if has == "folded":
        part.op("MUL", f"mean {f}", [("more", (1, side))], table="MulOptions")
        part.op("SUB", "offset more", [("height", (1, F))], table="SubOptions")
    else:
        part.op("NEG", "mean", [("less", (1, 1))])
        part.op("MUL", f"less {f}", [("height" if has == "gain" else "shift", (1, side))], table="MulOptions")
        if has != "gain":
            part.op("ADD", "shift offset", [("height", (1, F))], table="AddOptions")
    part.op("ADD", "scaled height", [("x", (1, F))], table="AddOptions")


def normed(path: Path, spread: str | None = None) -> Path:
    """One frame in a call, with a layer norm written out before the cell, and a hard sigmoid behind the scores.
    spread: as `_spread` has it."""
    file = TfliteFile()
    part = Part(file, "main")
    for name, shape in (("frame", (1, F)), ("h", (1, H)), ("c", (1, H))):
        part.tensor(name, shape)
    part.constant("side", [1], "int32")
    keep = {"table": "ReducerOptions", "keepDims": True}
    part.op("MEAN", "frame side", [("mean", (1, 1))], **keep)
    part.op("SQUARED_DIFFERENCE", "frame mean", [("squares", (1, F))], table="SquaredDifferenceOptions")
    part.op("MEAN", "squares side", [("variance", (1, 1))], **keep)
    part.constant("epsilon", 1e-3)
    part.op("ADD", "variance epsilon", [("raised", (1, 1))], table="AddOptions")
    part.op("RSQRT", "raised", [("factor", (1, 1))])
    (_centred if spread is None else _spread)(part, spread or "")
    lstm_cell(part, "x", "h", "c")
    part.constant("fc", some(OUT, H))
    part.op("FULLY_CONNECTED", "h_new fc _", [("raw", (1, OUT))], table="FullyConnectedOptions")
    part.constant("three", 3.0)
    part.op("ADD", "raw three", [("moved", (1, OUT))], table="AddOptions", fusedActivationFunction=3)
    part.constant("sixth", 1 / 6)
    part.op("MUL", "moved sixth", [("answers", (1, OUT))], table="MulOptions")
    part.ends("frame h c", "answers h_new c_new")
    return file.write(path)
