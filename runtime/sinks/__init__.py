"""Where answers go besides stdout. None holds up a source: what cannot be taken is dropped, and counted."""
