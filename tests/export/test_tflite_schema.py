"""The numbers that TFLite files are written with, against the schema that LiteRT brings."""

from __future__ import annotations

import re

import pytest

from edgelstm.export.tflite.schema import ACTIVATION, OPTIONS, TABLES, TENSOR_TYPE, VALID, Op
from edgelstm.importers.tflite_tables import OTHERS

schema = pytest.importorskip("ai_edge_litert.schema_py_generated")


class Recorder:
    """Stands in for a builder: remembers which slot was filled, and as what."""

    def __getattr__(self, name):
        found = re.fullmatch("Prepend(.*)Slot", name)
        assert found, name
        return lambda number, _value, default: self.__dict__.update(slot=(number, found[1].lower()), default=default)


@pytest.mark.parametrize(("table", "field"), [(table, field) for table, fields in TABLES.items() for field in fields])
def test_fields_have_the_schemas_slots_and_types(table, field):
    recorder = Recorder()
    getattr(schema, f"{table}Add{field}")(recorder, 1)
    slot = TABLES[table][field]
    kinds = {"offset": "uoffsettrelative"}
    assert recorder.slot == (slot.number, kinds.get(slot.kind, slot.kind))


@pytest.mark.parametrize("op", Op)
def test_operators_and_their_options_have_the_schemas_numbers(op):
    assert getattr(schema.BuiltinOperator, op.name) == op
    if op in OPTIONS:
        assert getattr(schema.BuiltinOptions, OPTIONS[op].table) == OPTIONS[op].number
        assert OPTIONS[op].table in TABLES
    else:
        name = "".join(word.capitalize() for word in op.name.split("_"))
        assert not hasattr(schema.BuiltinOptions, f"{name}Options")


def test_values_have_the_schemas_numbers():
    assert {name: getattr(schema.TensorType, name.upper()) for name in TENSOR_TYPE} == TENSOR_TYPE
    names = {"linear": "NONE", "relu": "RELU", "relu6": "RELU6", "tanh": "TANH"}
    assert {one: getattr(schema.ActivationFunctionType, name) for one, name in names.items()} == ACTIVATION
    assert schema.Padding.VALID == VALID


def test_operators_that_are_refused_have_the_schemas_numbers():
    assert {number: getattr(schema.BuiltinOperator, name) for number, name in OTHERS.items()} == {
        n: n for n in OTHERS
    }
