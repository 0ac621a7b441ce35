"""`edgelstm stream`: frames in, answers out, line by line, for as long as frames come."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgelstm.cli.common import (
    answer_options,
    check_output,
    check_state_options,
    event_option,
    of_options,
    seconds,
    state_options,
    syntax_option,
    threshold_option,
)
from edgelstm.cli.sinks import PUBLISHING, keep_most_option, publishing, sink_options
from edgelstm.cli.sources import chosen_source, has_broker, source_options
from edgelstm.cli.terminal import end_when_left
from edgelstm.plain import printable
from edgelstm.runtime.sources.source import FrameFormat, Syntax

if TYPE_CHECKING:
    from edgelstm.runtime.pooling import PoolingKind


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True), required=False)
@syntax_option(
    "How frames are written. text: the symbols that features are named by. auto: text for models of texts, NDJSON "
    "when the first line begins with [ or {, else CSV."
)
@source_options
@sink_options
@click.option("--rate", is_flag=True, help="Take frames no faster than the model's sample rate, as a sensor would.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Stop after N answers.")
@click.option(
    "--state",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Go on from the state in FILE if it exists; save the state there at the end, and when stopped by a "
    "signal, by --limit or by a closed pipe. An error leaves FILE as it was last saved.",
)
@state_options(default_age=None)
@answer_options()
@threshold_option
@event_option
@click.option(
    "--event-file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Lines as --event takes them, after these; SIGHUP has them read anew.",
)
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Keep clips there of events and near misses: WAV of sound, CSV of others.",
)
@keep_most_option
@click.option(
    "--memory-limit", type=click.IntRange(min=1), metavar="BYTES", help="Refuse a stream that needs more memory."
)
@click.option(
    "--threads",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="That share a frame of a large .elstm model; profile --threads says what they gain.",
)
@click.option(
    "--status-every",
    callback=seconds,
    metavar="TIME",
    default="0s",
    help="Say on stderr so often how it does: frames, gaps, what was dropped.  [default: never]",
)
@click.option("--no-unusual", is_flag=True, help="Do not tell of values far outside of what training saw.")
def command(
    model: Path,
    file: Path | None,
    syntax: Syntax,
    rate: bool,
    limit: int | None,
    state: Path | None,
    state_every: float,
    state_max_age: float | None,
    pooling: PoolingKind | None,
    window: int | None,
    hop: int | None,
    thresholds: tuple[str, ...],
    events: tuple[str, ...],
    event_file: Path | None,
    keep: Path | None,
    keep_most: int,
    memory_limit: int | None,
    threads: int,
    no_unusual: bool,
    status_every: float,
    **source: Any,
) -> None:
    """Stream frames through MODEL and print one line of JSON for each answer.

    Frames come from FILE, or from stdin, one on each line: CSV (comma, semicolon or tab; with a header, columns
    are found by the model's feature names, in any order) or NDJSON (an array of numbers, or an object by name);
    so do those of a serial port. A WAV file and a microphone give samples. A device that goes away is waited for,
    and what was lost meanwhile is a line of its own, {"event": "gap", …}; the stream then begins anew.

    A frame is answered as soon as it has come. A model with one answer per recording gives it at the end
    of input; with --hop N it answers meanwhile.

    \b
      "frame"    frames since the stream began
      "time"     the same in seconds, null where the rate is unknown
      "at"       of devices and brokers: when it was answered, UTC
      softmax    "label", "probability", and "probabilities" of all labels
      sigmoid    "labels" that reach their thresholds, and "probabilities" of all
      linear     "values"; of a model that tells anomalies "anomaly", true or
                 false, and "score", from 1 on an anomaly, null at the start
      "unusual"  features that since the last answer had values far outside of
                 what training saw; left out where there is none

    --mqtt takes the lines in a broker's messages, --publish sends answers and events to one, with paho-mqtt.

    With --event, a label that begins or ends is a line of its own, {"event": "start", "label": …, "score": …}.

    A column (or field) of times that is no feature is held against the sample rate: another rate, holes and steps
    back are one remark on stderr, with both rates or the lines.

    A line that cannot be read ends a file. Of what is live it is told, counted, and a frame that is missing, as
    --missing says; on stdin the first frame must be good.

    Exit codes: 0 at the end of input, after --limit, and when the reader of the answers has gone; 1 for a bad
    frame, named by its line, after the answers before it, at the end of a stdin that had some, for no frames at all
    without --state, for a FILE of --state that another process uses, and for a MODEL beside the proof of another
    file. Ctrl-C, SIGTERM and SIGHUP (a terminal
    that closes; not with --event-file) end the stream quietly, by that signal itself: a shell shows 130, 143 and
    129, systemd counts it as a clean stop.

    \b
    Example:
      edgelstm stream model.elstm recording.csv
      tail -f sensor.ndjson | edgelstm stream model.elstm | head -3
      edgelstm stream model.elstm sound.csv --event cough:0.8,refractory=5
      edgelstm stream model.elstm --serial /dev/ttyUSB0 --baud 9600
      edgelstm stream sound.elstm --microphone plughw:CARD=Mic --card-rate 48000
    """
    from edgelstm.runtime.anomaly import check_answering, read_detector
    from edgelstm.runtime.changes import Changes, read_changes
    from edgelstm.runtime.clips import Clips
    from edgelstm.runtime.engines.open import open_model
    from edgelstm.runtime.events.asked import rules_of
    from edgelstm.runtime.events.hangup import Hangup
    from edgelstm.runtime.events.watching import Watching
    from edgelstm.runtime.gaps import USUAL_MOST, Gaps
    from edgelstm.runtime.heartbeat import Heartbeat, status
    from edgelstm.runtime.kept_state import KeptState
    from edgelstm.runtime.layers import take_sound
    from edgelstm.runtime.proven import check_proven
    from edgelstm.runtime.remarks import answers_at_the_end, window_carried
    from edgelstm.runtime.sinks.open import open_sinks
    from edgelstm.runtime.sources.open import open_source
    from edgelstm.runtime.sources.unframed import Unframed
    from edgelstm.runtime.sources.written import syntax_for
    from edgelstm.runtime.stopping import StopSignal, end_by, stop_signals
    from edgelstm.runtime.streaming import Answers, stream_frames
    from edgelstm.runtime.thresholds import thresholds_of
    from edgelstm.wav import are_of_sound

    hangup = click.get_current_context().with_resource(Hangup()) if event_file is not None else None
    asked = publishing(beside=has_broker(source), **{name: source[name] for name in PUBLISHING})
    chosen = chosen_source(file, source)
    check_proven(model)
    opened = open_model(model, samples=chosen.kind.is_sound)
    check_state_options(click.get_current_context(), "--state", state is not None)
    check_output(state, inputs=[model, chosen.file], option="--state")
    if rate and not opened.sample_rate:
        raise click.UsageError(f"--rate: {model} does not say its sample rate")
    if memory_limit is not None and opened.stream_bytes is None:
        raise click.UsageError(
            f"--memory-limit: {opened.engine} does not say what a stream takes; only .elstm files do"
        )
    if threads > 1 and opened.stream_bytes is None:
        raise click.UsageError(f"--threads: {opened.engine} shares no frames; only .elstm files do")
    with of_options():
        opened.answering(pooling, window, hop)
        limits = thresholds_of(opened, thresholds)
        rules_of(opened, events)  # before the lines of the file, whose errors name that
    watching = Watching(opened, events, event_file, _tell, hangup=hangup)
    if keep is not None and not (watching.rules or event_file or asked.address):
        raise click.UsageError("--keep: no label is watched, expected --event LABEL")
    watches = bool(watching.rules or event_file or asked.address)
    stream = opened.stream(memory_limit, pooling=pooling, window=window, hop=hop, threads=threads)
    with of_options():
        check_answering(stream)
    beside = read_detector(stream) or read_changes(opened)
    if memory_limit is not None and beside is not None:
        try:
            opened.stream(max(memory_limit - beside.memory_bytes, 0), pooling=pooling, window=window, hop=hop)
        except ValueError:
            raise ValueError(
                f"{model}: a stream, and the {beside.memory_bytes:,} bytes that are remembered beside it, take more "
                f"than the memory limit of {memory_limit:,}"
            ) from None
    if not stream.answering.hop and chosen.is_live:
        _tell(answers_at_the_end(stream))
    carried = window_carried(opened)
    if carried is not None:
        _tell(carried)
    waiting = Unframed(None if isinstance(beside, Changes) else stream)  # which takes no raw samples then
    with ExitStack() as stack:
        kept = None
        if state is not None:
            kept = KeptState(
                stream,
                state,
                every=state_every,
                most_age=state_max_age or 0.0,
                tell=_tell,
                beside=beside,
                events=watching if watches else None,
                waiting=waiting,
            )
            stack.enter_context(kept).load()
        if sys.stdout is None:
            raise click.UsageError("stdout is closed; the answers go there")
        end_when_left()
        stopped_by = None
        sinks = stack.enter_context(
            open_sinks(
                *(asked.address, asked.login, opened, watching.rules, _tell),
                is_found=asked.is_found,
                orders=watching.say,
            )
        )
        clips = None
        if keep is not None:
            clips = Clips.of(keep, opened, keep_most << 20, _tell, is_sound=chosen.kind.is_sound)
            stack.callback(clips.end)
        answers = Answers(
            opened,
            sys.stdout.buffer,
            tells_unusual=not no_unusual,
            thresholds=limits,
            beside=beside,
            events=watching.events if watches else None,
            sinks=sinks,
            tells_at=chosen.kind.is_device,
            clips=clips,
        )
        watching.attach(
            lambda: answers.whole(stream.frames), lambda rules: answers.change_events(stream.frames, rules)
        )
        gaps = Gaps(opened.sample_rate, USUAL_MOST if chosen.gap is None else chosen.gap)
        try:
            way = syntax_for(opened.metadata, syntax)
            form = FrameFormat(
                *(opened.features, opened.feature_names, way, opened.sample_rate, asked.login, chosen.columns),
                has_time_gaps=chosen.gap is not None,
                missing=chosen.missing,
                waiting=waiting,
                is_pipe=chosen.is_pipe,
            )

            def how_it_does() -> str:
                return status(answers.whole(stream.frames), gaps, frames.counts + answers.counts)

            heart = Heartbeat(how_it_does, _tell, status_every)

            def beat() -> None:
                heart.beat()
                watching.apply()

            pace = opened.sample_rate if rate else 0
            with stop_signals(), open_source(chosen.kind, chosen.where, form, _tell, beat) as frames:
                stream_frames(stream, frames, answers, limit=limit, rate=pace, kept=kept, gaps=gaps, beat=beat)
        except StopSignal as stop:
            stopped_by = stop.number
        except ValueError as error:
            hears = not (chosen.kind.is_device or chosen.kind.is_sound) and (
                are_of_sound(opened.feature_names, opened.sample_rate) or take_sound(opened.layers)
            )
            if not hears or answers.count or "--wav" in str(error):
                raise
            raise ValueError(f"{error}; the model takes sound: --wav FILE or --microphone gives it") from None
        except BrokenPipeError:
            pass  # nobody reads any more
        if (counted := gaps.words) is not None:
            _tell(f"{'stdin' if chosen.where == '-' else chosen.where}: {counted}")
        if kept is not None:
            kept.save()
        elif not answers.count:  # with a state it goes on another time
            every = stream.answering.hop or opened.stride
            came = f"{stream.frames} frame{'s' * (stream.frames != 1)} so far"
            _tell(f"no answer: {came}, the next comes with frame {(stream.frames // every + 1) * every}")
    if stopped_by is not None:
        end_by(stopped_by)


def _tell(line: str) -> None:
    click.echo(f"edgelstm: {printable(line)}", err=True)
