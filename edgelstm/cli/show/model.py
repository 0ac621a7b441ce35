"""What a model file holds, for people: a line for each fact, a table of layers and one of the parts of the state."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap
from typing import Any

from edgelstm.cli.show import style
from edgelstm.cli.show.text import named, plain, shortened, table
from edgelstm.devices.units import show_duration, show_rate, show_size
from edgelstm.plain import counted, in_unit
from edgelstm.records import from_json
from edgelstm.runtime.events.rule import Rule
from edgelstm.runtime.metadata import NO_FOUR_BITS, imported_window

Facts = dict[str, Any]
"""As `edgelstm inspect --json` prints them."""


def model(facts: Facts) -> str:
    """All of it, within 80 columns but for names that are longer."""
    about = [(name, plain(text)) for name, text in _about(facts)]
    heading = f"{style.heading(plain(facts['file']))}  {show_size(facts['bytes'])}, {facts['precision']}"
    tables = [_layers(facts), *([_state(facts)] if facts["parts"] else [])]
    return "\n".join([heading, named(about, "  ", 12), *(line for each in tables for line in ("", each))])


def _about(facts: Facts) -> Iterator[tuple[str, str]]:
    """(name, text); what is not known is left out."""
    rate, answer = facts.get("sample_rate"), facts.get("answer")
    features, outputs = counted(facts["features"], "feature"), counted(facts["outputs"], "value")
    yield "input", _named(features, facts.get("feature_names"), facts.get("feature_units"))
    if facts.get("input") == "int16":
        yield "frames", "become int16"
    yield "rate", show_rate(rate) if rate else "not known"
    if isinstance(task := facts.get("task"), dict) and task.get("kind"):
        yield "task", str(task["kind"])[:40]
        if changes := task.get("changes"):
            yield "changes", f"taken and told, not values, of {', '.join(map(str, changes))}; stream sees to both"
    if answer:
        yield "answer", _answer(answer)
    if window := facts.get("anew"):
        yield "windows", f"of {counted(window, 'frame')}, each from a fresh state"
    if window := imported_window(facts):
        yield "windows", f"of {counted(window, 'frame')}, each from a fresh state; a stream carries its state on"
    yield "output", _named(f"{outputs}, {facts.get('activation')}", facts.get("labels"), facts.get("label_units"))
    if facts.get("thresholds"):
        yield "thresholds", _thresholds(facts["thresholds"], facts.get("labels"))
    for label, rule in (facts.get("events") or {}).items():
        yield "event", from_json(Rule, rule, "events").words(shortened(plain(label), 20))
    yield "licence", str(facts.get("licence") or "not said")
    if facts.get("scales"):
        yield "scales", str(facts["scales"])
    if "weights" in facts:
        yield "weights", f"{facts['weights']:,}"
    added = f", at most {facts['frame_additions']:,} additions" if facts["frame_additions"] else ""
    yield "work", f"{facts['frame_macs']:,} multiply-accumulates per frame{added}"
    yield "latency", _latency(facts["latency_frames"], rate)
    if "calibrated" in facts:
        yield "int8", "calibrated" if facts["calibrated"] else "not calibrated: int8 export needs --data"
    if facts.get("kept_float32"):
        yield "float32", f"also in int8 files: {', '.join(map(str, facts['kept_float32']))}"
    if facts.get("int16"):
        yield "int16", f"weights of 16 bits in int8 files: {', '.join(map(str, facts['int16']))}"
    if facts.get("int4"):
        yield "int4", f"weights of 4 bits: {', '.join(map(str, facts['int4']))}"
    elif facts["precision"] == "int4":
        yield "int4", NO_FOUR_BITS
    if facts.get("stream_bytes") is not None:
        yield "memory", f"{facts['stream_bytes']:,} bytes per stream, allocated once"
    if "snapshot_bytes" in facts:
        head = facts["snapshot_bytes"] - sum(part["bytes"] for part in facts["parts"])
        yield "saved state", f"{facts['snapshot_bytes']:,} bytes: {head} of header, and the parts below"
    for name, affine in (facts.get("io") or {}).items():
        yield name, f"int8, scale {affine['scale']:.6g}, zero point {affine['zero_point']}"
    if "agrees" in facts:
        yield "agrees", _agreement(facts["agrees"])
    if "engine" in facts:
        yield "engine", facts["engine"] + (f", kernel {facts['kernel']}" if facts.get("kernel") else "")
    provenance = facts.get("provenance")
    if isinstance(provenance, dict) and provenance.get("data"):
        yield "trained on", str(provenance["data"])


def _agreement(found: Facts) -> str:
    """Of the file with the model that it was made from."""
    from edgelstm.devices.profiling.proven import show_agreement
    from edgelstm.devices.profiling.report import Agrees
    from edgelstm.records import Unavailable

    return show_agreement(Unavailable(found["reason"]) if "reason" in found else Agrees(**found))


def _named(what: str, names: list[str] | None, units: list[str] | None) -> str:
    if not names:
        return what
    if units:
        names = [in_unit(name, unit) for name, unit in zip(names, units)]
    return f"{what}: {', '.join(names)}"


def _thresholds(thresholds: list[float], labels: list[str] | None) -> str:
    """From which probability on each label is said."""
    names = labels or [str(place) for place in range(len(thresholds))]
    return ", ".join(f"{name} from {threshold:g}" for name, threshold in zip(names, thresholds))


def _answer(answer: Facts) -> str:
    """How an answer is made, in words."""
    pooling, window, hop = answer.get("pooling"), answer.get("window"), answer.get("hop")
    if pooling in ("mean", "mean+max"):
        of = f"the last {window} frames' scores" if window else "all frames' scores"
        what = f"mean of {of}" if pooling == "mean" else f"half of mean + maximum of {of}"
    else:
        what = "the newest scores"
    when = "only when asked" if not hop else "every frame" if hop == 1 else f"every {hop} frames"
    return f"{what}, {when}"


def _latency(frames: int, rate: float | None) -> str:
    if not frames:
        return "0 frames: every layer runs at every frame"
    time = f" ({show_duration(frames / rate)})" if rate else ""
    return f"up to {counted(frames, 'frame')}{time}: the last layer runs at one in {frames + 1}"


SETTINGS_WIDTH = 34
"""Of what is said of a layer in a line, beside its sizes."""


def _layers(facts: Facts) -> str:
    settings = [wrap(_settings(layer), SETTINGS_WIDTH) or [""] for layer in facts["layers"]]
    width = max(len(line) for lines in settings for line in lines)  # of words, which stand to the left
    rows = []
    for layer, (first, *others) in zip(facts["layers"], settings):
        size = f"{layer['rows']} × {layer['channels']}"
        every = "frame" if layer["stride"] == 1 else f"{layer['stride']} frames"
        rows.append([layer["name"], size, every, f"{layer['macs']:,}", first.ljust(width)])
        rows += [["", "", "", "", other.ljust(width)] for other in others]
    return table(["layer", "result", "every", "MACs a run", ""], rows)


_PLAIN = {"step": 1, "dilation": 1, "before": 0, "after": 0, "fill": "zero"}
"""What goes without saying."""


def _settings(layer: Facts) -> str:
    """What only its kind has."""
    common = ("name", "kind", "rows", "channels", "stride", "macs", "before", "after")
    own = {name: value for name, value in layer.items() if name not in common and value != _PLAIN.get(name)}
    words = [_WORDS.get((name, value)) or f"{name} {value}" for name, value in own.items()]
    padding = [layer.get(name, 0) for name in ("before", "after")]
    return ", ".join([*words, f"pad {padding[0]} + {padding[1]}"] if any(padding) else words)


_WORDS = {
    ("activation", "linear"): "linear",
    ("activation", "relu"): "relu",
    ("fill", "mirror"): "mirrored",
    ("carry", 0): "anew every frame",
}


def _state(facts: Facts) -> str:
    """The parts of a stream's state; of those that a program carries itself also how they begin and go on."""
    carried = {state["name"]: state for state in facts.get("states") or []}
    header = ["state", "layer", "type", "shape", "bytes"]
    if carried:
        header = ["state", "type", "shape", "bytes", "initial", "scale", "zero", "next"]
    rows = []
    for part in facts["parts"]:
        state, shape = carried.get(part["name"]), " × ".join(map(str, part["shape"]))
        size = f"{part['bytes']:,}"
        if not carried:
            rows.append([part["name"], part["layer"] or "", part["type"], shape, size])
        elif state is None:
            rows.append([part["name"], part["type"], shape, size, "", "", "", ""])
        else:
            numbers = ["", ""] if part["type"] == "float32" else [f"{state['scale']:.6g}", str(state["zero_point"])]
            after = state["output"] or "engine"
            shape = " × ".join(map(str, state["shape"]))
            rows.append([part["name"], part["type"], shape, size, f"{state['initial']:g}", *numbers, after])
    return table(header, rows)
