"""Findings in words and in tables: the ones that matter most, each concept of a suite, the suite as a whole."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence

from audit.lenses import CARDS, INSTRUMENTS, WHOLE_SUITE
from audit.records import Finding
from audit.report.model import WHOLE_ROOM, Cell, Column, Highlight, Table
from audit.report.text import (
    NOTHING,
    clean,
    count,
    quote,
    show_count,
    show_interval,
    show_level,
    show_number,
    show_p,
)
from audit.report.words import title_of

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


def pick_highlights(
    findings: Sequence[Finding], *, references: Collection[tuple[str, str]] = (), most: int = 3
) -> tuple[Highlight, ...]:
    """Choose the findings that matter most and put them into words.

    Ranked by how far the near end of the interval stays from the neutral value, as a part of the farthest that the
    metric can go; so a large value on thin evidence does not beat a solid one. Each lens gives its first finding
    before any gives its second, and no subject appears twice. What another metric says better is told as that
    (``MetricCard.told_as``): a rate that is compared with references as the excess over them.

    Args:
        findings: All findings.
        references: (suite, concept) of what is only compared with.
        most: How many to choose at most.
    """
    measured = {(f.metric, f.suite, f.subject) for f in findings if is_measured(f)}
    candidates = [
        f
        for f in findings
        if _can_rank(f) and (f.suite, f.subject) not in references and (_told_as(f), f.suite, f.subject) not in measured
    ]
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
    return tuple(Highlight(statement=_state(f), numbers=_numbers(f)) for _, _, f in queue[:most])


def suite_table(findings: Iterable[Finding], *, name: str, suite: str) -> Table | None:
    """Return the table of what was found over a suite as a whole; ``None`` where nothing was asked of it."""
    told = [finding for finding in findings if is_whole(finding)][: WHOLE_ROOM.rows]
    if not told:
        return None
    tested = any(f.p_value is not None or f.p_adjusted is not None for f in told)
    shared, notes = split_notes([clean(f.note) for f in told])
    columns = (
        Column(label="Measure"),
        Column(label="Value", numeric=True),
        Column(label="Images / prompts", numeric=True),
        *((Column(label="p", numeric=True),) if tested else ()),
        Column(label="Note"),
    )
    rows = tuple(_whole_row(f, note=note, tested=tested) for f, note in zip(told, notes, strict=True))
    corrected = " p is corrected for the number of tests where the lens does so." if tested else ""
    caption = f"Over the whole suite {quote(suite)}.{corrected} {shared}".rstrip()
    return Table(name=name, caption=caption, columns=columns, rows=rows)


def split_notes(notes: Sequence[str]) -> tuple[str, list[str]]:
    """Split off the sentences that all notes begin with, so that they are said once.

    Example:
        >>> split_notes(["One judge. Twelve images.", "One judge. No image."])
        ('One judge.', ['Twelve images.', 'No image.'])
    """
    if len(notes) < 2:
        return "", list(notes)
    parts = [note.split(". ") for note in notes]
    same = 0
    while all(len(part) > same + 1 and part[same] == parts[0][same] for part in parts):
        same += 1
    if all(note == notes[0] for note in notes):
        return notes[0], [""] * len(notes)
    shared = ". ".join(parts[0][:same])
    return f"{shared}." if shared else "", [". ".join(part[same:]) for part in parts]


def _whole_row(finding: Finding, *, note: str, tested: bool) -> tuple[Cell, ...]:
    p_value = finding.p_value if finding.p_adjusted is None else finding.p_adjusted
    interval = interval_of(finding) if is_measured(finding) else ""
    unscored = f"{finding.n_unscored} unscored" if finding.n_unscored else ""
    of_group = f" of {finding.subject.removeprefix(_GROUP)}" if finding.subject != WHOLE_SUITE else ""
    title = f"{title_of(finding.metric)}{of_group}"
    return (
        Cell(text=clean(title, longest=80), detail=clean(finding.metric, longest=80)),
        Cell(text=value_of(finding), detail=interval),
        Cell(text=f"{finding.estimate.n_images} / {finding.estimate.n_prompts}", detail=unscored),
        *((Cell(text=show_p(p_value)),) if tested else ()),
        Cell(text=note or NOTHING),
    )


def _signed(finding: Finding) -> bool:
    card = CARDS.get(finding.metric)
    return card is not None and card.signed


def _told_as(finding: Finding) -> str:
    card = CARDS.get(finding.metric)
    return "" if card is None else card.told_as


def _can_rank(finding: Finding) -> bool:
    card = CARDS.get(finding.metric)
    asked = finding.lens not in INSTRUMENTS and (card is None or card.ranked)
    value, neutral = finding.estimate.value, finding.neutral
    better = (
        card is not None and card.direction == "lower" and value is not None and neutral is not None and value < neutral
    )
    return asked and is_measured(finding) and leaves_out_neutral(finding) and not better


def _clear_distance(finding: Finding) -> float:
    """Distance of the near end of the interval from the neutral value; 0 where it is inside or there is none."""
    estimate, neutral = finding.estimate, finding.neutral
    if neutral is None or estimate.low is None or estimate.high is None:
        return 0.0
    if not (math.isfinite(estimate.low) and math.isfinite(estimate.high)):
        return 0.0
    return max(estimate.low - neutral, neutral - estimate.high, 0.0)


def _strength(finding: Finding) -> float:
    """Clear distance as a part of the farthest that a known metric can go; unknown metrics come after all of these."""
    if finding.metric not in CARDS or finding.neutral is None:
        return -1.0 / (1.0 + _clear_distance(finding))
    least, greatest = CARDS[finding.metric].span
    farthest = max(greatest - finding.neutral, finding.neutral - least)
    return _clear_distance(finding) / farthest


def _state(finding: Finding) -> str:
    where = "the suite as a whole" if finding.subject == WHOLE_SUITE else quote(finding.subject.removeprefix(_GROUP))
    value, neutral = finding.estimate.value, finding.neutral
    below = value is not None and neutral is not None and value < neutral
    card = CARDS.get(finding.metric)
    if card is not None and card.statement:
        return card.statement.format(where=where, value=value_of(finding), side=card.nouns[0 if below else 1])
    side = "below" if below else "above"
    return f"For {where}, {quote(finding.metric)} lies {side} its neutral value."


def _numbers(finding: Finding) -> str:
    estimate = finding.estimate
    neutral = show_number(finding.neutral)
    unscored = f"; {count(finding.n_unscored, 'image')} unscored" if finding.n_unscored else ""
    return (
        f"{clean(title_of(finding.metric), longest=60)} {value_of(finding)}, {show_level(estimate.level)} interval "
        f"{interval_of(finding)}, neutral {neutral}; {show_count(estimate)}{unscored}; "
        f"suite {quote(finding.suite, longest=40)}."
    )
