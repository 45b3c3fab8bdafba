"""From findings and decision to sentences, tables and figure data: the content that every form sets.

First stands what opens and closes a report, then the section of each suite.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final

import pandas as pd

from audit.evidence import Evidence
from audit.lenses import CARDS, CONTROLS, LENSES, QUESTIONS, WHOLE_SUITE
from audit.records import Decision, Finding, RuleResult, Verdict
from audit.report.findings import (
    answer_tables,
    is_measured,
    only_compared,
    pick_highlights,
    tell_concepts,
    tell_suite,
)
from audit.report.first_page import make_opening
from audit.report.forests import forest_figures, says_something
from audit.report.images import make_sheet, what_is_told
from audit.report.links import link_highlights, link_section
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
    versions_sentence,
)
from audit.report.model import (
    Appendix,
    Cell,
    Column,
    DrawnFigure,
    ForestFigure,
    Opening,
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
    read_outcomes,
    variance_by_cause,
)
from audit.report.text import (
    LIMITS,
    NAME_END,
    NAME_START,
    OTHER_QUESTION,
    OUTCOME_ORDER,
    clean,
    count,
    outcome_word,
    quote,
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
    references = only_compared(source.evidence.prompts)
    opening = make_opening(source, references)
    sections = make_sections(source, opening)
    highlights = link_highlights(
        pick_highlights(source.findings, references=references),
        dict(zip(_suites(source), sections, strict=True)),
        opening,
    )
    return Report(
        title=f"Audit of {name}",
        created=clean(source.created, longest=40),
        checkpoint=name,
        digest=clean(source.checkpoint.digest, longest=80),
        summary=_summary(source),
        verdict=source.decision.verdict,
        verdict_word=verdict_word(source.decision),
        tone=tone_of(source.decision),
        verdict_sentence=_verdict_sentence(source.decision),
        controls_passed=passed,
        controls_sentence=controls,
        highlights=highlights,
        highlight_rule=_HIGHLIGHT_RULE if highlights else _NO_HIGHLIGHT,
        opening=opening,
        rules=rules_table(source.decision),
        results=clean_results(source.decision),
        policy_sentence=policy_sentence(source.decision),
        controls=controls_table(source.tables, source.findings),
        sections=sections,
        missing=missing_sentences(source.findings, source.evidence, source.spec),
        missing_tables=missing_tables(source.evidence),
        method=(*method_sentences(source), *shortening_sentences(len(sections))),
        method_tables=method_tables(source),
        limits=LIMITS,
        command=clean(source.command, longest=_LONGEST_COMMAND),
        versions=versions_sentence(source.versions),
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


def tone_of(decision: Decision) -> Tone:
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
    first = next((one for one in _by_urgency(decision) if one.stands_in_the_way), None)
    why = "" if first is None else f" First: {clean(first.rule, longest=80)}. {clean(first.evidence, longest=240)}"
    return f"{sentence} Rules: {told}.{why}"


def _by_urgency(decision: Decision) -> list[RuleResult]:
    """Return the results, what keeps the run from passing first, so that no cap can hide it."""
    return sorted(decision.results, key=lambda result: OUTCOME_ORDER.index(outcome_word(result).lower()))


def policy_sentence(decision: Decision) -> str:
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


def rules_table(decision: Decision) -> Table:
    """Return the rules with their outcome and evidence, what keeps the run from passing first."""
    columns = (Column(label="Rule"), Column(label="Outcome"), Column(label="Evidence"))
    urgent = _by_urgency(decision)
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


def make_sections(source: ReportInput, opening: Opening) -> tuple[Section, ...]:
    """Return one section per suite, in the order of the prompts; suites that hold only controls come last."""
    suites = _suites(source)
    room = room_for(len(suites))
    return tuple(_make_section(source, suite, number, room, opening) for number, suite in enumerate(suites, start=1))


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


def _make_section(source: ReportInput, suite: str, number: int, room: Room, opening: Opening) -> Section:
    findings = [f for f in _told(source) if f.suite == suite]
    name = f"suite-{number}"
    figures: list[ForestFigure] = []
    sentences: list[str] = []
    opened = opening.metric if opening.is_whole and opening.suite == suite else ""
    drawn = [opened] if opened else []
    prompts = source.evidence.prompts[source.evidence.prompts["suite"] == suite]
    written_for, references = set(prompts["lens"]), only_compared(prompts)
    every = set(source.evidence.prompts["lens"])
    asked = [f for f in findings if _is_asked(f, written_for, every)]
    for lens in dict.fromkeys(f.lens for f in asked):
        answers = [f for f in findings if f.lens == lens]
        for metric, figure in forest_figures(answers, source.evidence, name=name, most=room.figure_rows).items():
            if metric == opened:
                sentences.append(f"{CARDS[metric].title} is drawn on the first page.")
            elif says_something(figure):
                figures.append(figure)
                drawn.append(metric)
    told = (
        tell_suite(findings, name=f"{name}-whole", suite=suite),
        tell_concepts(
            [f for f in asked if (f.suite, f.subject) not in references],
            name=name,
            suite=suite,
            drawn=drawn,
            most=room.rows,
        ),
    )
    tables = [table for one in told for table in one.tables]
    tables += answer_tables(source.tables, name=f"{name}-answers", suite=suite, most=room.rows)
    sentences += [sentence for one in told for sentence in one.sentences]
    maps = [outcome_map(one, name=f"{name}-outcomes", room=room) for one in _read_outcomes(source.tables, suite)]
    causes = _causes(source, suite, name)
    if not any(is_measured(f) for f in findings):
        sentences.append("Nothing was measured on this suite.")
    doubted = _doubted(findings, source.tables)
    sentences += [f"Not shown: {', '.join(doubted)}. Controls of what they rest on have not passed."] if doubted else []
    section = Section(
        name=name,
        title=_ALL_SUITES if suite == WHOLE_SUITE else clean(suite, longest=80),
        question=_question(findings, source.evidence, suite),
        sentences=tuple(sentences),
        figures=(*figures, *maps, *causes),
        tables=tuple(tables),
        sheet=make_sheet(source, suite, told=what_is_told(findings, source.evidence, written_for), most=room.pictures),
    )
    return link_section(section, opening if opening.suite == suite else None)


def _is_asked(finding: Finding, written_for: Collection[str], every: Collection[str]) -> bool:
    """Tell whether a finding is told of the concepts of a suite.

    A lens with suites of its own tells others only what it draws: the place of a text stands beside what its pictures
    show.
    """
    lens = finding.lens
    card = LENSES[lens].card if lens in LENSES else None
    drawn = finding.metric in CARDS and CARDS[finding.metric].drawn
    return card is None or card.every_run or drawn or lens in written_for or lens not in every


def _doubted(findings: Sequence[Finding], tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """Return the titles of the metrics that rest on a judge of whom it is not shown that it sees."""
    questions = doubted_questions(tables.get(CONTROLS))
    metrics = dict.fromkeys(
        f.metric for f in findings if f.metric in CARDS and f.metric in QUESTIONS and is_measured(f)
    )
    return [CARDS[name].title for name in metrics if questions & {"", QUESTIONS[name]}]


def _read_outcomes(tables: Mapping[str, pd.DataFrame], suite: str) -> list[Outcomes]:
    """Return what was perceived on a suite, by each lens that has a table of it, where a concept is clearly one."""
    maps = [lens.card.presentation for lens in LENSES.values() if lens.card.presentation is not None]
    read = [read_outcomes(tables.get(one.table), suite) for one in maps]
    return [one for one in read if one is not None and one.clear]


def _causes(source: ReportInput, suite: str, name: str) -> list[DrawnFigure]:
    causes = [(lens.card.name, lens.card.causes) for lens in LENSES.values() if lens.card.causes is not None]
    drawn = (
        variance_by_cause(words, source.tables.get(words.table), source.findings, suite, name=f"{name}-{lens}")
        for lens, words in causes
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
