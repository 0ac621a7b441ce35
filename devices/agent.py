"""`python -m edgelstm.devices.agent --plan PLAN MODEL`: profile one model in this process.

The report goes to stdout as JSON, progress and the reason of a failure to stderr. It needs Python and numpy, no
more, so that it also runs from an unpacked wheel on a board.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from edgelstm.devices.plan import Plan
from edgelstm.devices.profiling import profile_here


def main() -> int:
    """0 done, 1 bad content, 2 a file that cannot be opened; the reason is one line on stderr."""
    parser = argparse.ArgumentParser(prog="edgelstm.devices.agent", description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--plan", default=Plan().to_argument(), help="what to measure, as Plan.to_argument() says it")
    given = parser.parse_args()
    try:
        plan = Plan.from_argument(given.plan)
        data = Path(plan.data) if plan.data else None
        report = profile_here(given.model, data=data, frames=plan.frames, seconds=plan.seconds)
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
