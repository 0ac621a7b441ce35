"""`edgelstm report`: profiles as one page to read and pass on."""

from __future__ import annotations

from pathlib import Path

import click

from edgelstm.cli.common import check_output
from edgelstm.cli.show import style
from edgelstm.files import write_whole


@click.command()
@click.argument("reports", metavar="REPORT.json...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("report.html"),
    show_default=True,
    help="The page to write.",
)
def command(reports: tuple[Path, ...], output: Path) -> None:
    """Make one page of one or more profiles: boards and engines side by side.

    The page needs no network and no scripts; it can be sent as it is. REPORT.json is what `edgelstm profile
    --output` wrote, on this machine or for a board.

    \b
    Example:
      edgelstm profile model.elstm model.onnx --output here.json
      edgelstm report here.json pi.json -o report.html
    """
    from edgelstm.devices.profiling.page import page
    from edgelstm.devices.profiling.report import read_reports
    from edgelstm.devices.units import show_size

    check_output(output, inputs=reports)
    found = [report for path in reports for report in read_reports(path)]
    content = page(found).encode()
    write_whole(output, content)
    runs = sum(len(report.runs) for report in found)
    click.echo(style.passed(f"{output}: {show_size(len(content))}, profiles: {runs}"))
