"""The report as a page of Markdown, for a CI job summary: decision, controls, rules, what matters most.

It fits the megabyte that GitHub gives the summary of a step: rules are capped, and every text is.
"""

from __future__ import annotations

import re
from typing import Final

from audit.report.model import Report
from audit.report.text import NAME_END, NAME_START, NOTHING

MOST_RULES: Final = 50
_SPECIAL = re.compile(r"[\\`*_\[\]<>|#~$&!@]|:(?=//|:)|(?<=www)\.")


def render_summary(report: Report) -> str:
    """Write the first page of the report as GitHub-flavoured Markdown.

    Every text from outside is escaped, and no line begins with one, so that none can become a heading, a link, a
    picture or a workflow command.
    """
    lines = [
        f"# {escape(report.title)}",
        "",
        f"**{report.verdict_word}.** {escape(report.verdict_sentence)}",
        "",
        f"{escape(report.controls_sentence)}",
        "",
        *([f"{escape(report.policy_sentence)}", ""] if report.policy_sentence else []),
        f"Checkpoint digest: {escape(report.digest)}. Date: {escape(report.created)}.",
        "",
        *_rules(report),
        "## What matters most",
        "",
        *(f"{place}. {escape(h.statement)} {escape(h.numbers)}" for place, h in enumerate(report.highlights, start=1)),
        *([""] if report.highlights else []),
        f"{escape(report.highlight_rule)}",
        "",
        "## What was not measured",
        "",
        *(f"- {escape(sentence)}" for sentence in report.missing),
        "",
        "Perceived gender presentation is what a judge sees in a picture, never what somebody is.",
        "",
    ]
    return "\n".join(lines)


def _rules(report: Report) -> list[str]:
    table = report.rules
    if not table.rows:
        return []
    heads = " | ".join(column.label for column in table.columns)
    shown = table.rows[:MOST_RULES]
    rows = ["| " + " | ".join(escape(cell.text) or NOTHING for cell in row) + " |" for row in shown]
    more = len(report.results) - len(shown)
    rest = [f"… and {more} more rules; all are in decision.json.", ""] if more else []
    return ["## Rules", "", f"| {heads} |", "|" + " --- |" * len(table.columns), *rows, "", *rest]


def escape(text: str) -> str:
    r"""Escape text so that Markdown shows it as it is.

    Example:
        >>> escape("[a](b) *c*")
        '\\[a\\](b) \\*c\\*'
    """
    plain = text.replace(NAME_START, "").replace(NAME_END, "")
    return _SPECIAL.sub(lambda found: "&lt;" if found[0] == "<" else f"\\{found[0]}", plain)
