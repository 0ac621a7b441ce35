"""`python -m edgelstm.devices.agent MODEL`: profile one model in this process; the report goes to stdout.

It needs Python and numpy, no more, so that it also runs from an unpacked wheel on a board.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from edgelstm.devices.profiling import profile_here


def main() -> int:
    """0 done, 1 bad content, 2 a file that cannot be opened; the reason is one line on stderr."""
    parser = argparse.ArgumentParser(prog="edgelstm.devices.agent", description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--frames", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--data", type=Path)
    given = parser.parse_args()
    try:
        report = profile_here(given.model, data=given.data, frames=given.frames, seconds=given.seconds)
    except (ValueError, ImportError) as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        print(f"{error.filename}: {reason}" if error.filename else error, file=sys.stderr)
        return 2
    print(json.dumps(report.to_json(), allow_nan=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
