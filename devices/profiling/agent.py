"""`python -m edgelstm.devices.profiling.agent --plan PLAN MODEL`: profile one model in this process.

The report goes to stdout as JSON, progress and the reason of a failure to stderr. It needs Python and numpy, no
more, so that it also runs from an unpacked wheel on a board.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import signal
import sys
from pathlib import Path

from edgelstm.devices.machine.conditions import highest
from edgelstm.devices.profiling.here import profile_here
from edgelstm.devices.profiling.lock import BusyError, alone
from edgelstm.devices.profiling.measure import Interval
from edgelstm.devices.profiling.plan import BAD_CONTENT, BUSY, ENGINE_MISSING, FILE_MISSING, Plan
from edgelstm.devices.units import show_decimal, show_size, show_time
from edgelstm.records import Unavailable

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str] | None = None) -> int:
    """0 done, or one of the statuses in `edgelstm.devices.profiling.plan`."""
    parser = argparse.ArgumentParser(prog="edgelstm.devices.profiling.agent", description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--plan", default=Plan().to_argument(), help="what to measure, as Plan.to_argument() says it")
    parser.add_argument("--parent", type=int, metavar="PID", help="the process that starts this one: end with it")
    given = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    if given.parent is not None:
        _end_with(given.parent)
    try:
        plan = Plan.from_argument(given.plan)
        with alone(plan.wait, _tell):
            report = profile_here(given.model, plan, tell=_tell_interval)
    except ImportError as error:
        _tell(str(error))
        return ENGINE_MISSING
    except ValueError as error:
        _tell(str(error))
        return BUSY if isinstance(error, BusyError) else BAD_CONTENT
    except OSError as error:
        reason = (error.strerror or str(error) or "cannot be read").lower()
        _tell(f"{error.filename}: {reason}" if error.filename else str(error))
        return FILE_MISSING
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    print(json.dumps(report.to_json(), allow_nan=False))
    return 0


def _end_with(parent: int) -> None:
    """Ask the kernel for SIGTERM when the parent is gone, even by SIGKILL; it may be gone already."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(128 + signal.SIGTERM)


def _tell(line: str) -> None:
    print(" ".join(line.split()), file=sys.stderr, flush=True)


def _tell_interval(interval: Interval) -> None:
    spread, moment = interval.spread, interval.moment
    told = [f"{interval.end_s:,.0f} s", f"{spread.frames:,} frames", f"p50 {show_time(spread.p50_us)}"]
    if not isinstance(spread.p99_us, Unavailable):
        told.append(f"p99 {show_time(spread.p99_us)}")
    if not isinstance(resident := moment.memory.resident, Unavailable):
        told.append(f"{show_size(resident)} resident")
    if not isinstance(heat := highest(moment.conditions.temperature_c), Unavailable):
        told.append(f"{show_decimal(heat, 1)} °C")
    _tell(f"soaking: {', '.join(told)}")


if __name__ == "__main__":
    sys.exit(main())
