"""Runs an exported file in its engine, frame by frame, and writes down all that can be seen of it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgelstm.runtime.engines.elstm import Model
from edgelstm.runtime.engines.engine import EngineModel
from edgelstm.runtime.engines.onnx import OnnxModel
from edgelstm.runtime.engines.tflite import TfliteModel, TfliteStream
from edgelstm.runtime.states import State

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Run:
    """One sequence of T frames through a stream that was reset before."""

    answers: Array  # (answers, outputs) that were emitted
    final: Array  # (outputs,) the answer asked for at the end
    h: tuple[Array, ...]  # per LSTM layer (T, H)
    c: tuple[Array, ...]  # per LSTM layer (T, H)
    scores: Array | None = None  # (T, outputs), where the engine shows them
    probabilities: Array | None = None  # (T, outputs), where the file computes them itself
    codes: Array | None = None  # (T, features) int8: the frames as the file quantized them, where it shows them


def witness(engine: Model | EngineModel) -> Witness:
    """The witness for the engine that `engine` is open in."""
    if isinstance(engine, OnnxModel):
        return _OnnxWitness(engine)
    return _TfliteWitness(engine) if isinstance(engine, TfliteModel) else Witness(engine)


class Witness:
    """Sees answers and states, which every engine shows."""

    splits_exactly = True  # the same sums in the same order, however many frames a call takes
    rounds_scores = False  # to int8, as TFLite's form does

    def __init__(self, engine: Model | EngineModel):
        self.engine = engine
        self.stream = self.new_stream()

    def new_stream(self) -> Any:
        return self.engine.stream()

    def look(self) -> dict[str, Array]:
        """What can be seen after a step, besides answers and states: fields of `Run`."""
        return {}

    def run(self, sequence: NDArray[np.float32]) -> Run:
        """Reset, then frame by frame."""
        self.stream.reset()
        answers, states, seen = [], [], []
        for frame in sequence:
            self.stream.input[:] = frame
            if self.stream.step():
                answers.append(self.stream.output.copy())
            states.append(self.states(self.stream))
            seen.append(self.look())
        layers = range(len(states[0]))
        h, c = (tuple(np.array([state[n][which] for state in states]) for n in layers) for which in (0, 1))
        fields = {name: np.array([look[name] for look in seen]) for name in seen[0]}
        return Run(self.rows(answers), self.stream.answer(), h, c, **fields)

    def run_at_once(self, sequence: NDArray[np.float32]) -> Run:
        """Reset, then one push. The states are those at the end, (1, H) each."""
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

    def ended(self, stream: Any, answers: Array) -> Run:
        states = self.states(stream)
        return Run(answers, stream.answer(), tuple(h[None] for h, _ in states), tuple(c[None] for _, c in states))

    def states(self, stream: Any) -> list[tuple[Array, Array]]:
        """(h, c) of every layer, in numbers that mean the same in every engine."""
        states: list[tuple[Array, Array]] = stream.layer_states()
        return states

    def rows(self, answers: list[Array]) -> Array:
        return np.array(answers, np.float32).reshape(-1, self.engine.outputs)


class _OnnxWitness(Witness):
    """Sees scores after each step, and the probabilities in calls of their own."""

    def __init__(self, engine: OnnxModel):
        super().__init__(engine)
        self.model = engine
        # A call for several frames sums floats in another order than one for each.
        self.splits_exactly = engine.by_frame or engine.precision != "float32"
        self.rounds_scores = engine.io is not None
        self.has_probabilities = "probabilities" in [output.name for output in engine.session.get_outputs()]

    def look(self) -> dict[str, Array]:
        return {"scores": self.stream.scores.copy()}

    def states(self, stream: Any) -> list[tuple[Array, Array]]:
        """The model's own integers, where the file has 128 more in h; else what they stand for."""
        states = super().states(stream)
        if self.model.precision == "int8":
            return [(h.astype(np.int16) - 128, c) for h, c in states]
        return in_reals(self.model.states, states)

    def run(self, sequence: NDArray[np.float32]) -> Run:
        run = super().run(sequence)
        return replace(run, probabilities=self.probabilities(sequence)) if self.has_probabilities else run

    def probabilities(self, sequence: NDArray[np.float32]) -> Array:
        """(T, outputs), through inputs and outputs by name as other programs use them."""
        states = {state.name: state.fresh() for state in self.model.states}
        outputs = ["probabilities", *(state.output for state in self.model.states)]
        rows = []
        for part in np.split(sequence, len(sequence)) if self.model.by_frame else [sequence]:
            row, *after = self.model.session.run(outputs, {"x": part, **states})
            states = dict(zip(states, after))
            rows.append(row)
        return np.concatenate(rows)


class _TfliteWitness(Witness):
    """Sees the integers that the file itself made of a frame, in an interpreter that keeps all its tensors."""

    rounds_scores = True  # where there are integers at all

    def __init__(self, engine: TfliteModel):
        super().__init__(engine)
        self.integers, self.about = engine.precision == "int8", engine.states
        details = self.stream.interpreter.get_tensor_details()
        numbers = {detail["name"]: detail["index"] for detail in details}
        wanted = {"codes": "x8", "probabilities": "probabilities"}
        self.numbers = {field: numbers[name] for field, name in wanted.items() if name in numbers}

    def new_stream(self) -> Any:
        assert isinstance(self.engine, TfliteModel)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # LiteRT warns that keeping all tensors takes memory
            return TfliteStream(self.engine, experimental_preserve_all_tensors=True)

    def states(self, stream: Any) -> list[tuple[Array, Array]]:
        """Integers where they are the model's own; else what they stand for."""
        states = super().states(stream)
        return states if self.integers else in_reals(self.about, states)

    def look(self) -> dict[str, Array]:
        seen = {field: self.stream.interpreter.get_tensor(number) for field, number in self.numbers.items()}
        return {"scores": self.stream.scores.copy()} | {field: array.reshape(-1) for field, array in seen.items()}


def in_reals(about: Sequence[State], states: list[tuple[Array, Array]]) -> list[tuple[Array, Array]]:
    """(h, c) of every layer as the numbers that they stand for."""
    pairs = zip(about[0::2], about[1::2], states)
    return [(h.real(one), c.real(other)) for h, c, (one, other) in pairs]
