"""Whether a run kept to its budgets."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from edgelstm.devices.profiling.budget import FIGURES, PERCENTILES, PHASES, Budget
from edgelstm.devices.profiling.report import Run, Verdict
from edgelstm.records import Unavailable

Find = Callable[[Run], float | Unavailable]


def judge(run: Run, given: Iterable[Budget], own: Iterable[Budget]) -> tuple[Verdict, ...]:
    """Each budget beside the run's figure. A budget that is given stands for the model's own of the same name."""
    chosen = {budget.name: (budget, "the model") for budget in own}
    chosen |= {budget.name: (budget, "the command line") for budget in given}
    return tuple(
        Verdict(budget.name, FIGURES[budget.name], budget.limit, find(run, budget.name), source)
        for budget, source in chosen.values()
    )


def find(run: Run, name: str) -> float | Unavailable:
    """The figure of that name, one of FIGURES, in its unit."""
    found = _FIND[name](run)
    return found if isinstance(found, Unavailable) else float(found)


def _spread(part: str, figure: str) -> Find:
    def find(run: Run) -> float | Unavailable:
        phase = getattr(run.latency, part)
        found: float | Unavailable = (
            phase if isinstance(phase, Unavailable) else getattr(phase.spread, f"{figure}_us")
        )
        return found

    return find


def _misses(run: Run) -> float | Unavailable:
    paced = run.latency.paced
    pacing = paced if isinstance(paced, Unavailable) else paced.pacing
    return pacing if isinstance(pacing, Unavailable) else pacing.misses


_FIND: dict[str, Find] = {
    **{
        f"{prefix}latency_{figure}": _spread(part, figure)
        for prefix, part in PHASES.items()
        for figure in PERCENTILES
    },
    "jitter": _spread("flat", "deviation"),
    "first_frame": lambda run: run.latency.first_us,
    "start_up": lambda run: 1000 * run.open_ms + run.stream_us,
    "deadline_misses": _misses,
    "stream_memory": lambda run: run.model.stream_bytes,
    "state_memory": lambda run: run.model.state_bytes,
    "model_size": lambda run: run.model.size,
    "rss": lambda run: run.stages[-1].memory.resident,
    "pss": lambda run: run.stages[-1].memory.proportional,
    "peak": lambda run: run.stages[-1].memory.peak,
    "growth": lambda run: run.growth,
}
