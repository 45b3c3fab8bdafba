"""What others name is opened, and asked about, in ``audit/opening.py`` alone.

Elsewhere a call like ``path.exists()`` ends in a traceback where a folder may not be looked into, and ``path.open()``
waits for ever at a named pipe. A linter can forbid functions and no methods, so the source is read here.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ASKING = {
    *("exists", "is_file", "is_dir", "is_symlink", "iterdir", "glob", "rglob", "expanduser", "open", "read_text"),
    *("read_bytes", "samefile", "readlink", "cwd", "home", "stat", "lstat"),
}
SHIPPED = {"LABEL_PAGE", "PHANTOMS", "PHOTO_WORLDS", "POLICIES", "WORLDS", "PROMPTS", "TEMPLATES", "files"}
"""Folders of the package itself, which nobody else names."""
IN_MEMORY = {"Image", "webbrowser", "build_opener"}
ALLOWED = {
    "audit/opening.py": "the one place",
    "audit/packaged.py": "where the package lies",
    "audit/report/html.py": "templates of the package",
    "audit/report/method.py": "the validation that the package ships",
    "audit/evidence/files.py": "writes, under disk_problems",
    "audit/evidence/folder_lock.py": "which file is locked, under disk_problems",
    "audit/cli/command_line.py": "the numbers of the standard streams, and whether a file can be opened at all",
    "audit/cli/talk.py": "/dev/null in place of a stream",
    "audit/checkpoints/safe_files.py": "stat before and after, of what is_file has found",
    "audit/suites/expansion.py": "suites_in turns every error of a folder into a problem of its own",
}


def asking(tree: ast.AST) -> list[tuple[int, str]]:
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        if isinstance(called, ast.Name) and called.id == "open":
            found.append((node.lineno, "open"))
        elif isinstance(called, ast.Attribute) and called.attr in ASKING:
            roots = {one.id for one in ast.walk(called.value) if isinstance(one, ast.Name)}
            if not roots & (SHIPPED | IN_MEMORY):
                found.append((node.lineno, ast.unparse(called)))
    return found


SOURCES = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "audit").rglob("*.py"))


@pytest.mark.parametrize("name", [name for name in SOURCES if name not in ALLOWED])
def test_no_other_file_asks_the_system_about_a_path(name):
    found = asking(ast.parse((ROOT / name).read_text(encoding="utf-8")))
    assert not found, f"{name}: use audit.opening instead of {found}"


def test_what_is_allowed_is_needed():
    for name in ALLOWED:
        assert asking(ast.parse((ROOT / name).read_text(encoding="utf-8"))), name


@pytest.mark.parametrize("line", ["path.exists()", "(a / b).is_file()", "Path(x).open('rb')", "open(x)", "os.stat(x)"])
def test_the_rule_finds_what_it_forbids(line):
    assert asking(ast.parse(line))


@pytest.mark.parametrize("name", [name for name in SOURCES if name != "audit/parsing.py"])
def test_no_other_file_parses_toml_without_bounds(name):
    tree = ast.parse((ROOT / name).read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    named = {one.name for node in imports for one in node.names} | {getattr(node, "module", None) for node in imports}
    assert "tomllib" not in named, f"{name}: use audit.parsing.parse_toml"
