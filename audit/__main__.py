"""Entry of ``clip-audit`` and ``python -m audit``: runs a command and turns whatever comes of it into an exit code.

A program that gates on the exit code must never see a bug as 1 ("the gate failed") nor anything but success as 0.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import typer

from audit.cli import app
from audit.cli.config_file import TAKEN, defaults_from, describe, read_config, taken_by
from audit.cli.talk import LOUDNESS, Loudness, clean, json_text, paragraph, silence, write_out
from audit.errors import AuditProblem, EnvironmentProblem, ExitCode, UsageProblem

_NAME: Final = "clip-audit"
_COMPLETION: Final = "_CLIP_AUDIT_COMPLETE"
_JSON: Final = "--json"
_TEXTS: Final = frozenset({"--help", "-h", "--version"})
_LOUDNESS: Final = frozenset({"--quiet", "--verbose"})
_DISK_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Args:
        arguments: Words of the command line after the program's name; those of this process if left out.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    _prepare_streams()
    if _COMPLETION in os.environ:
        app(prog_name=_NAME)
    code = _guarded(words)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            silence(stream)
    return int(code)


def _guarded(words: list[str]) -> int:
    """Run a command; every exception becomes a short text and an exit code."""
    LOUDNESS.set(Loudness.NORMAL)
    try:
        command = typer.main.get_command(app)
        words = _loudness_first(words)
        with command.make_context(_NAME, list(words), default_map=_defaults(command, words)) as context:
            if not words:
                _say(context.get_help())
                return ExitCode.USAGE
            command.invoke(context)
    except typer.Exit as end:
        return end.exit_code
    except KeyboardInterrupt:
        _say("Interrupted.")
        return ExitCode.INTERRUPTED
    except BrokenPipeError as error:
        asked_for_text = _TEXTS & set(words)
        return ExitCode.OK if asked_for_text else _report_bug(error, words)  # who closed a help text has read enough
    except Exception as error:  # noqa: BLE001  (the last line of defence: nothing else may end the program)
        problem = _as_problem(error)
        return _report_bug(error, words) if problem is None else _complain(problem, words)
    return ExitCode.OK


def _loudness_first(words: list[str]) -> list[str]:
    """Return the words with --quiet and --verbose before the command, wherever they stood."""
    end = words.index("--") if "--" in words else len(words)
    loud = [word for word in words[:end] if word in _LOUDNESS]
    return [*loud, *(word for word in words[:end] if word not in _LOUDNESS), *words[end:]]


def _defaults(command: object, words: list[str]) -> dict[str, object] | None:
    """Return what a file in the working folder sets, and say what of it the command takes."""
    TAKEN.set({})
    config = None if _TEXTS & set(words) else read_config(Path.cwd())
    if config is None:
        return None
    program = describe(command)
    defaults = defaults_from(config, program)
    taken = taken_by(config, program, words)
    TAKEN.set(taken)
    if taken and "--quiet" not in words:
        _say(clean(f"From {config.where}: {', '.join(f'{key} = {value}' for key, value in taken.items())}"))
    return defaults


def _as_problem(error: Exception) -> AuditProblem | None:
    """Return what a user can mend; ``None`` for a bug."""
    if isinstance(error, AuditProblem):
        return error
    if isinstance(error, typer.TyperException):
        return _usage_problem(error)
    if isinstance(error, OSError) and error.errno in _DISK_FULL:
        remedy = "Free some space, then give the same command again."
        return EnvironmentProblem(f"The disk is full ({error.filename}).", remedy=remedy)
    ran_out = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    if ran_out or (isinstance(error, RuntimeError) and "allocate memory" in str(error)):
        remedy = "Close other programs, or use another --device or a machine with more of it."
        return EnvironmentProblem("There is not enough memory.", remedy=remedy)
    return None


def _report_bug(error: Exception, words: list[str]) -> int:
    """Say that this is our bug, with its traceback."""
    _say(clean(traceback.format_exc()))
    what = f"This is a bug of {_NAME}, not of what was asked for: {type(error).__name__}: {error}"
    remedy = "Please report it with the traceback above, the command and the output of `clip-audit doctor`."
    _say(f"Error: {paragraph(what)} {remedy}")
    if _JSON in words:
        write_out(_error_text(ExitCode.BUG, what, remedy))
    return ExitCode.BUG


def _complain(problem: AuditProblem, words: list[str]) -> int:
    """Say what happened and what to do in one paragraph; as an object too, if one was asked for."""
    if LOUDNESS.get() is Loudness.VERBOSE:
        _say(clean(traceback.format_exc()))
    _say(f"Error: {paragraph(problem)}")
    if _JSON in words:
        write_out(_error_text(problem.exit_code, problem.what, problem.remedy))
    return problem.exit_code


def _error_text(code: ExitCode, what: str, remedy: str) -> str:
    return json_text({"error": {"exit_code": int(code), "what": what, "remedy": remedy}})


def _usage_problem(error: typer.TyperException) -> UsageProblem:
    """Return what typer says of a command line, with the help to read."""
    context = vars(error).get("ctx")
    command = context.command_path if context is not None else _NAME
    what = error.format_message().strip()
    return UsageProblem(what if what.endswith((".", "!", "?", ")")) else f"{what}.", remedy=f"See `{command} --help`.")


def _say(text: str) -> None:
    with contextlib.suppress(OSError):
        sys.stderr.write(f"{text}\n")


def _prepare_streams() -> None:
    """Make sure that there is something to write to, and that no character can fail in it."""
    if sys.stdout is None:
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  (lives as long as the process)
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


if __name__ == "__main__":
    sys.exit(main())
