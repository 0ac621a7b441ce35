"""`python -m edgelstm.devices.deploy.service FOLDER`: stream frames on a board for as long as they come.

FOLDER is what `edgelstm deploy` left: a model, `service.json` and `self-test.json`. Needs Python and numpy, no more.
With `--self-test` it compares the answers to a few frames with those that the laptop found, and ends.
"""

from __future__ import annotations

import contextlib
import hashlib
import stat
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from edgelstm.devices.deploy.answers_file import AnswersFile
from edgelstm.devices.deploy.settings import AUTHORITY, PASSWORD, SELF_TEST, SETTINGS, SelfTest, Settings, read
from edgelstm.runtime.clips import Clips, check_folder
from edgelstm.runtime.counts import Counts
from edgelstm.runtime.events.asked import rules_of
from edgelstm.runtime.events.hangup import Hangup
from edgelstm.runtime.events.watching import Watching
from edgelstm.runtime.kept_state import KeptState
from edgelstm.runtime.mqtt.address import NOBODY, Address, Login, read_address
from edgelstm.runtime.mqtt.address import read_login as login_of
from edgelstm.runtime.mqtt.client import check_installed
from edgelstm.runtime.sources.source import FrameFormat, Missing
from edgelstm.runtime.sources.unframed import Unframed
from edgelstm.runtime.sources.written import syntax_for

EVENTS = "events"
"""A deployment's file, if it is there, with lines as `--event` takes them; read anew where the unit is reloaded."""

if TYPE_CHECKING:
    from edgelstm.runtime.anomaly import Detector
    from edgelstm.runtime.changes import Changes
    from edgelstm.runtime.engines.engine import EngineModel, EngineStream
    from edgelstm.runtime.events.rule import Rule


def open_version(folder: Path, *, streams: bool = False) -> tuple[EngineModel, Settings]:
    """The model of a deployed version, if it is still the one that was sent. streams: as its source wants it; else as
    the laptop opened it."""
    from edgelstm.runtime.engines.open import open_model

    settings = read(Settings, folder / SETTINGS)
    path = folder / settings.model
    if hashlib.sha256(path.read_bytes()).hexdigest() != settings.sha256:
        raise ValueError(f"{path}: not the file that was deployed, its SHA-256 is another one")
    return open_model(path, bare=True, samples=streams and settings.source.is_sound), settings


def new_stream(
    model: EngineModel, settings: Settings
) -> tuple[EngineStream, tuple[float, ...], Detector | Changes | None]:
    """As the settings want it, with the thresholds of what it says, and what makes scores or values of that.
    ValueError, beginning with the setting's name, for answers that the model cannot give."""
    from edgelstm.runtime.anomaly import check_answering, read_detector
    from edgelstm.runtime.changes import read_changes
    from edgelstm.runtime.thresholds import thresholds_of

    stream = model.stream(pooling=settings.pooling, window=settings.window, hop=settings.hop)
    check_answering(stream)
    return stream, thresholds_of(model, settings.thresholds), read_detector(stream) or read_changes(model)


def serve(folder: Path) -> int:
    """Until the source ends or a signal comes: the exit code. SIGHUP has the file of events read anew."""
    with Hangup() as hangup:
        return _serve(folder, hangup)


def _serve(folder: Path, hangup: Hangup) -> int:
    from edgelstm.runtime.remarks import answers_at_the_end
    from edgelstm.runtime.stopping import StopSignal

    model, settings = open_version(folder, streams=True)
    stream, thresholds, beside = new_stream(model, settings)
    login = read_login(folder, settings)
    watching = Watching(model, settings.events, folder.parent.parent / EVENTS, _say, is_optional=True, hangup=hangup)
    code = 0
    if not stream.answering.hop and not Path(settings.source_file or ".").is_file():
        _say(answers_at_the_end(stream))
    with contextlib.ExitStack() as stack:
        kept = _kept(stack, folder, settings, stream, beside, watching)
        try:
            _stream(settings, login, stream, thresholds, beside, watching, kept)
        except StopSignal:
            pass
        except (ValueError, OSError) as error:
            code = _fail(error)
        if kept is not None:
            kept.save()
    return code


