"""A loop over the frames of a call, as what it does for one of them.

Its values are told by what becomes of them: one that comes out as it went in is a sequence or a constant; one of
whole numbers counts; a list takes what a step gives, and no step reads it; the rest are states.
"""

from __future__ import annotations

from edgelstm.export.tflite.schema import Op
from edgelstm.importers.tflite_scope import Scope
from edgelstm.importers.tflite_tables import Operator, Subgraph

_MOVES = (Op.RESHAPE, Op.EXPAND_DIMS, Op.SQUEEZE, Op.CAST)
_CUTS = (Op.SLICE, Op.STRIDED_SLICE, Op.SHAPE)


class Loop:
    def __init__(self, scope: Scope, operator: Operator, body: Scope):
        self.scope, self.operator, self.body = scope, operator, body
        inside = body.subgraph
        if not len(operator.inputs) == len(operator.outputs) == len(inside.inputs) == len(inside.outputs):
            raise ValueError("a loop whose values are not as many before, within and after it")
        self.makers = {number: one for one in inside.operators for number in one.outputs}
        self.counters = [n for n in range(len(inside.inputs)) if self._is_counter(n)]
        self.lists: list[int] = []
        self.states: list[int] = []
        for place, (before, after) in enumerate(zip(inside.inputs, inside.outputs)):
            if before == after or place in self.counters:
                continue
            self._use(before).append(place)
        self.idle = self._idle()

    def _is_counter(self, place: int) -> bool:
        tensor = self.body.tensor(self.body.subgraph.inputs[place])
        return tensor.size == 1 and tensor.dtype is not None and tensor.dtype.kind in "iu" and not tensor.is_quantized

    def _idle(self) -> set[int]:
        """Tensors that only count, keep lists or are the frame of a step, for which there is a name already."""
        inside = self.body.subgraph
        counters = {inside.inputs[place] for place in self.counters}
        found = counters | {inside.inputs[place] for place in self.lists}
        frames: set[int] = set()
        for one in inside.operators:
            if one.op == Op.GATHER and one.input(1) in counters:
                frames.update(one.outputs)
            elif any(number in found for number in one.inputs):
                found.update(one.outputs)
        return found | frames

    def _use(self, number: int) -> list[int]:
        """The list that a changing value goes into: what a step reads only to cut it up again is no state."""
        users = [one for one in self.body.subgraph.operators if number in one.inputs]
        return self.lists if all(one.op in _CUTS for one in users) else self.states

    def begin(self) -> None:
        """Names for what goes in."""
        outer, inside = self.scope, self.body.subgraph
        counters = {inside.inputs[place] for place in self.counters}
        for place, number in enumerate(inside.inputs):
            if place in self.states:
                self.body.bound[number] = self._state(place)
            elif place not in self.counters and place not in self.lists:
                self.body.bound[number] = outer.name(self.operator.inputs[place])
        for one in inside.operators:
            if one.op == Op.GATHER and one.input(1) in counters:
                self.body.bound[one.outputs[0]] = self.body.name(one.input(0))
                self.body.know(one.outputs[0], outer.shape(self._outside(one.input(0))))
            elif one.op == Op.GATHER and self.body.constant(one.input(1)) is None:
                raise ValueError("reads its frames by another number than the step's: backwards, or not one by one")

    def _outside(self, number: int) -> int:
        """The tensor outside that is `number` inside."""
        place = self.body.subgraph.inputs.index(number)
        return self.operator.inputs[place]

    def _state(self, place: int) -> str:
        """The name of a state as it comes in: an input of the whole graph, or one that begins anew in every call."""
        tape, number = self.scope.tape, self.operator.inputs[place]
        first = self.scope.constant(number)
        name = self.scope.name(number)
        if first is None:
            return name
        if first.any():
            raise ValueError(f"begins with {name!r:.60}, which is not zero, expected zeros or an input")
        state = f"{self.scope.name(self.operator.outputs[place])} before"
        tape.inputs[state] = tape.shapes[state] = self.body.shape(self.body.subgraph.inputs[place])
        tape.begun[state] = self.scope.name(self.operator.outputs[place])
        return state

    def end(self) -> None:
        """Names for what comes out."""
        outer, inside = self.scope, self.body.subgraph
        for place, result in enumerate(self.operator.outputs):
            after = inside.outputs[place]
            if place in self.lists:
                after = self._given(inside, place)
                outer.know(result, (outer.tape.rows, *self.body.tensor(after).shape[-2:]))
            if place in self.counters:
                continue
            outer.copy(self.operator, self.body.name(after), result)

    def _given(self, inside: Subgraph, place: int) -> int:
        """The tensor that a step puts into a list."""
        number, own = inside.outputs[place], inside.inputs[place]
        for _ in range(len(inside.operators)):
            maker = self.makers.get(number)
            if maker is None or maker.op not in (*_MOVES, Op.CONCATENATION, Op.PACK):
                return number
            if maker.op in (Op.CONCATENATION, Op.PACK):
                new = [one for one in maker.inputs if one >= 0 and not self._is_of(one, own)]
                if len(new) != 1:
                    raise ValueError(f"a list that takes {len(new)} values in a step, expected one")
                number = new[0]
            else:
                number = maker.input(0)
        raise ValueError("a list that takes itself")

    def _is_of(self, number: int, own: int) -> bool:
        """Whether it is cut from the list that came in."""
        for _ in range(len(self.body.subgraph.operators)):
            if number == own:
                return True
            maker = self.makers.get(number)
            if maker is None or maker.op not in (*_MOVES, *_CUTS):
                return False
            number = maker.input(0)
        return False
