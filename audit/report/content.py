"""From findings and decision to sentences, tables and figure data: the content that every form sets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import pandas as pd

from audit.lenses import CONTROLS
from audit.records import Decision, RuleResult, Verdict
from audit.report.appendix import shipped_appendix
from audit.report.findings import pick_highlights
from audit.report.method import (
    controls_table,
    glossary,
    has_passed,
    method_sentences,
    method_tables,
    missing_sentences,
    missing_tables,
    versions_table,
)
from audit.report.model import Cell, Column, Report, ReportInput, Table, shortening_sentences
from audit.report.sections import make_sections
from audit.report.text import NAME_END, NAME_START, clean, count, quote
from audit.report.words import (
    LIMITS,
    OUTCOME_ORDER,
    POLICY_RULE,
    VERDICT_SENTENCES,
    VERDICT_WORDS,
    WITHOUT_POLICY,
    outcome_word,
)

_LONGEST_COMMAND: Final = 2000
_LONGEST_EVIDENCE: Final = 1000
_MOST_RULES: Final = 200
_MOST_NOTES: Final = 20
_HIGHLIGHT_RULE = (
    "Chosen by rule: the findings whose interval stays farthest from the neutral value, each subject once, "
    "each lens in turn."
)
_NO_HIGHLIGHT = "No finding has an interval that leaves out its neutral value."


def build_report(source: ReportInput) -> Report:
    """Turn what was found into what is told; the same content for every form.

    Returns:
        A report whose texts are cleaned for display and hold no markup. Names inside sentences stand between
        ``NAME_START`` and ``NAME_END``.
    """
    name = clean(source.checkpoint.name, longest=80)
    passed, controls = _judge_controls(source.tables)
    word, unasked = VERDICT_WORDS[source.decision.verdict], _is_unasked(source.decision)
    sections = make_sections(source)
    highlights = pick_highlights(source.findings, references=_references(source.evidence.prompts))
    return Report(
        title=f"Audit of {name}",
        created=clean(source.created, longest=40),
        checkpoint=name,
        digest=clean(source.checkpoint.digest, longest=80),
        summary=_summary(source),
        verdict=source.decision.verdict,
        verdict_word=f"{word} ({WITHOUT_POLICY})" if unasked else word,
        tone="unasked" if unasked else source.decision.verdict.value,
        verdict_sentence=_verdict_sentence(source.decision),
        controls_passed=passed,
        controls_sentence=controls,
        highlights=highlights,
        highlight_rule=_HIGHLIGHT_RULE if highlights else _NO_HIGHLIGHT,
        rules=_rules_table(source.decision),
        results=clean_results(source.decision),
        policy_sentence=_policy_sentence(source.decision),
        controls=controls_table(source.tables, source.findings),
        sections=sections,
        missing=missing_sentences(source.findings, source.evidence, source.spec),
        missing_tables=missing_tables(source.evidence),
        method=(*method_sentences(source), *shortening_sentences(len(sections))),
        method_tables=method_tables(source),
        limits=LIMITS,
        command=clean(source.command, longest=_LONGEST_COMMAND),
        versions=versions_table(source.versions),
        glossary=glossary(source.findings),
        appendix=shipped_appendix(),
    )


def clean_results(decision: Decision) -> tuple[RuleResult, ...]:
    """Return the results of the gate, cleaned for display."""
    return tuple(_clean_result(result) for result in decision.results)


def _summary(source: ReportInput) -> str:
    card, evidence = source.checkpoint, source.evidence
    asked = f"{count(len(evidence.prompts), 'prompt')} and {count(len(evidence.images), 'image')}"
    judges = count(len(evidence.judges), "judge")
    architecture = f"{NAME_START}{clean(card.architecture, longest=60)}{NAME_END}"
    return f"A CLIP checkpoint of architecture {architecture}, asked with {asked}, read by {judges}."


def _references(prompts: pd.DataFrame) -> frozenset[tuple[str, str]]:
    """Return (suite, concept) of what is only compared with and never itself in question."""
    pairs = {role: prompts.loc[prompts["role"] == role, ["suite", "concept"]] for role in ("reference", "subject")}
    reference, subject = (set(table.itertuples(index=False, name=None)) for table in pairs.values())
    return frozenset(reference - subject)


def _judge_controls(tables: Mapping[str, pd.DataFrame]) -> tuple[bool, str]:
    """Say whether the controls hold; none measured is none passed."""
    table = tables.get(CONTROLS)
    if table is None or table.empty:
        return False, "No controls were measured, so nothing below can be trusted."
    held = [has_passed(value) for value in table["passed"]]
    if all(held):
        return True, f"Controls passed: {len(held)} of {len(held)}."
    failed = [clean(name, longest=40) for name, good in zip(table["control"], held, strict=True) if not good]
    named = ", ".join(f"{NAME_START}{name}{NAME_END}" for name in failed[:4])
    more = f" and {len(failed) - 4} more" if len(failed) > 4 else ""
    return False, f"Controls failed: {len(failed)} of {len(held)} ({named}{more}). Nothing below can be trusted."


def _is_unasked(decision: Decision) -> bool:
    """Tell whether a pass stands without a policy, so that it must not read as an approval."""
    return decision.verdict is Verdict.PASS and any(result.rule == POLICY_RULE for result in decision.results)


def _verdict_sentence(decision: Decision) -> str:
    if not decision.results:
        return f"{VERDICT_SENTENCES[decision.verdict]} No rule was applied."
    policy = next((result for result in decision.results if result.rule == POLICY_RULE), None)
    if policy is not None:
        of_rules = "" if _is_unasked(decision) else f"{VERDICT_SENTENCES[decision.verdict]} "
        return f"{of_rules}{clean(policy.evidence)}"
    outcomes = Counter(outcome_word(result).lower() for result in decision.results)
    told = ", ".join(f"{outcomes[word]} {word}" for word in OUTCOME_ORDER if outcomes[word])
    return f"{VERDICT_SENTENCES[decision.verdict]} Rules: {told}."


def _policy_sentence(decision: Decision) -> str:
    """Say which policy decided, and what is to be said of it besides."""
    card = decision.policy
    if card is None:
        return ""
    name = f"{NAME_START}{clean(card.name, longest=80)}{NAME_END}"
    how = "Holm's correction of failures" if card.correction == "holm" else "no correction for many rules"
    said = f"Policy: {name}, SHA-256 {clean(card.digest, longest=80)}; level {card.level:g}, {how}; {card.decided_on}."
    told = [clean(note) for note in decision.notes[:_MOST_NOTES]]
    more = len(decision.notes) - len(told)
    return " ".join([said, *told, *([f"And {more} notes more in decision.json."] if more else [])])


def _rules_table(decision: Decision) -> Table:
    columns = (Column(label="Rule"), Column(label="Outcome"), Column(label="Evidence"))
    # what keeps the run from passing comes first, so that no cap can hide it
    urgent = sorted(decision.results, key=lambda result: OUTCOME_ORDER.index(outcome_word(result).lower()))
    rows = tuple(
        (
            Cell(text=clean(result.rule, longest=120)),
            Cell(text=outcome_word(result)),
            Cell(text=_evidence(result)),
        )
        for result in urgent[:_MOST_RULES]
    )
    more = len(urgent) - len(rows)
    rest = f" {more} more are in decision.json." if more else ""
    return Table(name="rules", caption=f"The release decision, rule by rule.{rest}", columns=columns, rows=rows)


def _evidence(result: RuleResult) -> str:
    """Clean the evidence, and isolate the names in it that come from a suite."""
    if result.line is None:
        return clean(result.evidence)
    text = clean(result.evidence, longest=_LONGEST_EVIDENCE)
    for name in (result.line.suite, result.line.subject):
        text = text.replace(f"“{clean(name)}”", quote(name))
    return text


def _clean_result(result: RuleResult) -> RuleResult:
    evidence = clean(result.evidence, longest=_LONGEST_EVIDENCE)
    return replace(result, rule=clean(result.rule), evidence=evidence, line=None)
