"""Runs an exported file in its engine, frame by frame, and writes down all that can be seen of it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.runtime.engines.engine import EngineModel, EngineStream
from edgelstm.runtime.engines.onnx import OnnxModel, OnnxStream
from edgelstm.runtime.engines.tflite import TfliteModel, TfliteStream
from edgelstm.runtime.states import State

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Run:
    """One sequence of T frames through a stream that was reset before. What is seen after each run of the last layer
    has R = T // stride rows."""

    answers: Array  # (answers, outputs) that were emitted
    final: Array  # (outputs,) the answer asked for at the end
    ended: Mapping[str, Array]  # the states at the end by name, (values,) each
    states: Mapping[str, Array] = field(default_factory=dict)  # by name, (R, values) each
    scores: Array | None = None  # (R, outputs), where the engine shows them
    scores_rounded: bool = False  # to int8, where the file holds integers
    probabilities: Array | None = None  # (R, outputs), where the file computes them itself
    codes: Array | None = None  # (T, features) int8: the frames as the file quantized them, where it shows them


def witness(engine: EngineModel, *, as_integers: bool = False, splits_exactly: bool = True) -> Witness:
    """The witness for the engine that `engine` is open in.

    as_integers: states are compared as the integers that they are, not as the numbers that those stand for.
    splits_exactly: the file computes the same sums in the same order, however many frames a call takes.
    """
    if isinstance(engine, OnnxModel):
        return _OnnxWitness(engine, as_integers, splits_exactly)
    if isinstance(engine, TfliteModel):
        return _TfliteWitness(engine, as_integers, splits_exactly)
    return Witness(engine, as_integers, splits_exactly)


class Witness:
    """Sees answers and states, which every engine shows."""

    rounds_scores = False  # to int8, as TFLite's form does

    def __init__(self, engine: EngineModel, as_integers: bool, splits_exactly: bool):
        self.engine, self.as_integers, self.splits_exactly = engine, as_integers, splits_exactly
        self.stream = self.new_stream()

    def new_stream(self) -> EngineStream:
        return self.engine.stream()

    def look(self) -> dict[str, Array]:
        """What can be seen after a step, besides answers and states: fields of `Run`."""
        return {}

    def run(self, sequence: NDArray[np.float32]) -> Run:
        """Reset, then frame by frame."""
        self.stream.reset()
        answers, states, seen = [], [], []
        for count, frame in enumerate(sequence, 1):
            if self.stream.step(frame):
                answers.append(self.stream.output.copy())
            if count % self.engine.stride == 0:
                states.append(self.states(self.stream))
                seen.append(self.look())
        traced = {name: np.array([state[name] for state in states]) for name in states[0]}
        fields: dict[str, Any] = {name: np.array([look[name] for look in seen]) for name in seen[0]}
        fields["scores_rounded"] = self.rounds_scores
        return Run(self.rows(answers), self.stream.answer(), self.states(self.stream), traced, **fields)

    def run_at_once(self, sequence: NDArray[np.float32]) -> Run:
        """Reset, then one push."""
        self.stream.reset()
        return self.ended(self.stream, self.stream.push(sequence))

    def run_restored(self, sequence: NDArray[np.float32]) -> Run:
        """Reset, the first half in one push; the rest in a new stream that goes on from the saved state."""
        self.stream.reset()
        half = len(sequence) // 2
        before = self.stream.push(sequence[:half])
        other = self.new_stream()
        other.restore(self.stream.save())
        return self.ended(other, np.concatenate([before, other.push(sequence[half:])]))

    def ended(self, stream: EngineStream, answers: Array) -> Run:
        return Run(answers, stream.answer(), self.states(stream))

    def states(self, stream: EngineStream) -> dict[str, Array]:
        """Every part of the state, flat, in numbers that mean the same in every engine."""
        return {name: part.reshape(-1) for name, part in stream.states().items()}

    def rows(self, answers: list[Array]) -> Array:
        return np.array(answers, np.float32).reshape(-1, self.engine.outputs)


class _OnnxWitness(Witness):
    """Sees scores after each step, and the probabilities in calls of their own."""

    def __init__(self, engine: OnnxModel, as_integers: bool, splits_exactly: bool):
        # A file that takes one frame per call cannot split otherwise.
        super().__init__(engine, as_integers, splits_exactly or engine.one_call)
        self.model = engine
        self.rounds_scores = engine.io is not None
        self.has_probabilities = "probabilities" in [output.name for output in engine.session.get_outputs()]

    def look(self) -> dict[str, Array]:
        assert isinstance(self.stream, OnnxStream)
        return {"scores": self.stream.scores.copy()}

    def states(self, stream: EngineStream) -> dict[str, Array]:
        """The model's own integers, where the file has 128 more in those of 8 bits; else what they stand for."""
        states = super().states(stream)
        if not self.as_integers:
            return in_reals(self.model.states, states)
        return {
            name: part.astype(np.int16) - 128 if part.dtype == np.uint8 else part for name, part in states.items()
        }

    def run(self, sequence: NDArray[np.float32]) -> Run:
        run = super().run(sequence)
        return replace(run, probabilities=self.probabilities(sequence)) if self.has_probabilities else run

    def probabilities(self, sequence: NDArray[np.float32]) -> Array:
        """(R, outputs), through inputs and outputs by name as other programs use them."""
        states = {state.name: state.fresh() for state in self.model.states}
        outputs = ["probabilities", *(state.output for state in self.model.states)]
        rows = []
        calls = len(sequence) // self.model.stride
        whole = sequence[: calls * self.model.stride]
        for part in np.split(whole, calls) if self.model.one_call else [whole]:
            row, *after = self.model.session.run(outputs, {"x": part, **states})
            states = dict(zip(states, after))
            rows.append(row)
        return np.concatenate(rows)


class _TfliteWitness(Witness):
    """Sees the integers that the file itself made of a frame, in an interpreter that keeps all its tensors."""

    rounds_scores = True  # where there are integers at all

    def __init__(self, engine: TfliteModel, as_integers: bool, splits_exactly: bool):
        super().__init__(engine, as_integers, splits_exactly)
        self.about = engine.states
        assert isinstance(self.stream, TfliteStream)
        details = self.stream.interpreter.get_tensor_details()
        numbers = {detail["name"]: detail["index"] for detail in details}
        wanted = {"codes": "x8", "probabilities": "probabilities"}
        self.numbers = {field: numbers[name] for field, name in wanted.items() if name in numbers}

    def new_stream(self) -> Any:
        assert isinstance(self.engine, TfliteModel)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # LiteRT warns that keeping all tensors takes memory
            return TfliteStream(self.engine, self.engine.answering(), experimental_preserve_all_tensors=True)

    def states(self, stream: EngineStream) -> dict[str, Array]:
        """Integers where they are the model's own; else what they stand for."""
        states = super().states(stream)
        return states if self.as_integers else in_reals(self.about, states)

    def look(self) -> dict[str, Array]:
        assert isinstance(self.stream, TfliteStream)
        seen = {field: self.stream.interpreter.get_tensor(number) for field, number in self.numbers.items()}
        return {"scores": self.stream.scores.copy()} | {field: array.reshape(-1) for field, array in seen.items()}

    def run(self, sequence: NDArray[np.float32]) -> Run:
        run = super().run(sequence)
        return replace(run, codes=None if run.codes is None else run.codes.reshape(-1, self.engine.features))


def in_reals(about: Sequence[State], states: Mapping[str, Array]) -> dict[str, Array]:
    """States as the numbers that they stand for."""
    return {state.name: state.real(states[state.name]) for state in about}
