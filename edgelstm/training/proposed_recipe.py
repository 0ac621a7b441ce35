"""What is proposed to learn from a data set as a recipe's text (TOML), every key with its why."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import fields

from edgelstm import records
from edgelstm.data.dataset import Dataset
from edgelstm.data.options import ReadOptions
from edgelstm.devices.units import show_duration, show_rate
from edgelstm.judging.shares import listed
from edgelstm.plain import counted, ordinal
from edgelstm.tasks import CLASSIFY, Forecast, Regress, Tags, Task
from edgelstm.training.aims import class_counts
from edgelstm.training.keys import comments
from edgelstm.training.proposal import LEVEL, SHARE, Proposal
from edgelstm.training.proposed_sound import sound_lines
from edgelstm.training.sound import Sound


def recipe(dataset: Dataset, proposal: Proposal, file: str, options: ReadOptions, sound: Sound | None = None) -> str:
    """The recipe's text (TOML). file: the data's path from the recipe's folder."""
    return "\n".join(
        [
            *_heading(dataset),
            "",
            *_task(proposal.task),
            "",
            *_data(dataset, proposal, file, options),
            "",
            *sound_lines(sound or Sound(), dataset),
            *_model(dataset, proposal),
            "",
            *_training(proposal, sound or Sound()),
            "",
            *_answer(dataset, proposal),
            "",
        ]
    )


def _heading(dataset: Dataset) -> list[str]:
    rate = f", {show_rate(dataset.sample_rate)}" if dataset.sample_rate else ""
    what = "label" if class_counts(dataset) is not None else "output"
    return [
        f"# {counted(len(dataset), 'recording')}, {counted(dataset.frames, 'frame')} of "
        f"{counted(dataset.features, 'feature')}{rate}, {counted(len(dataset.labels), what)}.",
        "# A proposal: every key may be changed; docs/recipes.md explains them all.",
    ]


def _task(task: Task) -> list[str]:
    lines = ["[task]", f"kind = {_text(task.kind)}  # {task.summary}"]
    meanings = comments(type(task))
    for key in fields(task):
        value = records.to_json(getattr(task, key.name))
        if not isinstance(value, dict) and value is not None:
            lines.append(f"{key.name} = {json.dumps(value, ensure_ascii=False)}  # {meanings[key.name]}")
    return lines


def _data(dataset: Dataset, proposal: Proposal, file: str, options: ReadOptions) -> list[str]:
    lines = ["[data]", f"file = {_text(file)}  # from this file's folder"]
    named = ((name, getattr(options.roles, name)) for name in ("time", "label", "group", "series"))
    lines += [f"{name} = {_text(value)}" for name, value in named if value]
    if options.roles.features:
        lines.append(f"features = {_texts(options.roles.features)}")
    if options.names:
        lines.append(f"names = {_text(options.names)}  # what names of files say")
    if options.label_from != "auto":
        lines.append(f"label_from = {_text(options.label_from)}")
    lines.append(f'missing = "{options.missing}"  # refuse, interpolate or hold: what becomes of gaps')
    if options.rate:
        lines.append(f"rate = {options.rate:.17g}  # frames per second, as stated: the data do not say theirs")
    elif not dataset.sample_rate and proposal.task.normalizes:
        lines.append("rate = 0  # frames per second; 0 = unknown, as there are no times")
    if proposal.truncate:
        lines.append("window = 0  # recordings are learned along, see truncate")
    elif proposal.window:
        seconds = f": {show_duration(proposal.window / dataset.sample_rate)}" if dataset.sample_rate else ""
        lines.append(f"window = {proposal.window}  # frames that are learned from at a time{seconds}")
    else:
        lines.append("window = 0  # whole recordings, each an event: a stream is reset between them")
    if proposal.test_groups:
        lines.append(f"test_groups = {_texts(proposal.test_groups)}  # never seen in training")
    elif dataset.test is not None:
        lines.append(f"# The data say which {counted(int(dataset.test.sum()), 'recording')} to test on.")
    elif proposal.split == "stretches":
        lines.append(f'split = "stretches"  # tenths, as the last part, or the rest, lacks {listed(proposal.lost)}')
        lines.append(f"test = {SHARE}  # share of them that is never seen in training")
    elif proposal.split == "time":
        lines.append('split = "time"  # the last part of each recording')
        lines.append(f"test = {SHARE}  # share of each recording that is never seen in training")
    else:
        if 1 < len(dataset.all_groups) < len(dataset):
            whole = "groups"
        else:
            whole = "recordings" if class_counts(dataset) is None else "recordings of each label"
        lines.append(f"test = {SHARE}  # share of the {whole} that is never seen in training")
    if proposal.validation_groups:
        lines.append(f"validation_groups = {_texts(proposal.validation_groups)}  # the best epoch is chosen by these")
    elif proposal.watches:
        lines.append(f"validation = {SHARE}  # share of the rest that the best epoch is chosen by")
    else:
        lines.append("validation = 0  # too few recordings to choose the best epoch by some")
    return lines


