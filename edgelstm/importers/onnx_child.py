"""The child that reads an ONNX file: onnxruntime folds what is constant, then the graph is told as plain data.

python -m edgelstm.importers.onnx_child FILE GIVEN TARGET
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.importers.child import limit, refuse, taken, tell
from edgelstm.importers.onnx_loops import LOOPS, Opened, open_loops
from edgelstm.runtime.engines.quiet import import_onnxruntime

_MOST_NODES = 5000
_MOST_NESTED = 8
_COMPARED = ("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual")
_PASSED = ("Cast", "Identity", "Reshape", "Squeeze", "Unsqueeze")


def _is_number(value: Any) -> bool:
    """Whether an input chooses, rather than bring frames or states: it holds a whole number, or yes and no."""
    import onnx

    return value.type.tensor_type.elem_type not in (
        onnx.TensorProto.FLOAT,
        onnx.TensorProto.FLOAT16,
        onnx.TensorProto.DOUBLE,
        onnx.TensorProto.BFLOAT16,
    )


def _inputs(model: Any) -> list[Any]:
    held = {tensor.name for tensor in model.graph.initializer}
    return [value for value in model.graph.input if value.name not in held]


def _check_sets(model: Any, sets: Mapping[str, int]) -> None:
    """ValueError that begins with --set where something is to be said, or was said of nothing."""
    inputs = _inputs(model)
    names = [value.name for value in inputs]
    for name in sets:
        if name not in names:
            raise ValueError(f"--set: {name!r:.40}, expected an input of the file: {', '.join(names)[:200]}")
    for value in inputs:
        if _is_number(value) and value.name not in sets:
            found = sorted(set(_compared(model.graph, {value.name})))
            with_what = f": {_branches(found)}" if found else ""
            example = f" such as --set {value.name}={found[0]}" if found else ""
            raise ValueError(
                f"--set {value.name}=N: not given, and the file chooses by its input {value.name!r:.40} what it "
                f"computes{with_what}; expected a number{example}"
            )
    for value in inputs:
        sides = value.type.tensor_type.shape.dim
        if _is_number(value) or not sides:
            continue
        said, last = sets.get(value.name), sides[-1].dim_value
        if not last and said is None:
            raise ValueError(
                f"--set {value.name}=N: not given, and the file does not say how many values a frame of its input "
                f"{value.name!r:.40} has; expected a number"
            )
        if said is not None and last not in (0, said):
            raise ValueError(f"--set {value.name}={said}: expected {last}: so many values the file says")


def _branches(found: list[int]) -> str:
    """Of an input that is compared with `found`, for people."""
    return f"{', '.join(map(str, found[:8]))}, or any other (the file's other branch)"


def _misfit(model: Any, sets: Mapping[str, int]) -> str:
    """Why a graph with numbers for inputs that choose does not go together."""
    said = ", ".join(f"{name}={value}" for name, value in sets.items())
    chosen = [value.name for value in _inputs(model) if _is_number(value)]
    found = {name: sorted(set(_compared(model.graph, {name}))) for name in chosen}
    whys = "".join(f"; {name} is {_branches(numbers)}" for name, numbers in found.items() if numbers)
    return f"--set {said}: does not go together in the file, expected sizes of the branch that is chosen{whys}"


def _compared(graph: Any, names: set[str], depth: int = 0) -> Iterator[int]:
    """Numbers that an input is compared with, in branches too."""
    import onnx

    names = set(names)
    held = {tensor.name: tensor for tensor in graph.initializer}
    held |= {node.output[0]: a.t for node in graph.node if node.op_type == "Constant" for a in node.attribute}
    for node in graph.node:
        if node.op_type in _PASSED and node.input and node.input[0] in names:
            names.add(node.output[0])
        if node.op_type in _COMPARED and names & set(node.input):
            for name in node.input:
                if name in held and (array := onnx.numpy_helper.to_array(held[name])).size == 1:
                    yield int(array.reshape(-1)[0])
        for attribute in node.attribute:
            if attribute.HasField("g") and depth < _MOST_NESTED:
                yield from _compared(attribute.g, names, depth + 1)


def _chosen(model: Any, sets: Mapping[str, int], folder: Path) -> Any:
    """Without the inputs that choose: folded by itself, for onnxruntime does not survive it together with shapes."""
    import onnx

    values = [value for value in _inputs(model) if _is_number(value)]
    if not values:
        return model
    for value in values:
        dtype = onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
        shape = [side.dim_value or 1 for side in value.type.tensor_type.shape.dim]
        if int(np.prod(shape)) != 1:
            raise ValueError(f"input {value.name!r:.40}: {shape} whole numbers, expected one")
        array = np.full(shape, sets[value.name]).astype(dtype)
        model.graph.initializer.append(onnx.numpy_helper.from_array(array, value.name))
        model.graph.input.remove(value)
    return _folded(model, folder / "chosen.onnx")


def _fix(model: Any, sets: Mapping[str, int]) -> None:
    """Sides that may have any length are 1: one frame of one sequence."""
    for value in _inputs(model):
        sides = value.type.tensor_type.shape.dim
        for place, side in enumerate(sides):
            if not side.dim_value:
                side.dim_value = sets.get(value.name, 1) if place == len(sides) - 1 else 1
    for value in model.graph.value_info:
        value.ClearField("type")
    del model.graph.value_info[:]
    for value in model.graph.output:
        value.type.tensor_type.ClearField("shape")


def _turn(model: Any) -> bool:
    """Recurrent operators of the standard that take the batch first (layout 1), which onnxruntime does not run: as
    the others, with sides exchanged around them. Whether there was one."""
    import onnx

    nodes, is_turned = [], False
    for place, node in enumerate(model.graph.node):
        layout = [a for a in node.attribute if a.name == "layout" and a.i]
        if node.op_type not in ("LSTM", "GRU") or not layout:
            nodes.append(node)
            continue
        is_turned = True
        node.attribute.remove(layout[0])
        before = [(0, [1, 0, 2]), (5, [1, 0, 2]), (6, [1, 0, 2])]
        after = [(0, [2, 0, 1, 3]), (1, [1, 0, 2]), (2, [1, 0, 2])]
        behind: list[Any] = []
        for names, turns, is_output in ((node.input, before, False), (node.output, after, True)):
            for at, order in turns:
                if at < len(names) and names[at]:
                    name, other = names[at], f"{names[at]} of layout 0 at {place}.{at}"
                    ends = ([other], [name]) if is_output else ([name], [other])
                    made = onnx.helper.make_node("Transpose", *ends, other, perm=order)
                    (behind if is_output else nodes).append(made)
                    names[at] = other
        nodes += [node, *behind]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return is_turned


def _folded(model: Any, target: Path) -> Any:
    import onnx

    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.optimized_model_filepath = str(target)
    try:
        onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"], enable_fallback=0
        )
    except Exception as error:
        raise ValueError(f"onnxruntime does not take it: {_plainly(error)}") from None
    return onnx.load(str(target), load_external_data=False)


def _read(path: Path, sets: Mapping[str, int], folder: Path) -> tuple[Any, bool, Opened]:
    """(the graph, whether onnxruntime runs the file itself, what became of its loops)"""
    import onnx

    try:
        model = onnx.load(str(path), load_external_data=False)
    except Exception:
        raise ValueError("damaged, or no ONNX: it does not parse as a model") from None
    if not model.graph.node or not model.graph.input:
        raise ValueError("a graph without nodes or inputs, expected a model")
    if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in model.graph.initializer):
        raise ValueError("weights in another file, expected them inside: save it without external data")
    _check_sets(model, sets)
    is_turned = _turn(model)
    has_choice = any(_is_number(value) for value in _inputs(model))
    misfit = _misfit(model, sets) if has_choice else ""
    model = _chosen(model, sets, folder)
    _fix(model, sets)
    try:
        folded = _folded(model, folder / "folded.onnx")
    except ValueError as error:
        raise ValueError(misfit or str(error)) from None
    found, opened = _with_shapes(folded), Opened()
    if any(node.op_type in LOOPS for node in found.graph.node):
        opened = open_loops(found)
        del found.graph.value_info[:]
        found = _with_shapes(_folded(found, folder / "opened.onnx"))
    return found, not is_turned, opened


def _plainly(error: Exception) -> str:
    """onnxruntime's complaint without its own places in code."""
    text = " ".join(str(error).split())
    return re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : |/\S+:\d+ |Exception during initialization: ", "", text)[:160]


