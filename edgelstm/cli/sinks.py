"""Where answers go besides stdout, and how a broker is asked in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from edgelstm.cli.common import with_options
from edgelstm.cli.sources import option_of
from edgelstm.runtime.mqtt.address import Address, Login, read_address, read_login
from edgelstm.runtime.sources.open import SOURCES


@dataclass(frozen=True)
class Publishing:
    """What `--publish` and `--home-assistant` ask for."""

    address: Address | None
    login: Login
    is_found: bool  # by Home Assistant


def sink_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--publish`, `--home-assistant`, `--mqtt-password`, `--mqtt-ca`; what `publishing` takes."""
    return with_options(function, _OPTIONS)


_OPTIONS = (
    click.option(
        "--publish",
        metavar="URL",
        help="Send answers and events to a broker too: mqtt://USER@HOST/PREFIX, or mqtts://.",
    ),
    click.option(
        "--home-assistant", is_flag=True, help="Let Home Assistant find the stream by what --publish sends."
    ),
    click.option(
        "--mqtt-password",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="Its first line is the user's password.  [default: of the environment, EDGELSTM_MQTT_PASSWORD]",
    ),
    click.option(
        "--mqtt-ca",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="Certificates that the broker's is signed by.  [default: the system's]",
    ),
)


PUBLISHING = ("publish", "home_assistant", "mqtt_password", "mqtt_ca")
"""The names of what these options give."""


BROKERS = tuple(option_of(kind.name) for kind in SOURCES.values() if kind.has_broker)
"""The options of the sources that are asked in as they are."""


keep_most_option = click.option(
    "--keep-most",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    metavar="MIB",
    help="Room for clips; the oldest give way.",
)


def publishing(
    *,
    publish: str | None,
    home_assistant: bool,
    mqtt_password: Path | None,
    mqtt_ca: Path | None,
    beside: bool,
) -> Publishing:
    """UsageError for an URL that is none, and for options without one. beside: whether the source has a broker."""
    for name, is_given in (("--mqtt-password", mqtt_password is not None), ("--mqtt-ca", mqtt_ca is not None)):
        if is_given and publish is None and not beside:
            raise click.UsageError(f"{name}: goes with {' or '.join((*BROKERS, '--publish'))}")
    if home_assistant and publish is None:
        raise click.UsageError("--home-assistant: goes with --publish")
    address = None
    if publish is not None:
        try:
            address = read_address(publish, may_have_wildcards=False)
        except ValueError as error:
            raise click.UsageError(f"--publish{str(error).removeprefix('mqtt')}") from None
    for path in (mqtt_password, mqtt_ca):
        if path is not None:
            path.open("rb").close()
    return Publishing(address, read_login(mqtt_password, mqtt_ca), home_assistant)
