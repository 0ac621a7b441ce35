"""`edgelstm demo`: data → train → int8 → export → verify → stream → profile, on one screen."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgelstm.cli.common import GATE_FAILED, check_output
from edgelstm.cli.show import style
from edgelstm.cli.show.text import paragraph, table
from edgelstm.plain import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from edgelstm.data import Dataset
    from edgelstm.export import Form
    from edgelstm.model import Model
    from edgelstm.training import Config

_RECORDING = "recording.csv"
_WHEEL = "seglearn-1.2.5-py3-none-any.whl"

_USUAL = {
    ("elstm", "int8"),
    ("elstm", "float32"),
    ("onnx", "float32"),
    ("onnx", "int8-dynamic"),
    ("tflite", "int8"),
    ("tflite", "float32"),
    ("tflite", "int8-dynamic"),
}
"""Forms that the demo profiles. Those for special needs it writes and proves."""


@click.command(
    "demo",
    epilog="Example: edgelstm demo --output demo. From an installed wheel, get the recordings first: "
    f"pip download --no-deps seglearn==1.2.5, then edgelstm demo --data {_WHEEL}",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=Path("data/watch.npz"),
    show_default=True,
    help="The smartwatch recordings: watch.npz, or the wheel of seglearn 1.2.5 that brings them.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("out"),
    show_default=True,
    help="Folder for all files.",
)
def command(data: Path, output: Path) -> None:
    """Train on smartwatch recordings, make it int8, export, prove, stream and profile it: the whole road.

    The model is tested on people whom it has never seen.
    """
    start = time.monotonic()
    dataset, config = _load(data)
    output.mkdir(parents=True, exist_ok=True)
    _check_outputs(output, config.model.name, data)
    model, test = _train(dataset, config, output)
    _evaluate(model, test, config)
    written = _export(model, output)
    recording = output / _RECORDING
    _write_csv(recording, model.feature_names, test.sequences[0])
    streamed = next((path for form, path in written if form.format == "elstm"), None)
    _stream(model, streamed, test)
    paths = [path for form, path in written if (form.format, form.name) in _USUAL]
    _profile(paths, recording)
    commands = _next(streamed, paths, recording)
    click.echo(style.heading(f"\nDone in {time.monotonic() - start:.0f} s." + " Next:" * bool(commands)))
    for each in commands:
        click.echo(f"  edgelstm {each}")


def _check_outputs(output: Path, name: str, data: Path) -> None:
    """UsageError, before any work, for what cannot be written into the folder `output`."""
    from edgelstm.export.placing import check_apart, check_names, names_of

    others, exports = [output / f"{name}.npz", output / _RECORDING], _exports(output, name).values()
    for path in others:
        check_output(path, inputs=[data])
    try:
        for path in exports:
            check_names(path, inputs=[data])
        check_apart([*others, *(each for path in exports for each in names_of(path))])
    except ValueError as error:
        raise click.UsageError(f"--output: {error}") from None


def _exports(output: Path, name: str) -> dict[Form, Path]:
    """Where the demo writes each form that an engine runs."""
    from edgelstm.export import FORMS
    from edgelstm.runtime.engines.open import SUFFIXES

    forms = [form for form in FORMS if form.suffix in SUFFIXES]
    return {form: output / f"{name}-{form.name}{form.suffix}" for form in forms}


def _load(data: Path) -> tuple[Dataset, Config]:
    from edgelstm.data import load_dataset
    from edgelstm.data.watch import read_watch
    from edgelstm.recipes import load_recipe

    if not data.exists():
        raise click.UsageError(f"--data {data}: no such file; `make data`, or see edgelstm demo --help")
    dataset = read_watch(data) if data.suffix == ".whl" else load_dataset(data)
    people = len(set(dataset.groups.tolist()))
    rate = f" at {dataset.sample_rate:g} Hz" if dataset.sample_rate else ""
    click.echo(
        style.heading("Data") + f"  {dataset.name}: {counted(len(dataset), 'recording')} of {people} people, ",
        nl=False,
    )
    click.echo(f"{len(dataset.labels)} exercises, {dataset.features} channels{rate}")
    click.echo(paragraph(", ".join(dataset.labels), "  "))
    return dataset, load_recipe("watch")


def _train(dataset: Dataset, config: Config, output: Path) -> tuple[Model, Dataset]:
    from edgelstm.cli.show.progress import TrainingBar
    from edgelstm.model_file import save_model
    from edgelstm.quantization import calibrate
    from edgelstm.training import split, train

    train_set, test_set = split(dataset, config)
    trainers, testers = ({*part.groups.tolist()} for part in (train_set, test_set))
    click.echo(style.heading("Train") + f"  on {len(trainers)} people, kept unseen: {sorted(testers)}")
    with TrainingBar() as bar:
        trained = train(train_set, config, on_epoch=bar.update)
    model = calibrate(trained.model, trained.calibration, kept=())
    path = output / f"{model.name}.npz"
    save_model(model, path)
    seconds = sum(epoch.seconds for epoch in trained.history)
    click.echo(f"  {path}: {model.weights:,} weights, {counted(len(trained.history), 'epoch')} in {seconds:.0f} s")
    return model, test_set


def _evaluate(model: Model, test: Dataset, config: Config) -> None:
    from edgelstm.evaluation import evaluate
    from edgelstm.quantization import quantize
    from edgelstm.training import evaluation_set

    windows = evaluation_set(test, config)
    results = [evaluate(m, windows) for m in (model, quantize(model), quantize(model, "per-gate"))]
    frames, sensor = config.data.window, test.sample_rate
    length = f"{frames / sensor:g} s" if sensor else f"{frames} frames"
    click.echo(style.heading("Test") + f"  {counted(len(windows), 'window')} of {length} from unseen people, right:")
    click.echo("  " + "    ".join(f"{result.precision} {style.figure(result.headline)}" for result in results))


def _export(model: Model, output: Path) -> list[tuple[Form, Path]]:
    from edgelstm.cli.show.export import headline, marked
    from edgelstm.devices.units import show_size
    from edgelstm.export import export_model

    click.echo(style.heading("Export") + "  each file runs in its engine, on recordings that calibration never saw")
    written = []
    files = _exports(output, model.name)
    width = max(len(path.name) for path in files.values())
    for form, path in files.items():
        try:
            result = export_model(model, path, precision=form.name)
        except ImportError as error:
            # 32-bit ARM has no wheels of these engines: the rest of the road is open all the same.
            click.echo(paragraph(f"{path.name}: left out: {error}", f"  {style.failed('')}", "    "))
            continue
        assert result.proof is not None
        text = f"{path.name:<{width}}{show_size(result.size):>10}  {headline(result.proof)}"
        click.echo("  " + marked(result.proof, text))
        if result.proof.passed:
            written.append((form, path))
        elif result.proof.same_rounding.passed:  # 8 bits cost this model too much in this form: an answer, no fault
            click.echo(paragraph(f"left out: {result.proof.problem()}", "      ", "      "))
        else:
            for line in result.proof.lines():
                click.echo(paragraph(line, "    ", "      "))
            raise SystemExit(GATE_FAILED)
    return written


def _stream(model: Model, path: Path | None, test: Dataset) -> None:
    """Every unseen recording through the C core with the state carried from its first frame to its last.

    path: the .elstm file to run, None where no form of it has passed its proof.
    """
    from edgelstm.runtime import Model as RuntimeModel

    if path is None:
        click.echo(style.heading("Stream") + "  left out: it runs .elstm files, and none has passed its proof")
        return
    opened = RuntimeModel(path)
    stream = opened.stream(memory_limit=opened.stream_bytes)
    right = answers = frames = 0
    spent = 0.0
    for sequence, truth in zip(test.sequences, test.y):
        stream.reset()
        started = time.perf_counter()
        for frame in sequence:
            stream.input[:] = frame
            if stream.step():
                answers += 1
                right += int(stream.output.argmax()) == truth
        spent += time.perf_counter() - started
        frames += len(sequence)
    rate = frames / spent
    click.echo(
        style.heading("Stream") + f"  {path.name}: {len(test)} unseen recordings, {frames:,} frames one by one"
    )
    share = f"{counted(answers, 'answer')}, {style.percent(right / answers)} right" if answers else "no answers"
    sensor = model.sample_rate
    times = f", {rate / sensor:,.0f} × the sensor's {sensor:g} Hz" if sensor else ""
    click.echo(f"  {share}; state of {opened.snapshot_bytes:,} bytes carried\n  {rate:,.0f} frames per second{times}")


def _next(streamed: Path | None, paths: list[Path], recording: Path) -> list[str]:
    """Commands for files that have passed."""
    commands = [f"stream {streamed} {recording} | head -3"] if streamed else []
    if paths:
        commands += [f"inspect {paths[0]}", f"profile {' '.join(map(str, paths[:2]))} \\\n    --data {recording}"]
    return commands


def _write_csv(path: Path, names: Sequence[str], frames: NDArray[Any]) -> None:
    from edgelstm.files import write_whole

    lines = [",".join(names), *(",".join(f"{value:.9g}" for value in frame) for frame in frames)]
    write_whole(path, ("\n".join(lines) + "\n").encode())


def _profile(paths: list[Path], recording: Path) -> None:
    from edgelstm.devices import Plan, profile
    from edgelstm.devices.units import show_size

    if not paths:
        click.echo(style.heading("Profile") + "  left out: no file that it runs has passed its proof")
        return
    runs = profile(paths, Plan(frames=5_000, seconds=3.0, pace="flat", data=str(recording))).runs
    click.echo(style.heading("Profile") + "  this machine, µs per frame called from Python, and memory")
    rows = []
    for run in runs:
        steady = run.latency.steady.spread
        times = (run.latency.first_us, steady.p50_us, steady.p99_us, steady.p99_9_us, steady.max_us)
        figures = [f"{value:,.1f}" if isinstance(value, float) else "–" for value in times]
        memory = run.stages[-1].memory.resident
        stream_bytes = run.model.stream_bytes
        rows.append(
            [
                run.model.file,
                *figures,
                show_size(memory),
                f"{stream_bytes:,} B" if isinstance(stream_bytes, int) else "–",
            ]
        )
    header = ["file", "first", "p50", "p99", "p99.9", "max", "process", "stream"]
    click.echo(table(header, rows, indent=""))
