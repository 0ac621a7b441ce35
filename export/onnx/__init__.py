"""ONNX: one module for each form, over the graph that they share."""
