"""`edgelstm annotate`: the one command that asks."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgelstm.cli.common import check_output
from edgelstm.cli.show import style
from edgelstm.cli.show.text import paragraph, plain
from edgelstm.delimited import is_missing
from edgelstm.plain import counted, file_name

if TYPE_CHECKING:
    from edgelstm.adaptation.annotating import Choices, Labels

_PLAYER = "aplay -q"
_PLAY_SECONDS = 60
_MOST_LETTERS = 200  # of a label


@click.command(
    "annotate",
    epilog="Example: edgelstm annotate clips --labels cough,sneeze,other. Then: edgelstm adapt model.npz --data "
    "clips/labels.csv -o adapted.npz.",
)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--labels", "given", metavar="A,B,C", help="What clips may be.  [default: those of the list]")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The list.  [default: labels.csv in FOLDER]")
@click.option("--group", default="", metavar="NAME", help="Whose these clips are, or where: kept with the labels.")
@click.option("--play", metavar="COMMAND", help="Plays a clip, its name behind it.  [default: aplay -q, for sound]")
@click.option("--quiet", is_flag=True, help="Play nothing.")
def command(folder: Path, given: str | None, output: Path | None, group: str, play: str | None, quiet: bool) -> None:
    """Walk through the clips in FOLDER, such as `edgelstm stream --keep` kept, and ask for the label of each.

    A label is answered by its number, its name, or the beginning of that; Enter takes the one that the clip was kept
    for. s skips a clip, u takes back the last answer, p plays it again, q ends; where a label is called like one of
    these, they are /s, /u, /p and /q, and where one is a number, labels have no others. Every answer is on the disk
    at once; who begins again is asked for what is left. `adapt`, `train` and `evaluate` read the list.
    """
    from edgelstm.adaptation.annotating import alone_with

    if not folder.is_dir():
        raise FileNotFoundError(2, "no such folder", str(folder))
    path = folder / "labels.csv" if output is None else output
    if path.parent.resolve() != folder.resolve():
        raise click.UsageError(f"--output {path}: expected a list in {folder}: its files are told from its folder")
    check_output(path, ".csv")
    with alone_with(path) as labels:
        _annotate(folder, labels, given, group, play, quiet=quiet)


def _annotate(folder: Path, labels: Labels, given: str | None, group: str, play: str | None, *, quiet: bool) -> None:
    from edgelstm.adaptation.annotating import Choices, clips_in

    path, names = labels.path, _names(given, labels)
    waiting = [file for file in clips_in(folder, labels) if file not in labels.of]
    if waiting and not sys.stdin.isatty():
        raise click.UsageError("annotate: stdin is no terminal, expected one: it asks for the label of each clip")
    useful = [file for file in waiting if _is_useful(folder / file)]
    if not useful:
        others = f", {len(waiting)} are left out" if waiting else ""
        click.echo(style.passed(f"{path}: all {counted(len(labels.of), 'clip')} have a label{others}"))
        return
    _remark(labels, given, names, group)
    player = () if quiet else _player(play, useful[0])
    Walk(folder, labels, Choices(names), group, player).through(useful)
    left = sum(file not in labels.of for file in useful)
    others = f", {len(waiting) - len(useful)} left out" if len(waiting) > len(useful) else ""
    click.echo(style.passed(f"{path}: {counted(len(labels.of), 'clip')} with a label, {left} without{others}"))


def _remark(labels: Labels, given: str | None, names: Sequence[str], group: str) -> None:
    """Lines of what is otherwise than the list has it, which may be meant."""
    lost = [plain(name, 30) for name in labels.names if name not in names]
    groups = [plain(name, 30) for name in dict.fromkeys(group for _, group in labels.of.values()) if name]
    found = []
    if given is not None and lost:
        found.append(f"the list has labels that --labels has not: {_some(lost)}")
    if groups and not group:
        found.append(f"the list has groups ({_some(groups)}), new clips get none: --group NAME gives them one")
    for text in found:
        click.echo(paragraph(text, "note: ", "      "), err=True)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (", …" if len(names) > 4 else "")


def _is_useful(clip: Path) -> bool:
    """Whether something can be learned of a clip; a line where nothing can."""
    from edgelstm.adaptation.annotating import why_not_asked

    why = why_not_asked(clip)
    if why:
        text = f"{plain(file_name(clip), 60)}: {plain(why, 160)}: left out"
        click.echo(paragraph(text, "note: ", "      "), err=True)
    return not why


def _names(given: str | None, labels: Labels) -> tuple[str, ...]:
    names = labels.names if given is None else tuple(name.strip() for name in given.split(","))
    if not names:
        raise click.UsageError("--labels: none, expected what clips may be, such as --labels cough,other")
    for name in names:
        if not name or len(name) > _MOST_LETTERS or not name.isprintable():
            raise click.UsageError(f"--labels: {plain(name, 40)!r}, expected names by commas")
        if is_missing(name):
            raise click.UsageError(f"--labels: {name!r} stands for no label in tables, expected a word such as other")
        if name.startswith("/"):
            raise click.UsageError(f"--labels: {plain(name, 40)!r}, expected no slash at its beginning")
        if names.count(name) > 1:
            raise click.UsageError(f"--labels: {plain(name, 40)!r} occurs twice, expected each name once")
    return names


def _player(play: str | None, clip: str) -> tuple[str, ...]:
    """The program that plays a clip, none where there is none."""
    if play is not None:
        try:
            words = tuple(shlex.split(play))
        except ValueError as error:
            raise click.UsageError(f"--play: {error}") from None
        if not words or shutil.which(words[0]) is None:
            raise click.UsageError(f"--play: {plain(play, 40)!r}, expected a program that is there")
        return words
    words = tuple(_PLAYER.split())
    return words if clip.lower().endswith(".wav") and shutil.which(words[0]) else ()


class Walk:
    """From clip to clip, and back."""

    def __init__(self, folder: Path, labels: Labels, choices: Choices, group: str, player: Sequence[str]) -> None:
        self.folder, self.labels, self.choices, self.group, self.player = (
            folder,
            labels,
            choices,
            group,
            tuple(player),
        )

    def through(self, waiting: Sequence[str]) -> None:
        from edgelstm.adaptation.annotating import COMMANDS

        names, sign = self.choices.labels, self.choices.sign
        shown = [f"{n} {name}" for n, name in enumerate(names, 1)] if self.choices.are_numbered else names
        click.echo(paragraph("  ".join(shown), "", "  "))
        click.echo("  ".join(f"{sign}{letter} {what}" for letter, what in COMMANDS.items()))
        at, answered = 0, list[int]()
        while at < len(waiting) or self._takes_back():
            if at == len(waiting):
                at = self._back(answered, waiting)
                continue
            file = waiting[at]
            self._play(file)
            answer = self._asked(file, f"{at + 1} of {len(waiting)}", can_go_back=bool(answered))
            if answer == "q":
                return
            if answer == "u":
                at = self._back(answered, waiting)
                continue
            answered.append(at)
            at += 1

    def _takes_back(self) -> bool:
        """Whether the last answer of all is taken back: behind it nothing else asks."""
        while True:
            click.echo(f"That was the last. {self.choices.sign}u takes back its answer, Enter ends: ", nl=False)
            line = sys.stdin.readline()
            if not line:
                click.echo()
            answer = line.strip()
            command = self.choices.command(answer)
            if not answer or command in ("u", "q"):
                return command == "u"

    def _back(self, answered: list[int], waiting: Sequence[str]) -> int:
        """The place of the answer before, which is forgotten."""
        at = answered.pop()
        if waiting[at] in self.labels.of:
            self.labels.forget(waiting[at])
        return at

    def _asked(self, file: str, place: str, *, can_go_back: bool) -> str:
        """ "s", "u" or "q"; or empty where a label was said, and is kept."""
        from edgelstm.adaptation.annotating import suggestion

        likely, sign = suggestion(file, self.choices.labels), self.choices.sign
        while True:
            hint = f" [{likely}]" if likely else ""
            click.echo(f"{place}  {plain(file, 60)}{plain(hint)}: ", nl=False)
            line = sys.stdin.readline()
            if not line:
                click.echo()
            answer = line.strip()
            command = self.choices.command(answer) if line else "q"
            label = self.choices.label(answer) if answer else likely
            if label and not command:
                self.labels.set(file, label, self.group)
                return ""
            if command in ("s", "q") or (command == "u" and can_go_back):
                return command
            if command == "p":
                self._play(file)
            else:
                what = "a number, a label" if self.choices.are_numbered else "a label"
                expected = f"expected {what}, {', '.join(sign + letter for letter in 'sup')} or {sign}q"
                click.echo(f"  {'there is nothing to undo' if command == 'u' else expected}")

    def _play(self, file: str) -> None:
        """What the player says of its own is not shown; that it failed is."""
        if not self.player:
            return
        try:
            done = subprocess.run(  # noqa: S603 - the program that was asked for
                [*self.player, str(self.folder / file)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                timeout=_PLAY_SECONDS,
                check=False,
            )
            problem = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:] if done.returncode else []
            told = problem[0] if problem else f"it ended with {done.returncode}" if done.returncode else ""
        except (OSError, subprocess.TimeoutExpired) as error:
            told = str(error)
        if told:
            click.echo(paragraph(f"{self.player[0]}: {plain(told, 200)}", "  ", "    "), err=True)
