"""What Home Assistant (2024.11 or newer) has to be told of a stream to find it: device discovery over MQTT.

https://www.home-assistant.io/integrations/mqtt, "Device discovery payload".
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any

ROOT = "homeassistant"
STATUS = f"{ROOT}/status"
"""Where it says `online` when it has begun: then it is to be told again."""
_SILENT = 300
"""Seconds without an answer after which a value is not known."""


def part_of_topic(label: str) -> str:
    """A label as a part of topics and identifiers: other labels have others."""
    plain = re.sub(r"[^a-z0-9]+", "_", label.lower()).strip("_")
    if plain == label:
        return plain
    return f"{plain or 'label'}_{hashlib.sha256(label.encode()).hexdigest()[:6]}"


def discovery(
    prefix: str,
    name: str,
    version: str,
    *,
    kind: str,
    labels: Sequence[str],
    watched: Sequence[str],
) -> tuple[str, dict[str, Any]]:
    """(topic, what is to be retained there) for a stream whose messages lie below `prefix`.

    kind: softmax, sigmoid, linear or anomaly; watched: the labels that are events.
    """
    mark = f"edgelstm_{part_of_topic(prefix)}"
    answer = f"{prefix}/answer"

    def value(place: str, **more: object) -> dict[str, Any]:
        return {"platform": "sensor", "state_topic": answer, "value_template": place, "expire_after": _SILENT, **more}

    parts: dict[str, dict[str, Any]] = {}
    if kind == "softmax":
        parts["label"] = value("{{ value_json.label }}", name="Label")
        parts["probability"] = value("{{ value_json.probability }}", name="Probability")
    elif kind == "anomaly":
        parts["score"] = value("{{ value_json.score }}", name="Score")
    else:
        field = "probabilities" if kind == "sigmoid" else "values"
        for label in labels:
            template = f"{{{{ value_json.{field}[{_quoted(label)}] }}}}"
            parts[f"value_{part_of_topic(label)}"] = value(template, name=label)
    for label in watched:
        part = part_of_topic(label)
        parts[f"is_{part}"] = {
            "platform": "binary_sensor",
            "name": label,
            "state_topic": f"{prefix}/event/{part}",
            "value_template": "{{ 'ON' if value_json.event == 'start' else 'OFF' }}",
        }
        parts[f"event_{part}"] = {
            "platform": "event",
            "name": f"{label} event",
            "state_topic": f"{prefix}/event/{part}",
            "event_types": ["start", "end"],
            "value_template": "{{ {'event_type': value_json.event, 'score': value_json.score} | tojson }}",
        }
    for part, fields in parts.items():
        fields["unique_id"] = f"{mark}_{part}"
    told = {
        "device": {
            "identifiers": [mark],
            "name": f"{name} ({prefix})",
            "manufacturer": "EdgeLSTM",
            "sw_version": version,
        },
        "origin": {"name": "edgelstm", "sw_version": version},
        "availability": [{"topic": f"{prefix}/status"}],
        "components": parts,
    }
    return f"{ROOT}/device/{mark}/config", told


def _quoted(text: str) -> str:
    """As a literal of a template, which no sign in it can end."""
    return '"' + "".join(c if c.isalnum() and c.isascii() else f"\\U{ord(c):08x}" for c in text) + '"'
