"""Pages of HTML: self-contained, without scripts, for a phone, a screen and paper. The standard library only.

What is shown may come from files that nobody vouches for: every text goes through `markup`, which escapes it, and a
page forbids itself whatever it does not hold (Content-Security-Policy).
"""
