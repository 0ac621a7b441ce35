"""`edgelstm report`: a model, or profiles, as one page to read and pass on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgelstm.cli.common import check_output, listed_problems, naming
from edgelstm.cli.show import style

if TYPE_CHECKING:
    from edgelstm.model import Model
    from edgelstm.report import Asked, History

_PAGE = ".html"
_DEPLOYED = (".elstm", ".onnx", ".tflite")


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The page to write.  [default: report.html; of a model in the folder of its run, model.run/report.html]",
)
@click.option("--all", "use_all", is_flag=True, help="Of a model: all of DATA, not only what training kept apart.")
def command(files: tuple[Path, ...], output: Path | None, use_all: bool) -> None:
    """Make one page, by what is given:

    \b
      MODEL.npz DATA    how good the model is on DATA, which are chosen as
                        `edgelstm evaluate` does
      REPORT.json...    what frames cost, boards and engines side by side, as
                        `edgelstm profile --output` wrote it

    A page needs no network and no scripts; it can be sent as it is. Everything on a model's page is in a file beside
    it, .json instead of .html. Where such a file is found for a model that was profiled, the profiles' page shows its
    score and both pages link to each other: in MODEL.run beside the profile, or named among the files.

    \b
    Example:
      edgelstm report model.npz data/watch.npz
      edgelstm profile model.elstm model.onnx --output here.json
      edgelstm report here.json pi.json -o report.html
    """
    if files[0].suffix == ".npz":
        if len(files) != 2:
            raise click.UsageError(f"{files[0]}: a model, expected its data after it, and nothing else")
        _report_model(*files, output, use_all)
        return
    if use_all:
        raise click.UsageError("--all: goes with a model and its data")
    for one in files:
        if one.suffix in _DEPLOYED:
            raise click.UsageError(f"{one}: a file that was exported; expected MODEL.npz and its DATA")
        if one.suffix == ".npz" or one.is_dir():
            raise click.UsageError(f"{one}: no profile; expected MODEL.npz and then its DATA, or profiles alone")
    _report_profiles(files, output or Path("report.html"))


def _report_model(path: Path, data: Path, output: Path | None, use_all: bool) -> None:
    from edgelstm.cli.reporting import PAGE, make_report, write
    from edgelstm.devices.units import show_size
    from edgelstm.model_file import load_model

    model = load_model(path)
    page = output or path.with_suffix(".run") / PAGE
    record = page.with_suffix(".json")
    check_output(output, _PAGE)
    if output is None:
        page.parent.mkdir(exist_ok=True)
    for one in (page, record):
        check_output(one, inputs=[path, data])
    if page.resolve() == record.resolve():
        raise click.UsageError(f"--output {page}: the same file as {record}, which is written too")
    with naming(data, path), listed_problems():
        asked = _asked(model, data, use_all)
        report = make_report(path, model, asked, _history(path))
    size = write(report, page, record)
    headline = report.results[0].figures[0]
    click.echo(style.passed(f"{page}: {show_size(size)}, {headline.name} {style.figure(headline)}"))


def _asked(model: Model, data: Path, use_all: bool) -> Asked:
    from edgelstm.again import read_again
    from edgelstm.data.windows import cut
    from edgelstm.evaluation import kept_for_testing, window_of_training
    from edgelstm.matching import match
    from edgelstm.report import Asked

    provenance: Mapping[str, Any] = dict(model.provenance)
    dataset = match(model, read_again(data, provenance, model.feature_names, model.task))
    recordings = dataset if use_all else kept_for_testing(dataset, provenance, model.task)
    part = "what training kept for testing" if recordings.frames < dataset.frames else "all"
    frames, hop = (0, 0) if use_all or model.task.each_frame else window_of_training(dataset, provenance)
    return Asked(recordings, cut(recordings, frames, hop) if frames else recordings, part)


def _history(path: Path) -> History:
    """From the folder of the run that made the very file; else why not."""
    from edgelstm.cli.reporting import history_of
    from edgelstm.report import History
    from edgelstm.training.run_folder import read_run

    folder = path.with_suffix(".run")
    try:
        told, epochs = read_run(folder, path)
    except (OSError, ValueError) as error:
        return History(why=str(error) if isinstance(error, ValueError) else f"{folder}: no run of it there")
    return history_of(told, epochs)


def _report_profiles(paths: tuple[Path, ...], output: Path) -> None:
    from edgelstm.cli.linking import qualities, read_all, with_costs
    from edgelstm.cli.reporting import write
    from edgelstm.devices.profiling.page import page
    from edgelstm.devices.units import show_size
    from edgelstm.files import write_whole

    check_output(output, _PAGE, paths)
    profiles, found = read_all(paths)
    content = page([profile.report for profile in profiles], qualities(profiles, found, output)).encode()
    write_whole(output, content)
    for one in found:
        report = with_costs(one, profiles, output)
        if report != one.report:
            write(report, one.path.with_suffix(".html"), one.path)
    runs = sum(len(profile.report.runs) for profile in profiles)
    click.echo(style.passed(f"{output}: {show_size(len(content))}, profiles: {runs}"))
