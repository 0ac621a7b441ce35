"""Boards over SSH: connect, profile there, deploy."""

from edgelstm.devices.remote.session import BoardError, Session

__all__ = ["BoardError", "Session"]
