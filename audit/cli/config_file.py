"""Settings from a file: ``clip-audit.toml`` in the working folder, or ``[tool.clip-audit]`` in its ``pyproject.toml``.

Keys are the names of the flags without their dashes. At the top they hold for every command that has the flag, in a
table of a command (``[run]``, ``[phantom.train]``) for that one. What the command line says wins.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Final

from audit.errors import UsageProblem
from audit.opening import is_file, read_text
from audit.parsing import parse_toml

FILE: Final = "clip-audit.toml"
_PROJECT: Final = "pyproject.toml"
_BY_HAND: Final = frozenset({"allow-pickle", "waive-sanity", "json", "help", "version", "quiet", "verbose"})
"""What is said anew each time: no file that lies in a folder lowers the guard, or changes what a program reads."""

TAKEN: ContextVar[Mapping[str, object]] = ContextVar("TAKEN", default={})  # noqa: B039  (never changed in place)
"""What the file sets for the command that runs, by the name of the flag."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigFile:
    """The settings of one file."""

    where: str
    """The file and the table in it."""
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """An option of a command."""

    parameter: str
    """What typer calls it."""
    is_switch: bool
    is_repeated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command, as far as a file can set something of it."""

    flags: Mapping[str, Flag]
    """By their name without dashes."""
    children: Mapping[str, Command]

    @property
    def all_flags(self) -> dict[str, Flag]:
        """Its flags and those of all commands below it."""
        below = (child.all_flags for child in self.children.values())
        return dict(chain(self.flags.items(), *(flags.items() for flags in below)))


def describe(command: object) -> Command:
    """Return what a file can set of a command of typer."""
    flags = {
        word.removeprefix("--"): Flag(
            parameter=str(getattr(option, "name", "")),
            is_switch=bool(getattr(option, "is_flag", False)),
            is_repeated=bool(getattr(option, "multiple", False)),
        )
        for option in getattr(command, "params", ())
        for word in getattr(option, "opts", ())
        if word.startswith("--") and word.removeprefix("--") not in _BY_HAND
    }
    children = getattr(command, "commands", {})
    return Command(flags=flags, children={name: describe(child) for name, child in children.items()})


def read_config(folder: Path) -> ConfigFile | None:
    """Return the settings in a folder, if it has any.

    Raises:
        UsageProblem: If ``clip-audit.toml`` cannot be read, or what stands for clip-audit is no table.
    """
    own = folder / FILE
    if is_file(own):
        return ConfigFile(where=FILE, values=_tables(own))
    project = folder / _PROJECT
    try:
        tool = parse_toml(read_text(project)).get("tool", {}) if is_file(project) else {}
    except (OSError, ValueError):  # a file of other tools; what it says of this one cannot be told
        return None
    if not isinstance(tool, dict) or "clip-audit" not in tool:
        return None
    where = f"{_PROJECT}, [tool.clip-audit]"
    if not isinstance(tool["clip-audit"], dict):
        raise UsageProblem(f"{where} is no table.", remedy='Write settings below it, as in effort = "quick".')
    return ConfigFile(where=where, values=tool["clip-audit"])


def defaults_from(config: ConfigFile, program: Command) -> dict[str, object]:
    """Return the defaults that a file sets, as typer takes them: by command, and by the name of its parameter.

    Args:
        config: The file.
        program: The command that holds all others.

    Raises:
        UsageProblem: If a key is no flag, or its value is of another kind.
    """
    return _defaults(config, program, config.values, {}, config.where)


def taken_by(config: ConfigFile, program: Command, words: list[str]) -> dict[str, object]:
    """Return what a file sets for the command that ``words`` call, by the name of the flag, and they do not."""
    command, values = program, config.values
    found: dict[str, object] = {}
    path = [word for word in words if not word.startswith("-")]
    while True:
        found |= {key: value for key, value in values.items() if not isinstance(value, dict)}
        if not path or path[0] not in command.children:
            given = {word.partition("=")[0].removeprefix("--") for word in words}
            return {key: value for key, value in found.items() if key in command.flags and key not in given}
        command = command.children[path[0]]
        inner = values.get(path.pop(0), {})
        values = inner if isinstance(inner, dict) else {}


def _tables(path: Path) -> dict[str, Any]:
    try:
        return parse_toml(read_text(path))
    except (OSError, ValueError) as error:
        raise UsageProblem(f"{path.name} cannot be read: {error}.", remedy="Correct it, or move it away.") from error


def _defaults(
    config: ConfigFile, command: Command, values: Mapping[str, Any], outer: Mapping[str, object], where: str
) -> dict[str, object]:
    here = {key: value for key, value in values.items() if not isinstance(value, dict)}
    tables = {key: value for key, value in values.items() if isinstance(value, dict)}
    for key, value in here.items():
        _check(key, value, command.all_flags, where)
    for name in tables:
        if name not in command.children:
            raise _unknown(f"table {name!r}", name, command.children, where)
    settings = {**outer, **here}
    found = {flag.parameter: _as_typed(settings[key], flag) for key, flag in command.flags.items() if key in settings}
    for name, child in command.children.items():
        found[name] = _defaults(config, child, tables.get(name, {}), settings, f"{where}, table {name}")
    return found


def _check(key: str, value: object, known: Mapping[str, Flag], where: str) -> None:
    if key in _BY_HAND:
        raise UsageProblem(f"{where} sets {key}, which no file may set.", remedy=f"Give --{key} with the command.")
    if key not in known:
        raise _unknown(f"setting {key!r}", key, known, where)
    if not _fits(value, known[key]):
        raise UsageProblem(
            f"{where} sets {key} = {value!r}, which is {type(value).__name__}.",
            remedy=f"Give {_wanted(known[key])}, as --{key} takes it.",
        )


def _fits(value: object, flag: Flag) -> bool:
    if flag.is_switch or isinstance(value, bool):
        return flag.is_switch and isinstance(value, bool)
    if flag.is_repeated and isinstance(value, list):
        return all(isinstance(one, str) for one in value)
    return isinstance(value, str | int | float)


def _wanted(flag: Flag) -> str:
    if flag.is_switch:
        return "true or false"
    return "a text, or a list of texts" if flag.is_repeated else "one text or number"


def _as_typed(value: object, flag: Flag) -> object:
    """Return a value as typer would have it from the command line: in a list where the flag may be repeated."""
    return [str(value)] if flag.is_repeated and not isinstance(value, list) else value


def _unknown(what: str, name: str, known: Mapping[str, object], where: str) -> UsageProblem:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"Did you mean {near[0]!r}? " if near else ""
    return UsageProblem(
        f"{where} has the {what}, which clip-audit does not know.",
        remedy=f"{hint}Keys are flags without dashes, as in `clip-audit run --help`; tables are commands.",
    )
