"""The one place that opens sinks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version

from edgelstm.runtime.anomaly import tells_anomalies
from edgelstm.runtime.engines.engine import EngineModel
from edgelstm.runtime.mqtt.address import Address, Login
from edgelstm.runtime.sinks.home_assistant import discovery
from edgelstm.runtime.sinks.mqtt import MqttSink
from edgelstm.runtime.sinks.sink import Sink


@contextmanager
def open_sinks(
    address: Address | None,
    login: Login,
    model: EngineModel,
    watched: Mapping[str, object],
    tell: Callable[[str], None],
    *,
    is_found: bool,
    orders: Callable[[str], None] | None = None,
) -> Iterator[tuple[Sink, ...]]:
    """The sinks, to be closed at the end: that of a broker, if there is an address. watched: the labels that are
    events. is_found: by Home Assistant. orders: gets what is said to the
    stream, from another thread. ImportError without paho-mqtt."""
    if address is None:
        yield ()
        return
    found = None
    if is_found:
        found = discovery(
            address.topic,
            str(model.metadata.get("name") or model.path.stem),
            version("edgelstm"),
            kind="anomaly" if tells_anomalies(model) else model.activation,
            labels=model.output_names,
            watched=tuple(watched),
        )
    sink = MqttSink(address, login, tell, found, orders)
    try:
        yield (sink,)
    finally:
        sink.close()
