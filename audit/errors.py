"""Problems that a user can cause or mend: what happened, and what to do about it.

Each class knows the exit code that it ends the program with. Everything that is not one of these is a bug
of ours and leaves as ``ExitCode.BUG``.
"""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """Exit codes of every command; only ``OK`` promotes a checkpoint."""

    OK = 0
    GATE_FAILED = 1
    USAGE = 2
    INCONCLUSIVE = 3
    REFUSED = 4
    ENVIRONMENT = 5
    BUG = 70
    HUNG_UP = 129
    INTERRUPTED = 130
    TERMINATED = 143


class AuditProblem(Exception):
    """What happened and where, with its remedy; shown as one paragraph, without a traceback."""

    exit_code: ClassVar[ExitCode] = ExitCode.USAGE

    def __init__(self, what: str, *, remedy: str) -> None:
        super().__init__(f"{what} {remedy}")
        self.what = what
        self.remedy = remedy


class UsageProblem(AuditProblem):
    """A command, a setting, a world or a suite that cannot be used as given."""

    exit_code = ExitCode.USAGE


class InconclusiveProblem(AuditProblem):
    """There is too little evidence, or none, to answer from."""

    exit_code = ExitCode.INCONCLUSIVE


class RefusedProblem(AuditProblem):
    """A checkpoint or a judge that must not be used."""

    exit_code = ExitCode.REFUSED


class EnvironmentProblem(AuditProblem):
    """Disk, memory, lock, network or device."""

    exit_code = ExitCode.ENVIRONMENT


def missing_extra(what: str, extra: str) -> EnvironmentProblem:
    """Return what is said where the packages of an extra are not installed.

    Args:
        what: A sentence: what needs them.
        extra: Its name in pyproject.toml.
    """
    return EnvironmentProblem(
        what, remedy=f'Install it: pip install "clip-audit[{extra}]", or in a checkout pip install -e ".[{extra}]".'
    )
