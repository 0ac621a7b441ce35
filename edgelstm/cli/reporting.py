"""A model's report for `train` and `report`: its engines opened, the two files written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from edgelstm.files import write_whole

if TYPE_CHECKING:
    from edgelstm.model import Model
    from edgelstm.report import Asked, Engine, History, ModelReport
    from edgelstm.training import Epoch

PAGE, RECORD = "report.html", "report.json"
_VERSIONS = ("edgelstm", "numpy", "python", "machine", "computed_by")


def make_report(path: Path, model: Model, asked: Asked, history: History) -> ModelReport:
    """What there is to say of `model`, the file at `path`. ValueError as of `edgelstm.report.build`."""
    from edgelstm.report import build

    with _engines(model) as engines:
        return build(path, model, engines, asked, history)


def write(report: ModelReport, page_path: Path, record_path: Path) -> int:
    """Both files, each whole or as it was before; the bytes of the page."""
    from edgelstm.report import write_report
    from edgelstm.report.page import page

    content = page(report).encode()
    write_report(report, record_path)
    write_whole(page_path, content)
    return len(content)


def report_of(model: Path) -> ModelReport | None:
    """What lies in the folder of its run, where that is of the very file; a damaged one is none."""
    from edgelstm.report import read_report

    try:
        report = read_report(model.with_suffix(".run") / RECORD)
    except (OSError, ValueError):
        return None
    return report if report.about.sha256 == sha256(model.read_bytes()).hexdigest() else None


def write_beside(model: Path, report: ModelReport) -> Path:
    """The page, where `report_of` found it. The file may have been given other rules for events since: the report is
    of what lies there now."""
    from dataclasses import replace

    from edgelstm.model_file import load_model

    content = model.read_bytes()
    about = replace(report.about, bytes=len(content), sha256=sha256(content).hexdigest())
    if about != report.about:
        with _engines(load_model(model)) as engines:
            about = replace(about, files=tuple(engine.facts for engine in engines if engine.facts is not None))
    folder = model.with_suffix(".run")
    write(replace(report, about=about), folder / PAGE, folder / RECORD)
    return folder / PAGE


def forget(model: Path) -> None:
    """Another model is about to be at `model`: what tells of the one before it goes from the folder of its run, so
    that, however the command ends, no report lies beside a model that it is not of. OSError where it stays."""
    for name in (PAGE, RECORD):
        (model.with_suffix(".run") / name).unlink(missing_ok=True)


def history_of(told: Mapping[str, Any], epochs: Sequence[Epoch]) -> History:
    """What a run's folder says: `told` of what it was trained by, and its epochs."""
    from dataclasses import replace

    from edgelstm.report import History
    from edgelstm.report.record import EpochFacts

    scores = [epoch.score for epoch in epochs if epoch.score is not None]
    data = told.get("data")
    digest = data.get("sha256") if isinstance(data, dict) else None
    return History(
        tuple(
            EpochFacts(
                epoch.number,
                epoch.loss,
                epoch.validation_loss,
                None if epoch.score is None else epoch.score.value,
                epoch.rate,
                epoch.best,
                epoch.seconds,
            )
            for epoch in epochs
        ),
        replace(scores[-1], value=None) if scores else None,
        "" if epochs else "the run's folder has no epochs",
        digest if isinstance(digest, str) else None,
        {name.replace("_", " "): str(told[name])[:80] for name in _VERSIONS if told.get(name)},
    )


@contextmanager
def _engines(model: Model) -> Iterator[list[Engine]]:
    """float32 and int8 as `.elstm` files in the C core: what boards run, and quick."""
    from edgelstm.quantization import quantize
    from edgelstm.report import Engine

    with TemporaryDirectory() as folder:
        found = [_engine(Path(folder), "float32", model)]
        if model.ranges is None:
            found.append(Engine("int8 per-row", None, "the model was not calibrated"))
        else:
            try:
                found.append(_engine(Path(folder), "int8 per-row", quantize(model)))
            except ValueError as error:
                found.append(Engine("int8 per-row", None, str(error)))
        yield found


def _engine(folder: Path, precision: str, model: Any) -> Engine:
    from edgelstm.export.elstm import encode
    from edgelstm.report import Engine
    from edgelstm.report.record import FileFacts
    from edgelstm.runtime.engines.open import open_model

    try:
        content = encode(model)
        file = folder / f"{precision.split()[0]}.elstm"
        file.write_bytes(content)
        opened = open_model(file)
    except ValueError as error:
        return Engine(precision, None, str(error))
    facts = FileFacts(precision, len(content), sha256(content).hexdigest(), opened.stream_bytes)
    return Engine(precision, opened, facts=facts)
