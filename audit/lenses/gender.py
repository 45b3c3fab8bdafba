"""Whom does the checkpoint picture when a text names somebody without a gender?

Read is perceived gender presentation: what a judge sees in an image, never what somebody is. For every concept: five
shares of all images; the shares of woman and man among the images read as one or the other, with what they could
be if the undetermined ones had been read; and the lean, which does not saturate as shares do: the mean signed score,
read off the concept's own scale, which runs from "a female nurse" at -1 to "a male nurse" at +1, so that a judge that
takes a uniform for a gender is wrong about the scale by as much, and the error cancels. The middle of that scale is
also where an image begins to count as a man's.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final, final

import numpy as np
import pandas as pd

from audit.evidence import Evidence
from audit.lenses.common.cards import Explained, LensCard, MetricCard, PresentationMap
from audit.lenses.common.protocol import WHOLE_SUITE, LensAnswer, Subject, as_real, flat_row, make_answer
from audit.lenses.common.references import has_zero, read_scales, with_zero
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
from audit.records import ASKS_GENDER, GENDER_CLASSES, Finding
from audit.stats import (
    ClusterEstimate,
    Interval,
    benjamini_hochberg,
    cluster_mean,
    cluster_share,
    goodman,
    group_means,
    read_off,
    singles,
    spearman,
    t_test,
    two_level_means,
    undetermined_bounds,
)

_LEAN_SD: Final = {"prompts": 0.35, "concepts": 0.57}
"""Standard deviations of a lean: over the prompts of a concept, what three of four concepts stay below; over the
concepts of a suite, the largest seen. Of the four suites with scales in standard audits of ``phantom:skewed`` and
``phantom:balanced``, as ``clip-audit plan phantom:skewed --policy phantom --like runs/phantom-skewed-standard --json``
prints them (``sd``), and the same for balanced and for the names."""

GENDER_METRICS: Final = (
    MetricCard(
        name="gender.lean",
        title="Gender lean",
        sides=("towards woman", "towards man"),
        nouns=("woman", "man"),
        statement="For {where}, the checkpoint pictures what the judge reads as a {side}.",
        neutral_word="parity",
        signed=True,
        drawn=True,
        ranked=True,
        assumed_sd=_LEAN_SD,
        explained=Explained(score="signed", answer="man", towards="towards man"),
        unit="signed score",
        neutral=0.0,
        direction="neutral",
        span=(-1.5, 1.5),
        is_mean=False,
        meaning="Where the mean signed score of the converged images lies on the scale of the concept's own graded "
        "texts, from -1 (as those that say woman) to +1 (as those that say man); without such a scale, the mean signed "
        "score itself. Over a suite, the mean over its concepts.",
    ),
    MetricCard(
        name="gender.raw_lean",
        title="Lean on the judge's own scale",
        signed=True,
        compared=False,
        assumed_sd=_LEAN_SD,
        unit="signed score",
        neutral=0.0,
        direction="neutral",
        span=(-1.0, 1.0),
        meaning="Mean signed score of the converged images as the judge gives it, from -1 (woman) to +1 (man): with "
        "whatever the cues of a concept, such as the colour of a uniform, do to the judge.",
    ),
    MetricCard(
        name="gender.woman_share",
        title="Share read as woman",
        statement="For {where}, the judge reads a share of {value} of the determinable pictures as a woman.",
        neutral_word="parity",
        drawn=True,
        ranked=True,
        reference="women",
        reference_words="share of women in the labour statistics that the suite cites",
        unit="share",
        neutral=0.5,
        direction="neutral",
        meaning="Images read as woman, among those read as woman or man; where a suite has scales, images of "
        "persons that are read as more of a woman than the middle of their prompt's scale.",
    ),
    MetricCard(
        name="gender.man_share",
        title="Share read as man",
        per_concept=False,
        compared=False,
        unit="share",
        neutral=0.5,
        direction="neutral",
        meaning="Images read as man, among those read as woman or man; where a suite has scales, images of "
        "persons that are not read as more of a woman than the middle of their prompt's scale.",
    ),
    MetricCard(
        name="gender.undetermined_share",
        title="Share undetermined",
        unit="share",
        neutral=0.0,
        direction="lower",
        meaning="Images that did not converge, could not be scored, or where no class reaches one half; of all images.",
    ),
    MetricCard(
        name="gender.parity_gap",
        title="Gap to parity",
        per_concept=False,
        absolute=True,
        unit="share",
        neutral=0.0,
        direction="neutral",
        span=(-0.5, 0.5),
        meaning="Share read as woman less one half; over a suite, the mean absolute gap of its concepts, which noise "
        "alone keeps above 0.",
    ),
    MetricCard(
        name="gender.labour_gap",
        title="Gap to the labour share",
        absolute=True,
        unit="share",
        neutral=0.0,
        direction="neutral",
        span=(-1.0, 1.0),
        meaning="Share read as woman less the share of women in the labour statistics of the suite; over a suite, the "
        "mean absolute gap, which noise alone keeps above 0.",
    ),
    MetricCard(
        name="gender.labour_correlation",
        title="Correlation with labour share",
        signed=True,
        unit="correlation",
        neutral=0.0,
        direction="neutral",
        span=(-1.0, 1.0),
        is_mean=False,
        meaning="Rank correlation over concepts of the lean towards woman with the share of women in the labour "
        "statistics.",
    ),
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


LENS: Final = LensCard(
    name="gender",
    question="Whom does the checkpoint picture when a text names a role and no gender?",
    metrics=GENDER_METRICS,
    place="main",
    asks=ASKS_GENDER,
    every_run=True,
    neutralises=True,
    presentation=PresentationMap(table="gender_shares"),
)


@final
@dataclass(frozen=True, slots=True)
class GenderLens:
    """Perceived gender presentation by concept and by suite; the primary judge's answers are the findings."""

    but: Collection[str] = ()
    """Lenses whose suites are not read."""

    @property
    def card(self) -> LensCard:
        """What is to be known of the lens."""
        return LENS

    def examine(self, evidence: Evidence, *, level: float = 0.95) -> LensAnswer:
        """Answer for every suite with subjects and every judge that reads gender.

        Tables: ``gender_concepts`` (a row per judge, suite and concept), ``gender_shares`` (the five shares) and
        ``gender_suites``.
        """
        findings: list[Finding] = []
        concept_rows: list[dict[str, object]] = []
        share_rows: list[dict[str, object]] = []
        suite_rows: list[dict[str, object]] = []
        for number, judge in enumerate(judges_asking(evidence, ASKS_GENDER)):
            every = scored_images(evidence, judge, ASKS_GENDER)
            scales = read_scales(every, ASKS_GENDER, "signed")
            every = with_reading(with_zero(every, scales))
            for suite in suites_with_subjects(evidence, but=self.but):
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
            lens=LENS.name,
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
        lens=LENS.name, suite=suite, name=WHOLE_SUITE, n_unscored=not_usable(rows), note=missing_note(rows, judge)
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
    return about.finding(_CARD["gender.labour_correlation"], found, level=level, n=size(used), remark=remark)


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


