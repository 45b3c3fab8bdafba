"""What a run came to, for people in a few lines and for programs as one object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import typer

from audit.cli.talk import LOUDNESS, VERDICT_SAID, Loudness, Talk, on_github, paragraph

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from audit.pipeline import Outcome
    from audit.records import Finding
    from audit.report.model import Highlight

WAIVED: Final = (
    "THE SANITY GATE WAS WAIVED (--waive-sanity): whether this checkpoint works at all was not asked, so its findings "
    "mean nothing, whatever the verdict says."
)
_STYLES: Final = {"pass": "bold green", "fail": "bold red", "inconclusive": "bold yellow", "none": "bold"}
_MOST_REASONS: Final = 3
_UNMARKED: Final = dict.fromkeys((0x2068, 0x2069))
"""Without the marks around names, which the report needs and a terminal does not."""


def finish(
    talk: Talk,
    outcome: Outcome,
    spec: Mapping[str, object],
    *,
    beside: Path | None = None,
    own_images: Path | None = None,
) -> typer.Exit:
    """Say what a run came to, and return the exit that its verdict asks for.

    Args:
        talk: How the command speaks.
        outcome: What the run came to.
        spec: Of the run.
        beside: The folder that the decision was written into, where that is not the run.
        own_images: The page on pictures of the user's own, where there is one.
    """
    from audit.gate import exit_code

    if is_waived(spec):
        talk.warnings.append(WAIVED)
    open_questions = unanswered(outcome, spec)
    talk.warnings.extend(one for one in open_questions if not any(one in said for said in talk.warnings))
    told = worst(outcome.findings, outcome.evidence.prompts)
    places = _report_files(outcome.folder) if beside is None else _decision_files(beside)
    lines = _lines(outcome, told, waived=is_waived(spec))
    if open_questions:  # what looks finished is taken for finished
        lines = [(text, style.replace("green", "yellow")) for text, style in lines]
        lines += [(one, "bold red") for one in open_questions]
    talk.conclude([*lines, *_figure(talk, outcome)])
    _pictures(talk, outcome)
    talk.conclude([(_where(places), "bold")])
    _annotate(talk, outcome)
    own = {} if own_images is None else {"own_images": own_images}
    talk.answer({**_document(talk, outcome, told, places, open_questions), **own})
    VERDICT_SAID.set(True)
    return typer.Exit(int(exit_code(outcome.decision.verdict)))


def _annotate(talk: Talk, outcome: Outcome) -> None:
    """Tell GitHub what stands in the way, where this runs in one of its jobs; on stderr, which it reads too."""
    if not on_github():
        return
    from audit.report import render_annotations
    from audit.report.content import clean_results

    talk.command(render_annotations(clean_results(outcome.decision)))


def unanswered(outcome: Outcome, spec: Mapping[str, object]) -> tuple[str, ...]:
    """Say which main questions of a run no judge has answered."""
    from audit.evidence import still_unanswered

    answered = {question for judge in outcome.evidence.judges.values() for question in judge.asks}
    return still_unanswered(spec, outcome.evidence.prompts["suite"].unique().tolist(), answered)


def is_waived(spec: Mapping[str, object]) -> bool:
    """Tell from a run's spec whether its checkpoint was loaded without the sanity check."""
    options = spec.get("options")
    return isinstance(options, Mapping) and bool(options.get("waive_sanity"))


def worst(findings: Sequence[Finding], prompts: pd.DataFrame) -> tuple[Highlight, ...]:
    """Return the findings that matter most, as the report chooses them, without marks for the direction of text."""
    import dataclasses

    from audit.report.findings import only_compared, pick_highlights

    found = pick_highlights(findings, references=only_compared(prompts))
    return tuple(
        dataclasses.replace(h, statement=h.statement.translate(_UNMARKED), numbers=h.numbers.translate(_UNMARKED))
        for h in found
    )


