"""Where frames come from, behind one type. `open_source` in `.open` is the way in."""