def _model(dataset: Dataset, proposal: Proposal) -> list[str]:
    lines = ["[model]", f"name = {_text(dataset.name[:100] or 'model')}"]
    if proposal.past > 1:
        return [
            *lines,
            "layers = [",
            f'    {{ kind = "context", rows = {proposal.past} }},  # the newest frames, at every frame',
            f'    {{ kind = "lstm", units = {proposal.units} }},  # more see more and cost more',
            "]",
        ]
    if proposal.quiet:
        rows = LEVEL * proposal.stack
        return [
            *lines,
            "layers = [",
            f'    {{ kind = "context", rows = {rows}, hop = {proposal.stack} }},  # the newest {rows} frames: '
            f"{_rows_told(dataset, proposal.stack)}",
            '    { kind = "context", rows = 1 },  # in one row',
            f'    {{ kind = "layer_norm", epsilon = {proposal.quiet:g} }},  # by its own level',
            f'    {{ kind = "lstm", units = {proposal.units} }},',
            "]",
        ]
    if proposal.stack == 1:
        return [*lines, f"units = [{proposal.units}]  # of one LSTM layer; more see more and cost more"]
    return [
        *lines,
        "layers = [",
        f'    {{ kind = "context", rows = {proposal.stack}, hop = {proposal.stack} }},  '
        f"# {proposal.stack} frames side by side: {_rows_told(dataset, proposal.stack)}",
        f'    {{ kind = "lstm", units = {proposal.units} }},',
        "]",
    ]


def _rows_told(dataset: Dataset, stack: int) -> str:
    if not dataset.sample_rate:
        return f"what follows runs every {ordinal(stack)} frame"
    return f"what follows runs at {show_rate(dataset.sample_rate / stack)}"


def _training(proposal: Proposal, sound: Sound) -> list[str]:
    loss, why = "last", "of each recording's last frame"
    if proposal.task.each_frame:
        loss, why = "frames", "of the scores of each frame, as they are judged"
    elif proposal.window:
        loss, why = "mean", "of the scores over a window, as the answer is"
    lines = [
        "[training]",
        f"epochs = {proposal.epochs}",
        f"batch = {proposal.batch}",
        "learning_rate = 0.005",
        "dropout = 0.2  # more where the training data are learned by heart",
        f'loss = "{loss}"  # {why}',
    ]
    if not proposal.is_balanced:
        lines.append('balance = "weights"  # rare classes weigh more')
    if proposal.window:
        lines.append(f"skip = {proposal.window // 10}  # frames in which the state settles")
    if proposal.truncate:
        lines.append(f"truncate = {proposal.window}  # frames of a piece: from one to the next the state goes on")
    if proposal.buckets:
        lines.append(f"buckets = {proposal.buckets}  # batches that are sorted by length together: little is padded")
    return [
        *lines,
        "averaging = 0.98  # of the weights, per step",
        *_patience(proposal),
        *(
            ["", "[augment]", _noise(proposal, sound), *_mixup(proposal), *_shift(proposal)]
            if proposal.task.normalizes
            else []
        ),
    ]


def _noise(proposal: Proposal, sound: Sound) -> str:
    if proposal.task.kind in (Forecast.kind, Regress.kind):
        return (
            "noise = 0  # of each feature's own deviation: numbers cannot be told closer than what they are told of"
        )
    if proposal.quiet:
        return "noise = 0  # of each feature's own deviation, beside which soft recordings are nothing"
    if not proposal.noise and not sound:
        return "noise = 0  # of each feature's own deviation, beside which most frames are small"
    return "noise = 0.1  # of each feature's own deviation; 0 = off"


def _mixup(proposal: Proposal) -> list[str]:
    if not _tells_wholes(proposal) or not (proposal.window or proposal.is_little):
        return []
    what = "windows" if proposal.window else "recordings"
    return [f"mixup = 0.4  # {what} are mixed in pairs, and so is what they are; 0 = off"]


def _shift(proposal: Proposal) -> list[str]:
    if not _tells_wholes(proposal) or proposal.window or not proposal.is_little:
        return []
    return [
        "shift = 0.2  # each feature of a recording, by as many of its deviations; 0 where its level tells the label"
    ]


def _tells_wholes(proposal: Proposal) -> bool:
    """Whether labels of whole recordings, or windows, are told, of levels that may be mixed or shifted."""
    return proposal.task.kind in (CLASSIFY.kind, Tags.kind) and not proposal.task.each_frame and not proposal.quiet


def _patience(proposal: Proposal) -> list[str]:
    if not proposal.watches:
        return []
    return [f"patience = {max(proposal.epochs // 3, 5)}  # epochs without a better validation loss, or all right"]


def _answer(dataset: Dataset, proposal: Proposal) -> list[str]:
    if proposal.task.each_frame:
        return ["[answer]", 'pooling = "last"  # of the scores', _every(proposal)]
    if not proposal.window:
        return ["[answer]", 'pooling = "last"  # of the scores', _every(proposal)]
    hop = proposal.window // 4
    seconds = f", every {show_duration(hop / dataset.sample_rate)}" if dataset.sample_rate else ""
    return [
        "[answer]",
        'pooling = "mean"  # of the scores',
        f"window = {proposal.window}  # frames that the mean covers",
        f"hop = {hop}  # frames from one answer to the next{seconds}",
    ]


def _every(proposal: Proposal) -> str:
    every = f"{proposal.stack} frames" if proposal.stack > 1 else "frame"
    return f"hop = {proposal.stack}  # an answer every {every}"


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _texts(values: Iterable[str]) -> str:
    return f"[{', '.join(map(_text, values))}]"
