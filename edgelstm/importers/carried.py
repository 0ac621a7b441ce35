"""States that go on from call to call: which result of a graph renews which of its inputs, told by where their values
come from, not by their names or shapes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from edgelstm.importers.choices import UndecidedError
from edgelstm.importers.graph import RECURRENT, Graph, Node, NodeError
from edgelstm.importers.moves import Moves, Numbers


@dataclass(frozen=True, eq=False)
class Carried:
    """A state of a layer, by numbers of its values (`moves.py`), flat: as they come in, and as the layer leaves them.
    label: of the layer's node."""

    label: str
    before: Numbers
    after: Numbers


class Renewals:
    """What has to become of the values of a graph's inputs, by what its layers do with them."""

    def __init__(self, moves: Moves, carried: Sequence[Carried], inputs: Iterable[str]):
        """NodeError for a state that is no input, value by value."""
        self.moves, self._inputs = moves, {name: moves.of(name) for name in inputs}
        self._labels: dict[str, str] = {}
        self._wanted: dict[str, Numbers] = {}  # of each value of an input; -1: no layer reads it
        for one in carried:
            self._add(one)

    @property
    def read(self) -> tuple[str, ...]:
        """Inputs that layers begin with."""
        return tuple(self._wanted)

    def label(self, name: str) -> str:
        """Of a layer that begins with an input."""
        return self._labels[name]

    def _add(self, one: Carried) -> None:
        owner = self.moves.owner(int(one.before.flat[0]))
        numbers = self._inputs.get(owner)
        if numbers is None or not np.isin(one.before, numbers).all():
            raise NodeError(
                f"{one.label}: begins with what {_said(self.moves.graph, owner)} makes of a state, expected an input "
                "of the graph as it comes in"
            )
        wanted = self._wanted.setdefault(owner, np.full(numbers.size, -1, np.int64))
        places = one.before - numbers.flat[0]
        if ((wanted[places] >= 0) & (wanted[places] != one.after)).any():
            raise NodeError(f"{one.label}: begins with the state {owner!r:.40} of another layer, expected its own")
        wanted[places] = one.after
        self._labels.setdefault(owner, one.label)

    def does(self, name: str, result: str) -> bool:
        """Whether `result` holds what the input `name` has to be in the next call."""
        found, wanted = self.moves.of(result), self._wanted[name]
        if found is None or found.size != wanted.size:
            return False
        return bool(((found.reshape(-1) == wanted) | (wanted < 0)).all())

    def renewing(self, name: str, results: Iterable[str]) -> list[str]:
        """Those of `results` that renew an input that is `read`."""
        return [result for result in results if self.does(name, result)]

    def refuse(self, name: str, results: Iterable[str]) -> NodeError:
        """Of none of which does."""
        wanted = self._wanted[name]
        maker = self.moves.owner(int(wanted[wanted >= 0][0]))
        for result in results:
            if (node := _last_on_way(self.moves.graph, result, maker)) is not None:
                why = f"; {result!r:.40} is what {node.label} makes of it"
                break
        else:
            why = ""
        return NodeError(
            f"{self.label(name)}: no output gives its new state as it is for the input {name!r:.40}{why}"
        )


def is_left(moves: Moves, result: str) -> bool:
    """Whether a result is nothing but what recurrent operators leave as their states."""
    found = moves.of(result)
    states = [moves.state(node, place) for node in moves.graph.nodes if node.op in RECURRENT for place in (0, 1)]
    return found is not None and bool(states) and bool(np.isin(found, np.concatenate(states)).all())


def paired(renewals: Renewals, name: str, outputs: Sequence[str], said: str | None, scores: str) -> str:
    """The output that renews the input `name`, which is `read`. said: the one that its name or an option says, which
    has to be right. `scores` does so where no other does. NodeError where none does."""
    fits = renewals.renewing(name, outputs)
    if not fits:
        raise renewals.refuse(name, outputs if said is None else [said])
    if said is not None and said not in fits:
        raise UndecidedError(
            f"--states: output {said!r:.40} renews input {name!r:.40} by its name, and {fits[0]!r:.40} does by what "
            f"{renewals.label(name):.60} leaves; if that is meant: --states {name:.40}={fits[0]:.40}"
        )
    return said or next((one for one in fits if one != scores), fits[0])


def _said(graph: Graph, name: str) -> str:
    node = graph.makers.get(name)
    return f"{name!r:.60}" if node is None else node.label


def _last_on_way(graph: Graph, result: str, maker: str) -> Node | None:
    """The node nearest to `result` that does more than move what `maker` gives."""
    plain = graph.plain(result)
    seen, behind = {plain}, [plain]
    while behind:
        name = behind.pop()
        if name == maker:
            return graph.makers.get(plain)
        node = graph.makers.get(name)
        new = [] if node is None else [one for one in node.inputs if one and one not in seen]
        seen.update(new)
        behind += new
    return None
