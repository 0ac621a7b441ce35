"""`edgelstm deploy`: a model on a board as a service, with versions."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgelstm.cli.common import (
    BoardProblem,
    answer_options,
    check_state_options,
    checked,
    event_option,
    of_options,
    seconds,
    state_options,
    syntax_option,
    threshold_option,
    wheel_option,
)
from edgelstm.cli.show import style
from edgelstm.cli.show.text import named, paragraph
from edgelstm.cli.sinks import PUBLISHING, keep_most_option, publishing, sink_options
from edgelstm.cli.sources import asked_of, device_options, has_broker, is_given, names_in, option_of, refuse_foreign
from edgelstm.runtime.sources.open import DEVICES, SOURCES

if TYPE_CHECKING:
    from edgelstm.devices.deploy.deployment import Deployed, Status
    from edgelstm.devices.deploy.settings import Settings
    from edgelstm.devices.remote.target import Target


_SOURCES = {"source": "feed", "source_command": "program", **{name: name for name in DEVICES}}
"""Where frames come from, and the kind of source that it is."""
_KEPT_OPTIONS = (
    *("output", "keep_state", "no_unusual", "pooling", "window", "hop", "thresholds"),
    *(option.name for kind in DEVICES.values() for option in kind.options()),
    *("columns", "gap", "missing", "events"),
    *("publish", "home_assistant", "mqtt_password", "mqtt_ca", "keep"),
)
"""What goes with a source, and stays for later versions."""


_AS_GIVEN = (
    *("pooling", "window", "hop", "thresholds", "events"),
    *("gap", "missing", "home_assistant", "status_every", "keep_most"),
)


@click.command()
@click.argument("model", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--board", "host", required=True, metavar="HOST", help="As ssh takes it: pi, user@192.168.0.7.")
@click.option("--source", metavar="FILE", help="On the board: a file, a named pipe or a device with frames.")
@click.option("--source-command", metavar="COMMAND", help="Or a program there that prints frames; no shell runs it.")
@syntax_option("How frames are written, as for edgelstm stream.")
@device_options
@sink_options
@event_option
@click.option(
    "--status-every",
    callback=seconds,
    metavar="TIME",
    default="1h",
    show_default=True,
    help="Say how it does in the journal so often; 0s: never.",
)
@click.option("--output", metavar="FILE", help="Add answers to a file on the board.  [default: the journal]")
@click.option("--keep-state", is_flag=True, help="After a restart go on with the state that was.")
@state_options(default_age="1h")
@click.option(
    "--keep",
    metavar="DIR",
    help="Keep clips in that folder of the board of events and near misses: WAV of sound, CSV of others.",
)
@keep_most_option
@click.option("--no-unusual", is_flag=True, help="Do not tell of values far outside of what training saw.")
@answer_options()
@threshold_option
@click.option(
    "--adaptable",
    metavar="MODEL.npz",
    type=click.Path(path_type=Path),
    help="Also the model that MODEL was made of, without recordings, for edgelstm adapt on the board.",
)
@click.option("--name", help="Of the deployment.  [default: from MODEL, or the only one on the board]")
@wheel_option("the board")
@click.option("--board-python", "python", default="python3", show_default=True, help="The board's Python with numpy.")
@click.option("--no-service", is_flag=True, help="Leave the files, start nothing.")
@click.option("--status", "action", flag_value="status", help="What is deployed, and whether it runs.")
@click.option("--logs", "action", flag_value="logs", help="The last lines of its journal and of its output.")
@click.option("--lines", type=click.IntRange(1, 100_000), default=50, show_default=True, help="How many, for --logs.")
@click.option("--rollback", "action", flag_value="rollback", help="Back to the version that last ran well.")
@click.option("--remove", "action", flag_value="remove", help="Stop it and leave nothing of it.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(model: Path | None, action: str | None, as_json: bool, **given: Any) -> None:
    """Put MODEL on a board as a service that streams, or look after one that is there.

    The wheel and the model go to a folder of their own on the board, a version beside those before. There the
    model must come to the answers that it gives here; only then the service is switched to it, and if it does not
    start, back again. Frames come from --source or --source-command; later versions keep what the first was given.

    Nothing is installed for the whole system, and nothing is downloaded. Exit codes: 1 when MODEL or the wheel is
    at fault, 4 for whatever goes wrong on the board, also when it has no systemd for its users to run a service:
    then the files stay, and the program that starts them is named.

    A port, a card and a broker are those of the board; --mqtt-password and --mqtt-ca are files here, and are kept
    there where only that user can read them.

    \b
    Example:
      edgelstm deploy model.elstm --board pi --serial /dev/ttyACM0
      edgelstm deploy model.elstm --board pi --mqtt mqtt://hub/sensor \\
        --publish mqtt://hub/edgelstm/hall --home-assistant
      edgelstm deploy better.elstm --name model --board pi
      edgelstm deploy --board pi --status
      edgelstm deploy --board pi --rollback
    """
    from edgelstm.devices.remote import BoardError

    check_state_options(click.get_current_context(), "--keep-state", given["keep_state"])
    _refuse_contradictions(model, action)
    try:
        _act(model, action, as_json, given)
    except BoardError as error:
        raise BoardProblem(str(error)) from None


def _refuse_contradictions(model: Path | None, action: str | None) -> None:
    if action is None and model is None:
        raise click.UsageError("MODEL: expected a model to deploy, or one of --status, --logs, --rollback, --remove")
    sources = [option for option in _SOURCES if is_given(option)]
    if len(sources) > 1:
        first, second = map(_name, sources[:2])
        raise click.UsageError(f"{first} and {second}: expected one of them")
    for option in (*_SOURCES, *_KEPT_OPTIONS, "adaptable"):
        if action is not None and is_given(option):
            raise click.UsageError(f"{_name(option)}: goes with a MODEL to deploy, not with --{action}")
    if model is not None and not model.is_file():
        raise FileNotFoundError(2, "no such file", str(model))


def _act(model: Path | None, action: str | None, as_json: bool, given: dict[str, Any]) -> None:
    from edgelstm.devices.deploy import deployment
    from edgelstm.devices.remote.session import check_host
    from edgelstm.devices.remote.target import WHEELS, Target
    from edgelstm.records import to_json
    from edgelstm.runtime.proven import check_proven

    target = Target(checked(check_host, given["host"]), given["python"], given["wheels"] or WHEELS)
    service = not given["no_service"]
    name = given["name"] and checked(deployment.check_name, given["name"])
    if action is None and model is not None:
        check_proven(model)
        name = name or deployment.name_of(model)
        secrets = _secrets(given)
        settings = _settings(given)
        if settings is not None:
            _check_answers(model, settings)
        beside = _beside(model, given["adaptable"])
        changed = deployment.deploy(
            target, model, settings, name, service=service, secrets=secrets, beside=beside, tell=_tell
        )
        _report_change(target, name, changed, as_json=as_json)
        return
    found = deployment.status(target)
    if action == "status":
        shown = [one for one in found if name in (None, one.name)]
        text = "\n\n".join(map(_describe, shown)) or f"{target.host}: nothing is deployed"
        click.echo(json.dumps([to_json(one) for one in shown], indent=2) if as_json else text)
        return
    name = name or (deployment.name_of(model) if model else _only(target, found))
    if action == "logs":
        click.echo(deployment.logs(target, name, given["lines"]))
    elif action == "rollback":
        _report_change(target, name, deployment.rollback(target, name, service=service), as_json=as_json)
    else:
        deployment.remove(target, name)
        click.echo(
            json.dumps({"removed": name}) if as_json else style.passed(f"{name} is removed from {target.host}")
        )


def _beside(model: Path, source: Path | None) -> dict[str, bytes]:
    """Further files of a version."""
    from edgelstm.cli.adaptable import NAME, adaptable

    if source is None:
        return {}
    if model.name == NAME:
        raise click.UsageError(f"--adaptable: MODEL is called {NAME} too, expected another name")
    return {NAME: adaptable(model, source)}


def _check_answers(model: Path, settings: Settings) -> None:
    """UsageError for answers that the model cannot give; a line on stderr where there may never be one."""
    from edgelstm.devices.deploy.service import frame_format, new_stream, watched
    from edgelstm.runtime.engines.open import open_model
    from edgelstm.runtime.remarks import answers_at_the_end

    opened = open_model(model, bare=True)
    with of_options():
        stream, *_ = new_stream(opened, settings)
        watched(opened, settings)
    try:
        settings.source.check_form(frame_format(opened, settings))
    except ValueError as error:
        raise click.UsageError(f"{option_of(settings.device)}: {error}") from None
    if not stream.answering.hop:
        click.echo(paragraph(answers_at_the_end(stream), "Note: ", "      "), err=True)


def _name(option: str) -> str:
    return {"thresholds": "--threshold", "events": "--event"}.get(option, option_of(option))


def _only(target: Target, found: tuple[Status, ...]) -> str:
    if len(found) == 1:
        return found[0].name
    names = ", ".join(one.name for one in found)
    raise BoardProblem(
        f"{target.host}: {f'{names} are deployed, say which by --name' if found else 'nothing is deployed'}"
    )


def _settings(given: dict[str, Any]) -> Settings | None:
    """None where no source was given: those that are there stay."""
    from edgelstm.devices.deploy.settings import Settings

    source = next((option for option in _SOURCES if is_given(option)), None)
    if source is None:
        for option in _KEPT_OPTIONS:
            if is_given(option):
                raise click.UsageError(
                    f"{_name(option)}: goes with a source, such as --source; later versions keep it"
                )
        return None
    refuse_foreign(_SOURCES[source], {kind: option_of(option) for option, kind in _SOURCES.items()})
    device = source if source in DEVICES else ""
    try:
        words = tuple(shlex.split(given["source_command"] or ""))
    except ValueError as error:
        raise click.UsageError(f"--source-command: {error}") from None
    try:
        return Settings(
            model="model",
            sha256="",
            source_file=given["source"] or "",
            source_command=words,
            device=device,
            where=given[device] if device else "",
            asked=asked_of(SOURCES[_SOURCES[source]], given),
            columns=names_in(given["columns"]),
            publish=given["publish"] or "",
            syntax=given["syntax"],
            output=given["output"] or "",
            keep=given["keep"] or "",
            keep_state=given["keep_state"],
            state_every=given["state_every"],
            state_max_age=given["state_max_age"],
            tells_unusual=not given["no_unusual"],
            **{name: given[name] for name in _AS_GIVEN},
        )
    except ValueError as error:
        raise click.UsageError(f"--{error}") from None


def _secrets(given: dict[str, Any]) -> dict[str, bytes]:
    """What a broker is asked in with, as files of the board."""
    from edgelstm.devices.deploy.settings import AUTHORITY, PASSWORD
    from edgelstm.files import read_bounded

    asked = publishing(beside=has_broker(given), **{name: given[name] for name in PUBLISHING})
    secrets: dict[str, bytes] = {}
    if asked.login.password is not None and (has_broker(given) or asked.address):
        secrets[PASSWORD] = asked.login.password.encode() + b"\n"
    if asked.login.authority is not None:
        secrets[AUTHORITY] = read_bounded(asked.login.authority, 1 << 20)
    return secrets


def _report_change(target: Target, name: str, changed: Deployed, *, as_json: bool) -> None:
    from edgelstm.records import to_json

    host = target.host
    if as_json:
        click.echo(json.dumps({"name": name, **to_json(changed)}, indent=2))
    else:
        before = f", before it {changed.before}" if changed.before not in ("", changed.version) else ""
        click.echo(paragraph(f"{name} {changed.version} is on {host}{before}", style.passed("")))
        if changed.systemd:
            click.echo(f"  a service runs it: edgelstm deploy --board {host} --name {name} --status")
    if changed.systemd and not changed.linger:
        text = "it ends with the last login and does not start with the board, until on the board: "
        click.echo(paragraph(f"{text}loginctl enable-linger", "  ", "    "), err=as_json)
    if changed.problem:
        raise BoardProblem(
            f"{host}: the files are there and tested, but no service runs: {changed.problem}; "
            f"by hand: ~/.local/share/edgelstm/{name}/current/run"
        )


def _describe(status: Status) -> str:
    from edgelstm.devices.deploy.settings import Settings

    settings = status.settings
    runs = f"{status.active} ({status.state}) since {status.since or 'never'}, {status.restarts or 0} restarts"
    if status.systemd and status.problem:
        runs += f"; {status.problem}"
    if isinstance(settings, Settings):
        frames = f"{settings.device} {settings.place}".strip()
        answers = (settings.output or "the journal") + (f" and {settings.publish}" if settings.publish else "")
    else:
        frames = answers = f"unknown ({settings.reason})"
    lines = [
        (status.name, f"{status.current or 'no version'} of {len(status.versions)}: {', '.join(status.versions)}"),
        ("service", runs if status.systemd else f"none ({status.problem}); by hand: {status.run}"),
        ("frames from", frames),
        ("answers to", answers),
    ]
    if isinstance(settings, Settings) and (asked := _asked(settings)):
        lines.append(("asked for", asked))
    if isinstance(settings, Settings) and settings.keep_state:
        lines.append(("state", _kept(settings)))
    if isinstance(settings, Settings) and settings.keep:
        lines.append(("clips", f"kept in {settings.keep}, {settings.keep_most} MiB at most"))
    if status.systemd and not status.linger:
        lines.append(("linger", "off: it ends with the last login (on the board: loginctl enable-linger)"))
    return named(lines)


def _asked(settings: Settings) -> str:
    """Of answers, where they are not the model's own."""
    pairs = {name: getattr(settings, name) for name in ("pooling", "window", "hop")}
    told = [f"{name} {value}" for name, value in pairs.items() if value is not None]
    told += [f"threshold {text}" for text in settings.thresholds] + [f"event {text}" for text in settings.events]
    return ", ".join(told)


def _kept(settings: Settings) -> str:
    every = f"every {settings.state_every:g} s" if settings.state_every else "when it ends"
    age = f"up to {settings.state_max_age:g} s old" if settings.state_max_age else "whatever its age"
    return f"kept: saved {every}, gone on from {age}"


def _tell(line: str) -> None:
    click.echo(f"{line} …", err=True)
