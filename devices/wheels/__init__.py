"""The wheel for a board, and what is in it."""
