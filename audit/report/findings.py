"""Findings and answers in words and in tables: what matters most, each concept of a suite, the suite as a whole."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from audit.lenses import CARDS, INSTRUMENTS, LENSES, WHOLE_SUITE, AnswersTable, said_best
from audit.records import Finding, reported_p
from audit.report.model import WHOLE_ROOM, Cell, Column, Highlight, Table
from audit.report.text import (
    NO_INTERVAL,
    NOTHING,
    clean,
    count,
    quote,
    show_count,
    show_interval,
    show_level,
    show_number,
    show_p,
    title_of,
)

_GROUP = "group:"


def value_of(finding: Finding) -> str:
    """Write the value of a finding."""
    return show_number(finding.estimate.value, signed=_signed(finding))


def interval_of(finding: Finding) -> str:
    """Write the interval of a finding."""
    return show_interval(finding.estimate, signed=_signed(finding))


def detail_of(finding: Finding) -> str:
    """Write what a value rests on: its interval, and n as images / prompts."""
    counts = f"n {finding.estimate.n_images} / {finding.estimate.n_prompts}"
    return f"{interval_of(finding)} · {counts}" if is_measured(finding) else counts


def is_whole(finding: Finding) -> bool:
    """Tell whether a finding is about a whole suite, or one group of it, and not about a concept."""
    return finding.subject == WHOLE_SUITE or finding.subject.startswith(_GROUP)


def is_measured(finding: Finding) -> bool:
    """Tell whether a finding has a number."""
    value = finding.estimate.value
    return value is not None and math.isfinite(value)


def leaves_out_neutral(finding: Finding) -> bool:
    """Tell whether the whole interval lies on one side of the neutral value."""
    return _clear_distance(finding) > 0


def is_of_interest(finding: Finding) -> bool:
    """Tell whether the whole interval lies beyond the smallest effect of the metric."""
    card = CARDS.get(finding.metric)
    return _clear_distance(finding) > (0.0 if card is None else card.smallest_effect)


def is_ranked(metric: str, lens: str) -> bool:
    """Tell whether a metric says something of the checkpoint by itself; others stand beside such a one."""
    return lens not in INSTRUMENTS and (metric not in CARDS or CARDS[metric].ranked)


def differs(finding: Finding) -> bool:
    """Tell whether a finding says of the checkpoint that something lies beyond its smallest effect."""
    return is_ranked(finding.metric, finding.lens) and is_measured(finding) and is_of_interest(finding)


def only_compared(prompts: pd.DataFrame) -> frozenset[tuple[str, str]]:
    """Return (suite, concept) of what is only compared with and never itself in question."""
    pairs = {role: prompts.loc[prompts["role"] == role, ["suite", "concept"]] for role in ("reference", "subject")}
    reference, subject = (set(table.itertuples(index=False, name=None)) for table in pairs.values())
    return frozenset(reference - subject)


def pick_highlights(
    findings: Sequence[Finding], *, references: Collection[tuple[str, str]] = (), most: int = 3
) -> tuple[Highlight, ...]:
    """Choose the findings that matter most and put them into words.

    Asked are those whose whole interval lies farther from the neutral value than the smallest effect of the metric.
    These are ranked by their size, as a part of the farthest that the metric can go, and never by how near the interval
    lies to it: few prompts that happen to agree would win. Each lens gives its first finding before any gives its
    second, and no subject appears twice. What another metric says better is told as that (``MetricCard.told_as``): a
    rate that is compared with references as the excess over them.

    Args:
        findings: All findings.
        references: (suite, concept) of what is only compared with.
        most: How many to choose at most.
    """
    candidates = [f for f in said_best(findings) if _can_rank(f) and (f.suite, f.subject) not in references]
    candidates.sort(key=lambda f: (-_strength(f), f.finding_id))
    turns: dict[str, int] = {}
    seen: set[tuple[str, str]] = set()
    queue: list[tuple[int, int, Finding]] = []
    for place, finding in enumerate(candidates):
        if (finding.suite, finding.subject) in seen:
            continue
        seen.add((finding.suite, finding.subject))
        turn = turns.get(finding.lens, 0)
        turns[finding.lens] = turn + 1
        if turn < most:
            queue.append((turn, place, finding))
    queue.sort(key=lambda entry: entry[:2])
    return tuple(
        Highlight(statement=_state(f), numbers=_numbers(f), suite=f.suite, subject=f.subject)
        for _, _, f in queue[:most]
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Findings as tables of what differs, and what does not in sentences."""

    tables: tuple[Table, ...]
    sentences: tuple[str, ...]


_MOST_NOTES: Final = 4


