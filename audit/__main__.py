"""Entry of ``clip-audit`` and ``python -m audit``: the enclosure of everything, so that only a verdict leaves as 1.

A program that gates on the exit code must never see a crash as 1 ("the gate failed") nor anything but success as 0, and
Python itself leaves as 1 whenever an exception gets out. So whatever happens in a command is turned into text and exit
code by ``cli/command_line.py``, and what happens in there, or before it could be loaded, ends here.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

_BUG = 70
_ENVIRONMENT = 5


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; never raises.

    Args:
        arguments: Words of the command line after the program's name; those of this process if left out.
    """
    try:
        from audit.cli.command_line import run_command

        return run_command(sys.argv[1:] if arguments is None else arguments)
    except BaseException as error:  # noqa: BLE001  (nothing may get out: Python would leave as 1)
        return _last_words(error)


def _last_words(error: BaseException) -> int:
    """Say what can still be said, without anything that could fail in turn, and return the exit code."""
    number = getattr(error, "signal", 2 if isinstance(error, KeyboardInterrupt) else 0)
    is_environment = isinstance(error, OSError | MemoryError | ImportError)
    code = 128 + number if number else _ENVIRONMENT if is_environment else _BUG
    try:
        text = f"Error: clip-audit ended early: {type(error).__name__}: {ascii(str(error))[:500]}\n"
        os.write(2, text.encode("ascii", "replace"))
    except BaseException:  # noqa: BLE001, S110  (there is nobody left to tell)
        pass
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