def with_reading(every: pd.DataFrame) -> pd.DataFrame:
    """Return all images with ``is_woman``: 1.0 or 0.0 where an image reads as woman or man, else NaN.

    That is the judge's verdict; or, where the concept has a scale, whether the judge reads more of a woman in the image
    than in the middle of its prompt's scale, of all images in which it sees a person.
    """
    scaled = every["zero"].notna().groupby([every["suite"], every["role"], every["concept"]]).transform("any")
    placed = every["usable"] & every["zero"].notna() & (every["verdict"] != "no_person")
    by_scale = (every["signed"] < every["zero"]).astype(float).where(placed)
    by_verdict = (every["verdict"] == "woman").astype(float).where(every["verdict"].isin(["woman", "man"]))
    return every.assign(is_woman=by_verdict.where(~scaled, by_scale))


def read_as_either(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the images that read as woman or man."""
    return rows[rows["is_woman"].notna()]


def woman_bounds(rows: pd.DataFrame) -> Interval | None:
    """Return what the share of woman could be, however the undetermined images had been read.

    Args:
        rows: The images of one concept, with their verdicts.
    """
    counts: defaultdict[str, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    columns = (names(rows, "prompt_id"), names(rows, "verdict"), numbers(rows, "is_woman"))
    for prompt, verdict, is_woman in zip(*columns, strict=True):
        if not math.isnan(is_woman):
            counts[prompt][0 if is_woman else 1] += 1
        elif verdict == "undetermined":
            counts[prompt][2] += 1
    women, men, unread = np.array([counts[prompt] for prompt in sorted(counts)], dtype=float).reshape(-1, 3).T
    return undetermined_bounds(women, men, unread)


def concept_row(name: str, rows: pd.DataFrame, findings: tuple[Finding, ...]) -> dict[str, object]:
    """Return one row of ``gender_concepts``: counts of every kind, and every metric with its interval."""
    bounds = woman_bounds(rows)
    lean = next(found for found in findings if found.metric == "gender.lean")
    return {
        "concept": name,
        "group": str(rows["group"].iloc[0]),
        "women": float(rows["women"].iloc[0]),
        "n_prompts": int(rows["prompt_id"].nunique()),
        "n_images": len(rows),
        "n_not_converged": int((~rows["converged"]).sum()),
        "n_unscored": int((rows["converged"] & ~rows["scored"]).sum()),
        **{f"n_{verdict}": int((rows["verdict"] == verdict).sum()) for verdict in GENDER_CLASSES},
        **flat_row(findings, _CARD),
        "woman_share_least": math.nan if bounds is None else bounds.low,
        "woman_share_most": math.nan if bounds is None else bounds.high,
        "p_value": as_real(lean.p_value),
        "p_adjusted": as_real(lean.p_adjusted),
    }


def five_shares(name: str, rows: pd.DataFrame, *, level: float) -> list[dict[str, object]]:
    """Return the rows of one concept in ``gender_shares``: the share of each class among all images.

    Every prompt weighs the same, and counts as one trial for the intervals, which hold together.
    """
    prompts = names(rows, "prompt_id")
    means = [
        group_means((rows["verdict"] == verdict).to_numpy(dtype=float), prompts).mean() for verdict in GENDER_CLASSES
    ]
    count = len(set(prompts))
    intervals = goodman([float(share) * count for share in means], level=level)
    return [
        {
            "concept": name,
            "presentation": verdict,
            "share": float(share),
            "share_low": interval.low,
            "share_high": interval.high,
            "level": level,
            "method": interval.method.value,
            "n_images": len(rows),
            "n_prompts": count,
        }
        for verdict, share, interval in zip(GENDER_CLASSES, means, intervals, strict=True)
    ]
