"""Tensors under PyTorch's names as layers: `lstm.weight_ih_l0`, `fc.weight`.

Such names say which layer a tensor belongs to, and by its shape of what kind that is. In which order layers run and
what stands between them is in the program that made them, so that `--layers` has to say it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edgelstm.hints import near
from edgelstm.importers import cells
from edgelstm.importers.choices import Choices, UndecidedError
from edgelstm.importers.road import Scale, Step, Word
from edgelstm.layers import L2, Context, Conv, Dense, LayerNorm
from edgelstm.plain import counted, printable

Array = NDArray[Any]
_RECURRENT = re.compile(
    r"(?P<module>(?:.*\.)?)(?P<what>weight_ih|weight_hh|bias_ih|bias_hh|weight_hr)(?P<rest>_l\d+)?"
    r"(?P<back>_reverse)?$"
)
_WORDS: Mapping[str, Word | L2] = {
    "relu": "relu",
    "tanh": "tanh",
    "softmax": "softmax",
    "sigmoid": "sigmoid",
    "hard_sigmoid": "hard_sigmoid6",  # PyTorch's
    "l2": L2(),
}
_MEASURED = frozenset({"running_mean", "running_var"})  # by batch norm
_READ = _MEASURED | {"weight", "bias", "num_batches_tracked"}
_SETTINGS = ("stride", "dilation", "norm", "groups", "epsilon", "reset")
_EPSILON = 1e-5  # that of torch.nn.BatchNorm1d and LayerNorm, which a state_dict does not hold


class View(Protocol):
    """A tensor that is read when it is needed."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def array(self) -> Array: ...


@dataclass(frozen=True, eq=False)
class Held:
    """An array as a view of itself."""

    values: Array

    @property
    def shape(self) -> tuple[int, ...]:
        return self.values.shape

    def array(self) -> Array:
        return self.values


Views = Mapping[str, View]


@dataclass(frozen=True, eq=False)
class Module:
    """A layer, or several of one kind that run one after another."""

    name: str
    words: str  # what it is, for people
    features: int  # what it takes; 0 where the layer before it says
    steps: Callable[[Mapping[str, str]], Sequence[Step]]  # settings as `--layers` gives them → its layers
    settings: tuple[str, ...] = ()  # that it has
    is_read: bool = True  # False: `steps` refuses it


def modules(tensors: Views) -> list[Module]:
    """Those of a file, in its order. A name that all share the beginning of goes by the rest."""
    owners: dict[str, dict[str, View]] = {}
    for name, view in tensors.items():
        found = _RECURRENT.fullmatch(name)
        owner = (found["module"] or "").rstrip(".") if found else name.rpartition(".")[0]
        owners.setdefault(owner, {})[name[len(owner) + 1 if owner else 0 :]] = view
    shared = _shared_beginning(list(owners))
    made, unread = list[Module](), list[Module]()
    for owner, parts in owners.items():
        name = owner[len(shared) :]
        known = {part for part in parts if _RECURRENT.fullmatch(part)}
        if not known and ("weight" in parts or parts.keys() >= _MEASURED):
            known = set(_READ & parts.keys())
        if known:
            made.append(_module(name or "weights", {part: parts[part] for part in known}))
        unread += [_unread(f"{name}.{part}" if name else part, parts[part]) for part in parts if part not in known]
    return made + unread


def _shared_beginning(names: Sequence[str]) -> str:
    """`model.` of model.lstm and model.fc."""
    split = [name.split(".")[:-1] for name in names]
    count = 0
    while split and all(len(parts) > count and parts[count] == split[0][count] for parts in split):
        count += 1
    return "".join(f"{part}." for part in split[0][:count]) if split else ""


def _unread(name: str, view: View) -> Module:
    """Such as a state to begin with, or a part of a weight that is normed: to be told, for answers may hang on it."""
    shown, words = printable(name, 60), f"of shape {view.shape}, not read"
    return Module(shown, words, 0, lambda _: _refuse(shown, view.shape), is_read=False)


