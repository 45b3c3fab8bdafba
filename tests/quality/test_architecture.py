"""Rules of the house that neither ruff nor mypy knows."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
LONGEST_BODY = 60
MODULES = sorted([*ROOT.joinpath("audit").rglob("*.py"), *ROOT.joinpath("tests").rglob("*.py")])
PROMISES = re.compile(r"\bde-?bias|\bun-?biased|\bfair model", re.IGNORECASE)
HOMES = re.compile(r"(?<![\w./:-])/(?:home|root|Users|opt|srv|mnt|work|workspace)/\w")
REGISTRIES = re.compile(r"pypi\.|pythonhosted|download\.pytorch|anaconda\.org|index-url|--find-links|/simple/")


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def texts(*tops: str) -> Iterator[tuple[str, str]]:
    """Name and content of every text file in these folders, this one apart: it has to name what it looks for."""
    for top in tops:
        for path in sorted(ROOT.joinpath(top).rglob("*")) if ROOT.joinpath(top).is_dir() else [ROOT / top]:
            if not path.is_file() or path == Path(__file__).resolve() or "__pycache__" in path.parts:
                continue
            try:
                yield named(path), path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue


def everything() -> Iterator[tuple[str, str]]:
    files = [path.name for path in ROOT.iterdir() if path.is_file() and path.name != ".git"]
    return texts("audit", "prompts", "reports", "docs", "tests", ".ci", *files)


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (function.end_lineno or 0) - body[0].lineno + 1 if body else 0


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


def test_functions_are_short() -> None:
    long = [
        f"{named(path)}: {node.name}"
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and body_lines(node) > LONGEST_BODY
    ]

    assert long == []


def test_imports_point_one_way() -> None:
    done = subprocess.run(
        [BIN / "lint-imports", "--no-logo", "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_importing_the_package_is_light() -> None:
    done = python("-c", "import sys, audit; sys.exit(str({'torch', 'pandas', 'numpy'} & set(sys.modules)))")

    assert done.stderr.strip() == "set()"


def test_help_reaches_neither_torch_nor_pandas() -> None:
    done = python("-X", "importtime", "-m", "audit", "--help")

    assert done.returncode == 0, done.stderr[-2000:]
    assert re.findall(r"\|\s+(torch|pandas|open_clip|transformers|matplotlib)$", done.stderr, re.MULTILINE) == []


def test_version_is_said_once() -> None:
    from importlib.metadata import version

    import audit

    assert version("clip-audit") == audit.__version__
    assert f"({audit.__version__})" in ROOT.joinpath("CHANGELOG.md").read_text(encoding="utf-8")


def test_nothing_promises_more_than_an_audit_can_keep() -> None:
    found = {name: PROMISES.findall(text) for name, text in texts("audit", "prompts", "reports", "docs", "README.md")}

    assert {name: words for name, words in found.items() if words} == {}


def test_no_path_of_a_machine_is_written_down() -> None:
    here = re.escape(f"{ROOT}/") if len(ROOT.parts) > 2 else r"(?!)"
    pattern = re.compile(f"{here}|{HOMES.pattern}")
    found = {name: pattern.findall(text) for name, text in everything()}

    assert {name: paths for name, paths in found.items() if paths} == {}


def test_no_package_registry_is_written_down() -> None:
    found = {name: REGISTRIES.findall(text) for name, text in everything()}

    assert {name: hosts for name, hosts in found.items() if hosts} == {}


def test_constraints_are_versions_and_nothing_else() -> None:
    lines = ROOT.joinpath("constraints.txt").read_text(encoding="utf-8").splitlines()
    pin = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[0-9][A-Za-z0-9.]*")

    assert [line for line in lines if not line.startswith("#") and not pin.fullmatch(line)] == []


def test_what_the_package_reads_is_packed() -> None:
    import tomllib

    packed = tomllib.loads(ROOT.joinpath("pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    patterns = [
        (ROOT.joinpath(*package.split(".")), pattern)
        for package, patterns in packed["package-data"].items()
        for pattern in patterns
    ]
    data = {path for folder, pattern in patterns for path in folder.glob(pattern) if path.is_file()}
    there = {
        path
        for path in ROOT.joinpath("audit").rglob("*")
        if path.is_file() and path.suffix not in {".py", ".pyc", ".pyi"}
    }

    assert sorted(map(named, there - data)) == []
