"""From float32 to integers: calibration, post-training quantization, and the integer reference.

A kind of layer is a file of its name: its integers, how they are made, and its reference.
"""

from edgelstm.quantization.affine import Affine, Granularity
from edgelstm.quantization.calibration import calibrate
from edgelstm.quantization.conv import QuantizedConv
from edgelstm.quantization.dense import QuantizedDense
from edgelstm.quantization.gru import QuantizedGRU
from edgelstm.quantization.lstm import QuantizedLSTM
from edgelstm.quantization.quantize import quantize
from edgelstm.quantization.quantized_model import QuantizedModel
from edgelstm.quantization.remarks import calibration_remarks
from edgelstm.quantization.saturation import quantization_warnings, saturation

__all__ = [
    "Affine",
    "Granularity",
    "QuantizedConv",
    "QuantizedDense",
    "QuantizedGRU",
    "QuantizedLSTM",
    "QuantizedModel",
    "calibrate",
    "calibration_remarks",
    "quantization_warnings",
    "quantize",
    "saturation",
]
