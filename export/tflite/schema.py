"""What a `.tflite` file needs of TensorFlow Lite's schema, version 3: numbers of operators and types, and of every
table the fields that are written, by their names there with slot and type.

`tests/export/test_tflite_schema.py` holds all of it against the schema that LiteRT brings.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Literal, NamedTuple

VERSION = 3


class Op(IntEnum):
    """Built-in operators: the values of BuiltinOperator."""

    ADD = 0
    CONCATENATION = 2
    CONV_2D = 3
    DEQUANTIZE = 6
    FULLY_CONNECTED = 9
    LOGISTIC = 14
    MUL = 18
    RESHAPE = 22
    SOFTMAX = 25
    TANH = 28
    GATHER = 36
    SUB = 41
    UNIDIRECTIONAL_SEQUENCE_LSTM = 44
    SPLIT = 49
    SLICE = 65
    QUANTIZE = 114


class Options(NamedTuple):
    """What an operator may be told: a value of BuiltinOptions, and the table of that name."""

    number: int
    table: str


OPTIONS = {
    Op.ADD: Options(11, "AddOptions"),
    Op.CONCATENATION: Options(10, "ConcatenationOptions"),
    Op.CONV_2D: Options(1, "Conv2DOptions"),
    Op.DEQUANTIZE: Options(38, "DequantizeOptions"),
    Op.FULLY_CONNECTED: Options(8, "FullyConnectedOptions"),
    Op.GATHER: Options(23, "GatherOptions"),
    Op.MUL: Options(21, "MulOptions"),
    Op.QUANTIZE: Options(89, "QuantizeOptions"),
    Op.RESHAPE: Options(17, "ReshapeOptions"),
    Op.SLICE: Options(48, "SliceOptions"),
    Op.SOFTMAX: Options(9, "SoftmaxOptions"),
    Op.SPLIT: Options(35, "SplitOptions"),
    Op.SUB: Options(28, "SubOptions"),
    Op.UNIDIRECTIONAL_SEQUENCE_LSTM: Options(71, "UnidirectionalSequenceLSTMOptions"),
}
"""An operator that is not listed has none."""

TENSOR_TYPE = {"float32": 0, "int32": 2, "int16": 7, "int8": 9}
ACTIVATION = {"linear": 0, "relu": 1, "tanh": 4}
"""Values of ActivationFunctionType."""
VALID = 1  # of Padding: none

Kind = Literal["int8", "uint8", "int32", "uint32", "float32", "bool", "offset"]


class Slot(NamedTuple):
    number: int
    kind: Kind


TABLES: dict[str, dict[str, Slot]] = {
    "Model": {
        "Version": Slot(0, "uint32"),
        "OperatorCodes": Slot(1, "offset"),
        "Subgraphs": Slot(2, "offset"),
        "Description": Slot(3, "offset"),
        "Buffers": Slot(4, "offset"),
        "Metadata": Slot(6, "offset"),
        "SignatureDefs": Slot(7, "offset"),
    },
    "OperatorCode": {
        "DeprecatedBuiltinCode": Slot(0, "int8"),
        "Version": Slot(2, "int32"),
        "BuiltinCode": Slot(3, "int32"),
    },
    "Buffer": {"Data": Slot(0, "offset")},
    "SubGraph": {
        "Tensors": Slot(0, "offset"),
        "Inputs": Slot(1, "offset"),
        "Outputs": Slot(2, "offset"),
        "Operators": Slot(3, "offset"),
        "Name": Slot(4, "offset"),
    },
    "Tensor": {
        "Shape": Slot(0, "offset"),
        "Type": Slot(1, "int8"),
        "Buffer": Slot(2, "uint32"),
        "Name": Slot(3, "offset"),
        "Quantization": Slot(4, "offset"),
        "IsVariable": Slot(5, "bool"),
        "HasRank": Slot(8, "bool"),
    },
    "QuantizationParameters": {"Scale": Slot(2, "offset"), "ZeroPoint": Slot(3, "offset")},
    "Operator": {
        "OpcodeIndex": Slot(0, "uint32"),
        "Inputs": Slot(1, "offset"),
        "Outputs": Slot(2, "offset"),
        "BuiltinOptionsType": Slot(3, "uint8"),
        "BuiltinOptions": Slot(4, "offset"),
        "Intermediates": Slot(8, "offset"),
    },
    "Metadata": {"Name": Slot(0, "offset"), "Buffer": Slot(1, "uint32")},
    "SignatureDef": {"Inputs": Slot(0, "offset"), "Outputs": Slot(1, "offset"), "SignatureKey": Slot(2, "offset")},
    "TensorMap": {"Name": Slot(0, "offset"), "TensorIndex": Slot(1, "uint32")},
    "AddOptions": {"FusedActivationFunction": Slot(0, "int8")},
    "ConcatenationOptions": {"Axis": Slot(0, "int32")},
    "Conv2DOptions": {
        "Padding": Slot(0, "int8"),
        "StrideW": Slot(1, "int32"),
        "StrideH": Slot(2, "int32"),
        "FusedActivationFunction": Slot(3, "int8"),
        "DilationWFactor": Slot(4, "int32"),
        "DilationHFactor": Slot(5, "int32"),
    },
    "DequantizeOptions": {},
    "FullyConnectedOptions": {
        "FusedActivationFunction": Slot(0, "int8"),
        "AsymmetricQuantizeInputs": Slot(3, "bool"),
    },
    "GatherOptions": {"Axis": Slot(0, "int32")},
    "MulOptions": {"FusedActivationFunction": Slot(0, "int8")},
    "QuantizeOptions": {},
    "ReshapeOptions": {},
    "SliceOptions": {},
    "SoftmaxOptions": {"Beta": Slot(0, "float32")},
    "SplitOptions": {"NumSplits": Slot(0, "int32")},
    "SubOptions": {"FusedActivationFunction": Slot(0, "int8")},
    "UnidirectionalSequenceLSTMOptions": {"FusedActivationFunction": Slot(0, "int8")},
}
