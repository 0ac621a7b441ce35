"""What goes into an ONNX graph and comes out of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edgelstm.importers.choices import Choices, UndecidedError
from edgelstm.importers.ends import Ends, Found
from edgelstm.importers.graph import Graph

FRAMES = ("x", "input", "inputs", "frames")
_MOST_ENDS = 64


def understood(graph: Graph, begun: Mapping[str, str], choices: Choices) -> Found:
    """begun: states that a loop begins with zeros → their new values. ValueError, one line, for a graph that is no
    model of ours: what is said of the input that most likely takes frames; UndecidedError where an option has to say
    which answer is meant, or which input is what."""
    inputs = [name for name in graph.inputs if name not in begun]
    if len(inputs) + len(graph.outputs) > _MOST_ENDS:
        raise ValueError(f"{len(inputs)} inputs and {len(graph.outputs)} outputs, expected a few")
    states = _said(inputs, graph.outputs, choices.states)
    rest = [name for name in inputs if name not in states]
    if not rest:
        raise ValueError("no input that takes frames, expected one beside the states")
    ends = Ends(graph, begun, states, choices.part, choices.overlap)
    problem: ValueError | None = None
    found: list[Found] = []
    for frames in sorted(rest, key=lambda name: name not in FRAMES):
        try:
            found.append(ends.read(frames))
        except UndecidedError:
            raise
        except ValueError as error:
            problem = problem or error
        if found and frames in FRAMES:
            break
    if not found:
        raise problem or ValueError("no input that takes frames")
    if len(found) > 1:
        names = ", ".join(f"{one.frames!r:.40}" for one in found[:4])
        pairs = ",".join(f"{name:.30}={after:.30}" for name, after in list(found[0].states.items())[:2])
        raise UndecidedError(
            f"--states: not given, and each of the inputs {names} may be the one that takes frames; expected the "
            f"others with the outputs that renew them, such as --states {pairs or 'h=h_out'}"
        )
    return found[0]


def _said(inputs: Sequence[str], outputs: Sequence[str], states: Mapping[str, str]) -> dict[str, str]:
    """Inputs with the outputs that renew them: as the option says, or by a name with `_out` or `n` behind it."""
    for names, held, what in ((states, inputs, "inputs"), (states.values(), outputs, "outputs")):
        for name in names:
            if name not in held:
                raise ValueError(f"--states: {name!r:.40}, expected one of the {what} {', '.join(held)[:200]}")
    found = dict(states)
    for name in inputs:
        fits = [one for one in (f"{name}_out", f"{name}n", f"{name}N") if one in outputs]
        if fits and name not in states:
            found[name] = fits[0]
    return found
