"""From findings and decision to sentences, tables and figure data: the content that every form sets.

First stands what opens and closes a report, then the section of each suite.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import pandas as pd

from audit.evidence import Evidence
from audit.lenses import CARDS, CONTROLS, LENSES, QUESTIONS, WHOLE_SUITE, MetricCard, said_best
from audit.records import Decision, Finding, RuleResult, Verdict
from audit.report.findings import (
    answer_tables,
    concept_tables,
    interval_of,
    is_measured,
    is_whole,
    leaves_out_neutral,
    pick_highlights,
    suite_table,
    tables_together,
    value_of,
)
from audit.report.images import make_sheet
from audit.report.method import (
    controls_table,
    distrusted,
    doubted_questions,
    glossary,
    has_passed,
    method_sentences,
    method_tables,
    missing_sentences,
    missing_tables,
    shipped_appendix,
    told_in_method,
    versions_table,
)
from audit.report.model import (
    Appendix,
    Cell,
    Column,
    DrawnFigure,
    ForestFigure,
    ForestRow,
    Report,
    ReportInput,
    Room,
    Section,
    Table,
    Tone,
    room_for,
    shortening_sentences,
)
from audit.report.suite_figures import (
    Outcomes,
    outcome_map,
    outcome_table,
    quality_spread,
    read_outcomes,
    variance_by_cause,
)
from audit.report.text import (
    LIMITS,
    NAME_END,
    NAME_START,
    NO_INTERVAL,
    OTHER_QUESTION,
    OUTCOME_ORDER,
    clean,
    count,
    outcome_word,
    quote,
    show_level,
    verdict_sentence,
    verdict_word,
)

_TONES: Final[Mapping[Verdict, Tone]] = {
    Verdict.PASS: "pass",
    Verdict.FAIL: "fail",
    Verdict.INCONCLUSIVE: "inconclusive",
    Verdict.NONE: "unasked",
}
_LONGEST_COMMAND: Final = 2000
_LONGEST_EVIDENCE: Final = 1000
_MOST_RULES: Final = 200
_MOST_NOTES: Final = 20
_HIGHLIGHT_RULE = (
    "Chosen by rule: of the findings whose whole interval lies beyond the smallest effect of interest, the largest, "
    "each subject once, each lens in turn."
)
_NO_HIGHLIGHT = "No finding lies beyond the smallest effect of interest with its whole interval."


def build_report(source: ReportInput) -> Report:
    """Turn what was found into what is told; the same content for every form.

    Returns:
        A report whose texts are cleaned for display and hold no markup. Names inside sentences stand between
        ``NAME_START`` and ``NAME_END``.
    """
    name = clean(source.checkpoint.name, longest=80)
    passed, controls = _judge_controls(source.tables)
    sections = make_sections(source)
    highlights = pick_highlights(source.findings, references=_references(source.evidence.prompts))
    return Report(
        title=f"Audit of {name}",
        created=clean(source.created, longest=40),
        checkpoint=name,
        digest=clean(source.checkpoint.digest, longest=80),
        summary=_summary(source),
        verdict=source.decision.verdict,
        verdict_word=verdict_word(source.decision),
        tone=_tone(source.decision),
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
        appendix=_appendix(source),
    )


def _appendix(source: ReportInput) -> Appendix:
    """Return the calibration that ships, with what this run says of the instrument on its own checkpoint."""
    shipped = shipped_appendix()
    here = told_in_method(source.findings)
    own = (f"On this checkpoint: {' '.join(here)}",) if here else ()
    return replace(shipped, sentences=(*shipped.sentences, *own))


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
    wrong = table[[not good for good in held]]
    states = wrong["state"] if "state" in wrong else ["failed"] * len(wrong)
    told = [
        f"{NAME_START}{clean(name, longest=40)}{NAME_END} {clean(state, longest=20)}"
        for name, state in zip(wrong["control"], states, strict=True)
    ]
    more = f" and {len(told) - 4} more" if len(told) > 4 else ""
    return False, f"Controls not passed: {len(told)} of {len(held)} ({', '.join(told[:4])}{more}). {distrusted(table)}"


def _tone(decision: Decision) -> Tone:
    """Return the colour of a verdict: green is for a pass that needs no waiver."""
    if decision.passed_with_waivers:
        return "inconclusive"
    return _TONES[decision.verdict]


def _verdict_sentence(decision: Decision) -> str:
    sentence = clean(verdict_sentence(decision), longest=_LONGEST_EVIDENCE)
    if decision.verdict is Verdict.NONE:
        return sentence
    if not decision.results:
        return f"{sentence} No rule was applied."
    outcomes = Counter(outcome_word(result).lower() for result in decision.results)
    told = ", ".join(f"{outcomes[word]} {word}" for word in OUTCOME_ORDER if outcomes[word])
    return f"{sentence} Rules: {told}."


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


_ALL_SUITES = "all suites together"
_PLACES = ("first", "main", "beside", "last")
_LEADING = ("first", "main")


def make_sections(source: ReportInput) -> tuple[Section, ...]:
    """Return one section per suite, in the order of the prompts; suites that hold only controls come last."""
    suites = _suites(source)
    room = room_for(len(suites))
    return tuple(_make_section(source, suite, number, room) for number, suite in enumerate(suites, start=1))


def _suites(source: ReportInput) -> list[str]:
    in_prompts = source.evidence.prompts
    names = list(dict.fromkeys([*map(str, in_prompts["suite"]), *(f.suite for f in _told(source))]))
    asking = set(in_prompts.loc[in_prompts["role"].isin(["subject", "reference"]), "suite"].map(str))
    return sorted(names, key=lambda name: name not in asking)


def _told(source: ReportInput) -> list[Finding]:
    """Return the findings that belong into sections: all but the controls that have a table of their own."""
    table = source.tables.get(CONTROLS)
    listed = set() if table is None or "metric" not in table.columns else set(table["metric"])
    return [f for f in source.findings if not (f.lens == CONTROLS and f.metric in listed)]


def _make_section(source: ReportInput, suite: str, number: int, room: Room) -> Section:
    findings = [f for f in _told(source) if f.suite == suite]
    name = f"suite-{number}"
    figures: list[ForestFigure] = []
    tables: list[Table] = []
    sentences: list[str] = []
    for place, lens in enumerate(_lenses(findings), start=1):
        answers = [f for f in findings if f.lens == lens]
        of_lens = _figures(answers, source.evidence, name=name, most=room.figure_rows)
        figures += [figure for figure in of_lens if not _is_flat(figure)]
        sentences += [figure.equivalent for figure in of_lens if _is_flat(figure)]
        whole = suite_table(answers, name=f"{name}-{place}-whole", suite=suite)
        tables += [whole] if whole else []
        tables += concept_tables(answers, name=f"{name}-{place}", suite=suite, most=room.rows)
    tables += tables_together(findings, name=name, suite=suite, most=room.rows)
    tables += answer_tables(source.tables, name=f"{name}-answers", suite=suite, most=room.rows)
    seen = _read_outcomes(source.tables, suite)
    tables += [outcome_table(one, name=f"{name}-outcomes-numbers", room=room) for one in seen]
    if not any(is_measured(f) for f in findings):
        sentences.append("Nothing was measured on this suite.")
    doubted = _doubted(findings, source.tables)
    sentences += [f"Not shown: {', '.join(doubted)}. Controls of what they rest on have not passed."] if doubted else []
    return Section(
        name=name,
        title=_ALL_SUITES if suite == WHOLE_SUITE else clean(suite, longest=80),
        question=_question(findings, source.evidence, suite),
        sentences=tuple(sentences),
        figures=(
            *figures,
            *(outcome_map(one, name=f"{name}-outcomes", room=room) for one in seen),
            *_distributions(source, suite, name),
        ),
        tables=tuple(tables),
        sheet=make_sheet(
            source.evidence,
            suite,
            source.read_pictures,
            pictured=source.pictured,
            unpictured=source.unpictured,
            most=room.pictures,
        ),
    )


def _doubted(findings: Sequence[Finding], tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """Return the titles of the metrics that rest on a judge of whom it is not shown that it sees."""
    questions = doubted_questions(tables.get(CONTROLS))
    metrics = dict.fromkeys(
        f.metric for f in findings if f.metric in CARDS and f.metric in QUESTIONS and is_measured(f)
    )
    return [CARDS[name].title for name in metrics if questions & {"", QUESTIONS[name]}]


def _read_outcomes(tables: Mapping[str, pd.DataFrame], suite: str) -> list[Outcomes]:
    """Return what was perceived on a suite, by each lens that has a table of it."""
    maps = [lens.card.presentation for lens in LENSES.values() if lens.card.presentation is not None]
    read = [read_outcomes(tables.get(one.table), suite) for one in maps]
    return [one for one in read if one is not None]


def _distributions(source: ReportInput, suite: str, name: str) -> list[DrawnFigure]:
    causes = [(lens.card.name, lens.card.causes) for lens in LENSES.values() if lens.card.causes is not None]
    drawn = (
        *(
            variance_by_cause(words, source.tables.get(words.table), source.findings, suite, name=f"{name}-{lens}")
            for lens, words in causes
        ),
        quality_spread(source.evidence, suite, name=f"{name}-quality"),
    )
    return [figure for figure in drawn if figure is not None]


def _lenses(findings: Sequence[Finding]) -> list[str]:
    """Return the lenses of some findings in the order of their sections; an unknown one comes before the last."""
    places = {name: (_PLACES.index(lens.card.place), number) for number, (name, lens) in enumerate(LENSES.items())}
    unknown = (_PLACES.index("beside"), len(places))
    return sorted({f.lens for f in findings}, key=lambda lens: (*places.get(lens, unknown), lens))


def _question(findings: Sequence[Finding], evidence: Evidence, suite: str) -> str:
    cards = [LENSES[lens].card for lens in _lenses(findings) if lens in LENSES]
    asked = [card.question for card in cards if card.place in _LEADING]
    asked = asked or [card.question for card in cards][:1] or [OTHER_QUESTION]
    prompts = evidence.prompts[evidence.prompts["suite"] == suite]
    images = evidence.images["prompt_id"].isin(prompts["prompt_id"]).sum()
    concepts = prompts["concept"].nunique()
    size = f"{count(concepts, 'concept')}, {count(len(prompts), 'prompt')}, {count(int(images), 'image')}."
    return " ".join([*asked, f"Asked with {size}"])


def _figures(findings: Sequence[Finding], evidence: Evidence, *, name: str, most: int) -> list[ForestFigure]:
    figures = []
    for metric, card in CARDS.items():
        answers = [f for f in said_best(findings) if f.metric == metric and not is_whole(f) and is_measured(f)]
        if card.drawn and answers:
            figure_name = f"{name}-{metric.replace('.', '-').replace('_', '-')}"
            figures.append(_figure(answers, card, evidence, name=figure_name, most=most))
    return figures


def _is_flat(figure: ForestFigure) -> bool:
    """Tell whether every concept sits at the neutral value: a sentence says that better than a figure."""
    return all(row.value == figure.neutral for row in figure.rows)


def _figure(findings: Sequence[Finding], card: MetricCard, evidence: Evidence, *, name: str, most: int) -> ForestFigure:
    first = findings[0]
    farthest = sorted(findings, key=lambda f: (-abs(_value(f) - (f.neutral or 0.0)), f.subject))
    shown = sorted(farthest[:most], key=lambda f: (-_value(f), f.subject))
    rows = _rows(shown, evidence, reference=card.reference)
    return ForestFigure(
        name=name,
        caption=_caption(shown, card, rows=rows, beyond=len(findings) - len(shown)),
        equivalent=_equivalent(findings, card),
        rows=rows,
        neutral=first.neutral,
        neutral_word=card.neutral_word,
        sides=card.sides,
        span=card.span,
        signed=card.signed,
        warm=card.warm,
    )


def _rows(findings: Sequence[Finding], evidence: Evidence, *, reference: str) -> tuple[ForestRow, ...]:
    suite = evidence.prompts[evidence.prompts["suite"] == findings[0].suite]
    beside = _reference_values(suite, reference) if reference else {}
    matched = set(suite.loc[suite["role"] == "reference", "concept"]) - set(
        suite.loc[suite["role"] == "subject", "concept"]
    )
    return tuple(
        ForestRow(
            label=clean(finding.subject, longest=80),
            value=_value(finding),
            low=_finite(finding.estimate.low),
            high=_finite(finding.estimate.high),
            reference=beside.get(finding.subject),
            matched=finding.subject in matched,
        )
        for finding in findings
    )


def _reference_values(prompts: pd.DataFrame, column: str) -> Mapping[str, float]:
    known = prompts.dropna(subset=[column])
    return {str(concept): float(number) for concept, number in known.groupby("concept")[column].first().items()}


def _caption(findings: Sequence[Finding], card: MetricCard, *, rows: Sequence[ForestRow], beyond: int) -> str:
    levels = ", ".join(sorted({show_level(f.estimate.level) for f in findings}))
    parts = [f"{card.title} per concept of {quote(findings[0].suite)}, with {levels} intervals, sorted."]
    if card.neutral_word:
        parts.append(f"Filled: the interval leaves out {card.neutral_word}. Open: it contains it, or there is none.")
    if any(row.reference is not None for row in rows):
        parts.append(f"Upright bar: {card.reference_words}.")
    if any(row.matched for row in rows):
        parts.append("Square: a reference that subjects are compared with.")
    if beyond > 0:
        total = len(findings) + beyond
        parts.append(f"Shown are the {len(findings)} of {total} concepts that are farthest from the neutral value.")
    return " ".join(parts)


def _equivalent(findings: Sequence[Finding], card: MetricCard) -> str:
    ordered = sorted(findings, key=lambda f: (_value(f), f.subject))
    lowest, highest = ordered[0], ordered[-1]
    if len(ordered) == 1:
        return f"{card.title} is {_short(lowest)}, the only concept measured."
    if all(_value(f) == _value(lowest) for f in ordered):
        widest = max(ordered, key=lambda f: (f.estimate.high or 0.0) - (f.estimate.low or 0.0))
        each = f"{card.title} is {value_of(lowest)} for each of {len(ordered)} concepts"
        return f"{each}; the widest interval is {interval_of(widest)}."
    sentence = f"{card.title} runs from {_short(lowest)} to {_short(highest)}, over {len(ordered)} concepts."
    if card.sides is None:
        return sentence
    clear = [f for f in ordered if leaves_out_neutral(f)]
    low = sum(1 for f in clear if _value(f) < (f.neutral or 0.0))
    neutral = card.neutral_word or "the neutral value"
    return (
        f"{sentence} With the whole interval beyond {neutral}, {low} lean {card.sides[0]} and {len(clear) - low} "
        f"{card.sides[1]}; {len(ordered) - len(clear)} cannot be told from {neutral}. Each interval looks at one "
        "concept alone."
    )


def _short(finding: Finding) -> str:
    interval = interval_of(finding)
    said = interval if interval == NO_INTERVAL else f"interval {interval}"
    return f"{value_of(finding)} for {quote(finding.subject, longest=40)} ({said})"


def _value(finding: Finding) -> float:
    """Value of a finding that is known to be measured."""
    value = finding.estimate.value
    return math.nan if value is None else value


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
