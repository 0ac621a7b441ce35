"""TFLite: one module for each way to write a cell, over the writer and the parts that they share."""
