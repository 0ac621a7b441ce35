"""What a `.tflite` file needs of TensorFlow Lite's schema, version 3: numbers of operators and types, and of every
table the fields that are written or read, by their names there with slot and type.

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
    RELU = 19
    RELU6 = 21
    RESHAPE = 22
    SOFTMAX = 25
    TANH = 28
    PAD = 34
    GATHER = 36
    TRANSPOSE = 39
    MEAN = 40
    SUB = 41
    DIV = 42
    SQUEEZE = 43
    UNIDIRECTIONAL_SEQUENCE_LSTM = 44
    STRIDED_SLICE = 45
    SPLIT = 49
    CAST = 53
    MAXIMUM = 55
    MINIMUM = 57
    LESS = 58
    NEG = 59
    SLICE = 65
    EXPAND_DIMS = 70
    LOG = 73
    SQRT = 75
    RSQRT = 76
    SHAPE = 77
    PACK = 83
    LOGICAL_AND = 86
    UNPACK = 88
    SQUARE = 92
    FILL = 94
    LEAKY_RELU = 98
    SQUARED_DIFFERENCE = 99
    QUANTIZE = 114
    WHILE = 119
    CALL_ONCE = 129
    VAR_HANDLE = 142
    READ_VARIABLE = 143
    ASSIGN_VARIABLE = 144


class Options(NamedTuple):
    """What an operator may be told: a value of BuiltinOptions, and the table of that name."""

    number: int
    table: str


OPTIONS = {
    Op.ADD: Options(11, "AddOptions"),
    Op.ASSIGN_VARIABLE: Options(113, "AssignVariableOptions"),
    Op.CALL_ONCE: Options(103, "CallOnceOptions"),
    Op.CAST: Options(37, "CastOptions"),
    Op.CONCATENATION: Options(10, "ConcatenationOptions"),
    Op.CONV_2D: Options(1, "Conv2DOptions"),
    Op.DEQUANTIZE: Options(38, "DequantizeOptions"),
    Op.DIV: Options(29, "DivOptions"),
    Op.EXPAND_DIMS: Options(52, "ExpandDimsOptions"),
    Op.FILL: Options(68, "FillOptions"),
    Op.FULLY_CONNECTED: Options(8, "FullyConnectedOptions"),
    Op.GATHER: Options(23, "GatherOptions"),
    Op.LEAKY_RELU: Options(75, "LeakyReluOptions"),
    Op.LESS: Options(41, "LessOptions"),
    Op.LOGICAL_AND: Options(62, "LogicalAndOptions"),
    Op.MEAN: Options(27, "ReducerOptions"),
    Op.MUL: Options(21, "MulOptions"),
    Op.NEG: Options(42, "NegOptions"),
    Op.PACK: Options(59, "PackOptions"),
    Op.PAD: Options(22, "PadOptions"),
    Op.QUANTIZE: Options(89, "QuantizeOptions"),
    Op.READ_VARIABLE: Options(112, "ReadVariableOptions"),
    Op.RESHAPE: Options(17, "ReshapeOptions"),
    Op.SHAPE: Options(55, "ShapeOptions"),
    Op.SLICE: Options(48, "SliceOptions"),
    Op.SOFTMAX: Options(9, "SoftmaxOptions"),
    Op.SPLIT: Options(35, "SplitOptions"),
    Op.SQUARE: Options(66, "SquareOptions"),
    Op.SQUARED_DIFFERENCE: Options(76, "SquaredDifferenceOptions"),
    Op.SQUEEZE: Options(30, "SqueezeOptions"),
    Op.STRIDED_SLICE: Options(32, "StridedSliceOptions"),
    Op.SUB: Options(28, "SubOptions"),
    Op.TRANSPOSE: Options(26, "TransposeOptions"),
    Op.UNIDIRECTIONAL_SEQUENCE_LSTM: Options(71, "UnidirectionalSequenceLSTMOptions"),
    Op.UNPACK: Options(64, "UnpackOptions"),
    Op.VAR_HANDLE: Options(111, "VarHandleOptions"),
    Op.WHILE: Options(93, "WhileOptions"),
}
"""An operator that is not listed has none."""

TENSOR_TYPE = {
    "float32": 0,
    "float16": 1,
    "int32": 2,
    "uint8": 3,
    "int64": 4,
    "bool": 6,
    "int16": 7,
    "int8": 9,
    "resource": 13,
}
ACTIVATION = {"linear": 0, "relu": 1, "relu6": 3, "tanh": 4}
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
        "CustomCode": Slot(1, "offset"),
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
        "Sparsity": Slot(6, "offset"),
        "ShapeSignature": Slot(7, "offset"),
        "HasRank": Slot(8, "bool"),
    },
    "QuantizationParameters": {
        "Scale": Slot(2, "offset"),
        "ZeroPoint": Slot(3, "offset"),
        "QuantizedDimension": Slot(6, "int32"),
    },
    "Operator": {
        "OpcodeIndex": Slot(0, "uint32"),
        "Inputs": Slot(1, "offset"),
        "Outputs": Slot(2, "offset"),
        "BuiltinOptionsType": Slot(3, "uint8"),
        "BuiltinOptions": Slot(4, "offset"),
        "Intermediates": Slot(8, "offset"),
    },
    "Metadata": {"Name": Slot(0, "offset"), "Buffer": Slot(1, "uint32")},
    "SignatureDef": {
        "Inputs": Slot(0, "offset"),
        "Outputs": Slot(1, "offset"),
        "SignatureKey": Slot(2, "offset"),
        "SubgraphIndex": Slot(4, "uint32"),
    },
    "TensorMap": {"Name": Slot(0, "offset"), "TensorIndex": Slot(1, "uint32")},
    "AddOptions": {"FusedActivationFunction": Slot(0, "int8")},
    "ConcatenationOptions": {"Axis": Slot(0, "int32"), "FusedActivationFunction": Slot(1, "int8")},
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
        "WeightsFormat": Slot(1, "int8"),
        "KeepNumDims": Slot(2, "bool"),
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
    "UnidirectionalSequenceLSTMOptions": {
        "FusedActivationFunction": Slot(0, "int8"),
        "CellClip": Slot(1, "float32"),
        "ProjClip": Slot(2, "float32"),
        "TimeMajor": Slot(3, "bool"),
    },
    "AssignVariableOptions": {},
    "CallOnceOptions": {"InitSubgraphIndex": Slot(0, "int32")},
    "CastOptions": {},
    "DivOptions": {},
    "ExpandDimsOptions": {},
    "FillOptions": {},
    "LeakyReluOptions": {"Alpha": Slot(0, "float32")},
    "LessOptions": {},
    "LogicalAndOptions": {},
    "ReducerOptions": {"KeepDims": Slot(0, "bool")},
    "NegOptions": {},
    "PackOptions": {"ValuesCount": Slot(0, "int32"), "Axis": Slot(1, "int32")},
    "PadOptions": {},
    "ReadVariableOptions": {},
    "ShapeOptions": {},
    "SquareOptions": {},
    "SquaredDifferenceOptions": {},
    "SqueezeOptions": {"SqueezeDims": Slot(0, "offset")},
    "StridedSliceOptions": {
        "BeginMask": Slot(0, "int32"),
        "EndMask": Slot(1, "int32"),
        "EllipsisMask": Slot(2, "int32"),
        "NewAxisMask": Slot(3, "int32"),
        "ShrinkAxisMask": Slot(4, "int32"),
    },
    "TransposeOptions": {},
    "UnpackOptions": {"Num": Slot(0, "int32"), "Axis": Slot(1, "int32")},
    "VarHandleOptions": {"Container": Slot(0, "offset"), "SharedName": Slot(1, "offset")},
    "WhileOptions": {"CondSubgraphIndex": Slot(0, "int32"), "BodySubgraphIndex": Slot(1, "int32")},
}