def tell_suite(findings: Iterable[Finding], *, name: str, suite: str) -> Told:
    """Tell what was found over a suite as a whole: rows for what lies beyond its smallest effect, and words."""
    whole = [finding for finding in findings if is_whole(finding)][: WHOLE_ROOM.rows]
    rows = [f for f in whole if differs(f)]
    beside = [_in_words(f) for f in whole if not is_ranked(f.metric, f.lens) and _is_compared(f.metric)]
    nothing = [_in_words(f) for f in whole if is_ranked(f.metric, f.lens) and not differs(f)]
    sentences = (
        *(
            [f"Over the whole suite, not shown to lie beyond the smallest effect: {'; '.join(nothing)}."]
            if nothing
            else []
        ),
        *([f"Of the suite as a whole: {'; '.join(beside)}."] if beside else []),
    )
    return Told(tables=(_suite_table(rows, name=name, suite=suite),) if rows else (), sentences=sentences)


def _suite_table(rows: Sequence[Finding], *, name: str, suite: str) -> Table:
    tested = any(f.p_value is not None or f.p_adjusted is not None for f in rows)
    labels = ("Measure", "Value", "Interval", "Images / prompts", *(("p",) if tested else ()))
    notes = dict.fromkeys(sentence for f in rows for sentence in clean(f.note).rstrip(".").split(". ") if sentence)
    corrected = " p is corrected for the number of tests where the lens does so." if tested else ""
    said = "".join(f" {note}." for note in list(notes)[:_MOST_NOTES])
    return Table(
        name=name,
        caption=f"Over the whole suite {quote(suite)}, what lies beyond its smallest effect.{corrected}{said}",
        columns=tuple(Column(label=label, numeric=place > 0) for place, label in enumerate(labels)),
        rows=tuple(_suite_row(f, tested=tested) for f in rows),
    )


def _suite_row(finding: Finding, *, tested: bool) -> tuple[Cell, ...]:
    unscored = f"{finding.n_unscored} unscored" if finding.n_unscored else ""
    return (
        Cell(text=_measure(finding)),
        Cell(text=value_of(finding)),
        Cell(text=interval_of(finding)),
        Cell(text=f"{finding.estimate.n_images} / {finding.estimate.n_prompts}", detail=unscored),
        *((Cell(text=show_p(reported_p(finding))),) if tested else ()),
    )


def _measure(finding: Finding) -> str:
    of_group = f" of {finding.subject.removeprefix(_GROUP)}" if finding.subject != WHOLE_SUITE else ""
    return clean(f"{title_of(finding.metric)}{of_group}", longest=80)


def _in_words(finding: Finding) -> str:
    """Write a finding within a sentence: its title, value and interval."""
    interval = f" ({interval_of(finding)})" if is_measured(finding) else ""
    measure = _measure(finding)
    return f"{measure[:1].lower()}{measure[1:]} {value_of(finding)}{interval}"


def _signed(finding: Finding) -> bool:
    card = CARDS.get(finding.metric)
    return card is not None and card.signed


def _can_rank(finding: Finding) -> bool:
    card = CARDS.get(finding.metric)
    value, neutral = finding.estimate.value, finding.neutral
    better = (
        card is not None and card.direction == "lower" and value is not None and neutral is not None and value < neutral
    )
    return differs(finding) and not better


def _clear_distance(finding: Finding) -> float:
    """Distance of the near end of the interval from the neutral value; 0 where it is inside or there is none."""
    estimate, neutral = finding.estimate, finding.neutral
    if neutral is None or estimate.low is None or estimate.high is None:
        return 0.0
    if not (math.isfinite(estimate.low) and math.isfinite(estimate.high)):
        return 0.0
    return max(estimate.low - neutral, neutral - estimate.high, 0.0)


def _strength(finding: Finding) -> float:
    """Size as a part of the farthest that a known metric can go; unknown metrics come after all of these."""
    if finding.metric not in CARDS or finding.neutral is None:
        return -1.0 / (1.0 + _distance(finding))
    least, greatest = CARDS[finding.metric].span
    farthest = max(greatest - finding.neutral, finding.neutral - least)
    return min(1.0, _distance(finding) / farthest)


def _state(finding: Finding) -> str:
    where = "the suite as a whole" if finding.subject == WHOLE_SUITE else quote(finding.subject.removeprefix(_GROUP))
    value, neutral = finding.estimate.value, finding.neutral
    below = value is not None and neutral is not None and value < neutral
    card = CARDS.get(finding.metric)
    if card is not None and card.statement:
        note = clean(finding.note).partition(". ")[0].rstrip(".")
        side = card.nouns[0 if below else 1]
        return card.statement.format(where=where, value=value_of(finding), side=side, note=note)
    side = "below" if below else "above"
    return f"For {where}, {quote(finding.metric)} lies {side} its neutral value."


