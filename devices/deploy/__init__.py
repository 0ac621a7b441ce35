"""Versions of a model as services on a board."""
