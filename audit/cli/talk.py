"""How commands speak: answers on stdout, everything said along the way on stderr, one JSON object if asked.

Texts of suites, checkpoints and paths are shown as text whatever they hold: no markup is read in them, and characters
that could colour, hide or turn the text around them are shown as escapes.
"""

from __future__ import annotations

import json
import math
import os
import re
import sys
import time
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from contextvars import ContextVar
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final, final

from audit.alike import is_drawn
from audit.carriers import as_called

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.segment import Segment

_COMMAND: Final = re.compile(r"(?:^|\r)(?:\s|\x1b\[[0-9;]*m)*::|##\[", re.MULTILINE)
"""What GitHub takes for a command: two colons that begin a line, and the older form anywhere in it."""

_WIDE: Final = 240
"""Columns of what is not a terminal: wide enough that no table is folded."""


class Loudness(IntEnum):
    """How much is said along the way; answers, warnings and problems always are."""

    QUIET = 0
    NORMAL = 1
    VERBOSE = 2


LOUDNESS: ContextVar[Loudness] = ContextVar("LOUDNESS", default=Loudness.NORMAL)
"""What ``--quiet`` and ``--verbose`` of the main program set, for the command that it calls."""

ANSWERED: ContextVar[bool] = ContextVar("ANSWERED", default=False)
"""Whether the one JSON object was written: there is no second one, whatever comes after it."""

VERDICT_SAID: ContextVar[bool] = ContextVar("VERDICT_SAID", default=False)
"""Whether the verdict of a gate was said. Without it nothing leaves as 1."""

_BEGAN: Final = time.perf_counter()


def clean(text: object) -> str:
    r"""Return ``text`` with every character escaped that a terminal would not show as itself.

    Example:
        >>> clean("\x1b[31mred")
        '\\x1b[31mred'
    """
    shown = "".join(
        sign
        if (sign.isprintable() and is_drawn(sign)) or sign == "\n" or unicodedata.category(sign) == "Zs"
        else sign.encode("unicode_escape").decode("ascii")
        for sign in as_called(str(text))
    )
    return without_commands(shown)


def without_commands(text: str) -> str:
    """Return text as it is about to be written, in which a job of GitHub finds no command."""
    return _COMMAND.sub(lambda found: f"{found[0][:-1]} {found[0][-1]}", text) if on_github() else text


def seconds_since_start() -> str:
    """Return the seconds that the program has run, as the head of a line."""
    return f"[{time.perf_counter() - _BEGAN:7.1f} s] "