def _module(name: str, parts: Mapping[str, View]) -> Module:
    shown = printable(name, 60)
    if parts.keys() >= _MEASURED:
        width = (*parts["running_mean"].shape, 0)[0]
        return Module(shown, f"batch norm of {width}", 0, lambda said: [_batch_norm(parts, said)], ("epsilon",))
    weight = parts.get("weight")
    if weight is None:
        return _recurrent(shown, parts)
    if len(weight.shape) == 1 and parts.keys() == {"weight", "bias"}:  # weights alone: PReLU, RMSNorm
        gains, bias = (lambda: _weights(parts, "weight")), (lambda: _weights(parts, "bias"))
        return norm(shown, weight.shape[0], gains, bias, _EPSILON)
    if len(weight.shape) == 2:
        outputs, inputs = weight.shape
        return Module(shown, f"dense {inputs} to {outputs}", inputs, lambda _: [_dense(parts)])
    if len(weight.shape) == 3:
        outputs, channels, taps = weight.shape
        plain = np.zeros(outputs, np.float32)
        return conv(
            shown,
            (outputs, taps, channels),
            lambda: _weights(parts, "weight").transpose(0, 2, 1),
            lambda: _weights(parts, "bias") if "bias" in parts else plain,
        )
    words = f"weights of shape {weight.shape}, not read"
    return Module(shown, words, 0, lambda _: _refuse(shown, weight.shape), is_read=False)


def _refuse(name: str, shape: tuple[int, ...]) -> list[Step]:
    raise ValueError(
        f"{name}: weights of shape {shape}, expected those of an LSTM, a GRU, a dense layer, a convolution "
        "over time, batch norm, or a norm of channels with a bias"
    )


def _array(parts: Mapping[str, View], name: str) -> Array | None:
    return _weights(parts, name) if name in parts else None


def _weights(parts: Mapping[str, View], name: str) -> Array:
    """ValueError, which names the tensor, for integers: without their scales they are no weights."""
    values = parts[name].array()
    if values.dtype.kind != "f":
        raise ValueError(f"{name}: of {values.dtype}, expected weights in float: a quantized model cannot be read")
    return values


def _dense(parts: Mapping[str, View]) -> Dense:
    W, b = _weights(parts, "weight"), _array(parts, "bias")
    return Dense(W, np.zeros(len(W), np.float32) if b is None else b)


def _batch_norm(parts: Mapping[str, View], said: Mapping[str, str]) -> Scale:
    mean, var = (_weights(parts, name).astype(np.float64) for name in ("running_mean", "running_var"))
    weight, bias, epsilon = _array(parts, "weight"), _array(parts, "bias"), epsilon_of(said, _EPSILON)
    if not (var + epsilon > 0).all():
        raise ValueError("batch norm: a variance that is not positive")
    factor = (np.ones_like(mean) if weight is None else weight) / np.sqrt(var + epsilon)
    return Scale(factor, (np.zeros_like(mean) if bias is None else bias) - mean * factor)


def conv(name: str, shape: tuple[int, ...], weights: Callable[[], Array], bias: Callable[[], Array]) -> Module:
    """Over time. shape: of the weights, (outputs, taps, channels of a group)."""
    outputs, taps, channels = shape

    def steps(said: Mapping[str, str]) -> list[Step]:
        groups = _count(said, "groups", 1)
        stride, dilation = _count(said, "stride", 1), _count(said, "dilation", 1)
        return [Conv(weights(), bias(), stride, dilation, groups=groups)]

    words = f"conv of {taps} taps, {channels} to {outputs}"
    return Module(name, words, 0, steps, ("stride", "dilation", "groups"))


