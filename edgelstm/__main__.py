"""The console script, also `python -m edgelstm`: the command line, with an end by Ctrl-C as quiet while it loads."""

from __future__ import annotations

import signal


def main() -> None:
    """Run the command of `sys.argv` and end the process with its exit code."""
    before = signal.getsignal(signal.SIGINT)
    # Python's own handler would end what it imports just now in a traceback; the system's ends the process.
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from edgelstm import cli

    signal.signal(signal.SIGINT, before)
    try:
        cli.main()
    finally:  # nor is there anything to tell of what Python does when it ends
        signal.signal(signal.SIGINT, signal.SIG_DFL)


if __name__ == "__main__":
    main()