def _with_shapes(model: Any) -> Any:
    """Also of onnxruntime's own recurrent operator, which the standard's rules do not know."""
    import onnx

    model = onnx.shape_inference.infer_shapes(model)
    held = {tensor.name: tensor.dims for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type != "DynamicQuantizeLSTM":
            continue
        known = {value.name: _shape(value) for value in (*model.graph.value_info, *model.graph.input)}
        x, back = known.get(node.input[0]), held.get(node.input[2])
        if x is None or back is None or len(x) != 3 or len(back) != 3:
            continue
        state = [back[0], x[1], back[1]]
        for name, shape in zip(node.output, ([x[0], *state], state, state)):
            made = onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
            model.graph.value_info.append(made)
        model = onnx.shape_inference.infer_shapes(model)
    return model


def _shape(value: Any) -> list[int]:
    return [int(side.dim_value) for side in value.type.tensor_type.shape.dim]


def _attribute(attribute: Any) -> Any:
    import onnx

    value = onnx.helper.get_attribute_value(attribute)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, int | float):
        return value
    if isinstance(value, list | tuple) or hasattr(value, "__len__"):
        items = list(value)
        if all(isinstance(item, int | float) for item in items):
            return items
        if all(isinstance(item, bytes) for item in items):
            return [item.decode("utf-8", "replace") for item in items]
    return None


