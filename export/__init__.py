"""From a model to files for engines, each proven where it will run."""

from edgelstm.export.api import FORMS, Export, Form, export_model, find_form, verify
from edgelstm.export.proof import proven_digest

__all__ = ["FORMS", "Export", "Form", "export_model", "find_form", "proven_digest", "verify"]
