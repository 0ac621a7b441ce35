"""Models trained elsewhere: a file for each format, and the table of them in `read.py`. Nothing is imported here:
children that parse begin quickly."""