def _say_by_inputs(model: Any) -> None:
    """What early versions of the standard say by attributes comes as constants, as in later ones."""
    import onnx

    said = {"Slice": ("starts", "ends", "axes"), "Split": ("split",)}
    for node in model.graph.node:
        if len(node.input) > 1 or node.op_type not in said:
            continue
        held = {attribute.name: list(attribute.ints) for attribute in node.attribute}
        if node.op_type == "Slice":
            held.setdefault("axes", list(range(len(held.get("starts", [])))))
        for name in said[node.op_type]:
            if name in held:
                made = onnx.numpy_helper.from_array(np.array(held[name], np.int64), f"{name} of {node.output[0]}")
                model.graph.initializer.append(made)
                node.input.append(made.name)


def _axis_of_softmax(model: Any) -> int:
    """Where the node does not say."""
    version = next((one.version for one in model.opset_import if not one.domain), 13)
    return -1 if version >= 13 else 1


def _about(model: Any) -> str:
    """What `edgelstm export` says of the model in the file; empty in files of others."""
    from edgelstm.runtime.description import KEY

    return str(next((one.value for one in model.metadata_props if one.key == KEY), ""))


def main(path: str, source: str, target: str) -> None:
    """ValueError, one line, for what is no such file; else `target` is written."""
    import onnx

    sets = {str(name): int(value) for name, value in taken(source)[0]["sets"].items()}
    model, is_run, opened = _read(Path(path), sets, Path(target).parent)
    _say_by_inputs(model)
    graph = model.graph
    if len(graph.node) > _MOST_NODES:
        raise ValueError(f"{len(graph.node)} nodes, expected at most {_MOST_NODES}")
    arrays: dict[str, NDArray[Any]] = {}
    names: list[str] = []
    constants = [(tensor.name, onnx.numpy_helper.to_array(tensor)) for tensor in graph.initializer]
    nodes = []
    for node in graph.node:
        if node.op_type == "Constant":
            held = [a.t for a in node.attribute if a.name == "value"]
            constants += [(node.output[0], onnx.numpy_helper.to_array(tensor)) for tensor in held]
            continue
        found = {a.name: _attribute(a) for a in node.attribute}
        if node.op_type == "Softmax":
            found.setdefault("axis", _axis_of_softmax(model))
        about = {
            "op": node.op_type,
            "name": node.name,
            "attributes": {k: v for k, v in found.items() if v is not None},
        }
        nodes.append({**about, "inputs": list(node.input), "outputs": list(node.output)})
    for name, array in constants:
        if array.dtype.kind in "fiub":
            arrays[f"c{len(names)}"] = np.asarray(array, order="C")  # also of no sides
            names.append(name)
    known = {value.name: _shape(value) for value in (*graph.output, *graph.value_info, *graph.input)}
    inputs = [value.name for value in graph.input if value.name not in names]
    header = {"nodes": nodes, "constants": names, "inputs": inputs, "shapes": known, "is_run": is_run}
    header |= {"each": opened.each, "begun": opened.begun, "about": _about(model)}
    outputs = [value.name for value in graph.output if value.name not in opened.begun.values()]
    tell(target, {**header, "outputs": outputs}, arrays)


if __name__ == "__main__":
    limit()
    try:
        main(*sys.argv[1:4])
    except TypeError:
        refuse("damaged: names that are no text, or values of another kind than the format has")
    except Exception as error:  # whatever the parsers raise
        refuse(error)
