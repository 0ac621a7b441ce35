"""The ends of a graph: which output is the answer, and which renews which state. Names are a first guess; what the
layers do with the values decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edgelstm.importers.carried import Renewals, is_left, paired
from edgelstm.importers.choices import UndecidedError
from edgelstm.importers.graph import Graph
from edgelstm.importers.matching import Matched, match
from edgelstm.importers.moves import Moves


@dataclass(frozen=True, eq=False)
class Found:
    """states: input → the output that renews it. idle: inputs that no answer depends on. shown: the output that is
    compared: the answer, or its softmax or sigmoid."""

    frames: str
    scores: str
    states: dict[str, str]
    idle: tuple[str, ...]
    matched: Matched
    shown: str


@dataclass(frozen=True, eq=False)
class Ends:
    """inner: states that no input brings, such as those that a loop begins with zeros → their new values, None where
    these were told before. states: pairs that names or the user say, which have to be right. part: the output that
    the user says. overlap: as in `match`."""

    graph: Graph
    inner: Mapping[str, str | None] = field(default_factory=dict)
    states: Mapping[str, str] = field(default_factory=dict)
    part: str = ""
    overlap: int = 0

    @property
    def inputs(self) -> list[str]:
        return [name for name in self.graph.inputs if name not in self.inner]

    def read(self, frames: str) -> Found:
        """ValueError where these are no frames, or what is made of them no road of ours."""
        values, overlap = (self.graph.shapes.get(frames) or (1,))[-1], self.overlap
        if overlap >= values:
            raise ValueError(f"--overlap: {overlap}, expected fewer than the {values} values of a frame")
        groups = self._groups()
        roads: dict[str, Matched] = {}
        problems: dict[str, ValueError] = {}
        for shown in groups:
            try:
                roads[shown] = match(self.graph, frames, shown, overlap, len(self.inputs) > 1)
            except ValueError as error:
                problems[shown] = error
        states = {name for road in roads.values() for name in self._renewing(frames, road)}
        answers = [one for one in groups if not states.issuperset(groups[one])] or list(roads)[:1]
        if not answers or answers[0] in problems:
            raise problems[answers[0] if answers else next(iter(problems))]
        shown = answers[0]
        names, road = groups[shown], roads[shown]
        scores = next((name for name in ("scores", self.part) if name in names), names[0])
        pairs = self._pairs(frames, road, scores)
        if len(answers) > 1:
            said = ", ".join(f"{groups[one][0]!r:.40}" for one in answers[:6])
            raise UndecidedError(
                f"--part: not given, and the file gives several answers: {said}; expected one of them"
            )
        idle = tuple(name for name in self.inputs if name not in pairs and name != frames)
        return Found(frames, scores, pairs, idle, road, shown)

    def _groups(self) -> dict[str, list[str]]:
        """Outputs that may be the answer, those of the same values together, scores with their softmax or sigmoid:
        name of what is shown → their names."""
        moves, part, outputs = Moves(self.graph), self.part, self.graph.outputs
        if part and part not in outputs:
            raise ValueError(f"--part: {part!r:.40}, expected one of the outputs {', '.join(outputs)[:200]}")
        named = [name for name in outputs if name not in self.states.values()]
        names = [part] if part else [name for name in named if not is_left(moves, name)] or list(outputs)
        keys: dict[str, str] = {}
        groups: dict[str, list[str]] = {}
        for name in names:
            shown = _shown(self.graph, name)
            found = moves.of(shown)
            key = shown if found is None else str(found.reshape(-1).tolist())
            groups.setdefault(keys.setdefault(key, shown), []).append(name)
        return groups

    def _renewals(self, frames: str, road: Matched) -> Renewals:
        return Renewals(road.moves, road.carried, [name for name in self.graph.inputs if name != frames])

    def _renewing(self, frames: str, road: Matched) -> set[str]:
        """Outputs that renew inputs."""
        try:
            renewals = self._renewals(frames, road)
        except ValueError:
            return set()
        return {one for name in renewals.read for one in renewals.renewing(name, self.graph.outputs)}

    def _pairs(self, frames: str, road: Matched, scores: str) -> dict[str, str]:
        """Input → the output that renews it. NodeError for a state that none renews as its layer leaves it."""
        renewals = self._renewals(frames, road)
        for name, after in self.inner.items():
            if after is not None and name in renewals.read and not renewals.does(name, after):
                raise renewals.refuse(name, [after])
        read = [name for name in renewals.read if name not in self.inner]
        return {name: paired(renewals, name, self.graph.outputs, self.states.get(name), scores) for name in read}


def _shown(graph: Graph, scores: str) -> str:
    """Another output that is the softmax or sigmoid of the scores, where there is one."""
    for name in graph.outputs:
        maker = graph.makers.get(name)
        if maker is not None and maker.op in ("Softmax", "Sigmoid") and maker.input(0) == scores:
            return name
    return scores
