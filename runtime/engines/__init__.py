"""Engines behind one type: our C core, onnxruntime, LiteRT. `open_model` in `.open` is the way in."""