def norm(name: str, width: int, gains: Callable[[], Array], bias: Callable[[], Array], usual: float) -> Module:
    """A layer or group norm, which weights alone do not tell apart. usual: the framework's epsilon."""

    def steps(said: Mapping[str, str]) -> list[Step]:
        groups = _groups(name, width, said)
        gamma, beta, epsilon = gains(), bias(), epsilon_of(said, usual)
        if groups == 1:
            return [LayerNorm(gamma, beta, epsilon)]
        ones = np.ones(width // groups, np.float32)  # each group is a row
        normed = LayerNorm(ones, np.zeros_like(ones), epsilon)
        return [Context(groups, channels=ones.size), normed, Context(1, channels=width), Scale(gamma, beta)]

    return Module(name, f"layer or group norm of {width}", width, steps, ("norm", "groups", "epsilon"))


def _groups(name: str, width: int, said: Mapping[str, str]) -> int:
    """Of channels that are normed together."""
    kind, is_counted = said.get("norm"), "groups" in said
    if kind == "layer" and not is_counted:
        return 1
    if kind == "group" and is_counted:
        groups = _count(said, "groups", 1)
        if width % groups:
            raise ValueError(f"--layers: {name}:groups={groups}, expected a part of its {width} channels")
        return groups
    raise UndecidedError(
        f"--layers: {name}: a weight and a bias, and the file does not say of which norm; expected "
        f"{name}:norm=layer, or {name}:norm=group:groups=N for one over groups of a frame's channels"
    )


def epsilon_of(said: Mapping[str, str], usual: float) -> float:
    try:
        return float(said.get("epsilon", usual))
    except ValueError:
        raise ValueError(f"--layers: epsilon={said['epsilon']!r:.20}, expected a number such as 1e-5") from None


def _count(said: Mapping[str, str], name: str, default: int) -> int:
    text = said.get(name, str(default))
    if not text.isdecimal() or not 0 < int(text[:9]) < 1 << 14:
        raise ValueError(f"--layers: {name}={text!r:.20}, expected a whole number above 0")
    return int(text)


def _recurrent(name: str, parts: Mapping[str, View]) -> Module:
    """One or several layers of torch.nn.LSTM, GRU or a cell."""
    found = [match for match in map(_RECURRENT.fullmatch, parts) if match]
    kinds = {match["what"] for match in found}
    if any(match["back"] for match in found):
        return _refused(name, "bidirectional", "a stream has no end to read back from")
    if "weight_hr" in kinds:
        return _refused(name, "with a projection (proj_size)", "not held by a model")
    endings = sorted({match["rest"] or "" for match in found}, key=lambda end: int(end[2:] or 0))
    first, back = parts.get(f"weight_ih{endings[0]}"), parts.get(f"weight_hh{endings[0]}")
    if first is None or back is None or len(first.shape) != 2 or len(back.shape) != 2 or not back.shape[1]:
        return _refused(name, "without weight_ih and weight_hh of two sides", "damaged")
    blocks, rest = divmod(back.shape[0], back.shape[1])
    if rest or blocks not in (3, 4):
        kind = "a plain RNN" if (blocks, rest) == (1, 0) else f"weight_hh of shape {back.shape}"
        return _refused(name, kind, "expected an LSTM or a GRU")
    fault = _missing(parts, endings)
    if fault:
        return _refused(name, fault, "damaged, or a part of another file")
    several = "" if len(endings) == 1 else f"{len(endings)} layers of "
    words = f"{'LSTM' if blocks == 4 else 'GRU'} {first.shape[1]} to {several}{back.shape[1]}"
    return Module(name, words, first.shape[1], lambda _: [_cell(parts, end, blocks) for end in endings])


def _missing(parts: Mapping[str, View], endings: Sequence[str]) -> str:
    """What of several layers, one above the other, is not there."""
    if endings != [""] and endings != [f"_l{n}" for n in range(len(endings))]:
        return f"with layers {', '.join(end[2:] or '?' for end in endings)} alone, expected all from 0 on"
    have = [{part.removesuffix(end) for part in parts if part.endswith(end)} for end in endings]
    absent = [f"{what}{end}" for end, own in zip(endings, have) for what in sorted(set().union(*have) - own)]
    absent += [
        f"bias_{other}{end}"
        for end, own in zip(endings, have)
        for one, other in (("ih", "hh"), ("hh", "ih"))
        if f"bias_{one}" in own and f"bias_{other}" not in own
    ]
    return f"without {absent[0]}" if absent else ""


def _cell(parts: Mapping[str, View], end: str, blocks: int) -> Step:
    W, R = (_array(parts, f"weight_{which}{end}") for which in ("ih", "hh"))
    b, rb = (_array(parts, f"bias_{which}{end}") for which in ("ih", "hh"))
    if W is None or R is None:
        raise ValueError(f"weight_ih{end} or weight_hh{end} is missing")
    return cells.lstm(W, R, b, rb) if blocks == 4 else cells.gru(W, R, b, rb, gates="rzn")


def _refused(name: str, what: str, why: str) -> Module:
    def steps(_: Mapping[str, str]) -> Sequence[Step]:
        raise ValueError(f"{name}: {what}; {why}")

    return Module(name, f"recurrent, {what}", 0, steps, is_read=False)


def steps_of(found: Sequence[Module], choices: Choices) -> tuple[list[Step], int, list[str]]:
    """(the layers in the order of `--layers`, features, names of modules that it leaves out). UndecidedError without
    it, ValueError for a name that the file does not have."""
    if not found:
        raise ValueError("no weights of layers, expected names such as lstm.weight_ih_l0 and fc.weight")
    names = [module.name for module in found]
    if not choices.layers:
        held = ", ".join(f"{module.name} ({module.words})" for module in found[:12])
        more = f" and {counted(len(found) - 12, 'more')}" if len(found) > 12 else ""
        example = [module.name for module in found if module.is_read] or names
        raise UndecidedError(
            "--layers: not given, and the file does not say in which order its layers run and what stands between "
            f"them; it holds {held}{more}; expected their names with {', '.join(_WORDS)} or context:ROWS where the "
            f"model has them, such as --layers {','.join(example[:12])}"
        )
    features, steps = 0, list[Step]()
    for text in choices.layers:
        step_features, more_steps = _named(text, found, names)
        if not steps:
            features = step_features
        _check_stride(text, steps, more_steps)
        steps += more_steps
    if not features:
        features = _features(choices, found, names)
    used = {text.partition(":")[0] for text in choices.layers}
    return steps, features, [name for name in names if name not in used]


def _check_stride(text: str, before: Sequence[Step], more: Sequence[Step]) -> None:
    """A convolution runs once over the rows that a context has no more of: a stride would do nothing."""
    context, conv = before[-1] if before else None, more[0] if more else None
    if not isinstance(conv, Conv) or conv.stride == 1 or not isinstance(context, Context):
        return
    span = (conv.taps - 1) * conv.dilation + 1
    if context.rows < span + conv.stride:
        raise ValueError(
            f"--layers: {text!r:.40} behind context:{context.rows}: these rows leave no room for a stride; for a "
            f"convolution that runs every {conv.stride} frames, expected context:{context.rows}:{conv.stride} and no "
            "stride"
        )


def _named(text: str, found: Sequence[Module], names: Sequence[str]) -> tuple[int, Sequence[Step]]:
    """(features that it takes, 0 where it takes any; its layers) of one word of `--layers`."""
    name, _, rest = text.partition(":")
    if name in names:
        module = found[names.index(name)]
        said = dict(_settings(text, rest))
        for setting in said:
            if setting not in module.settings:
                has = f"only {', '.join(module.settings)}" if module.settings else "no settings"
                raise ValueError(f"--layers: {text!r:.40}: {module.words} takes {has}")
        return module.features, _steps(module, said)
    if name in _WORDS and not rest:
        return 0, [_WORDS[name]]
    if name == "context":
        rows, _, hop = rest.partition(":")
        counts = {"rows": rows, "hop": hop or "1"}
        return 0, [Context(_count(counts, "rows", 1), _count(counts, "hop", 1))]
    if any(one.startswith((f"{name}.parametrizations.", f"{name}.weight_g", f"{name}.weight_orig")) for one in names):
        raise ValueError(
            f"--layers: {text!r:.40}: its weights are normed as they are used: remove_parametrizations (or "
            "remove_weight_norm) before the state_dict is saved"
        )
    known = [*names, *_WORDS, "context"]
    raise ValueError(f"--layers: {text!r:.40}: no such layer{near(name, known)}")


def _steps(module: Module, said: Mapping[str, str]) -> list[Step]:
    try:
        return list(module.steps(said))
    except ValueError as error:
        line = str(error)
        raise type(error)(line if line.startswith(("--", module.name)) else f"{module.name}: {line}") from None


def _settings(text: str, rest: str) -> Iterator[tuple[str, str]]:
    for part in rest.split(":") if rest else ():
        name, equals, value = part.partition("=")
        if not equals or name not in _SETTINGS:
            raise ValueError(f"--layers: {text!r:.40}: expected NAME:SETTING=VALUE of {', '.join(_SETTINGS)}")
        yield name, value


def _features(choices: Choices, found: Sequence[Module], names: Sequence[str]) -> int:
    """Of frames that something else than a layer with a size takes first."""
    for text in choices.layers:
        name = text.partition(":")[0]
        if name in names:
            module = found[names.index(name)]
            for step in module.steps(dict(_settings(text, text.partition(":")[2]))):
                if isinstance(step, Conv):
                    return step.channels
                if isinstance(step, Scale):
                    return int(step.factor.size)
            break
    raise ValueError(
        f"--layers: begins with {choices.layers[0]!r:.40}, expected a layer that says how wide frames are"
    )