def on_github() -> bool:
    """Tell whether this runs in a job of GitHub Actions, which takes some lines for commands."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def paragraph(text: object) -> str:
    r"""Return ``text`` as one cleaned paragraph.

    Example:
        >>> paragraph("two\n  lines")
        'two lines'
    """
    return clean(" ".join(str(text).split()))


def json_text(value: object) -> str:
    r"""Return one JSON value as text in ASCII; a number that is not finite becomes ``null``.

    Raises:
        TypeError: If it holds something that JSON does not know.

    Example:
        >>> json_text({"value": float("nan")})
        '{\n  "value": null\n}'
    """
    text = json.dumps(plain_value(value), indent=2, ensure_ascii=True, allow_nan=False)
    return text.replace("##[", "#\\u0023[")  # the same text, and no command of GitHub's


def plain_value(value: object) -> object:
    """Return a value as JSON has it: paths as text, and nothing for a number that is not finite.

    A folder that stands for one behind a URL is called by it.
    """
    match value:
        case float():
            return value if math.isfinite(value) else None
        case str() | Path():
            return as_called(str(value))
        case Mapping():
            return {str(key): plain_value(inner) for key, inner in value.items()}
        case list() | tuple():
            return [plain_value(inner) for inner in value]
        case _:
            return value


def write_out(text: str) -> None:
    """Write a line to stdout; a reader who closed it early has read enough."""
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        silence(sys.stdout)


def silence(stream: object) -> None:
    """Let a stream whose reader has gone lead nowhere, so that nothing fails at it again."""
    fileno = getattr(stream, "fileno", None)
    if fileno is None:
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, fileno())
    except OSError:
        return
    finally:
        os.close(nowhere)


def make_console(*, stderr: bool) -> Console:
    """Return a console that reads no markup, respects NO_COLOR, and outlives its reader."""
    from rich.console import Console

    @final
    class LoadingConsole(Console):
        """A console that goes on in silence when its reader has gone: the work is not what was cut short."""

        # typing has no override in Python 3.11
        def on_broken_pipe(self) -> None:  # type: ignore[explicit-override]
            self.quiet = True
            silence(sys.stderr if stderr else sys.stdout)

        # typing has no override in Python 3.11
        def _render_buffer(self, buffer: Iterable[Segment]) -> str:  # type: ignore[explicit-override]
            return without_commands(super()._render_buffer(buffer))  # after layout: a folded line begins with anything

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else _WIDE
    return LoadingConsole(stderr=stderr, markup=False, highlight=False, emoji=False, width=width)


@final
class Talk:
    """What one command says.

    Args:
        as_json: Whether stdout carries one JSON object; then everything for people goes to stderr.
    """

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.warnings: list[str] = []
        self.errors = make_console(stderr=True)

    @property
    def is_interactive(self) -> bool:
        """Whether a person watches stderr on a terminal that can redraw its lines."""
        return LOUDNESS.get() > Loudness.QUIET and sys.stderr.isatty() and not self.errors.is_dumb_terminal

    @property
    def width(self) -> int:
        """Columns of where it is concluded."""
        return (self.errors if self.as_json else make_console(stderr=False)).width

    def say(self, text: str, *, style: str | None = None) -> None:
        """Say a line on stderr; without a style it is about the way only, and left out if quiet is asked for."""
        loudness = LOUDNESS.get()
        if style is None and loudness is Loudness.QUIET:
            return
        _print(self.errors, f"{seconds_since_start()}{text}" if loudness is Loudness.VERBOSE else text, style)

    def command(self, lines: Iterable[str]) -> None:
        """Write workflow commands to stderr, as they are; texts in them have to be cleaned and escaped."""
        for line in lines:
            print(line, file=sys.stderr)  # noqa: T201

    def warn(self, text: str) -> None:
        """Say a warning on stderr, and keep it for the JSON object."""
        self.warnings.append(text)
        self.say(f"Warning: {paragraph(text)}", style="yellow")

    def conclude(self, lines: Iterable[tuple[str, str]]) -> None:
        """Say what came of the work, as (text, style) lines: on stdout, or on stderr with ``--json``."""
        console = self.errors if self.as_json else make_console(stderr=False)
        for text, style in lines:
            _print(console, text, style or None)

    def draw(self, things: Iterable[RenderableType]) -> None:
        """Print what draws itself on stdout: its words have to be clean."""
        console = make_console(stderr=False)
        for thing in things:
            console.print(thing)

    def show(self, text: str) -> None:
        """Show text that was asked for on stdout; nothing with ``--json``."""
        if not self.as_json:
            _print(make_console(stderr=False), text, None)

    def table(
        self,
        columns: Sequence[str],
        rows: Iterable[Sequence[object]],
        *,
        concluding: bool = False,
        paged: bool = False,
    ) -> None:
        """Show a table on stdout; with ``--json`` nothing, or on stderr if it is what came of the work.

        Args:
            columns: Their titles.
            rows: Their cells.
            concluding: Whether it is what came of the work.
            paged: Whether a table that is longer than the terminal is shown page by page.
        """
        if self.as_json and not concluding:
            return
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(Text(column), overflow="fold")
        for row in rows:
            table.add_row(*(Text(clean(cell)) for cell in row))
        console = self.errors if self.as_json else make_console(stderr=False)
        watched = sys.stdin is not None and sys.stdin.isatty() and console.is_terminal
        if paged and watched and table.row_count >= console.height:
            with console.pager():
                console.print(table)
        else:
            console.print(table)

    def answer(self, value: object) -> None:
        """Write the one JSON object, if it was asked for."""
        if self.as_json:
            text = json_text(value)
            ANSWERED.set(True)
            write_out(text)


def _print(console: Console, text: str, style: str | None) -> None:
    """Print a cleaned line, folded at words on a terminal and not at all elsewhere."""
    console.print(clean(text), style=style, soft_wrap=not console.file.isatty())
