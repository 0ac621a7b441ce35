"""From a model to files for engines, each proven where it will run."""

from edgelstm.export.answering import answering
from edgelstm.export.api import Export, export_model, verify, why_not_made
from edgelstm.export.errors import NoRecordingsError
from edgelstm.export.form import Form
from edgelstm.export.forms import FORMS, check_input, check_io, find_form

__all__ = [
    "FORMS",
    "Export",
    "Form",
    "NoRecordingsError",
    "answering",
    "check_input",
    "check_io",
    "export_model",
    "find_form",
    "verify",
    "why_not_made",
]
