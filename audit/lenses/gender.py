"""Whom does the checkpoint picture when a text names somebody without a gender?

Read is perceived gender presentation: what a judge sees in an image, never what somebody is. For every concept: five
shares of all images; the shares of woman and man among the images read as one or the other, with what they could
be if the undetermined ones had been read; and the lean, which does not saturate as shares do: the mean signed score,
read off the concept's own scale, which runs from "a female nurse" at -1 to "a male nurse" at +1, so that a judge that
takes a uniform for a gender is wrong about the scale by as much, and the error cancels. The middle of that scale is
also where an image begins to count as a man's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, final

import numpy as np
import pandas as pd

from audit.evidence import Evidence
from audit.lenses.common.protocol import WHOLE_SUITE, LensAnswer, MetricCard, Subject, flat_row, make_answer
from audit.lenses.common.scales import has_zero, read_scales, with_zero
from audit.lenses.common.verdicts import (
    judges_asking,
    missing_note,
    names,
    not_usable,
    numbers,
    scored_images,
    size,
    suites_with_subjects,
)
from audit.lenses.gender_metrics import GENDER_METRICS
from audit.lenses.gender_tables import concept_row, five_shares, read_as_either, with_reading, woman_bounds
from audit.records import Finding
from audit.stats import (
    ClusterEstimate,
    benjamini_hochberg,
    cluster_mean,
    cluster_share,
    group_means,
    read_off,
    singles,
    spearman,
    t_test,
    two_level_means,
)

_CARD: Final = {card.name: card for card in GENDER_METRICS}
_SHARES: Final = (0.0, 1.0)
_LEANS: Final = (-1.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Concept:
    """What was found on one concept."""

    name: str
    women: float | None
    rows: pd.DataFrame
    findings: tuple[Finding, ...]

    def value(self, metric: str) -> float | None:
        """Return the value of a metric, if it was asked and measured."""
        return next((found.estimate.value for found in self.findings if found.metric == metric), None)


@final
@dataclass(frozen=True, slots=True)
class GenderLens:
    """Perceived gender presentation by concept and by suite; the primary judge's answers are the findings."""

    @property
    def name(self) -> str:
        """Name of the lens."""
        return "gender"

    @property
    def metrics(self) -> tuple[MetricCard, ...]:
        """Every metric of the lens."""
        return GENDER_METRICS

    def examine(self, evidence: Evidence, *, level: float = 0.95) -> LensAnswer:
        """Answer for every suite with subjects and every judge that reads gender.

        Tables: ``gender_concepts`` (a row per judge, suite and concept), ``gender_shares`` (the five shares) and
        ``gender_suites``.
        """
        findings: list[Finding] = []
        concept_rows: list[dict[str, object]] = []
        share_rows: list[dict[str, object]] = []
        suite_rows: list[dict[str, object]] = []
        for number, judge in enumerate(judges_asking(evidence, "gender")):
            every = scored_images(evidence, judge, "gender")
            scales = read_scales(every, "gender", "signed")
            every = with_reading(with_zero(every, scales))
            for suite in suites_with_subjects(evidence):
                subjects = every[(every["suite"] == suite) & (every["role"] == "subject")]
                concepts = _examine_concepts(subjects, suite=suite, judge=judge, level=level, scales=scales)
                whole = _examine_suite(concepts, suite=suite, judge=judge, level=level)
                label: dict[str, object] = {"judge": judge, "primary": number == 0, "suite": suite}
                concept_rows += [
                    {**label, **concept_row(concept.name, concept.rows, concept.findings)} for concept in concepts
                ]
                share_rows += [
                    {**label, **row}
                    for concept in concepts
                    for row in five_shares(concept.name, concept.rows, level=level)
                ]
                suite_rows.append({**label, "concepts": len(concepts), **flat_row(whole, _CARD)})
                if number == 0:
                    findings += [found for concept in concepts for found in concept.findings] + list(whole)
        return make_answer(
            findings,
            {
                "gender_concepts": concept_rows,
                "gender_shares": share_rows,
                "gender_suites": suite_rows,
            },
        )


def _examine_concepts(
    subjects: pd.DataFrame, *, suite: str, judge: str, level: float, scales: pd.DataFrame
) -> tuple[_Concept, ...]:
    concepts = []
    for name, rows in subjects.groupby("concept", sort=True):
        about = Subject(
            lens="gender",
            suite=suite,
            name=str(name),
            n_unscored=not_usable(rows),
            note=missing_note(rows, judge),
        )
        known = rows["women"].dropna()
        women = float(known.iloc[0]) if len(known) else None
        findings = (
            *_share_findings(rows, about, women=women, level=level),
            *_lean_findings(rows, about, level=level, scales=scales),
        )
        concepts.append(_Concept(name=str(name), women=women, rows=rows, findings=findings))
    return _adjust(tuple(concepts))


def _share_findings(rows: pd.DataFrame, about: Subject, *, women: float | None, level: float) -> tuple[Finding, ...]:
    read = read_as_either(rows)
    prompts = names(read, "prompt_id")
    is_woman = numbers(read, "is_woman")
    woman = cluster_share(is_woman, prompts, level=level)
    man = cluster_share(1.0 - is_woman, prompts, level=level)
    unknown = (rows["verdict"] == "undetermined").to_numpy(dtype=float)
    undetermined = cluster_share(unknown, names(rows, "prompt_id"), level=level)
    bounds = woman_bounds(rows)
    remark = "Woman or man by comparison with the middle of the scale." if has_zero(rows) else ""
    if bounds is not None and bounds.low < bounds.high:
        remark += f" Between {bounds.low:.2f} and {bounds.high:.2f} however the undetermined ones read."
    findings = [
        about.finding(_CARD["gender.woman_share"], woman, level=level, n=size(read), remark=remark.strip()),
        about.finding(_CARD["gender.man_share"], man, level=level, n=size(read)),
        about.finding(_CARD["gender.undetermined_share"], undetermined, level=level, n=size(rows)),
        about.finding(_CARD["gender.parity_gap"], _shifted(woman, 0.5), level=level, n=size(read)),
    ]
    if women is not None:
        gap = _shifted(woman, women)
        findings.append(about.finding(_CARD["gender.labour_gap"], gap, level=level, n=size(read)))
    return tuple(findings)


