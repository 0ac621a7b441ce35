"""From float32 to integers: calibration, post-training quantization, and the integer reference."""

from edgelstm.quantization.calibration import calibrate
from edgelstm.quantization.quantize import quantize
from edgelstm.quantization.scheme import Granularity, QuantizedDense, QuantizedLSTM, QuantizedModel

__all__ = ["Granularity", "QuantizedDense", "QuantizedLSTM", "QuantizedModel", "calibrate", "quantize"]
