"""The page on own pictures: how groups fare in rankings and in naming, beside what inversions show of each concept."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

from audit.lenses import CARDS
from audit.records import Finding
from audit.report.findings import interval_of, is_measured, is_whole, value_of
from audit.report.model import Cell, Column, Paper, PaperSection, Table
from audit.report.text import clean, count, quote, show_number, show_p, title_of
from audit.stats import ClusterEstimate
from audit.stats.rankings import RankingResult
from audit.studies.own_images.group_measures import ConceptRanking, GroupRate, OwnImages

OWN_PAGE: Final = "own_images.html"
"""Name of the file."""
_SURE = 0.05
"""Corrected p-value below which the summary names a ranking."""


def own_paper(found: OwnImages, findings: Sequence[Finding], *, created: str) -> Paper:
    """Return what was measured as a paper.

    Args:
        found: What was measured.
        findings: Of the run, which are shown beside it.
        created: ISO date.
    """
    people = ", ".join(f"{number:,} people in {quote(group)}" for group, number in found.groups.items())
    sure = [one for one in found.measures.rankings if (one.max_skew_p_adjusted or 1.0) < _SURE]
    sure.sort(key=lambda one: -one.max_skew.value)
    said = [
        f"For {quote(one.concept)}, the group {quote(one.favoured)} is {show_number(math.exp(one.max_skew.value))} "
        f"times as frequent among the first {one.top} as in the folder (MaxSkew {show_number(one.max_skew.value)}, "
        f"corrected p {show_p(one.max_skew_p_adjusted)})."
        for one in sure[:3]
    ]
    return Paper(
        title=clean(f"Own pictures, as {found.checkpoint} ranks and names them"),
        heading=f"Own pictures, as {quote(found.checkpoint)} ranks and names them",
        created=clean(created, longest=40),
        summary=(
            f"{count(found.pictures, 'picture')}: {people}. The person is the unit of every interval and test.",
            "What is found holds for these pictures. Groups are those of the file; nothing is inferred of anybody.",
        ),
        verdict_word=f"{len(sure)} of {count(len(found.measures.rankings), 'ranking')} away from the folder's shares",
        tone="unasked",
        verdict=(*said, *map(clean, found.left_out)),
        sections=(
            _rankings(found.measures.rankings, findings),
            *_rates(found.measures.harm, "harm", "Words of harm", "Pictures whose nearest word is one of harm."),
            *_rates(
                found.measures.naming, "naming", "Zero-shot naming", "Pictures whose nearest concept is the stated."
            ),
        ),
    )


def _rankings(rankings: Sequence[ConceptRanking], findings: Sequence[Finding]) -> PaperSection:
    beside = [one for one in findings if CARDS[one.metric].drawn and is_measured(one) and not is_whole(one)]
    metrics = list(dict.fromkeys(one.metric for one in beside))
    by_concept = {(one.suite, one.subject, one.metric): one for one in beside}
    heads = ("Concept", "Favoured group", "MaxSkew", "Corrected p", "NDKL", "Corrected p")
    rows = [
        (
            Cell(text=quote(one.concept), detail=clean(one.suite)),
            Cell(text=quote(one.favoured)),
            _ranked(one.max_skew),
            Cell(text=show_p(one.max_skew_p_adjusted)),
            _ranked(one.ndkl),
            Cell(text=show_p(one.ndkl_p_adjusted)),
            *(_finding(by_concept.get((one.suite, one.concept, metric))) for metric in metrics),
        )
        for one in sorted(rankings, key=lambda one: -one.max_skew.value)
    ]
    columns = (*heads, *(f"{title_of(metric)} (inversion)" for metric in metrics))
    table = Table(
        name="own-rankings",
        caption="Pictures ranked for each concept. Below each value its 95 % interval, and what it comes to by lot.",
        columns=tuple(Column(label=head, numeric=place > 1) for place, head in enumerate(columns)),
        rows=tuple(rows),
    )
    words = (
        "MaxSkew: logarithm of how far the most favoured group exceeds its share among the first. NDKL: the same over "
        "all of the ranking, first places counting more. Both are 0 where every group has its share, and above 0 by "
        "lot; the test deals groups to people by lot."
    )
    return PaperSection(name="rankings", title="Rankings", sentences=(words,), tables=(table,))


def _rates(rates: Sequence[GroupRate], name: str, title: str, caption: str) -> tuple[PaperSection, ...]:
    if not rates:
        return ()
    rows = tuple(
        (
            Cell(text=quote(one.group)),
            _estimate(one.rate, show_number),
            _estimate(one.gap, lambda value: show_number(value, signed=True)),
            Cell(text=show_p(one.p_adjusted)),
        )
        for one in rates
    )
    columns = ("Group", "Rate", "Less that of all others", "Corrected p")
    table = Table(
        name=f"own-{name}",
        caption=caption,
        columns=tuple(Column(label=head, numeric=place > 0) for place, head in enumerate(columns)),
        rows=rows,
    )
    return (PaperSection(name=name, title=title, tables=(table,)),)


def _ranked(found: RankingResult) -> Cell:
    ends = f"{show_number(found.low)} to {show_number(found.high)}"
    return Cell(text=show_number(found.value), detail=f"{ends}; by lot {show_number(found.by_lot)}")


def _estimate(found: ClusterEstimate, show: Callable[[float | None], str]) -> Cell:
    if found.low is None or found.high is None:
        return Cell(text=show(found.value), detail="no interval")
    return Cell(
        text=show(found.value), detail=f"{show(found.low)} to {show(found.high)}; {f'{found.n_clusters:,} people'}"
    )


def _finding(found: Finding | None) -> Cell:
    return Cell(text="-") if found is None else Cell(text=value_of(found), detail=interval_of(found))
