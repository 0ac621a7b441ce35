"""`.elstm`: the file that the C core runs. `docs/file-format.md` describes every field."""

from edgelstm.export.elstm.file import BF16, FLOAT32, HEADER_SIZE, INT4, INT8, encode, encode_bf16

__all__ = ["BF16", "FLOAT32", "HEADER_SIZE", "INT4", "INT8", "encode", "encode_bf16"]
