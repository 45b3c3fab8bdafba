"""What the README and docs/ show is there: links, commands, targets of make, and the map of the folders."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
import typer

from audit.cli import app
from audit.cli.options import folders_behind_urls

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
PAGES = [README, *sorted(ROOT.joinpath("docs").glob("*.md"))]
DOCUMENTS = [
    *PAGES,
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *ROOT.glob("prompts/*.md"),
    *ROOT.glob("reports/**/*.md"),
]
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
LONGEST_README = 150


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def without_blocks(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(document: Path) -> set[str]:
    """The anchors that a forge gives to the headings of a document."""
    headings = re.findall(r"^#+ (.*)$", without_blocks(document.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(document: Path) -> Iterator[tuple[Path, str]]:
    """Every relative link of a document: the file that it leads to, and the anchor there."""
    for target in re.findall(r"\]\(([^)\s]+)", without_blocks(document.read_text(encoding="utf-8"))):
        if "://" not in target:
            path, _, anchor = target.partition("#")
            yield (document.parent / path).resolve() if path else document, anchor


def shown(document: Path) -> list[str]:
    """Every command line of clip-audit in a document: lines of its blocks, and code within its text."""
    text = document.read_text(encoding="utf-8")
    blocks = re.findall(r"^```(?:console|yaml)?\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if re.search(r"(?:^|[ /])clip-audit [a-z]", line)]
    spans = [span for span in re.findall(r"`([^`\n]+)`", without_blocks(text)) if re.match(r"clip-audit [a-z]", span)]
    return [re.sub(r"^.*?clip-audit ", "", line).partition("  #")[0].strip() for line in [*lines, *spans]]


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_links_lead_somewhere(document: Path) -> None:
    broken = {
        f"{path}#{anchor}"
        for path, anchor in links(document)
        if not path.exists() or (anchor and anchor not in anchors(path))
    }

    assert broken == set()


@pytest.mark.parametrize("document", PAGES, ids=named)
def test_every_command_that_is_shown_parses(document: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing_is_fetched = lambda url: nullcontext(Path(url))  # noqa: E731
    monkeypatch.setattr("audit.evidence.working_copies.working_copy", nothing_is_fetched)
    for line in shown(document):
        name, *words = shlex.split(line.replace("...", "WORD"))
        command = COMMANDS[name]
        if hasattr(command, "commands"):
            command = command.commands[words.pop(0)]
        if words:
            with folders_behind_urls():
                command.make_context("clip-audit", words).close()


def test_commands_are_found_in_blocks_and_in_text(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "`clip-audit gate RUN`, clip-audit audits\n\n```yaml\n- run: .venv/bin/clip-audit run X  # y\n```\n"
    )

    assert shown(page) == ["run X", "gate RUN"]


def test_the_readme_is_short() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= LONGEST_README


def test_the_readme_leads_to_every_page() -> None:
    reached = {path for path, _ in links(README)} | {path for path, _ in links(ROOT / "docs" / "README.md")}

    assert set(PAGES) - {README, ROOT / "docs" / "README.md"} <= reached


def test_the_map_lists_exactly_the_folders_and_modules() -> None:
    page = ROOT.joinpath("docs", "architecture.md").read_text(encoding="utf-8")
    found = re.search(r"^audit/\n((?:  .*\n)+)", page, re.MULTILINE)
    assert found is not None
    modules = [path.name for path in ROOT.joinpath("audit").glob("*.py") if path.name != "__init__.py"]
    packages = [f"{path.parent.name}/" for path in ROOT.joinpath("audit").glob("*/__init__.py")]

    assert sorted(line.split()[0] for line in found[1].splitlines()) == sorted([*modules, *packages])


@pytest.mark.parametrize("document", PAGES, ids=named)
def test_only_targets_that_make_has_are_named(document: Path) -> None:
    makefile = ROOT.joinpath("Makefile").read_text(encoding="utf-8")
    named_there = set(re.findall(r"(?:`|\$ )make ([a-z0-9-]+)", document.read_text(encoding="utf-8")))

    assert named_there <= set(re.findall(r"^([a-z0-9-]+):.*##", makefile, re.MULTILINE))


def test_the_table_of_commands_and_the_program_name_the_same() -> None:
    table = ROOT.joinpath("docs", "commands.md").read_text(encoding="utf-8").partition("| command |")[2]

    assert set(re.findall(r"^\| `([a-z]+)", table.partition("\n\n")[0], re.MULTILINE)) == set(COMMANDS)


def test_every_entry_of_the_log_has_a_verdict_a_table_and_one_outcome() -> None:
    log = ROOT.joinpath("reports", "LOG.md").read_text(encoding="utf-8").partition("<!-- entries begin here -->")[2]
    entries = re.split(r"^## ", log, flags=re.MULTILINE)[1:]

    assert entries
    assert [
        entry.splitlines()[0]
        for entry in entries
        if not re.match(r"\d{4}-\d\d-\d\d · .*\(.+\)\n", entry)
        or "\n|---" not in entry
        or entry.count("\n**Outcome.** ") != 1
    ] == []
