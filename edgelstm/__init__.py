"""EdgeLSTM: train, quantize and export LSTM models, stream them on small boards, measure what they cost there.

    import edgelstm
    model = edgelstm.load("model.npz")
    edgelstm.export_model(model, "model.elstm", precision="int8")

    from edgelstm.runtime import Model
    stream = Model("model.elstm").stream()
    answers = stream.push(frames)          # (T, features) → (answers, outputs)

Importing this package imports nothing else, not even of Python's own: a board needs `edgelstm.runtime` alone, and
Ctrl-C is heard from the first moment on (`edgelstm.__main__`).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    __version__: str
    from edgelstm.export import export_model
    from edgelstm.model_file import load_model as load
    from edgelstm.model_file import save_model as save

__all__ = ["__version__", "export_model", "load", "save"]


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("edgelstm")
        except PackageNotFoundError:  # unpacked on a path, not installed
            return "unknown"
    if name == "export_model":
        from edgelstm.export import export_model

        return export_model
    if name in ("load", "save"):
        from edgelstm import model_file

        return getattr(model_file, f"{name}_model")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
