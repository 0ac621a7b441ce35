"""`.elstm` models: the thin Python side of the C core.

The interpreter's lock is released while C runs, but for single steps of small models. A model may be shared between
threads; a stream takes one at a time, and refuses another.
"""

from __future__ import annotations

from edgelstm.runtime.engines.elstm_file import ElstmFile
from edgelstm.runtime.engines.elstm_stream import Stream
from edgelstm.runtime.engines.pool import Pool


class Model(ElstmFile):
    """A validated `.elstm` file, read into memory; `mapped=True` uses it where it lies: see `ElstmFile`.

    Raises FileNotFoundError, other OSErrors, and ValueError for a file that is none or is damaged.
    """

    def stream(self, memory_limit: int | None = None) -> Stream:
        if memory_limit is not None and self.stream_bytes > memory_limit:
            raise ValueError(
                f"{self.path}: a stream takes {self.stream_bytes} bytes, the memory limit is {memory_limit}"
            )
        return Stream(self)

    def pool(self, streams: int, memory_limit: int | None = None) -> Pool:
        """`streams` new streams that step together. ValueError when they need more than `memory_limit` bytes."""
        return Pool(self, streams, memory_limit)
