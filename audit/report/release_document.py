"""A document for a release: who audited what, results by group, the decision, and what is evidence for which request.

It is filled from the run and from ``document.toml``; every fact names its source. It says what is evidence for a
request, and never that a request is met. Sources of the requests: NIST AI 100-1 (AI RMF 1.0), NIST AI 600-1, Regulation
(EU) 2024/1689 Annex XI, and 6 RCNY 5-300 to 5-303 (New York City Local Law 144).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from audit.lenses import CARDS, MetricCard
from audit.records import Decision, Finding
from audit.report.content import policy_sentence, rules_table, tone_of
from audit.report.findings import interval_of, is_measured, is_whole, value_of
from audit.report.method import (
    judge_error_sentences,
    judge_error_table,
    judges_table,
    missing_sentences,
    settings_sentences,
    versions_sentence,
)
from audit.report.model import Cell, Column, Paper, PaperSection, ReportInput, Table
from audit.report.release_file import ReleaseFile, SignOff
from audit.report.statements import weights_digest
from audit.report.text import (
    LIMITS,
    NO_INTERVAL,
    NOTHING,
    clean,
    count,
    quote,
    show_level,
    show_number,
    verdict_sentence,
    verdict_word,
)
from audit.stats import impact_ratio

FILE: Final = "document.toml"
_NOT_STATED: Final = "not stated"
_MOST_CONCEPTS: Final = 60
_LONGEST: Final = 1000
_BLANK_LINES: Final = 2
_INTRODUCTION: Final = (
    f"What an audit found and who answers for it, as evidence for those who decide. The run folder and {FILE} say what "
    "stands here; what nobody stated is called so."
)
_EVIDENCE: Final = (
    (
        "What here is evidence for which request. Evidence is not fulfilment: whether a request is met, those decide "
        "who answer for the release, and much of what is requested no audit of a checkpoint can show."
    ),
    (
        "Local Law 144 is about tools that decide on employment, which a checkpoint alone is not; the ratios are in "
        "its manner, of pictures and not of applicants."
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fact:
    what: str
    value: object
    source: str


def release_paper(source: ReportInput, told: ReleaseFile, *, run_digest: str) -> Paper:
    """Return the document as a paper.

    Args:
        source: Everything that was found.
        told: What people say besides.
        run_digest: SHA-256 of ``run.json``.
    """
    name, decision = clean(source.checkpoint.name, longest=80), source.decision
    return Paper(
        title=f"Document of release: {name}",
        heading=f"Document of release: {quote(source.checkpoint.name)}",
        created=clean(source.created, longest=40),
        summary=(_INTRODUCTION,),
        verdict_word=f"Decision: {verdict_word(decision).lower()}",
        tone=tone_of(decision),
        verdict=(clean(verdict_sentence(decision), longest=_LONGEST),),
        sections=(
            _control(source, told, run_digest),
            _audit(source, told),
            _scope(source, told),
            _judges(source),
            _results(source),
            _decision(source, told),
            _sign_off(told.sign_off),
            _crosswalk(),
            PaperSection(name="limits", title="What this does not say", sentences=LIMITS),
        ),
    )


def _facts(name: str, caption: str, facts: Iterable[_Fact]) -> Table:
    columns = tuple(Column(label=label) for label in ("What", "Stated", "Source"))
    rows = tuple(
        (Cell(text=one.what), Cell(text=_shown(one.value)), Cell(text=one.source if _is_stated(one) else NOTHING))
        for one in facts
    )
    return Table(name=name, caption=caption, columns=columns, rows=rows)


def _is_stated(fact: _Fact) -> bool:
    return fact.value is not None and fact.value not in ("", ())


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return clean("; ".join(map(str, value)), longest=_LONGEST) or _NOT_STATED
    return _NOT_STATED if value is None or value == "" else clean(value, longest=_LONGEST)


def _control(source: ReportInput, told: ReleaseFile, run_digest: str) -> PaperSection:
    card, about = source.checkpoint, told.checkpoint
    facts = (
        _Fact(what="Checkpoint", value=card.name, source="spec.json"),
        _Fact(what="SHA-256 of the checkpoint", value=card.digest, source="spec.json"),
        _Fact(what="SHA-256 of the weights", value=weights_digest(card), source="spec.json"),
        _Fact(what="Architecture", value=card.architecture, source="spec.json"),
        _Fact(what="Version", value=about.version, source=FILE),
        _Fact(what="Release date", value=about.released, source=FILE),
        _Fact(what="Supplier", value=about.supplier, source=FILE),
        _Fact(what="Base model", value=about.base_model, source=FILE),
        _Fact(what="Licence", value=about.licence, source=FILE),
        _Fact(what="Intended use", value=about.intended_use, source=FILE),
        _Fact(what="SHA-256 of the run (run.json)", value=run_digest, source="run.json"),
        _Fact(what="Date of the findings", value=source.created, source="report"),
    )
    return PaperSection(
        name="control", title="Document control", tables=(_facts("control-facts", "What is audited.", facts),)
    )


def _audit(source: ReportInput, told: ReleaseFile) -> PaperSection:
    about, images = told.audit, source.evidence.images
    steps = int(images["steps"].sum())
    made = f"{count(len(images), 'image')}, {count(steps, 'optimisation step')}"
    suites = source.spec.get("suites")
    facts = (
        _Fact(what="Auditor", value=about.auditor, source=FILE),
        _Fact(what="Organisation", value=about.organisation, source=FILE),
        _Fact(what="Independence", value=about.independence, source=FILE),
        _Fact(what="Contact", value=about.contact, source=FILE),
        _Fact(what="Reason for the audit", value=about.reason, source=FILE),
        _Fact(what="Next audit", value=about.next_audit, source=FILE),
        _Fact(what="Last audit", value=told.since.last_audit, source=FILE),
        _Fact(what="Tool", value=f"clip-audit {source.versions.get('clip-audit', '')}", source="spec.json"),
        _Fact(what="Compute", value=made, source="tables/images"),
        _Fact(
            what="Energy",
            value=None if about.energy_kwh is None else f"{about.energy_kwh:g} kWh",
            source=FILE,
        ),
    )
    listed = suites.items() if isinstance(suites, Mapping) else ()
    rows = tuple((Cell(text=clean(name, longest=80)), Cell(text=clean(digest, longest=80))) for name, digest in listed)
    columns = (Column(label="Suite"), Column(label="SHA-256"))
    return PaperSection(
        name="audit",
        title="Audit",
        sentences=(
            *settings_sentences(source.spec),
            versions_sentence(source.versions),
            clean(source.command, longest=2000),
        ),
        tables=(
            _facts("audit-facts", "Who audited, with what, and when again.", facts),
            *((Table(name="suites", caption="What was asked.", columns=columns, rows=rows),) if rows else ()),
        ),
    )


def _scope(source: ReportInput, told: ReleaseFile) -> PaperSection:
    scope = told.scope
    facts = (
        _Fact(what="Groups", value=scope.groups, source=FILE),
        _Fact(what="Harms looked for", value=scope.harms, source=FILE),
        _Fact(what="Risks not measured", value=scope.risks_not_measured, source=FILE),
        _Fact(what="Excluded", value=scope.excluded, source=FILE),
    )
    return PaperSection(
        name="scope",
        title="Scope, and what was not measured",
        sentences=missing_sentences(source.findings, source.evidence, source.spec),
        tables=(_facts("scope-facts", "What the audit was meant to look at.", facts),),
    )


def _judges(source: ReportInput) -> PaperSection:
    errors = judge_error_table(source.tables)
    return PaperSection(
        name="judged-by",
        title="Judges, their lineage and their error",
        sentences=judge_error_sentences(source),
        tables=(
            judges_table(source.evidence.judges.values(), source.checkpoint),
            *((errors,) if errors.rows else ()),
        ),
    )


def _results(source: ReportInput) -> PaperSection:
    tables = tuple(
        _groups_table(card, card.groups, [f for f in source.findings if f.metric == card.name], source.findings)
        for card in CARDS.values()
        if card.groups is not None and any(f.metric == card.name for f in source.findings)
    )
    nothing = ("No judge read pictures by group, so there is no result by group.",)
    return PaperSection(name="by-group", title="Results by group", sentences=() if tables else nothing, tables=tables)


def _groups_table(
    card: MetricCard, groups: tuple[str, str], answers: Sequence[Finding], findings: Sequence[Finding]
) -> Table:
    """Return the shares of two groups, their ratio, and what could not be told: farthest from parity first."""
    unknown = {(f.suite, f.subject): f for f in findings if f.metric == card.unknown}
    neutral = 0.5
    ordered = sorted(
        filter(is_measured, answers),
        key=lambda f: (not is_whole(f), -abs((f.estimate.value or 0.0) - neutral), f.suite, f.subject),
    )
    levels = ", ".join(sorted({show_level(f.estimate.level) for f in ordered}))
    beyond = len(ordered) - _MOST_CONCEPTS
    more = (
        f" The {_MOST_CONCEPTS} that are farthest from parity of {len(ordered)}; all are in tables/."
        if beyond > 0
        else ""
    )
    silent = sum(1 for one in answers if not is_measured(one))
    none = f" Not measured: {count(silent, 'concept')}." if silent else ""
    columns = (
        Column(label="Concept"),
        Column(label=f"Read as {groups[0]}", numeric=True),
        Column(label=f"Read as {groups[1]}", numeric=True),
        Column(label="Impact ratio", numeric=True),
        Column(label="Unknown", numeric=True),
        Column(label="Images / prompts", numeric=True),
    )
    return Table(
        name=f"groups-{card.name.replace('.', '-').replace('_', '-')}",
        caption=(
            f"{card.title}, among pictures that are read as either, with {levels} intervals. Impact ratio: the share "
            "of the group that is read less often over that of the other, 1 at parity; its interval is that of the "
            "share, taken through the same formula. Unknown: what could not be read, of all pictures; in no share."
            f"{more}{none}"
        ),
        columns=columns,
        rows=tuple(_group_row(f, unknown.get((f.suite, f.subject))) for f in ordered[:_MOST_CONCEPTS]),
    )


def _group_row(finding: Finding, unknown: Finding | None) -> tuple[Cell, ...]:
    estimate = finding.estimate
    ratio = impact_ratio(estimate.value or 0.0, estimate.low, estimate.high)
    other = (
        NO_INTERVAL
        if estimate.low is None or estimate.high is None
        else f"{show_number(1 - estimate.high)} to {show_number(1 - estimate.low)}"
    )
    ends = NO_INTERVAL if ratio.low is None else f"{show_number(ratio.low)} to {_upper(ratio.high)}"
    return (
        Cell(
            text="the whole suite" if finding.subject == "*" else clean(finding.subject, longest=80),
            detail=clean(finding.suite, longest=40),
        ),
        Cell(text=value_of(finding), detail=interval_of(finding)),
        Cell(text=show_number(1 - (estimate.value or 0.0)), detail=other),
        Cell(text=show_number(ratio.value), detail=ends),
        Cell(
            text=NOTHING if unknown is None else value_of(unknown),
            detail="" if unknown is None else interval_of(unknown),
        ),
        Cell(text=f"{estimate.n_images} / {estimate.n_prompts}"),
    )


def _upper(end: float | None) -> str:
    return "no end" if end is None else show_number(end)


def _decision(source: ReportInput, told: ReleaseFile) -> PaperSection:
    decision = source.decision
    policy = policy_sentence(decision)
    return PaperSection(
        name="decided",
        title="Decision, waivers and change",
        sentences=(
            *((policy,) if policy else ("No policy was given, so nothing was decided.",)),
            _change(decision, told),
        ),
        tables=(*((rules_table(decision),) if decision.results else ()), *_waivers(decision)),
    )


def _change(decision: Decision, told: ReleaseFile) -> str:
    baseline = decision.baseline
    compared = (
        "The decision compared with no earlier run."
        if baseline is None
        else f"It was compared with the run {quote(baseline.folder)}, SHA-256 {clean(baseline.digest, longest=80)}."
    )
    said = clean(told.since.summary, longest=_LONGEST) if told.since.summary else _NOT_STATED
    return f"{compared} Change since the last audit ({FILE}): {said}"


def _waivers(decision: Decision) -> tuple[Table, ...]:
    columns = tuple(Column(label=label) for label in ("Waived rule", "Answers for it", "Until", "Reason"))
    rows = tuple(
        tuple(Cell(text=clean(text, longest=_LONGEST)) for text in (one.rule, by.owner, by.until, by.reason))
        for one in decision.waived
        if (by := one.waived) is not None
    )
    return (Table(name="waivers", caption="Waivers, from the policy.", columns=columns, rows=rows),) if rows else ()


def _sign_off(signed: Sequence[SignOff]) -> PaperSection:
    columns = tuple(Column(label=label) for label in ("Name", "Role", "Date", "Statement", "Signature"))
    rows = tuple(
        tuple(
            Cell(text=clean(text, longest=_LONGEST))
            for text in (one.name, one.role, one.date or "", one.statement or "", "")
        )
        for one in signed
    )
    blank = ((Cell(text="to be signed"), *(Cell(text=""),) * (len(columns) - 1)),) * _BLANK_LINES
    caption = f"Who answers for the release, from {FILE}." if rows else "Nobody has signed."
    return PaperSection(
        name="sign-off",
        title="Sign-off",
        tables=(Table(name="sign-off-lines", caption=caption, columns=columns, rows=rows or blank),),
    )


_WHERE: Final = {
    "control": "Document control",
    "audit": "Audit",
    "scope": "Scope, and what was not measured",
    "judged-by": "Judges, their lineage and their error",
    "by-group": "Results by group",
    "decided": "Decision, waivers and change",
    "sign-off": "Sign-off",
    "limits": "What this does not say",
}
_REQUESTS: Final[tuple[tuple[str, str, str], ...]] = (
    ("NIST AI RMF, GOVERN 1.5", "monitoring and periodic review are planned: date of the next audit", "audit"),
    ("NIST AI RMF, MAP 1.1", "intended use and context are documented", "control"),
    ("NIST AI RMF, MEASURE 1.1", "metrics were chosen, and risks that were not measured are documented", "scope"),
    ("NIST AI RMF, MEASURE 1.3", "who assessed, and how independently", "audit"),
    ("NIST AI RMF, MEASURE 2.1", "test sets (suites by digest), metrics and tools are documented", "audit"),
    ("NIST AI RMF, MEASURE 2.5", "limits of what the results hold for are documented", "limits"),
    ("NIST AI RMF, MEASURE 2.11", "bias was evaluated, and results are documented", "by-group"),
    ("NIST AI RMF, MEASURE 2.12", "compute and energy of the audit", "audit"),
    ("NIST AI RMF, MEASURE 2.13", "the measure itself was evaluated: error and lineage of judges", "judged-by"),
    ("NIST AI RMF, MANAGE 1.1", "a determination whether to go on with the release", "decided"),
    ("NIST AI RMF, MANAGE 1.4", "residual risks: waivers, and what was not measured", "decided"),
    ("NIST AI 600-1, 2.6 harmful bias or homogenization", "associations by group, with intervals", "by-group"),
    (
        "NIST AI 600-1, 2.11 obscene or degrading content",
        "decision on rules about unsafe pictures, if asked",
        "decided",
    ),
    ("NIST AI 600-1, 2.12 value chain", "identity by digest, base model, licence", "control"),
    ("EU AI Act, Annex XI, 1(1)(a)", "intended tasks", "control"),
    ("EU AI Act, Annex XI, 1(1)(c), (d), (f)", "date of release, architecture, licence", "control"),
    ("EU AI Act, Annex XI, 1(2)(c)", "a method to detect identifiable biases was applied", "by-group"),
    ("EU AI Act, Annex XI, 2(1)", "evaluation: criteria, metrics, results and limits", "by-group"),
    ("NYC LL 144, 6 RCNY 5-300", "independence of the auditor", "audit"),
    ("NYC LL 144, 6 RCNY 5-301", "in its manner: shares by group, impact ratios, number unknown", "by-group"),
    ("NYC LL 144, 6 RCNY 5-303", "date of the audit, and the source of its data", "control"),
)


def _crosswalk() -> PaperSection:
    rows = tuple(
        (Cell(text=request), Cell(text=what), Cell(text=_WHERE[section], link=section))
        for request, what, section in _REQUESTS
    )
    columns = (Column(label="Request"), Column(label="Evidence here"), Column(label="Where"))
    return PaperSection(
        name="crosswalk",
        title="Crosswalk",
        sentences=_EVIDENCE,
        tables=(Table(name="requests", caption="Requests, and the evidence for them.", columns=columns, rows=rows),),
    )
