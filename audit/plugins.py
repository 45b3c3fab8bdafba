"""Judges and lenses of other packages, found by the entry points of what is installed.

Only names are read here. A plug-in is imported when it is needed; what it does wrong is one problem that names its
distribution, and stops nobody who does not need it. No plug-in takes a name that this package or another plug-in has.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from audit.errors import AuditProblem, EnvironmentProblem

JUDGES_GROUP: Final = "clip_audit.judges"
LENSES_GROUP: Final = "clip_audit.lenses"
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{1,39}")
_SHOWN_CHARACTERS: Final = 300


class PluginProblem(EnvironmentProblem):
    """A plug-in that cannot be used, or did what none may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """One entry point, and the distribution that brings it."""

    name: str
    distribution: str
    version: str
    entry: EntryPoint

    @property
    def origin(self) -> str:
        """Distribution and version, as the spec of a run names them."""
        return f"{self.distribution} {self.version}"

    def problem(self, what: str) -> PluginProblem:
        """Return the problem of this plug-in, as a sentence that begins with who it is."""
        return PluginProblem(
            f"The plug-in {self.name!r} of {self.origin} {what[:_SHOWN_CHARACTERS]}.",
            remedy=f"Tell its makers; `pip uninstall {self.distribution}` takes it away.",
        )

    @contextmanager
    def guarded(self, doing: str) -> Iterator[None]:
        """Turn whatever its code raises, but a problem that its user can mend, into its problem.

        Args:
            doing: What it was asked to do, as in "was asked to score images".
        """
        try:
            yield
        except AuditProblem:
            raise
        except (Exception, SystemExit) as error:
            raise self.problem(f"{doing} and failed with {type(error).__name__}: {error}") from error

    def load(self) -> object:
        """Import what the entry point names.

        Raises:
            PluginProblem: If that fails, however it does.
        """
        with self.guarded("was to be imported"), _set_aside(self.entry.module):
            return self.entry.load()


@contextmanager
def _set_aside(module: str) -> Iterator[None]:
    """Let a module be imported anew that is being imported right now, and whose import led here.

    It does where somebody imports a lens of another package first: that asks for a part of ``audit.lenses``, which asks
    for the lenses of others, of which this one has not got to its own yet.
    """
    begun = sys.modules.get(module)
    if begun is None or not getattr(begun.__spec__, "_initializing", False):
        yield
        return
    del sys.modules[module]
    try:
        yield
    finally:
        sys.modules[module] = begun


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugins:
    """The plug-ins of a group by name, and why others are none."""

    found: Mapping[str, Plugin]
    problems: Mapping[str, PluginProblem]


def find_plugins(group: str, own: Collection[str]) -> Plugins:
    """Return the plug-ins that are installed, without importing any.

    Args:
        group: ``JUDGES_GROUP`` or ``LENSES_GROUP``.
        own: Names that this package has taken.
    """
    by_name: defaultdict[str, list[Plugin]] = defaultdict(list)
    for entry in entry_points(group=group):
        has = entry.dist
        origin = ("an unknown distribution", "") if has is None else (has.name, has.version)
        by_name[entry.name].append(Plugin(name=entry.name, distribution=origin[0], version=origin[1], entry=entry))
    problems = {name: problem for name, those in by_name.items() if (problem := _not_taken(those, own))}
    found = {name: those[0] for name, those in sorted(by_name.items()) if name not in problems}
    return Plugins(found=found, problems=problems)


def _not_taken(those: list[Plugin], own: Collection[str]) -> PluginProblem | None:
    first = those[0]
    if first.name in own:
        return first.problem("is left out: clip-audit itself has this name, which nobody else can take")
    if not _NAME.fullmatch(first.name):
        return first.problem("is left out: a name is 2 to 40 small letters, digits and underscores")
    if len(those) > 1:
        others = " and ".join(one.origin for one in those[1:])
        return first.problem(f"is left out, since {others} has one of the same name")
    return None
