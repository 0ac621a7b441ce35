"""What `edgelstm export` and `edgelstm demo` say about several files: one table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from edgelstm.cli.show import style, text
from edgelstm.devices.units import show_size

if TYPE_CHECKING:
    from edgelstm.export import Export
    from edgelstm.export.parity.proof import Proof

HEADER = ("file", "size", "scales", "error", "agrees", "µs")
EXPLAINED = (
    "scales: of int8 weights. error: of scores, RMS relative to float32's{of}. agrees: {agrees}. µs: of a frame, "
    "median here, from Python; `edgelstm profile` measures with care."
)


def table(results: Sequence[Export], times: Sequence[float | None]) -> str:
    """One row for each file, marked where its proof passed, and what the columns mean."""
    rows = [_row(result, us) for result, us in zip(results, times, strict=True)]
    engines = ", ".join(dict.fromkeys(_engine(result) for result in results))
    linear = any(result.proof and result.proof.agrees.worst_output is not None for result in results)
    of = "; of the output that is off the most, relative to its own deviation" if linear else ""
    explained = f"{EXPLAINED.format(agrees=_what_agrees(results), of=of)} Engines: {engines}."
    verdicts = {result.proof.verdict for result in results if result.proof}
    if "loss accepted" in verdicts:
        explained += " ·: loss accepted, the file agrees with float32 less than it should."
    for why in sorted(verdicts & {"no data", "too few to say"}):
        explained += (
            f" ?: {why} how often it decides as float32; it computes what its form says, and more recordings, by "
            "edgelstm verify, say the rest."
        )
    notes = dict.fromkeys(result.proof.agrees.note() for result in results if result.proof)
    foot = [text.paragraph(line, "  ") for line in (explained, *notes) if line]
    return "\n".join([text.table(HEADER, rows, indent=""), *foot])


def _what_agrees(results: Sequence[Export]) -> str:
    """What the column says, and how many answers it rests on."""
    told = [result.proof.agrees for result in results if result.proof and result.proof.agrees.share is not None]
    of = f" of {_from_to(agrees.answers for agrees in told)} answers" if told else " of answers"
    worth = f" ({_from_to(agrees.independent for agrees in told)} independent)" if told else ""
    says = next((result.proof.agrees.says for result in results if result.proof), "")
    if says:
        return f"{says} decide nothing; error tells"
    return f"share{of}{worth} on unseen recordings that are decided as float32 decides"


def _from_to(counts: Iterable[int]) -> str:
    ordered = sorted(set(counts))
    return " to ".join(f"{count:,}" for count in dict.fromkeys([ordered[0], ordered[-1]]))


def agrees_of(proof: Proof) -> str:
    """How often a file decides as the model does, in a few columns."""
    from edgelstm.export.parity.agreement import show_share

    agrees = proof.agrees
    if agrees.share is not None:
        return show_share(agrees.share)
    if agrees.fresh.agreeing is None:
        return agrees.says or "linear"
    return "no data" if agrees.data == "calibration" else f"too few ({agrees.independent})"


def error_of(proof: Proof) -> str:
    """By how much its scores are off, of a linear model the worst of its outputs, in a few columns."""
    from edgelstm.export.parity.agreement import show_error

    agrees = proof.agrees
    return show_error(agrees.error if agrees.worst_output is None else agrees.worst_error)


def marked(proof: Proof, text: str) -> str:
    """`text` behind ✓ or ✗; behind · where it passed for an accepted loss, behind ? where it is not said how often it
    decides as the model."""
    if proof.passed and proof.accepted_loss:
        return style.accepted(text)
    if proof.passed and proof.agrees.undecided:
        return style.undecided(text)
    return style.mark(proof.passed, text)


def headline(proof: Proof) -> str:
    """What a proof found, in some thirty columns."""
    agrees = proof.agrees.says or f"agrees {agrees_of(proof)}"
    return f"{agrees}, error {error_of(proof)}"


def _row(result: Export, us: float | None) -> tuple[str, ...]:
    proof = result.proof
    if proof is None:
        name, error, agrees = f"– {result.path.name}", "not verified", "–"
    else:
        name, error, agrees = marked(proof, result.path.name), error_of(proof), agrees_of(proof)
    return (name, show_size(result.size), result.scales or "–", error, agrees, "–" if us is None else f"{us:.1f}")


def _engine(result: Export) -> str:
    return result.proof.engine if result.proof else result.form.engine
