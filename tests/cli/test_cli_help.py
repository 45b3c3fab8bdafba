"""Help texts: every command has one with an example that parses, and none of them loads anything heavy."""

import shlex
import subprocess
import sys
from collections.abc import Iterator

import pytest
import typer

from audit.cli import app
from audit.cli.options import exit_code_lines
from audit.errors import ExitCode

ROOT = typer.main.get_command(app)


def walk(command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    yield path, command
    for name, child in getattr(command, "commands", {}).items():
        yield from walk(child, (*path, name))


COMMANDS = dict(walk(ROOT))
LEAVES = {path: command for path, command in COMMANDS.items() if not hasattr(command, "commands")}


def examples(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.startswith("    clip-audit ")]


def test_the_promised_commands_are_there():
    wanted = [
        "run",
        "invert",
        "judge",
        "label",
        "report",
        "compare",
        "ablate",
        "explain",
        "gate",
        "plan",
        "doctor",
        "card",
        "export",
        "history",
        "verify",
        "watch",
    ]
    wanted += [f"suites {name}" for name in ("list", "show", "check", "metrics")]
    wanted += ["runs list", "policies check"]
    wanted += [f"phantom {name}" for name in ("train", "truth", "sheet", "list", "calibrate")]
    assert sorted(" ".join(path) for path in LEAVES) == sorted(wanted)


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: " ".join(path) or "clip-audit")
def test_help_says_what_it_does_and_shows_an_example(cli, path):
    said = cli(*path, "--help")
    assert said.code == 0
    assert not said.err
    assert "Example" in said.out
    assert examples(said.out)


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_every_command_answers_programs(cli, path):
    assert "--json" in cli(*path, "--help").out


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: " ".join(path) or "clip-audit")
def test_every_example_parses(cli, path):
    for line in examples(cli(*path, "--help").out):
        words = shlex.split(line)[1:]
        command = ROOT
        while words and words[0] in getattr(command, "commands", {}):
            command = command.commands[words.pop(0)]
        command.make_context("clip-audit", words).close()


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: " ".join(path) or "clip-audit")
def test_no_short_help_is_cut_off(cli, path):
    assert not [line for line in cli(*path, "--help").out.splitlines()[1:] if line.endswith("...")]


def test_help_lists_every_exit_code(cli):
    said = cli("--help").out
    assert len(exit_code_lines()) == len(ExitCode)
    for line in exit_code_lines():
        assert line in said


def test_the_dials_in_the_help_are_those_of_the_pipeline(cli):
    from audit.inversion import RECIPES
    from audit.pipeline import EFFORTS

    said = cli("run", "--help").out
    assert "|".join(EFFORTS) in said
    assert "|".join(RECIPES) in said


def test_help_loads_neither_torch_nor_pandas():
    program = (
        "import sys; from audit.__main__ import main; code = main(['run', '--help']) or main(['--help']);"
        "heavy = {'torch', 'pandas', 'numpy', 'scipy', 'open_clip', 'rich'} & set(sys.modules);"
        "sys.exit(f'{code} {heavy}' if code or heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_without_a_command_the_help_is_shown_and_nothing_is_promoted(cli):
    said = cli()
    assert said.code == ExitCode.USAGE
    assert not said.out
    assert "Commands:" in said.err


def test_version(cli):
    said = cli("--version")
    assert said.code == 0
    assert said.out.startswith("clip-audit ")
