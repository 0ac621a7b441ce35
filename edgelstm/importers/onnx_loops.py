"""Loops over the frames of a call, ONNX's Loop and Scan, as what they do for the last of them.

A step's nodes come to stand in the graph around the loop, over the last frame: a number that counts steps is that of
the last. What a step gives of every frame is repeated as often as there are frames, and told by name, for other
repetitions are no results of frames. States that begin with zeros become inputs of the graph, told by name as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edgelstm.importers.onnx_counting import Counting

LOOPS = ("Loop", "Scan")
_MOVES = ("Cast", "Identity", "Reshape", "Squeeze", "Unsqueeze")
_MOST_NODES, _MOST_LOOPS = 2000, 64


@dataclass
class Opened:
    """frames: of a call. each: results that were repeated for every frame. begun: inputs that stand for states of
    zeros → outputs that were added, of their new values."""

    frames: int = 0
    each: list[str] = field(default_factory=list)
    begun: dict[str, str] = field(default_factory=dict)


def open_loops(model: Any) -> Opened:
    """Changes `model`, whose shapes are known and whose constants are folded. ValueError, naming the node, for a loop
    that does something else."""
    opened, nodes = Opened(), list[Any]()
    if sum(node.op_type in LOOPS for node in model.graph.node) > _MOST_LOOPS:
        raise ValueError(f"more than {_MOST_LOOPS} loops, expected those of a few recurrent layers")
    known = _Known(model.graph)
    for node in model.graph.node:
        if node.op_type not in LOOPS:
            nodes.append(node)
            continue
        try:
            nodes += _Loop(model.graph, known, node, opened).nodes()
        except ValueError as error:
            raise ValueError(f"{node.op_type} {node.name or node.output[0]!r:.60}: {error}") from None
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return opened


class _Known:
    """What is known of the graph around: constants, shapes, and makers."""

    def __init__(self, graph: Any):
        import onnx

        self.constants = {one.name: onnx.numpy_helper.to_array(one) for one in graph.initializer}
        values = (*graph.value_info, *graph.input, *graph.output)
        self.shapes = {one.name: [side.dim_value for side in one.type.tensor_type.shape.dim] for one in values}
        self.shapes |= {name: list(array.shape) for name, array in self.constants.items()}
        self.makers = {name: node for node in graph.node for name in node.output}
        self.inputs = {one.name for one in graph.input}

    def first(self, name: str) -> str:
        """What the first inputs of nodes lead back to."""
        while name in self.makers and self.makers[name].input:
            name = self.makers[name].input[0]
        return name


class _Loop:
    """One node, taken apart. bound: names inside → names in the graph around."""

    def __init__(self, graph: Any, known: _Known, node: Any, opened: Opened):
        self.graph, self.known, self.node, self.opened = graph, known, node, opened
        self.settings = {one.name: one for one in node.attribute}
        self.body = self.settings["body"].g
        self.prefix = f"{node.name or node.output[0]}/"
        if len(self.body.node) > _MOST_NODES:
            raise ValueError(f"{len(self.body.node)} nodes in a step, expected at most {_MOST_NODES}")
        if any(one.HasField("g") or one.graphs for inner in self.body.node for one in inner.attribute):
            raise ValueError("a step that chooses or loops itself, expected a cell")
        self.bound: dict[str, str] = {}
        self.own = {one.name for one in self.body.initializer} | {n for one in self.body.node for n in one.output}
        self.inner = {name: one for one in self.body.node for name in one.output}
        self.made: list[Any] = []
        self.renewed: dict[str, str] = {}  # a state of zeros → name inside of its new value

    def nodes(self) -> list[Any]:
        ends = self._begin_scan() if self.node.op_type == "Scan" else self._begin_loop()
        for tensor in self.body.initializer:
            copy = self.graph.initializer.add()
            copy.CopyFrom(tensor)
            copy.name = self._name(tensor.name)
        for one in self.body.node:
            copy = type(one)()
            copy.CopyFrom(one)
            copy.name = self.prefix + (one.name or one.output[0])
            for names in (copy.input, copy.output):
                for place, name in enumerate(names):
                    names[place] = self._name(name)
            self.made.append(copy)
        for result, (inside, frames) in ends.items():
            self._end(result, self._name(inside), frames)
        for state, inside in self.renewed.items():
            self._give(state, self._name(inside))
        return self.made

    def _give(self, state: str, name: str) -> None:
        """A state's new value as an output, so that it is told whatever is folded."""
        import onnx

        after = self._add("Identity", [name], f"{state} after")
        self.graph.output.append(onnx.helper.make_tensor_value_info(after, onnx.TensorProto.FLOAT, None))
        self.opened.begun[state] = after

    def _name(self, name: str) -> str:
        """In the graph around, of one that is used inside."""
        return self.bound.get(name, self.prefix + name if name in self.own else name)

    def _add(self, op: str, inputs: list[str], output: str, **settings: Any) -> str:
        import onnx

        self.made.append(onnx.helper.make_node(op, inputs, [output], f"{op} of {output}", **settings))
        return output

    def _hold(self, name: str, values: Any, dtype: Any = np.int64) -> str:
        import onnx

        held = onnx.numpy_helper.from_array(np.asarray(values, dtype), self.prefix + name)
        self.graph.initializer.append(held)
        return str(held.name)

    def _end(self, result: str, name: str, frames: int) -> None:
        """frames: how often it is repeated, along a side before the others; 0: not."""
        if not frames:
            self._add("Identity", [name], result)
            return
        side = self._hold(f"{result} side", [0])
        sides = self._add("Shape", [name], f"{result} sides")
        sides = self._add("Concat", [self._hold(f"{result} frames", [frames]), sides], f"{result} shape", axis=0)
        self._add("Expand", [self._add("Unsqueeze", [name, side], f"{result} once"), sides], result)
        self.opened.each.append(result)

    def _begin_scan(self) -> dict[str, tuple[str, int]]:
        """Binds what goes in; what comes out: name around → (name inside, frames along it)."""
        count = self.settings["num_scan_inputs"].i
        states = len(self.node.input) - count
        if not 0 < count <= len(self.body.input) or len(self.body.input) != len(self.node.input):
            raise ValueError("inputs that do not fit its body")
        for name in ("scan_input_axes", "scan_input_directions", "scan_output_axes", "scan_output_directions"):
            if name in self.settings and any(self.settings[name].ints):
                raise ValueError(f"attribute {name}: expected zeros: frames along the first side, oldest first")
        inside, outside = [one.name for one in self.body.input], list(self.node.input)
        lengths = {(self.known.shapes.get(name) or [0])[0] for name in outside[states:]}
        frames = self._all_of(lengths.pop() if len(lengths) == 1 else 0)
        for name, sequence in zip(inside[states:], outside[states:]):
            newest = self._hold(f"{name} newest", frames - 1)
            self.bound[name] = self._add("Gather", [sequence, newest], f"{self.prefix}{name} of last", axis=0)
        given = [one.name for one in self.body.output]
        for place in range(states):
            self.bound[inside[place]] = self._state(outside[place], self.node.output[place], given[place])
        return {
            result: (name, 0 if place < states else frames)
            for place, (result, name) in enumerate(zip(self.node.output, given))
            if result
        }

    def _begin_loop(self) -> dict[str, tuple[str, int]]:
        inside, outside = [one.name for one in self.body.input], list(self.node.input)
        given = [one.name for one in self.body.output]
        if len(inside) != len(outside) or len(given) < len(inside) - 1 or len(inside) < 2:
            raise ValueError("values that are not as many before, within and after it")
        if any(one.type.HasField("sequence_type") for one in self.body.input):
            raise ValueError("keeps a list of what its steps give, expected that as outputs of the loop")
        carried = {name: (outside[place], given[place - 1]) for place, name in enumerate(inside[2:], 2)}
        kept = {name: before for name, (before, after) in carried.items() if self._plain(after) == name}
        counters = {inside[0]} | {
            one.name for one in self.body.input[2:] if one.name not in kept and self._counts(one, *carried[one.name])
        }
        frames = self._frames(counters, kept)
        nexts = {after for name, (_, after) in carried.items() if name in counters}
        self._check_steps(frames, counters, kept, nexts)
        newest, ends = self._hold("newest", frames - 1), dict[str, tuple[str, int]]()
        self.bound = {**kept, inside[1]: self._hold("goes on", True, np.bool_)}
        for one in self.body.input:
            if one.name in counters:
                dtype = one.type.tensor_type.elem_type
                self.bound[one.name] = self._add("Cast", [newest], f"{self.prefix}{one.name} last", to=dtype or 7)
        for place, (name, (before, after)) in enumerate(carried.items()):
            result = self.node.output[place]
            if name not in kept and name not in counters:
                self.bound[name] = self._state(before, result, after)
            if result and name not in counters:
                ends[result] = (after, 0)
        rest = zip(self.node.output[len(carried) :], given[len(carried) + 1 :])
        return ends | {result: (name, frames) for result, name in rest if result}

    def _check_steps(self, frames: int, counters: set[str], kept: Mapping[str, str], nexts: set[str]) -> None:
        """ValueError where it does not make one step for each frame, all alike. nexts: numbers of the step behind."""
        going = self.body.input[1].name

        def constant(name: str) -> Any:
            return True if name == going else self._constant(kept.get(name, name))

        most, first = (self.known.constants.get(name) if name else None for name in self.node.input[:2])
        if (self.node.input[0] and most is None) or (self.node.input[1] and (first is None or not first.all())):
            raise ValueError("as many steps as the graph computes, expected one for each frame")
        limit = frames + 1 if most is None else int(most.reshape(-1)[0])
        found = Counting(self.body, counters, nexts, constant).steps(min(limit, frames + 1))
        if found < frames:
            raise ValueError(f"{found} steps over {frames} frames, expected one for each")

    def _plain(self, name: str) -> str:
        while (maker := self.inner.get(name)) is not None and maker.op_type == "Identity":
            name = maker.input[0]
        return name

    def _counts(self, value: Any, before: str, after: str) -> bool:
        """Whether a carried value counts steps. ValueError for whole numbers that do something else."""
        import onnx

        if value.type.tensor_type.elem_type not in (onnx.TensorProto.INT32, onnx.TensorProto.INT64):
            return False
        maker, start = self.inner.get(self._plain(after)), self.known.constants.get(before)
        added = [] if maker is None or maker.op_type != "Add" else [n for n in maker.input if n != value.name]
        steps = [self._constant(name) for name in added]
        is_one = len(steps) == 1 and steps[0] is not None and steps[0].size == 1 and steps[0].reshape(-1)[0] == 1
        if not is_one or start is None or start.any():
            raise ValueError(f"{value.name!r:.60} counts otherwise than by one from 0: not its frames, oldest first")
        return True

    def _constant(self, name: str) -> Any:
        import onnx

        held = [one for one in self.body.initializer if one.name == name]
        return onnx.numpy_helper.to_array(held[0]) if held else self.known.constants.get(name)

    def _frames(self, counters: set[str], kept: Mapping[str, str]) -> int:
        """How many there are of what a step takes by its own number."""
        sides = [
            self.known.shapes.get(kept.get(name, name), [])[axis : axis + 1] for name, axis in self._read(counters)
        ]
        if not sides:
            raise ValueError("reads no frames by the number of its step, expected to take them one after another")
        return self._all_of(max(0, *(side for one in sides for side in one)))

    def _all_of(self, frames: int) -> int:
        """What follows a loop has no known shape, and as many frames."""
        found = frames or self.opened.frames
        if found < 1 or self.opened.frames not in (0, found):
            raise ValueError("sequences of no known length, or of several, expected as many frames as the file takes")
        self.opened.frames = found
        return found

    def _read(self, counters: set[str]) -> Iterator[tuple[str, int]]:
        """Sequences that a step takes one of, and along which side."""
        numbers = set(counters)
        for one in self.body.node:
            if one.op_type in _MOVES and one.input[0] in numbers:
                numbers.update(one.output)
            axis = next((a.i for a in one.attribute if a.name == "axis"), 0)
            if one.op_type == "Gather" and one.input[1] in numbers and axis >= 0:
                yield one.input[0], axis

    def _state(self, before: str, result: str, after: str) -> str:
        """The name of a state as it comes in: an input of the graph, or one that begins with zeros in every call.
        after: inside, of its new value."""
        import onnx

        first = self.known.constants.get(before)
        if first is None:
            if self.known.first(before) not in self.known.inputs:
                raise ValueError(f"begins with {before!r:.60}, which is computed, expected an input or zeros")
            return before
        if first.dtype != np.float32 or first.any() or not first.size:
            raise ValueError(f"begins with {before!r:.60}, which is not zeros, expected zeros or an input")
        name = f"{result or before} before"
        self.graph.input.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, first.shape))
        self.renewed[name] = after
        return name
