"""Runs one command of the program: every exception, signal and broken stream becomes a short text and an exit code."""

from __future__ import annotations

import contextlib
import errno
import io
import mmap
import os
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import Final, TextIO

import typer

from audit.cli import app
from audit.cli.config_file import TAKEN, defaults_from, describe, read_config, taken_by
from audit.cli.events import events_of_a_command, happened
from audit.cli.options import folders_behind_urls
from audit.cli.talk import ANSWERED, LOUDNESS, VERDICT_SAID, Loudness, clean, json_text, paragraph, silence, write_out
from audit.early_checks import stated_day
from audit.errors import AuditProblem, EnvironmentProblem, ExitCode, UsageProblem
from audit.opening import os_problem, working_folder

_NAME: Final = "clip-audit"
_COMPLETION: Final = "_CLIP_AUDIT_COMPLETE"
_JSON: Final = "--json"
_TEXTS: Final = frozenset({"--help", "-h", "--version"})
_LOUDNESS: Final = frozenset({"--quiet", "--verbose"})
_STOPS: Final = (signal.SIGTERM, signal.SIGHUP)
_DEEPEST: Final = 20
_WAITING: Final = ("OMP_WAIT_POLICY", "PASSIVE")
"""How threads of torch wait for each other, where nobody says otherwise: asleep. To spin, as they do by default, costs
nothing on a quiet machine; beside other jobs it keeps these and the threads themselves from working (docs/faq.md)."""
_ROOM: Final = 2**29
"""Bytes of address space that a program with enough memory can always have for a moment."""
_MEMORY: Final = "Close other programs, or use another --device or a machine with more of it."


class Stopped(KeyboardInterrupt):
    """A signal asked the program to end; it unwinds as from the keyboard, so that what is complete is kept."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.signal = number


def run_command(words: Sequence[str]) -> int:
    """Run one command and return its exit code.

    Args:
        words: Of the command line, after the program's name.
    """
    _prepare_streams()
    if _COMPLETION in os.environ:
        return _complete()
    for said in (ANSWERED, VERDICT_SAID):
        said.set(False)
    LOUDNESS.set(Loudness.NORMAL)
    with events_of_a_command():
        with _orderly_stops():
            code = _run(list(words))
        if code == ExitCode.GATE_FAILED and not VERDICT_SAID.get():
            code = ExitCode.BUG
        code = int(_flushed(code))
        happened("ended", {"exit_code": code})
    return code


def _complete() -> int:
    """Answer a shell that asks how a command may go on; typer ends the process with its answer."""
    try:
        app(prog_name=_NAME)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    return ExitCode.OK


def _run(words: list[str]) -> int:
    try:
        return _invoked(words)
    except typer.Exit as end:
        return end.exit_code
    except (KeyboardInterrupt, typer.Abort) as stop:
        number = stop.signal if isinstance(stop, Stopped) else signal.SIGINT
        said = "Interrupted." if number == signal.SIGINT else f"Ended by {signal.Signals(number).name}."
        _say(said)
        happened("failed", {"exit_code": 128 + number, "what": said, "remedy": ""})
        return 128 + number
    except BrokenPipeError as error:
        # who closed a help text has read enough
        return ExitCode.OK if _TEXTS & set(words) else _complain(os_problem(error, "Writing the output"), words)
    except BaseException as error:  # noqa: BLE001  (a panic of Rust is no Exception, and neither is SystemExit)
        problem = _as_problem(error)
        return _report_bug(error, words) if problem is None else _complain(problem, words)


def _invoked(words: list[str]) -> int:
    command = typer.main.get_command(app)
    words = _loudness_first(words)
    with command.make_context(_NAME, list(words), default_map=_defaults(command, words)) as context:
        if not words:
            _say(context.get_help())
            return ExitCode.USAGE
        os.environ.setdefault(*_WAITING)  # OpenMP reads it when torch is imported
        os.environ["MPLBACKEND"] = "agg"  # no window is opened; a notebook's may be missing, and end the import
        stated_day()  # libraries read it when they are imported, and fall over what is no number
        with folders_behind_urls():
            command.invoke(context)
    return ExitCode.OK


@contextlib.contextmanager
def _orderly_stops() -> Iterator[None]:
    """Let SIGTERM and SIGHUP unwind the program as Ctrl-C does; a second one ends it at once.

    One that is ignored stays so (`nohup`), and so does one that somebody else handles.
    """

    def stop(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        raise Stopped(number)

    ours = [one for one in _STOPS if threading.current_thread() is threading.main_thread()]
    ours = [one for one in ours if signal.getsignal(one) is signal.SIG_DFL]
    for one in ours:
        signal.signal(one, stop)
    try:
        yield
    finally:
        for one in ours:
            signal.signal(one, signal.SIG_DFL)


def _flushed(code: int) -> int:
    """Write what is left in the streams; an answer that did not arrive is no success."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            _give_up(stream)
        except (OSError, ValueError) as error:
            _give_up(stream)
            if stream is sys.stdout and code in {ExitCode.OK, ExitCode.GATE_FAILED, ExitCode.INCONCLUSIVE}:
                _say(f"Error: The answer could not be written: {paragraph(error)}. Write it somewhere else.")
                code = ExitCode.ENVIRONMENT
    return code