def _stream(
    settings: Settings,
    login: Login,
    stream: EngineStream,
    thresholds: tuple[float, ...],
    beside: Detector | Changes | None,
    watching: Watching,
    kept: KeptState | None,
) -> None:
    """From the source to the sinks, until the source ends or a signal comes: StopSignal."""
    from edgelstm.runtime.gaps import USUAL_MOST, Gaps
    from edgelstm.runtime.heartbeat import Heartbeat, notify, status
    from edgelstm.runtime.sinks.open import open_sinks
    from edgelstm.runtime.sources.open import open_source
    from edgelstm.runtime.stopping import stop_signals
    from edgelstm.runtime.streaming import Answers, stream_frames

    model = stream.model
    with contextlib.ExitStack() as stack:
        stack.enter_context(stop_signals())
        out = stack.enter_context(_output(settings))
        sinks = stack.enter_context(
            open_sinks(
                *(_prefix(settings), login, model, watching.rules, _say),
                is_found=settings.home_assistant,
                orders=watching.say,
            )
        )
        clips = None
        if settings.keep:
            clips = Clips.of(
                *(Path(settings.keep), model, settings.keep_most << 20, _say), is_sound=settings.source.is_sound
            )
            stack.callback(clips.end)
        answers = Answers(
            model,
            out,
            tells_unusual=settings.tells_unusual,
            thresholds=thresholds,
            beside=beside,
            events=watching.events,
            sinks=sinks,
            tells_at=bool(settings.device),
            clips=clips,
        )
        watching.attach(
            lambda: answers.whole(stream.frames), lambda rules: answers.change_events(stream.frames, rules)
        )
        gaps = Gaps(model.sample_rate, USUAL_MOST if settings.gap is None else settings.gap)

        def how_it_does() -> str:
            dropped = Counts(dropped=out.dropped if isinstance(out, AnswersFile) else 0)
            return status(answers.whole(stream.frames), gaps, source.counts + dropped + answers.counts)

        heart = Heartbeat(how_it_does, _say, settings.status_every)

        def beat() -> None:
            heart.beat()
            watching.apply()

        form = replace(frame_format(model, settings, login), waiting=None if kept is None else kept.waiting)
        source = stack.enter_context(open_source(settings.source, settings.place, form, _say, beat))
        notify("READY=1")
        stream_frames(stream, source, answers, limit=None, rate=0, kept=kept, gaps=gaps, beat=beat)
        if gaps.words is not None:
            _say(gaps.words)


def _kept(
    stack: contextlib.ExitStack,
    folder: Path,
    settings: Settings,
    stream: EngineStream,
    beside: Detector | Changes | None,
    watching: Watching,
) -> KeptState | None:
    """The state, gone on from where it is one of this model; None where none is kept."""
    if not settings.keep_state:
        return None
    path, every, most_age = folder.parent.parent / "state", settings.state_every, settings.state_max_age
    kept = stack.enter_context(
        KeptState(
            *(stream, path),
            every=every,
            most_age=most_age,
            tell=_say,
            beside=beside,
            events=watching,
            waiting=Unframed(stream),
        )
    )
    try:
        kept.load()
    except ValueError as error:  # another model's
        _say(f"starts afresh: {error}")
    return kept


def watched(model: EngineModel, settings: Settings) -> dict[str, Rule]:
    """The labels that are events. ValueError, beginning with "event", for what the model does not have."""
    return rules_of(model, settings.events)


def read_login(folder: Path, settings: Settings) -> Login:
    """What a broker is asked in with. ValueError for a password that others can read."""
    if not settings.has_broker:
        return NOBODY
    password, authority = folder / PASSWORD, folder / AUTHORITY
    if password.is_file() and stat.S_IMODE(password.stat().st_mode) & 0o077:
        raise ValueError(f"{password}: others can read it, expected rights 0600")
    return login_of(password if password.is_file() else None, authority if authority.is_file() else None)


def frame_format(model: EngineModel, settings: Settings, login: Login = NOBODY) -> FrameFormat:
    """What the source's frames must be."""
    usual: Missing = "refuse" if settings.source_file and Path(settings.source_file).is_file() else "gap"
    return FrameFormat(
        *(model.features, model.feature_names, syntax_for(model.metadata, settings.syntax), model.sample_rate),
        login=login,
        columns=settings.columns,
        has_time_gaps=settings.gap is not None,
        missing=settings.missing or usual,
    )


def check_tools(settings: Settings) -> None:
    """ImportError or OSError for what this machine lacks of what the source, the sinks and clips need."""
    settings.source.check_machine()
    if settings.publish:
        check_installed()
    if settings.keep:
        check_folder(Path(settings.keep))


def _prefix(settings: Settings) -> Address | None:
    return read_address(settings.publish, may_have_wildcards=False) if settings.publish else None


@contextlib.contextmanager
def _output(settings: Settings) -> Iterator[BinaryIO | AnswersFile]:
    if not settings.output:
        yield sys.stdout.buffer
        return
    if settings.source_file:
        with contextlib.suppress(FileNotFoundError):
            if Path(settings.output).samefile(settings.source_file):
                raise ValueError(f"{settings.output}: the file that frames are read from, expected another one")
    with contextlib.closing(AnswersFile(Path(settings.output), _say)) as file:
        yield file


def _fail(error: Exception) -> int:
    """The reason goes to the journal, and to systemd, which shows it where no journal is kept."""
    from edgelstm.runtime.heartbeat import notify

    line = str(error)
    if isinstance(error, OSError) and error.filename:
        line = f"{error.filename}: {(error.strerror or 'cannot be read').lower()}"
    _say(line)
    notify(f"STATUS={line}")
    return 1


def _say(line: str) -> None:
    """To the journal."""
    print(line, file=sys.stderr, flush=True)


def main(arguments: Sequence[str]) -> int:
    """0 at the end of the frames or stopped by a signal; 1 with the reason on stderr."""
    *options, folder = arguments
    try:
        if options == ["--self-test"]:
            model, settings = open_version(Path(folder))
            new_stream(model, settings)
            watched(model, settings)
            check_tools(settings)
            read_login(Path(folder), settings)
            read(SelfTest, Path(folder) / SELF_TEST).run(model)
            return 0
        return serve(Path(folder))
    except (ValueError, ImportError, OSError) as error:
        return _fail(error)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