def _lean_findings(rows: pd.DataFrame, about: Subject, *, level: float, scales: pd.DataFrame) -> tuple[Finding, ...]:
    usable = rows[rows["usable"]]
    means = group_means(numbers(usable, "signed"), names(usable, "prompt_id"))
    raw = cluster_mean(numbers(usable, "signed"), names(usable, "prompt_id"), level=level, bounds=_LEANS)
    lean, tested, used, remark = (
        raw,
        t_test(means, 0.0),
        usable,
        "On the judge's own scale: the concept has none that could be read.",
    )
    placed = usable[usable["zero"].notna()]
    if len(placed):
        prompts = sorted(placed["prompt_id"].unique())
        readings = group_means(numbers(placed, "signed"), names(placed, "prompt_id"))
        found = read_off(readings, scales.loc[prompts].to_numpy(), scales.columns.to_numpy(dtype=float), level=level)
        lean, tested, used, remark = found.estimate, found.test, placed, "Read off the concept's own scale."
    about_lean = about.finding(
        _CARD["gender.lean"], lean, level=level, n=size(used), remark=f"{remark} p: {tested.method}."
    )
    return (
        replace(about_lean, p_value=tested.p_value),
        about.finding(_CARD["gender.raw_lean"], raw, level=level, n=size(usable)),
    )


def _examine_suite(concepts: tuple[_Concept, ...], *, suite: str, judge: str, level: float) -> tuple[Finding, ...]:
    if not concepts:
        return ()
    rows = pd.concat([concept.rows for concept in concepts])
    about = Subject(
        lens="gender", suite=suite, name=WHOLE_SUITE, n_unscored=not_usable(rows), note=missing_note(rows, judge)
    )
    usable = rows[rows["usable"]]
    read = read_as_either(rows)
    leans = two_level_means(numbers(usable, "signed"), names(usable, "prompt_id"), names(usable, "concept"))
    raw = _over_concepts(leans, level=level, bounds=_LEANS)
    placed = [place for concept in concepts if (place := concept.value("gender.lean")) is not None]
    lean = _over_concepts(np.array(placed, dtype=float), level=level, bounds=None)
    unknown = (rows["verdict"] == "undetermined").to_numpy(dtype=float)
    unknowns = two_level_means(unknown, names(rows, "prompt_id"), names(rows, "concept"))
    undetermined = cluster_share(unknowns, singles(unknowns), level=level, unit="concepts")
    findings = [
        about.finding(_CARD["gender.lean"], lean, level=level, n=size(usable)),
        about.finding(_CARD["gender.raw_lean"], raw, level=level, n=size(usable)),
        about.finding(_CARD["gender.undetermined_share"], undetermined, level=level, n=size(rows)),
    ]
    for metric in ("gender.parity_gap", "gender.labour_gap"):
        gaps = [abs(gap) for concept in concepts if (gap := concept.value(metric)) is not None]
        if gaps or metric == "gender.parity_gap":
            mean = _over_concepts(np.array(gaps, dtype=float), level=level, bounds=_SHARES)
            remark = f"Mean absolute gap of {len(gaps)} concepts."
            findings.append(about.finding(_CARD[metric], mean, level=level, n=size(read), remark=remark))
    if any(concept.women is not None for concept in concepts):
        findings.append(_labour_correlation(concepts, about, level=level))
    return tuple(findings)


def _labour_correlation(concepts: tuple[_Concept, ...], about: Subject, *, level: float) -> Finding:
    pairs = [
        (concept.women, -lean, concept.rows)
        for concept in concepts
        if concept.women is not None and (lean := concept.value("gender.lean")) is not None
    ]
    found = spearman(
        np.array([women for women, _, _ in pairs], dtype=float),
        np.array([lean for _, lean, _ in pairs], dtype=float),
        level=level,
    )
    used = pd.concat([rows[rows["usable"]] for _, _, rows in pairs]) if pairs else concepts[0].rows.iloc[:0]
    remark = f"Over {found.n} concepts with a labour share."
    return about.finding(
        _CARD["gender.labour_correlation"], found.over_concepts, level=level, n=size(used), remark=remark
    )


def _adjust(concepts: tuple[_Concept, ...]) -> tuple[_Concept, ...]:
    """Correct the p-values of the leans of one suite, which are one family, after Benjamini and Hochberg."""
    raw = [next(found.p_value for found in concept.findings if found.metric == "gender.lean") for concept in concepts]
    adjusted = benjamini_hochberg(raw)
    return tuple(
        replace(
            concept,
            findings=tuple(
                replace(found, p_adjusted=p_value) if found.metric == "gender.lean" else found
                for found in concept.findings
            ),
        )
        for concept, p_value in zip(concepts, adjusted.p_values, strict=True)
    )


def _over_concepts(means: np.ndarray, *, level: float, bounds: tuple[float, float] | None) -> ClusterEstimate:
    return cluster_mean(means, singles(means), level=level, bounds=bounds, unit="concepts")


def _shifted(found: ClusterEstimate, by: float) -> ClusterEstimate:
    def less(end: float | None) -> float | None:
        return None if end is None else end - by

    return replace(found, value=less(found.value), low=less(found.low), high=less(found.high))
