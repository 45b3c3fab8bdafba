"""``clip-audit suites``: which prompt suites there are, what is in them, and whether one's own is sound."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from audit.cli import options as o
from audit.cli.talk import Talk, paragraph
from audit.early_checks import check_checkpoint
from audit.errors import ExitCode, UsageProblem

if TYPE_CHECKING:
    from audit.records import Prompt, PromptSuite

app = typer.Typer(help="List, show and check prompt suites; list the metrics.", rich_markup_mode=None)

_PHANTOM: Final = "phantom_"
_MOST: Final = 12


@app.command("list", epilog=o.example("clip-audit suites list"))
def list_them(as_json: o.JsonOption = False) -> None:
    """List the shipped suites."""
    talk = Talk(as_json=as_json)
    from audit.suites import list_suites, load_suite, suite_name

    names = {suite_name(path): load_suite(path) for path in list_suites()}
    talk.table(
        ("suite", "version", "lens", "prompts", "purpose"),
        [(name, one.version, one.lens, len(one.prompts), one.purpose) for name, one in names.items()],
    )
    talk.answer({"suites": [{"suite": name, **_card(one)} for name, one in names.items()]})


@app.command(
    epilog=o.example(
        "clip-audit suites show professions --concept nurse --limit 20", "clip-audit suites show my_suite.toml --json"
    )
)
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A suite's name or .toml file.", show_default=False)],
    concept: Annotated[str | None, typer.Option("--concept", metavar="CONCEPT", help="Prompts of it alone.")] = None,
    role: Annotated[
        str | None, typer.Option("--role", metavar="ROLE", help="Prompts of it alone, as subject or reference.")
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", metavar="N", min=1, help="Show N prompts at most.")] = None,
    as_json: o.JsonOption = False,
) -> None:
    """Show a suite with every prompt that it expands to.

    On a terminal, what is longer than its window is shown page by page.
    """
    talk = Talk(as_json=as_json)
    from audit.suites import load_suite, suite_path

    suite = load_suite(suite_path(name))
    prompts = _only(suite, "--role", role, [prompt.role for prompt in suite.prompts])
    prompts &= _only(suite, "--concept", concept, [prompt.concept for prompt in suite.prompts])
    chosen = [prompt for place, prompt in enumerate(suite.prompts) if place in prompts][:limit]
    for key, value in _card(suite).items():
        talk.show(f"{key}: {value}")
    if len(chosen) < len(suite.prompts):
        talk.show(f"shown: {len(chosen):,} of {len(suite.prompts):,}")
    talk.show("")
    talk.table(
        ("role", "concept", "expected", "text"),
        [(prompt.role, prompt.concept, prompt.expected or "-", prompt.text) for prompt in chosen],
        paged=True,
    )
    talk.answer({**_card(suite), "prompts": [_prompt(prompt) for prompt in chosen]})


def _only(suite: PromptSuite, flag: str, wanted: str | None, there: list[str]) -> set[int]:
    """Return the places of the prompts that a filter leaves.

    Raises:
        UsageProblem: If it leaves none.
    """
    if wanted is not None and wanted not in there:
        known = list(dict.fromkeys(there))
        near = difflib.get_close_matches(wanted, known, n=_MOST) or known[:_MOST]
        raise UsageProblem(
            f"No prompt of {suite.name} has {flag} {wanted!r}.",
            remedy=f"Choose {flag} from: {', '.join(near)} ({len(known)} in all).",
        )
    return {place for place, one in enumerate(there) if wanted in (None, one)}


@app.command(
    epilog=o.example(
        "clip-audit suites check my_suite.toml", "clip-audit suites check my_suite.toml --checkpoint MODEL"
    )
)
def check(
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH...", help="The .toml files of suites.", show_default=False)
    ],
    checkpoint: o.CheckpointOption = None,
    waive_sanity: o.WaiveOption = False,
    as_json: o.JsonOption = False,
) -> None:
    """Check suites.

    Their files and slots, and with --checkpoint their words and the length of their prompts.
    """
    talk = Talk(as_json=as_json)
    if checkpoint is not None:
        check_checkpoint(checkpoint)
    told = []
    for path in paths:
        try:
            told.append(_checked(path, checkpoint, talk, waive_sanity=waive_sanity))
        except UsageProblem as problem:
            if len(paths) == 1:
                raise
            talk.say(f"Error: {paragraph(problem)}", style="red")
            told.append({"name": path, "ok": False, "problems": [str(problem)]})
    sound = all(one["ok"] for one in told)
    answer = told[0] if len(told) == 1 else {"ok": sound, "suites": told}
    talk.answer({**answer, "warnings": talk.warnings})
    raise typer.Exit(int(ExitCode.OK if sound else ExitCode.USAGE))


def _checked(path: str, checkpoint: str | None, talk: Talk, *, waive_sanity: bool) -> dict[str, object]:
    """Return what is to be said of one suite.

    Raises:
        UsageProblem: If it cannot be read.
    """
    from audit.lenses import check_lens
    from audit.suites import load_suite, suite_path

    file = suite_path(path)
    suite = load_suite(file)
    check_lens(suite, file)
    problems = _against(file, suite, checkpoint, talk, waive_sanity=waive_sanity) if checkpoint else []
    for problem in problems:
        talk.say(f"Error: {problem}", style="red")
    if not problems:
        talk.show(f"{file} is sound: {suite.name} {suite.version}, {len(suite.prompts):,} prompts.")
    return {"ok": not problems, "problems": problems, **_card(suite)}


@app.command(epilog=o.example("clip-audit suites metrics --json"))
def metrics(as_json: o.JsonOption = False) -> None:
    """List every metric: title, unit, range and direction.

    Those that another package adds are listed with its name and version.
    """
    talk = Talk(as_json=as_json)
    from audit.lenses import PLUGINS, metric_cards

    cards = metric_cards()
    origins = {card.name: one.plugin.origin for one in PLUGINS.lenses.values() for card in one.card.metrics}
    for problem in PLUGINS.problems.values():
        talk.warn(str(problem))
    talk.table(
        ("metric", "title", "unit", "from", "to", "neutral", "better", "meaning"),
        [
            (
                c.name,
                c.title,
                c.unit,
                *map("{:g}".format, c.span),
                "-" if c.neutral is None else f"{c.neutral:g}",
                c.direction,
                c.meaning + (f" (Of {origins[c.name]}.)" if c.name in origins else ""),
            )
            for c in cards
        ],
    )
    fields = ("name", "title", "unit", "span", "neutral", "direction", "meaning", "origin")
    rows = [(c.name, c.title, c.unit, c.span, c.neutral, c.direction, c.meaning, origins.get(c.name)) for c in cards]
    talk.answer({"metrics": [dict(zip(fields, row, strict=True)) for row in rows], "warnings": talk.warnings})


def _card(suite: PromptSuite) -> dict[str, object]:
    return {
        "name": suite.name,
        "version": suite.version,
        "lens": suite.lens,
        "purpose": suite.purpose,
        "source": suite.source,
        "licence": suite.licence,
        "digest": suite.digest,
        "prompt_count": len(suite.prompts),
    }


def _prompt(prompt: Prompt) -> dict[str, object]:
    return {
        "prompt_id": prompt.prompt_id,
        "text": prompt.text,
        "template": prompt.template,
        "concept": prompt.concept,
        "role": prompt.role,
        "group": prompt.group,
        "expected": prompt.expected,
        "facts": dict(prompt.facts),
    }


def _against(file: Path, suite: PromptSuite, name: str, talk: Talk, *, waive_sanity: bool) -> list[str]:
    """Return what keeps a suite from being asked of a checkpoint; what is only doubtful is a warning."""
    talk.say(f"Loading {name}")
    from audit.checkpoints import LoadOptions, load_checkpoint
    from audit.suites import over_length

    checkpoint = load_checkpoint(name, options=LoadOptions(waive_sanity=waive_sanity))
    limit, remedy = checkpoint.card.context_length, "Shorten the template or the entry of its slot."
    problems = [
        f"{_place(file, prompt)}: {prompt.text!r} has {checkpoint.count_tokens(prompt.text)} tokens, and {name} reads "
        f"{limit}. {remedy}"
        for prompt in over_length(suite, checkpoint.count_tokens, limit)[:_MOST]
    ]
    seen: set[str] = set()
    for prompt in suite.prompts:
        unknown = (
            []
            if prompt.role == "noise"
            else [w for text in prompt.texts for w in checkpoint.unknown_words(text) if w not in seen]
        )
        seen.update(unknown)
        if not unknown:
            continue
        found = f"{_place(file, prompt)}: {name} does not know {', '.join(map(repr, unknown))} in {prompt.text!r}."
        if suite.name.startswith(_PHANTOM):
            problems.append(f"{found} Use the words of its own world: `clip-audit phantom truth` lists them.")
        else:
            talk.warn(f"{found} Findings from this prompt say nothing about it.")
    return problems


def _place(file: Path, prompt: Prompt) -> str:
    """Return file and line of the template that a prompt comes from."""
    from audit.suites.document import read_document
    from audit.suites.suite_tables import parse_tables

    document = read_document(file)
    for number, block in enumerate(parse_tables(document).blocks):
        if block.role == prompt.role and prompt.template in block.templates:
            return (
                f"{file}, line {document.line(('block', number, 'templates', block.templates.index(prompt.template)))}"
            )
    raise UsageProblem(f"{file} changed while it was read.", remedy="Give the same command again.")