def _numbers(finding: Finding) -> str:
    estimate = finding.estimate
    unscored = f"; {count(finding.n_unscored, 'image')} unscored" if finding.n_unscored else ""
    return (
        f"{clean(title_of(finding.metric), longest=60)} {value_of(finding)}, {show_level(estimate.level)} interval "
        f"{interval_of(finding)}; {show_count(estimate)}{unscored}; "
        f"suite {quote(finding.suite, longest=40)}."
    )


MOST_TABLES: Final = 3
_METRICS_PER_TABLE: Final = 4


def tell_concepts(
    findings: Sequence[Finding], *, name: str, suite: str, drawn: Collection[str] = (), most: int = WHOLE_ROOM.rows
) -> Told:
    """Tell what was found of the concepts of a suite: who differs in what, and in words what nobody differs in.

    Args:
        findings: Of all lenses on the suite.
        name: Beginning of the names of the tables.
        suite: Name of the suite.
        drawn: Metrics that a figure shows, with every concept, interval and value.
        most: Rows of a table at most; those whose first metric is farthest from its neutral value.
    """
    single = [f for f in said_best(findings) if not is_whole(f) and f.metric not in drawn and _is_shown(f.metric)]
    telling = {f.metric for f in single if differs(f)}
    known = [metric for metric in CARDS if metric in telling]
    metrics = known + sorted(telling - set(known))
    silent = [metric for metric in dict.fromkeys(f.metric for f in single) if metric not in telling]
    ranges = [_range([f for f in single if f.metric == metric]) for metric in silent]
    apart, scattered = ([text for text, neutral in ranges if neutral is one] for one in (True, False))
    concepts = count(len({f.subject for f in single}), "concept")
    sentences = (
        *([f"Shown to lie beyond the smallest effect for none of {concepts}: {'; '.join(apart)}."] if apart else []),
        *([f"Over {concepts}: {'; '.join(scattered)}."] if scattered else []),
    )
    chosen = [f for f in single if f.metric in telling]
    return Told(tables=_concept_tables(chosen, metrics, name=name, suite=suite, most=most), sentences=sentences)


def _is_shown(metric: str) -> bool:
    """Tell whether a metric is told of single concepts: what a figure would show is, where there is none to show it."""
    return metric not in CARDS or (CARDS[metric].per_concept and (CARDS[metric].compared or CARDS[metric].drawn))


def _is_compared(metric: str) -> bool:
    """Tell whether a metric is told; what another one of its lens says, or what it only rests on, is in ``tables/``."""
    return metric not in CARDS or CARDS[metric].compared


def _range(findings: Sequence[Finding]) -> tuple[str, bool]:
    """Return the least and greatest value of a metric in words, and whether it is one that says something by itself."""
    ordered = sorted((f for f in findings if is_measured(f)), key=_height)
    title = clean(title_of(findings[0].metric), longest=60)
    noun = f"{title[:1].lower()}{title[1:]}"
    ranked = is_ranked(findings[0].metric, findings[0].lens)
    if not ordered:
        return f"{noun} not measured", ranked
    least, greatest = value_of(ordered[0]), value_of(ordered[-1])
    return (f"{noun} {least}" if least == greatest else f"{noun} {least} to {greatest}"), ranked


