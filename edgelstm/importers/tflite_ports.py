"""What goes into a `.tflite` file and comes out of it: frames, scores, and states with what renews them."""

from __future__ import annotations

from dataclasses import dataclass

from edgelstm.importers.ends import Ends
from edgelstm.importers.graph import SAME, Graph
from edgelstm.importers.matching import Matched
from edgelstm.importers.tflite_graph import translate
from edgelstm.importers.tflite_scope import Scope, Tape
from edgelstm.importers.tflite_tables import File

_FRAMES = ("x", "input", "inputs", "frames")
_MOST_ENDS = 64


@dataclass(frozen=True)
class Ports:
    """Numbers of tensors. rows: frames of a call. free: whether a call may take another number of them. idle: inputs
    that no answer depends on."""

    frames: int
    scores: int
    states: tuple[tuple[int, int], ...]
    rows: int
    free: bool
    idle: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class Read:
    """A file understood."""

    matched: Matched
    ports: Ports
    tape: Tape
    features: int


def understood(file: File, part: str = "") -> Read:
    """ValueError, one line, for a file that is no model of ours: what is said of the input that most likely takes
    frames. part: which of several answers."""
    inputs, outputs = file.subgraphs[0].inputs, file.subgraphs[0].outputs
    if not inputs or not outputs or len(inputs) + len(outputs) > _MOST_ENDS:
        raise ValueError(f"{len(inputs)} inputs and {len(outputs)} outputs, expected frames, scores and states")
    problem: ValueError | None = None
    for number in sorted(inputs, key=lambda one: _called(file, one) not in _FRAMES):
        try:
            return _with_frames(file, number, part)
        except ValueError as error:
            problem = problem or error
    raise problem or ValueError("no input that takes frames")


def _called(file: File, number: int) -> str:
    return file.inputs.get(number) or file.subgraphs[0].tensors[number].name


def _with_frames(file: File, number: int, part: str) -> Read:
    tensor = file.subgraphs[0].tensors[number]
    if tensor.dtype is None or tensor.dtype.kind not in "fiu" or not tensor.shape or not tensor.size:
        raise ValueError(f"input {tensor.name!r:.60}: shape {tensor.shape}, expected frames of numbers")
    if len(tensor.shape) > 2 and tensor.shape[0] > 1:
        raise ValueError(f"input {tensor.name!r:.60}: a batch of {tensor.shape[0]}, expected a file of batch 1")
    tape, scope = translate(file, number)
    outputs = {scope.name(one): one for one in file.subgraphs[0].outputs}
    graph = tape.graph(tuple(outputs))
    numbers = {scope.name(one): one for one in file.subgraphs[0].inputs if one != number}
    known = {name: result for name, result in _by_name(file, scope, number).items() if result in outputs}
    inner = {**tape.begun, **tape.kept}
    found = Ends(graph, inner, known, part).read(scope.name(number))
    if tape.mean:
        _check_mean(graph, found.shown, tape.mean)
    pairs = tuple((numbers[name], outputs[result]) for name, result in found.states.items())
    idle = tuple(numbers[name] for name in found.idle)
    free = len(tensor.shape) > 2 and tensor.free[-2]
    ports = Ports(number, outputs[found.shown], pairs, tape.rows, free, idle)
    return Read(found.matched, ports, tape, tensor.shape[-1])


def _check_mean(graph: Graph, scores: str, mean: str) -> None:
    """ValueError where what stands behind a mean over frames is not the same before it."""
    name = scores
    while name != mean:
        node = graph.makers.get(name)
        if node is None or node.op not in (*SAME, "Gemm", *(("Softmax", "Sigmoid") if name == scores else ())):
            raise ValueError(f"{mean!r:.60}: a mean over the frames of a call, expected dense layers alone behind it")
        name = node.input(0)


def _by_name(file: File, scope: Scope, frames: int) -> dict[str, str]:
    """States whose new value goes by their name with `_out` or `n` behind it."""
    ends = {file.outputs.get(one) or scope.tensor(one).name: one for one in file.subgraphs[0].outputs}
    found = {}
    for number in file.subgraphs[0].inputs:
        name = _called(file, number)
        fits = [ends[one] for one in (f"{name}_out", f"{name}n", f"{name}N") if one in ends]
        if fits and number != frames:
            found[scope.name(number)] = scope.name(fits[0])
    return found
