"""Models trained elsewhere: a file for each format, and the table of them."""

from edgelstm.importers.choices import Choices, Gates, UndecidedError
from edgelstm.importers.imported import Imported
from edgelstm.importers.read import FORMATS, read_model

__all__ = ["FORMATS", "Choices", "Gates", "Imported", "UndecidedError", "read_model"]
