"""`.elstm` models: the thin Python side of the C core.

The interpreter's lock is released while C runs, but for single steps of small models. A model may be shared between
threads; a stream takes one at a time, and refuses another.
"""

from __future__ import annotations

from edgelstm.runtime.engines.elstm_file import ElstmFile
from edgelstm.runtime.engines.elstm_stream import Stream
from edgelstm.runtime.engines.pool import Pool
from edgelstm.runtime.pooling import PoolingKind


class Model(ElstmFile):
    """A validated `.elstm` file, read into memory; `mapped=True` uses it where it lies: see `ElstmFile`.

    Raises FileNotFoundError, other OSErrors, and ValueError for a file that is none or is damaged.
    """

    def stream(
        self,
        memory_limit: int | None = None,
        *,
        pooling: PoolingKind | None = None,
        window: int | None = None,
        hop: int | None = None,
        threads: int = 1,
    ) -> Stream:
        answering = self.answering(pooling, window, hop)
        size = self.stream_size(answering)
        if memory_limit is not None and size > memory_limit:
            raise ValueError(f"{self.path}: a stream takes {size} bytes, the memory limit is {memory_limit}")
        return Stream(self, answering, threads=threads)

    def pool(
        self,
        streams: int,
        memory_limit: int | None = None,
        *,
        pooling: PoolingKind | None = None,
        window: int | None = None,
        hop: int | None = None,
    ) -> Pool:
        """`streams` new streams that step together, all with the same answers, as for `stream`. ValueError when they
        need more than `memory_limit` bytes."""
        return Pool(self, streams, self.answering(pooling, window, hop), memory_limit)
