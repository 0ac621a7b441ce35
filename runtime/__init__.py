"""Streaming inference on a board: numpy and the C core, nothing else.

from edgelstm.runtime import Model
stream = Model("model.elstm").stream()
answers = stream.push(frames)          # (T, features) → (answers, outputs)
"""

from edgelstm.runtime.engines.elstm import Model
from edgelstm.runtime.engines.elstm_stream import Stream
from edgelstm.runtime.engines.library import kernel_name, version
from edgelstm.runtime.engines.pool import Pool

__all__ = ["Model", "Pool", "Stream", "kernel_name", "version"]