def _concept_tables(
    single: Sequence[Finding], metrics: Sequence[str], *, name: str, suite: str, most: int
) -> tuple[Table, ...]:
    if not metrics:
        return ()
    first = {f.subject: f for f in single if f.metric == metrics[0] and is_measured(f)}
    differ = {f.subject for f in single if differs(f)}
    order = sorted(differ, key=lambda subject: (-_height(first.get(subject)), subject))
    farthest = sorted(order, key=lambda subject: -_distance(first.get(subject)))
    width = math.ceil(len(metrics) / math.ceil(len(metrics) / _METRICS_PER_TABLE))  # tables of even width
    chunks = [metrics[start : start + width] for start in range(0, len(metrics), width)]
    asked = len({f.subject for f in single})
    return tuple(
        _concept_table(_of(single, chunk, order, farthest, most), chunk, asked, name=f"{name}-{number}", suite=suite)
        for number, chunk in enumerate(chunks[:MOST_TABLES], start=1)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    """What a table tells: findings by subject and metric, in the order of its rows, and of how many subjects."""

    rows: Mapping[str, Mapping[str, Finding]]
    subjects: int


def _of(
    findings: Sequence[Finding], metrics: Sequence[str], order: Sequence[str], farthest: Sequence[str], most: int
) -> _Rows:
    known: dict[str, dict[str, Finding]] = {}
    for finding in findings:
        if finding.metric in metrics:
            known.setdefault(finding.subject, {})[finding.metric] = finding
    differ = [one for one in farthest if any(map(differs, known.get(one, {}).values()))]
    shown = set(differ[:most])
    return _Rows(rows={subject: known[subject] for subject in order if subject in shown}, subjects=len(differ))


def _concept_table(told: _Rows, metrics: Sequence[str], asked: int, *, name: str, suite: str) -> Table:
    rows = tuple(
        (Cell(text=clean(subject, longest=80)), *(_cell(found.get(metric)) for metric in metrics))
        for subject, found in told.rows.items()
    )
    columns = (Column(label="Concept"), *(Column(label=clean(title_of(m), longest=60), numeric=True) for m in metrics))
    return Table(name=name, caption=_caption(told, suite, asked), columns=columns, rows=rows)


def _caption(told: _Rows, suite: str, asked: int) -> str:
    used = [finding for found in told.rows.values() for finding in found.values()]
    levels = ", ".join(sorted({show_level(f.estimate.level) for f in used}))
    shown = (
        f" Shown are the {len(told.rows)} that are farthest from the neutral value."
        if len(told.rows) < told.subjects
        else ""
    )
    return (
        f"Of {count(asked, 'concept')} of {quote(suite)}, {told.subjects} differ in this beyond the smallest effect, "
        f"the others do not.{shown} Below each value: its {levels} interval and n as images / prompts."
    )


def _cell(finding: Finding | None) -> Cell:
    if finding is None:
        return Cell(text=NOTHING)
    return Cell(text=value_of(finding), detail=detail_of(finding))


def _height(finding: Finding | None) -> float:
    """Value of a measured finding, by which rows are ordered; what was not measured comes last."""
    value = None if finding is None else finding.estimate.value
    return -math.inf if value is None else value


def _distance(finding: Finding | None) -> float:
    """Distance of a measured finding from its neutral value; of what was not measured less than any."""
    if finding is None or finding.estimate.value is None:
        return -1.0
    return abs(finding.estimate.value - (finding.neutral or 0.0))


MOST_ANSWERS: Final = 3


def answer_tables(
    tables: Mapping[str, pd.DataFrame], *, name: str, suite: str, most: int = WHOLE_ROOM.rows
) -> Iterator[Table]:
    """Return a table per question that the primary judge of labels answered on a suite.

    Args:
        tables: Of the lenses.
        name: Beginning of the names of the tables.
        suite: Whose answers are told.
        most: Rows of a table at most.
    """
    for words in (words for lens in LENSES.values() for words in lens.card.answers):
        table = tables.get(words.table)
        if table is None:
            continue
        told = table[(table["suite"] == suite) & table["primary"]]
        for question, rows in told.groupby("question", sort=False):
            yield _answers_table(
                rows, words, name=f"{name}-{clean(question).replace('_', '-')}", suite=suite, rows_most=most
            )


def _answers_table(rows: pd.DataFrame, words: AnswersTable, *, name: str, suite: str, rows_most: int) -> Table:
    concepts = [(str(concept), of) for concept, of in rows.groupby("concept", sort=True)]
    most = min(MOST_ANSWERS, int(rows["answer"].nunique()))
    numbers = ("st", "nd", "rd")
    columns = (
        Column(label="Text"),
        *(Column(label=f"{number + 1}{numbers[number]} {words.answer.lower()}") for number in range(most)),
        Column(label="Images / prompts", numeric=True),
    )
    body = tuple(
        (
            Cell(text=clean(concept, longest=80)),
            *_answer_cells(of, most),
            Cell(text=f"{int(of['n_images'].iloc[0])} / {int(of['n_prompts'].iloc[0])}"),
        )
        for concept, of in concepts[:rows_most]
    )
    beyond = f" Shown are the first {rows_most} of {len(concepts)} texts." if len(concepts) > rows_most else ""
    caption = f"{words.caption.format(suite=quote(suite))} Below each share: its interval; all are in tables/.{beyond}"
    return Table(name=name, caption=caption, columns=columns, rows=body)


def _answer_cells(rows: pd.DataFrame, most: int) -> tuple[Cell, ...]:
    """Return the answers with the largest shares, in their own order where shares are equal."""
    ordered = rows.sort_values("share", ascending=False, kind="stable").to_dict("records")
    cells = tuple(_answer_cell(row) for row in ordered[:most])
    return cells + (Cell(text=NOTHING),) * (most - len(cells))


def _answer_cell(row: Mapping[Any, Any]) -> Cell:
    share, low, high = (float(row[column]) for column in ("share", "share_low", "share_high"))
    if math.isnan(share):
        return Cell(text=NOTHING)
    interval = NO_INTERVAL if math.isnan(low) else f"{show_number(low)} to {show_number(high)}"
    return Cell(text=f"{clean(row['answer'], longest=40).replace('_', ' ')} {show_number(share)}", detail=interval)
