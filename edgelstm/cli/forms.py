"""Which forms `edgelstm export` makes: those that there are, that were asked for, that hold a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgelstm.cli.show import style
from edgelstm.cli.show.text import named

if TYPE_CHECKING:
    from edgelstm.export import Form
    from edgelstm.model import Model


def list_forms(context: click.Context) -> None:
    from edgelstm.export import FORMS

    for form in FORMS:
        click.echo(style.heading(f"{form.format} {form.name}") + f"  {form.engine}")
        lines = [("scales", " or ".join(form.scales))] if form.scales else []
        limit = f"; {form.limit.words}" if form.limit else ""
        lines += [
            ("layers", ", ".join(form.kinds) + limit),
            *([("input", " or ".join(form.inputs))] if form.scales else []),
            ("io", " or ".join(form.io)),
            ("state", form.state),
            ("error", _stated(form)),
            ("choose", form.choose),
            ("beware", form.beware),
        ]
        click.echo(named(lines, "  ", 8))
    context.exit()


def _stated(form: Form) -> str:
    """The error of scores that the form states."""
    from edgelstm.export.parity.agreement import show_error

    of_scales = [f" with scales {scales}" for scales in form.scales] if len(form.errors) > 1 else [""]
    return " or ".join(f"at most {show_error(error)}{of}" for error, of in zip(form.errors, of_scales, strict=True))


def chosen_forms(
    formats: tuple[str, ...], precision: str | None, scales: str | None, io: str, input_codes: str
) -> list[Form]:
    """The form of each file, refused with the option's name when there is no such form."""
    from edgelstm.export import FORMS, check_input, check_io, find_form

    if io not in {known for form in FORMS for known in form.io}:
        raise click.UsageError(f"--io: {io!r}, expected float32 or int8")
    if input_codes not in {known for form in FORMS for known in form.inputs}:
        raise click.UsageError(f"--input: {input_codes!r}, expected int8 or int16")
    if "all" in formats:
        chosen = [
            form
            for form in FORMS
            if precision in (None, form.name) and io in form.io and input_codes in ("int8", *form.inputs)
        ]
        if not chosen:
            raise _none_chosen(precision, io, input_codes)
        return chosen
    chosen = []
    for name in formats:
        try:
            form = find_form(name, precision)
            check_io(form, io)
            check_input(form, input_codes)
        except ValueError as error:
            raise click.UsageError(f"--{error}") from None
        if scales is not None and scales not in form.scales:
            held = " or ".join(form.scales) or "none"
            raise click.UsageError(f"--scales: {scales!r}, expected {held} for {form.format} {form.name}")
        chosen.append(form)
    return chosen


def _none_chosen(precision: str | None, io: str, input_codes: str) -> click.UsageError:
    """What none of all forms is made with."""
    from edgelstm.export import FORMS

    known = list(dict.fromkeys(form.name for form in FORMS))
    if precision is not None and precision not in known:
        return click.UsageError(f"--precision: {precision!r}, expected one of {', '.join(known)}")
    asked = {"--precision": precision, "--io": io, "--input": input_codes}
    usual = (None, "float32", "int8")
    given = [f"{name} {value}" for (name, value), other in zip(asked.items(), usual) if value != other]
    return click.UsageError(f"{' and '.join(given)}: no form takes them together, expected one of them: see --list")


def forms_made_of(model: Model, path: Path, forms: list[Form], scales: str | None, input_codes: str) -> list[Form]:
    """Those that can be made from the model, which is that at `path`; a line for each other. ValueError when there is
    none."""
    from edgelstm.export import why_not_made

    made = []
    for form in forms:
        why_not = why_not_made(form, model, scales, input_codes)  # type: ignore[arg-type]
        if why_not is None:
            made.append(form)
        else:
            click.echo(f"left out: {form.format} {form.name} {why_not}", err=True)
    if not made:
        raise ValueError(f"{path}: held by none of the forms asked for, expected others: see --list")
    return made
