"""What goes into a `.tflite` file and comes out of it: frames, scores, and states with what renews them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edgelstm.importers.graph import SAME, Graph
from edgelstm.importers.matching import Matched, match
from edgelstm.importers.tflite_graph import translate
from edgelstm.importers.tflite_scope import Scope, Tape
from edgelstm.importers.tflite_tables import File

_FRAMES = ("x", "input", "inputs", "frames")
_MOST_ENDS = 64


@dataclass(frozen=True)
class Ports:
    """Numbers of tensors. rows: frames of a call. free: whether a call may take another number of them."""

    frames: int
    scores: int
    states: tuple[tuple[int, int], ...]
    rows: int
    free: bool


@dataclass(frozen=True, eq=False)
class Read:
    """A file understood."""

    matched: Matched
    ports: Ports
    tape: Tape
    features: int


def understood(file: File) -> Read:
    """ValueError, one line, for a file that is no model of ours: what is said of the input that most likely takes
    frames."""
    inputs, outputs = file.subgraphs[0].inputs, file.subgraphs[0].outputs
    if not inputs or not outputs or len(inputs) + len(outputs) > _MOST_ENDS:
        raise ValueError(f"{len(inputs)} inputs and {len(outputs)} outputs, expected frames, scores and states")
    problem: ValueError | None = None
    for number in sorted(inputs, key=lambda one: _called(file, one) not in _FRAMES):
        try:
            return _with_frames(file, number)
        except ValueError as error:
            problem = problem or error
    raise problem or ValueError("no input that takes frames")


def _called(file: File, number: int) -> str:
    return file.inputs.get(number) or file.subgraphs[0].tensors[number].name


def _with_frames(file: File, number: int) -> Read:
    tensor = file.subgraphs[0].tensors[number]
    if tensor.dtype is None or tensor.dtype.kind not in "fiu" or not tensor.shape or not tensor.size:
        raise ValueError(f"input {tensor.name!r:.60}: shape {tensor.shape}, expected frames of numbers")
    if len(tensor.shape) > 2 and tensor.shape[0] > 1:
        raise ValueError(f"input {tensor.name!r:.60}: a batch of {tensor.shape[0]}, expected a file of batch 1")
    tape, scope = translate(file, number)
    outputs = {scope.name(one): one for one in file.subgraphs[0].outputs}
    graph = tape.graph(tuple(outputs))
    frames = scope.name(number)
    known = {name: result for name, result in _by_name(file, scope, number).items() if result in outputs}
    candidates = [name for name in outputs if name not in known.values()]
    numbers = {scope.name(one): one for one in file.subgraphs[0].inputs if one != number}
    scores, matched = _scores(graph, frames, candidates, list(numbers))
    if (shown := _shown(graph, candidates, scores)) != scores:
        scores, matched = shown, match(graph, frames, shown)
    if tape.mean:
        _check_mean(graph, scores, tape.mean)
    states = _states(graph, list(numbers), scores, matched, known)
    pairs = tuple((numbers[name], outputs[result]) for name, result in states.items())
    free = len(tensor.shape) > 2 and tensor.free[-2]
    ports = Ports(number, outputs[scores], pairs, tape.rows, free)
    return Read(matched, ports, tape, tensor.shape[-1])


def _scores(graph: Graph, frames: str, candidates: Sequence[str], inputs: Sequence[str]) -> tuple[str, Matched]:
    """The first output that layers of ours lead to; a new state only where all others are states as well."""
    problems: dict[str, ValueError] = {}
    states: list[tuple[str, Matched]] = []
    for name in candidates:
        try:
            matched = match(graph, frames, name)
        except ValueError as error:
            problems[name] = error
            continue
        if graph.plain(name) not in {graph.plain(after) for after in matched.renewed.values()}:
            return name, matched
        states.append((name, matched))
    if states:
        renewed = {graph.plain(after) for after in states[0][1].renewed.values()}
        shapes = [graph.shapes.get(name) for name in inputs]
        unread = [one for one in problems if graph.plain(one) not in renewed and graph.shapes.get(one) not in shapes]
        if not unread:
            return states[0]
        raise problems[unread[0]]
    raise next(iter(problems.values()), ValueError("no output beside the states, expected one of scores"))


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


def _shown(graph: Graph, candidates: Sequence[str], scores: str) -> str:
    """Another output that is the softmax or sigmoid of the scores, where there is one."""
    for name in candidates:
        maker = graph.makers.get(name)
        if (
            maker is not None
            and maker.op in ("Softmax", "Sigmoid")
            and graph.plain(maker.input(0)) == graph.plain(scores)
        ):
            return name
    return scores


def _states(
    graph: Graph, inputs: Sequence[str], scores: str, matched: Matched, known: Mapping[str, str]
) -> dict[str, str]:
    """Inputs beside the frames, with the outputs that renew them: by name, by what the cells say, by shape.
    ValueError for one that none could renew."""
    states = dict(known)
    new = {graph.plain(after): before for before, after in matched.renewed.items()}
    for name in graph.outputs:
        before = new.get(graph.plain(name), "")
        if before in inputs and before not in states and name not in states.values():
            states[before] = name
    for name in inputs:
        if name in states:
            continue
        left = [one for one in graph.outputs if one not in states.values() and one != scores]
        fit = next((one for one in left if graph.shapes.get(one) == graph.shapes.get(name)), None)
        if fit is None:
            raise ValueError(
                f"input {name!r:.60}: no output of its shape that could renew it, expected frames and states"
            )
        states[name] = fit
    return states
