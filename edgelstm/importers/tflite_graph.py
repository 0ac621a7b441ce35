"""A `.tflite` file as a graph over one frame: operators one after the other, loops as what they do in a step,
variables as states."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from edgelstm.export.tflite.schema import Op
from edgelstm.importers.tflite_folding import fold
from edgelstm.importers.tflite_operators import OPERATORS
from edgelstm.importers.tflite_scope import Scope, Tape
from edgelstm.importers.tflite_tables import File, Operator
from edgelstm.importers.tidying import tidied

_BACKWARDS = "a stream has no end to read back from"
_HELP: Mapping[str, str] = {
    "Flex": "needs TensorFlow itself; convert with Keras 2.15 or a fixed batch of 1",
    "REVERSE_V2": f"reads backwards; {_BACKWARDS}",
    "BIDIRECTIONAL_": f"bidirectional; {_BACKWARDS}",
    "UNIDIRECTIONAL_SEQUENCE_RNN": "a plain RNN; expected LSTM or GRU",
    "RNN": "a plain RNN; expected LSTM or GRU",
    "SVDF": "no recurrence of ours; expected LSTM or GRU",
    "LSTM": "the older operator; convert anew with TensorFlow 2",
    "IF": "two models in one; convert the one that is wanted",
}
_MOST_LOOPS = 32


def frames_of(file: File, number: int) -> int:
    """Frames of a call, where the input of this number takes them."""
    shape = file.subgraphs[0].tensors[number].shape
    return max(int(np.prod(shape[:-1])), 1) if shape else 1


def translate(file: File, frames: int) -> tuple[Tape, Scope]:
    """The first subgraph, its frames coming in by the tensor of number `frames`. ValueError, naming the operator, for
    what cannot be told frame by frame."""
    tape = Tape(rows=frames_of(file, frames))
    scope = Scope(file, tape, file.subgraphs[0])
    for number in scope.subgraph.inputs:
        name = scope.name(number)
        tape.inputs[name] = tape.shapes[name] = scope.shape(number)
    _Walk(file, tape).through(scope)
    tape.nodes[:] = tidied(tape.graph(())).nodes
    return tape, scope


class _Walk:
    def __init__(self, file: File, tape: Tape):
        self.file, self.tape, self.loops = file, tape, 0
        self.earlier: dict[str, Operator] = {}  # what gives a value of an earlier frame

    def through(self, scope: Scope, idle: Collection[int] = ()) -> None:
        """All operators but those that give what is `idle`."""
        for operator in scope.subgraph.operators:
            if operator.outputs and operator.outputs[0] in idle:
                continue
            try:
                self.one(scope, operator)
            except (ValueError, IndexError, TypeError) as error:
                first = scope.name(operator.outputs[0]) if operator.outputs else ""
                line = str(error)
                raise ValueError(
                    line if line.startswith(_MARK) else f"{_MARK}{operator.called} {first!r:.80}: {line}"
                ) from None

    def one(self, scope: Scope, operator: Operator) -> None:
        if operator.op is None:
            why = next((words for start, words in _HELP.items() if operator.called.startswith(start)), "")
            raise ValueError(why or "none of the operators that are read")
        if operator.op == Op.CALL_ONCE:
            return
        if not operator.outputs and operator.op != Op.ASSIGN_VARIABLE:
            raise ValueError("gives nothing, expected a result")
        if self._is_earlier(scope, operator) or fold(scope, operator):
            return
        if operator.op == Op.WHILE:
            self.loop(scope, operator)
        elif operator.op in _VARIABLES:
            self.variable(scope, operator)
        elif operator.op in OPERATORS:
            OPERATORS[operator.op](scope, operator)
        else:
            scope.add(operator.called, operator, [scope.name(number) for number in operator.inputs])

    def _is_earlier(self, scope: Scope, operator: Operator) -> bool:
        """Whether this belongs to an earlier frame of a call, in a graph that writes every frame out. What the last
        frame takes of the one before is a state."""
        steps = self.tape.steps
        names = {scope.name(number): number for number in operator.inputs if number >= 0}
        found = [name for name in names if name in steps]
        if not found or operator.op in (Op.PACK, Op.CONCATENATION):
            return False
        if all(name in steps or name in self.tape.constants for name in names):
            for number in operator.outputs:
                steps[scope.name(number)] = max(steps[name] for name in found)
                self.earlier[scope.name(number)] = operator
            return True
        for name in found:
            self._carry(scope, names[name])
        return False

    def _carry(self, scope: Scope, number: int) -> None:
        """A value of an earlier frame that the last one takes is a state; a product of one belongs to the last."""
        name = scope.name(number)
        maker = self.earlier.get(name)
        if maker is not None and maker.op in _CARRIED:
            varying = [one for one in maker.inputs if one >= 0 and scope.constant(one) is None]
            if len(varying) == 1:
                for output in maker.outputs:
                    self.tape.steps.pop(scope.name(output), None)
                    self.earlier.pop(scope.name(output), None)
                if scope.name(varying[0]) in self.tape.steps:
                    self._carry(scope, varying[0])
                OPERATORS[maker.op](scope, maker)
                return
        if name not in self.tape.begun:
            self.tape.inputs[name] = self.tape.shapes[name] = scope.shape(number)
            self.tape.begun[name] = None

    def variable(self, scope: Scope, operator: Operator) -> None:
        """What is read of a variable is a state; a call ends with its new value."""
        if operator.op == Op.VAR_HANDLE:
            shared = "" if operator.options is None else operator.options.text("SharedName")
            name = f"variable {shared or scope.name(operator.outputs[0])}"
            scope.bound[operator.outputs[0]] = name
        elif operator.op == Op.READ_VARIABLE:
            name = scope.name(operator.input(0))
            if name not in self.tape.inputs:
                self.tape.inputs[name] = self.tape.shapes[name] = scope.shape(operator.outputs[0])
                self.tape.kept[name] = ""
            scope.bound[operator.outputs[0]] = self.tape.kept[name] or name
        else:
            self.tape.kept[scope.name(operator.input(0))] = scope.name(operator.input(1))

    def loop(self, scope: Scope, operator: Operator) -> None:
        """What a step of it does, once: frames come one by one."""
        from edgelstm.importers.tflite_loops import Loop

        self.loops += 1
        number = operator.option("BodySubgraphIndex")
        if self.loops > _MOST_LOOPS or not 0 < number < len(self.file.subgraphs):
            raise ValueError(f"a loop over subgraph {number}, expected one of {len(self.file.subgraphs)} parts")
        prefix = f"{scope.name(operator.outputs[0])}/"
        body = Scope(self.file, self.tape, self.file.subgraphs[number], prefix)
        loop = Loop(scope, operator, body)
        loop.begin()
        self.through(body, loop.idle)
        loop.end()


_MARK = "operator "
_CARRIED = (Op.FULLY_CONNECTED, Op.RESHAPE, Op.SPLIT, Op.STRIDED_SLICE, Op.SLICE, Op.SQUEEZE, Op.EXPAND_DIMS)
_VARIABLES = (Op.VAR_HANDLE, Op.READ_VARIABLE, Op.ASSIGN_VARIABLE)
