"""What functions that read nodes of a graph know of the way that was gone so far."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from edgelstm.importers.carried import Carried
from edgelstm.importers.forms import Forms
from edgelstm.importers.graph import Graph, Node, NodeError
from edgelstm.importers.layout import Layout, Lying
from edgelstm.importers.moves import Moves, Numbers
from edgelstm.importers.patterns import Patterns
from edgelstm.importers.results import Results
from edgelstm.layers import Context, Shape


class StackedError(NodeError):
    """A layer sees several frames of a call at once: they have to be rows of one frame."""


class Walk(ABC):
    """From a graph's scores back to its frames. letter: of the frames of a call; first: what frames go through before
    the graph sees them."""

    def __init__(self, graph: Graph, frames: str, letter: str, first: Context | None):
        self.graph, self.frames = graph, frames
        self.layout = Layout(graph, frames, letter)
        self.forms = Forms(graph, self.layout)
        self.patterns = Patterns(graph, self.layout)
        self.moves = Moves(graph)
        self.carried: list[Carried] = []  # by the layers that were found so far
        self.results = Results((graph.shapes.get(frames) or (1,))[-1], first)

    def carry(self, node: Node, before: Numbers | None, after: Numbers | None) -> None:
        """A state of a layer that `node` is, or is the last of, as it comes in and as it is left."""
        if before is None or after is None or before.size != after.size:
            raise ValueError(f"{node.label}: a state of unknown values, or of another size than it has behind it")
        self.carried.append(Carried(node.label, before.reshape(-1), after.reshape(-1)))

    @abstractmethod
    def result(self, name: str) -> int:
        """The place of what gives `name` among the results."""

    def lying(self, name: str) -> Lying:
        """Of a result that no layout is known of: one row."""
        found = self.layout.lying(name)
        return found or Lying(1, max(1, int(np.prod(self.graph.shapes.get(name, (1,))))))

    def whole(self, node: Node) -> int:
        """The place of what a node takes, whose rows a layer has to see as the node does."""
        place, lying = self.result(node.input(0)), self.lying(node.input(0))
        if self.results.shape(place) != Shape(lying.rows, lying.channels):
            raise ValueError(f"{node.label}: over rows that lie side by side, expected a product between")
        return place
