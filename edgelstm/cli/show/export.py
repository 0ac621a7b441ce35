"""What `edgelstm export` and `edgelstm demo` say about several files: one table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgelstm.cli.show import style, text
from edgelstm.devices.units import show_size

if TYPE_CHECKING:
    from edgelstm.export import Export
    from edgelstm.export.parity.proof import Proof

HEADER = ("file", "size", "scales", "error", "agrees", "µs")
EXPLAINED = (
    "scales: of int8 weights. error: RMS difference of answers from the model in float64. agrees: sequences with its "
    "decision at the end. µs: of a frame, median here, from Python; `edgelstm profile` measures with care."
)


def table(results: Sequence[Export], times: Sequence[float | None]) -> str:
    """One row for each file, marked where its proof passed, and what the columns mean."""
    rows = [_row(result, us) for result, us in zip(results, times, strict=True)]
    engines = ", ".join(dict.fromkeys(_engine(result) for result in results))
    return f"{text.table(HEADER, rows, indent='')}\n{text.paragraph(f'{EXPLAINED} Engines: {engines}.', '  ')}"


def headline(proof: Proof) -> str:
    """What a proof found, in some thirty columns: the strictest thing that it compared."""
    integers = [check for check in proof.checks if check.name.endswith(", integers")]
    if integers:
        differing, values = sum(check.differing for check in integers), sum(check.values for check in integers)
        return f"{differing} of {values:,} integers differ"
    # What 8 bits cost is the model's matter; whether the file computes as it should shows against the same rounding.
    for ending, form in (
        (", int8 units", "{:.0f} units at most, same rounding"),
        (" against the same rounding", "{:.1e} at most, same rounding"),
        (" against float64", "{:.1e} at most from float64"),
    ):
        found = [check.largest for check in proof.checks if check.name.endswith(ending) and check.limit]
        if found:
            return form.format(max(found))
    return "passed" if proof.passed else "failed"


def _row(result: Export, us: float | None) -> tuple[str, ...]:
    proof = result.proof
    if proof is None:
        name, error, agrees = f"– {result.path.name}", "not verified", "–"
    else:
        name, error = style.mark(proof.passed, result.path.name), f"{proof.float_error:.1e}"
        agrees = "–" if proof.float_agreement is None else f"{100 * proof.float_agreement:.0f} %"
    return (name, show_size(result.size), result.scales or "–", error, agrees, "–" if us is None else f"{us:.1f}")


def _engine(result: Export) -> str:
    return result.proof.engine if result.proof else result.form.engine
