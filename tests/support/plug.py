"""A serial port with a plug."""

from __future__ import annotations

import os

import pytest


class Plug:
    """A port at `path` that can be pulled out and put in: a pseudo-terminal behind a link."""

    def __init__(self, path):
        self.path = path
        self.put_in()

    def put_in(self):
        try:
            self.near, self.far = os.openpty()
        except OSError as error:
            pytest.skip(f"no pseudo-terminals here: {error}")  # as in a root without /dev/pts
        self.path.symlink_to(os.ttyname(self.far))

    def pull_out(self):
        self.path.unlink()
        os.close(self.far)
        os.close(self.near)

    def send(self, text):
        os.write(self.near, text.encode())