def _lines(outcome: Outcome, told: tuple[Highlight, ...], *, waived: bool) -> list[tuple[str, str]]:
    from audit.records import Verdict
    from audit.report.text import OUTCOME_ORDER, outcome_word, verdict_sentence, verdict_word

    decision = outcome.decision
    sentence = paragraph(verdict_sentence(decision))
    said = sentence if decision.verdict is Verdict.NONE else f"{verdict_word(decision)}: {sentence}"
    lines = [(said, "bold yellow" if decision.passed_with_waivers else _STYLES[decision.verdict.value])]
    reasons = [result for result in decision.results if result.stands_in_the_way]
    reasons.sort(key=lambda result: OUTCOME_ORDER.index(outcome_word(result).lower()))
    lines += [(f"  {paragraph(r.rule)}: {paragraph(r.evidence)}", "") for r in reasons[:_MOST_REASONS]]
    if len(reasons) > _MOST_REASONS:
        lines.append((f"  ... and {len(reasons) - _MOST_REASONS} more; see the report.", ""))
    lines += [(f"  Note: {paragraph(note)}", "") for note in decision.notes]
    lines += [(f"  {number}. {h.statement} {h.numbers}", "") for number, h in enumerate(told, start=1)]
    if not told:
        lines.append(("  No finding lies beyond the smallest effect of interest with its whole interval.", ""))
    lines += [(WAIVED, "bold red")] if waived else []
    return lines


def _figure(talk: Talk, outcome: Outcome) -> list[tuple[str, str]]:
    """Return the main figure as lines, where somebody wants more than the answer and there is room."""
    from audit.report.findings import only_compared
    from audit.report.first_page import main_figure
    from audit.report.text_figure import draw_text

    figure = main_figure(outcome.findings, outcome.evidence, only_compared(outcome.evidence.prompts))
    if figure is None or LOUDNESS.get() is Loudness.QUIET:
        return []
    lines = draw_text(figure, talk.width)
    heading = paragraph(figure.caption.partition(". ")[0].translate(_UNMARKED))
    return [(line, "") for line in ([f"{heading}:", *lines] if lines else [])]


def _pictures(talk: Talk, outcome: Outcome) -> None:
    """Show the pictures of the report's first page, where somebody watches a terminal that draws them."""
    from audit.cli.terminal_pictures import strip_lines

    if not talk.as_json and LOUDNESS.get() > Loudness.QUIET:
        talk.draw(strip_lines(outcome, talk.width))


def _report_files(folder: Path) -> dict[str, Path]:
    return {
        "html": folder / "report.html",
        "explore": folder / "explore.html",
        "pdf": folder / "report.pdf",
        "summary": folder / "summary.md",
        "findings": folder / "findings.json",
    }


def _decision_files(folder: Path) -> dict[str, Path]:
    return {"decision": folder / "decision.json", "summary": folder / "summary.md", "junit": folder / "junit.xml"}


def _where(places: Mapping[str, Path]) -> str:
    if "html" in places:
        return f"Report: {places['html']}, with report.pdf and explore.html (every row and picture) beside it"
    return f"Decision: {places['decision']}, with summary.md and junit.xml beside it"


def _document(
    talk: Talk,
    outcome: Outcome,
    told: tuple[Highlight, ...],
    places: Mapping[str, Path],
    open_questions: tuple[str, ...],
) -> dict[str, object]:
    from audit.gate import decision_document

    images = outcome.evidence.images
    return {
        "folder": outcome.folder,
        "verdict": outcome.decision.verdict.value,
        "passed_with_waivers": outcome.decision.passed_with_waivers,
        "decision": decision_document(outcome.decision),
        "worst": [{"statement": h.statement, "numbers": h.numbers} for h in told],
        "prompts": len(outcome.evidence.prompts),
        "images": len(images),
        "converged": int((images["status"] == "converged").sum()),
        "findings": len(outcome.findings),
        "judges": sorted(outcome.evidence.judges),
        "report": places,
        "unanswered": list(open_questions),
        "warnings": talk.warnings,
    }