def _give_up(stream: TextIO) -> None:
    """Make sure that Python does not try, and fail, at its end: that would change the exit code."""
    try:
        silence(stream)
        stream.flush()
    except (OSError, ValueError):
        if stream is sys.stdout:
            sys.stdout = None  # as Python itself does where there is no stream
        else:
            sys.stderr = None


def _loudness_first(words: list[str]) -> list[str]:
    """Return the words with --quiet and --verbose before the command, wherever they stood."""
    end = words.index("--") if "--" in words else len(words)
    loud = [word for word in words[:end] if word in _LOUDNESS]
    return [*loud, *(word for word in words[:end] if word not in _LOUDNESS), *words[end:]]


def _defaults(command: object, words: list[str]) -> dict[str, object] | None:
    """Return what a file in the working folder sets, and say what of it the command takes."""
    TAKEN.set({})
    config = None if _TEXTS & set(words) else read_config(working_folder())
    if config is None:
        return None
    program = describe(command)
    defaults = defaults_from(config, program)
    taken = taken_by(config, program, words)
    TAKEN.set(taken)
    if taken and "--quiet" not in words:
        _say(clean(f"From {config.where}: {', '.join(f'{key} = {value}' for key, value in taken.items())}"))
    return defaults


def _as_problem(error: BaseException) -> AuditProblem | None:
    """Return what a user can mend; ``None`` for a bug."""
    below = _below(error)
    if isinstance(error, AuditProblem):
        return error
    if isinstance(error, typer.TyperException):
        return _usage_problem(error)
    if below is not None:
        return os_problem(below)
    ran_out = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    if ran_out or (isinstance(error, RuntimeError) and "allocate memory" in str(error)):
        return EnvironmentProblem("There is not enough memory.", remedy=_MEMORY)
    short = _shortage(error)
    if short is None and isinstance(error, ImportError):
        remedy = "Install clip-audit anew into an environment of its own; `clip-audit doctor` looks at it."
        return EnvironmentProblem(f"Part of the installation is broken: {error}.", remedy=remedy)
    return short


def _below(error: BaseException) -> OSError | None:
    """Return what the operating system answered: the error itself, or what made a library raise another one."""
    seen = error.__cause__ or error.__context__
    if isinstance(error, OSError):
        return error
    for _ in range(_DEEPEST):
        if seen is None or (isinstance(seen, OSError) and seen.errno not in {None, errno.ENOENT, errno.ENOTDIR}):
            return seen
        seen = seen.__cause__ or seen.__context__
    return None


def _shortage(error: BaseException) -> EnvironmentProblem | None:
    """Return what the machine lacks, found by asking for it: libraries say it in many words, or in none."""
    raised = f"{type(error).__name__} was raised"
    try:
        mmap.mmap(-1, _ROOM).close()
    except (OSError, ValueError):
        return EnvironmentProblem(f"There is not enough memory: {raised}.", remedy=_MEMORY)
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as short:
        return os_problem(short, "Opening another file")
    try:
        tempfile.gettempdir()
    except OSError:
        remedy = "Make /tmp writable, or name a folder with TMPDIR."
        return EnvironmentProblem(f"There is no folder for temporary files: {raised}.", remedy=remedy)
    return None


def _report_bug(error: BaseException, words: list[str]) -> int:
    """Say that this is our bug, with its traceback."""
    _say(clean(traceback.format_exc()))
    what = f"This is a bug of {_NAME}, not of what was asked for: {type(error).__name__}: {error}"
    remedy = "Please report it with the traceback above, the command and the output of `clip-audit doctor`."
    _say(f"Error: {paragraph(what)} {remedy}")
    _answer(ExitCode.BUG, what, remedy, words)
    return ExitCode.BUG


def _complain(problem: AuditProblem, words: list[str]) -> int:
    """Say what happened and what to do in one paragraph; as an object too, if one was asked for."""
    if LOUDNESS.get() is Loudness.VERBOSE:
        _say(clean(traceback.format_exc()))
    _say(f"Error: {paragraph(problem)}")
    _answer(problem.exit_code, problem.what, problem.remedy, words)
    return problem.exit_code


def _answer(code: ExitCode, what: str, remedy: str, words: list[str]) -> None:
    """Write the one object on stdout, unless there is one already, or nothing can be written there."""
    happened("failed", {"exit_code": int(code), "what": what, "remedy": remedy})
    if _JSON not in words or ANSWERED.get():
        return
    with contextlib.suppress(OSError, ValueError):
        write_out(json_text({"error": {"exit_code": int(code), "what": what, "remedy": remedy}}))


def _usage_problem(error: typer.TyperException) -> UsageProblem:
    """Return what typer says of a command line, with the help to read."""
    context = vars(error).get("ctx")
    command = context.command_path if context is not None else _NAME
    what = error.format_message().strip()
    return UsageProblem(what if what.endswith((".", "!", "?", ")")) else f"{what}.", remedy=f"See `{command} --help`.")


def _say(text: str) -> None:
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(f"{text}\n")


def _prepare_streams() -> None:
    """Make sure that there is something to write to, and that no character can fail in it.

    A process can be born without stdin, stdout or stderr. Then the next file that is opened gets their number, and what
    a library prints would go into it; so what is missing leads nowhere.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115  (lives as long as the process)
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
