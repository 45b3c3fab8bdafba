"""Whom does the checkpoint picture when a text names somebody without a gender?

Read is perceived gender presentation: what a judge sees in an image, never what somebody is. For every concept: five
shares of all images; the shares of woman and man among the images read as one or the other, with what they could
be if the undetermined ones had been read; and two leans, which do not saturate as shares do.

The raw lean is the mean signed score as the judge gives it. The lean is the place of the text between its gendered
texts, seen through images: the same score, read off the concept's own scale, which runs from "a female nurse" at -1 to
"a male nurse" at +1, so that a judge that takes a uniform for a gender is wrong about the scale by as much, and the
error cancels. A checkpoint that pictures female, neutral and male nurses all as women has a lean near 0 for the same
reason; its raw lean and the middle of its scale say so. The middle of the scale is also where an image begins to count
as a man's. Where pictures of the texts that say a gender are not read as it, there is no scale and so no lean.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, final

import numpy as np
import pandas as pd

from audit.evidence import Evidence, concept_column
from audit.lenses.common.cards import Explained, LensCard, MetricCard, PresentationMap
from audit.lenses.common.judge_errors import JudgeErrors, error_rows, judge_errors
from audit.lenses.common.leans import Leans, error_of, read_leans
from audit.lenses.common.phrases import adjusted
from audit.lenses.common.protocol import WHOLE_SUITE, LensAnswer, Subject, as_real, flat_row, make_answer
from audit.lenses.common.references import has_zero, with_zero
from audit.lenses.common.verdicts import (
    UNDETERMINED,
    judges_asking,
    missing_note,
    names,
    not_usable,
    numbers,
    size,
    suites_with_subjects,
)
from audit.records import ASKS_GENDER, CORRECTED, GENDER_CLASSES, Finding, Method
from audit.stats import (
    ClusterEstimate,
    InstrumentError,
    Interval,
    ReadOff,
    cluster_mean,
    cluster_share,
    crossed_mean,
    goodman,
    group_means,
    mean_size,
    singles,
    spearman,
    t_test,
    two_level_means,
    undetermined_bounds,
    widen,
    widened_test,
)

_LEAN_SD: Final = {"prompts": 0.35, "concepts": 0.57}
"""Standard deviations of a lean: over the prompts of a concept, what three of four concepts stay below; over the
concepts of a suite, the largest seen. Of the four suites with scales in standard audits of ``phantom:skewed`` and
``phantom:balanced``, as ``clip-audit plan phantom:skewed --policy phantom --like runs/phantom-skewed-standard --json``
prints them (``sd``), and the same for balanced and for the names."""

SMALLEST_LEAN: Final = 0.25
"""Least lean of interest: half of the way from the middle of the scale to its next mark."""

_LABOUR: Final = "women"
_MIXED_AS_LABOUR: Final = (
    "what women (\u22121) and men (+1) in the shares of the labour statistics that the suite cites would come to"
)

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
        leading=True,
        reference=_LABOUR,
        reference_at=(1.0, -1.0),
        reference_words=_MIXED_AS_LABOUR,
        ranked=True,
        assumed_sd=_LEAN_SD,
        precision_noise={"quick": 0.12, "standard": 0.09},
        explained=Explained(score="signed", answer="man", towards="towards man"),
        unit="signed score",
        neutral=0.0,
        direction="neutral",
        span=(-1.5, 1.5),
        is_mean=False,
        unread="by share",
        smallest_effect=SMALLEST_LEAN,
        meaning="The place of a text between its gendered texts, seen through images: where the mean signed score of "
        "the converged images lies on the scale of the concept's own graded texts, from -1 (as those that say woman) "
        "to +1 (as those that say man). What moves all pictures of a concept alike cancels: read it beside the raw "
        "lean and the middle of the scale. There is none without a scale, or where pictures of the texts that "
        "say a gender are not read as it. Over a suite, the mean over its concepts.",
    ),
    MetricCard(
        name="gender.raw_lean",
        title="Raw lean",
        sides=("towards woman", "towards man"),
        nouns=("woman", "man"),
        statement="For {where}, the checkpoint pictures what the judge reads as a {side}, on the judge's own scale.",
        neutral_word="parity",
        signed=True,
        drawn=True,
        leading=True,
        reference=_LABOUR,
        reference_at=(1.0, -1.0),
        reference_words=_MIXED_AS_LABOUR,
        ranked=True,
        told_as="gender.lean",
        assumed_sd=_LEAN_SD,
        explained=Explained(score="signed", answer="man", towards="towards man"),
        smallest_effect=SMALLEST_LEAN,
        unit="signed score",
        neutral=0.0,
        direction="neutral",
        span=(-1.0, 1.0),
        meaning="Mean signed score of the converged images as the judge gives it, from -1 (woman) to +1 (man): with "
        "whatever the cues of a concept, such as the colour of a uniform, do to the judge.",
    ),
    MetricCard(
        name="gender.scale_centre",
        title="Middle of the scale",
        signed=True,
        compared=False,
        assumed_sd={"prompts": 0.2, "concepts": 0.2},
        unit="signed score",
        neutral=0.0,
        direction="neutral",
        span=(-1.0, 1.0),
        meaning="What the judge reads halfway between pictures of the texts that say woman and of those that say man. "
        "Far from 0, the concept is pictured, or read, as one gender whatever its text says: a lean cannot show that.",
    ),
    MetricCard(
        name="gender.scale_offset",
        title="Largest offset of a scale",
        per_concept=False,
        compared=False,
        assumed_sd={"prompts": 0.2, "concepts": 0.2},
        unit="signed score",
        neutral=0.0,
        direction="lower",
        is_mean=False,
        unread="in interval",
        meaning="How far the middle of that concept's scale lies from 0 which lies farthest: over a half, a concept is "
        "pictured, or read, as one gender whatever its text says. Noise alone keeps it above 0; the interval holds for "
        "all concepts of the suite together, and for whatever the scales were that could not be read.",
    ),
    MetricCard(
        name="gender.scale_length",
        title="Half length of the scale",
        compared=False,
        assumed_sd={"prompts": 0.2, "concepts": 0.2},
        unit="signed score",
        neutral=None,
        direction="higher",
        span=(-1.0, 1.0),
        meaning="Half the distance between what the judge reads in pictures of the texts that say man and of those "
        "that say woman; near 0, saying a gender changes little, and there is no scale to read a lean off.",
    ),
    MetricCard(
        name="gender.lean_size",
        title="Mean size of the leans",
        per_concept=False,
        compared=False,
        assumed_sd=_LEAN_SD,
        unit="signed score",
        neutral=0.0,
        direction="lower",
        span=(0.0, 1.5),
        is_mean=False,
        unread="by share",
        meaning="Mean of the absolute leans of the concepts of a suite, less what noise and the instrument's own error "
        "add to it. In the mean lean, opposite leans cancel; here they do not.",
    ),
    MetricCard(
        name="gender.instrument_error",
        title="Instrument's own error of a lean",
        told_in_method="Over {suite}, concept, judge and images together add an error of SD {value} ({interval}) to a "
        "lean: it was read in neutralised subjects, from whose texts their own place between the gendered texts was "
        "taken off. The interval of every lean holds it.",
        per_concept=False,
        compared=False,
        unit="place on the scale",
        neutral=None,
        direction="lower",
        span=(0.0, 1.5),
        is_mean=False,
        meaning="Standard deviation of what concept, judge and images together add to a lean, beyond what prompts "
        "differ by: read in neutralised subjects, whose true lean is 0, with this checkpoint and this judge. "
        "The interval of every lean holds it.",
    ),
    MetricCard(
        name="gender.false_alarms",
        title="False alarms of leans",
        told_in_method="Of the neutralised subjects of {suite}, whose true lean is 0, a share of {value} ({interval}) "
        "is called a lean.",
        per_concept=False,
        compared=False,
        unit="share",
        neutral=None,
        direction="lower",
        meaning="Share of the neutralised subjects, whose true lean is 0, whose interval leaves out 0; the error that "
        "widens each is measured on the others. As many as the level allows are to be expected.",
    ),
    MetricCard(
        name="gender.woman_share",
        title="Share read as woman",
        statement="Of the pictures for {where} that the judge can tell, a share of {value} is read as a woman.",
        neutral_word="parity",
        ranked=True,
        groups=("woman", "man"),
        unknown="gender.undetermined_share",
        smallest_effect=SMALLEST_LEAN / 2,
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
_SIDES: Final = ("woman", "man")
_LEANS: Final = (-1.0, 1.0)
_UNSEEN: Final = 0.05
"""Share of prompts that may be read otherwise without one of them being seen: scores of a judge have two humps."""


_MEANS: Final = ("gender.lean", "gender.raw_lean", "gender.scale_centre", "gender.scale_length")
"""What a suite has the mean over its concepts of."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Known:
    """What all concepts of a run share, as one judge reads them."""

    judge: str
    level: float
    leans: Leans
    read: Mapping[tuple[str, str], ReadOff]
    """What was read of the subjects, by suite and concept."""
    neutral: Mapping[tuple[str, str], ReadOff]
    """The same of the neutralised ones."""

    error: InstrumentError | None
    """What they show of the instrument; ``None`` where too few were read."""

    errors: JudgeErrors | None
    """Of the judge, by labels of people."""

    def neutral_images(self, suite: str) -> pd.DataFrame:
        """Return the images of the neutralised subjects of a suite."""
        images = self.leans.images
        return images[(images["suite"] == suite) & (images["role"] == "neutralised")]


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

    but: Callable[[], Collection[str]] = tuple
    """Names the lenses whose suites are not read."""

    @property
    def card(self) -> LensCard:
        """What is to be known of the lens."""
        return LENS

    def examine(self, evidence: Evidence, *, level: float = 0.95) -> LensAnswer:
        """Answer for every suite with subjects and every judge that reads gender.

        Tables: ``gender_concepts`` (a row per judge, suite and concept), ``gender_shares`` (the five shares),
        ``gender_suites``, and ``gender_neutralised`` (what was read of every neutralised subject).
        """
        findings: list[Finding] = []
        concept_rows: list[dict[str, object]] = []
        share_rows: list[dict[str, object]] = []
        suite_rows: list[dict[str, object]] = []
        neutral_rows: list[dict[str, object]] = []
        judge_rows: list[dict[str, object]] = []
        for number, judge in enumerate(judges_asking(evidence, ASKS_GENDER)):
            leans = read_leans(evidence, judge)
            every = with_reading(with_zero(leans.images, leans.trusted))
            read, neutral = (leans.read_all(role, level=level) for role in ("subject", "neutralised"))
            error = error_of(neutral, read, level=level)
            errors = judge_errors(every, "is_woman", evidence, question=ASKS_GENDER, sides=_SIDES)
            said = error_rows(errors, every, evidence, question=ASKS_GENDER, sides=_SIDES, level=level)
            judge_rows += [{"judge": judge, "primary": number == 0, **row} for row in said]
            known = _Known(
                judge=judge, level=level, leans=leans, read=read, neutral=neutral, error=error, errors=errors
            )
            for suite in suites_with_subjects(evidence, but=self.but()):
                subjects = every[(every["suite"] == suite) & (every["role"] == "subject")]
                concepts = _examine_concepts(subjects, suite=suite, known=known)
                shown = _neutral_rows(suite, known)
                whole = (*_examine_suite(concepts, suite=suite, known=known), *_error_findings(shown, suite, known))
                label: dict[str, object] = {"judge": judge, "primary": number == 0, "suite": suite}
                neutral_rows += [{**label, **row} for row in shown]
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
                "gender_neutralised": neutral_rows,
                LENS.errors_table: judge_rows,
            },
        )


def _examine_concepts(subjects: pd.DataFrame, *, suite: str, known: _Known) -> tuple[_Concept, ...]:
    concepts = []
    for name, rows in subjects.groupby("concept", sort=True):
        about = Subject(
            lens=LENS.name,
            suite=suite,
            name=str(name),
            n_unscored=not_usable(rows),
            note=missing_note(rows, known.judge),
        )
        labour = rows["women"].dropna()
        women = float(labour.iloc[0]) if len(labour) else None
        findings = (
            *_lean_findings(rows, about, known),
            *_share_findings(rows, about, women=women, level=known.level, errors=known.errors),
        )
        concepts.append(_Concept(name=str(name), women=women, rows=rows, findings=findings))
    return _adjust(tuple(concepts))


def _share_findings(
    rows: pd.DataFrame, about: Subject, *, women: float | None, level: float, errors: JudgeErrors | None
) -> tuple[Finding, ...]:
    read = read_as_either(rows)
    prompts = names(read, "prompt_id")
    is_woman = numbers(read, "is_woman")
    woman = cluster_share(is_woman, prompts, level=level)
    if errors is not None:
        woman = errors.correct(woman, concept_column(about.suite, about.name), level=level)
    man = _mirrored(woman)
    unknown = (rows["verdict"] == UNDETERMINED).to_numpy(dtype=float)
    undetermined = cluster_share(unknown, names(rows, "prompt_id"), level=level)
    bounds, asked = woman_bounds(rows), len(read_or_undetermined(rows))
    remark = "Woman or man by comparison with the middle of the scale." if has_zero(rows) else ""
    if bounds is not None and bounds.low < bounds.high:
        remark += f" Between {bounds.low:.2f} and {bounds.high:.2f} however those read that are called neither."
    n, said = size(read), remark.strip()
    findings = [
        about.finding(_CARD["gender.woman_share"], woman, level=level, n=n, remark=said, asked=asked),
        about.finding(_CARD["gender.man_share"], man, level=level, n=n, asked=asked),
        about.finding(_CARD["gender.undetermined_share"], undetermined, level=level, n=size(rows)),
        about.finding(_CARD["gender.parity_gap"], _shifted(woman, 0.5), level=level, n=size(read), asked=asked),
    ]
    if women is not None:
        gap = _shifted(woman, women)
        findings.append(about.finding(_CARD["gender.labour_gap"], gap, level=level, n=size(read), asked=asked))
    return tuple(findings)


def _lean_findings(rows: pd.DataFrame, about: Subject, known: _Known) -> tuple[Finding, ...]:
    """Return the lean where the concept was asked with a scale, with what it was read off; and the raw lean."""
    usable, level = rows[rows["usable"]], known.level
    prompts = names(usable, "prompt_id")
    raw = cluster_mean(numbers(usable, "signed"), prompts, level=level, bounds=_LEANS, unseen=_UNSEEN)
    tested = t_test(group_means(numbers(usable, "signed"), prompts), 0.0)
    remark = f"On the judge's own scale. p: {tested.method}."
    about_raw = about.finding(_CARD["gender.raw_lean"], raw, level=level, n=size(usable), remark=remark)
    found = (replace(about_raw, p_value=tested.p_value),)
    if (about.suite, about.name) not in known.leans.asked:
        return found
    return (_lean_finding(rows, about, known), *found, *_scale_findings(rows, about, known))


def _lean_finding(rows: pd.DataFrame, about: Subject, known: _Known) -> Finding:
    read, error = known.read[about.suite, about.name], known.error
    tested = read.test if error is None else widened_test(read.estimate, error)
    remark = (
        f"p: {tested.method}."
        if read.estimate.value is None
        else f"Read off the concept's own scale. p: {tested.method}."
    )
    if error is None and read.estimate.low is not None:
        remark += " The interval is without the instrument's own error: too few neutralised subjects were read."
    placed = size(known.leans.placed(rows))
    found = about.finding(
        _CARD["gender.lean"], widen(read.estimate, error), level=known.level, n=placed, remark=remark.strip()
    )
    return _without_others(replace(found, p_value=tested.p_value), len(rows))


def _scale_findings(rows: pd.DataFrame, about: Subject, known: _Known) -> tuple[Finding, ...]:
    scales = known.leans.scale_of(rows)
    prompts = [str(prompt) for prompt in scales.index]
    ends = scales.to_numpy(dtype=float)[:, [0, -1]] if len(scales.columns) else np.zeros((0, 2))
    lower, upper = ends.T
    return tuple(
        about.finding(
            _CARD[metric],
            cluster_mean(values, prompts, level=known.level, bounds=_LEANS),
            level=known.level,
            n=(2 * len(prompts), len(prompts)),
            asked=_ends_asked([rows]),
        )
        for metric, values in (
            ("gender.scale_centre", (upper + lower) / 2),
            ("gender.scale_length", (upper - lower) / 2),
        )
    )


def _examine_suite(concepts: tuple[_Concept, ...], *, suite: str, known: _Known) -> tuple[Finding, ...]:
    if not concepts:
        return ()
    rows, level = pd.concat([concept.rows for concept in concepts]), known.level
    about = Subject(
        lens=LENS.name, suite=suite, name=WHOLE_SUITE, n_unscored=not_usable(rows), note=missing_note(rows, known.judge)
    )
    unknown = (rows["verdict"] == UNDETERMINED).to_numpy(dtype=float)
    unknowns = two_level_means(unknown, names(rows, "prompt_id"), names(rows, "concept"))
    undetermined = cluster_share(unknowns, singles(unknowns), level=level, unit="concepts")
    findings = [
        *_suite_leans(concepts, about, known),
        about.finding(_CARD["gender.undetermined_share"], undetermined, level=level, n=size(rows)),
    ]
    corrected = any(one.estimate.method is Method.ROGAN_GLADEN for concept in concepts for one in concept.findings)
    counted = tuple(concept for concept in concepts if concept.women is not None)
    findings.append(_gap_finding("gender.parity_gap", concepts, about, most=0.5, corrected=corrected, level=level))
    if counted:
        findings += [
            _gap_finding("gender.labour_gap", counted, about, most=1.0, corrected=corrected, level=level),
            _labour_correlation(concepts, about, level=level),
        ]
    return tuple(findings)


def _gap_finding(
    metric: str, concepts: tuple[_Concept, ...], about: Subject, *, most: float, corrected: bool, level: float
) -> Finding:
    """Return the mean absolute gap of concepts, all of which have one if they can be told.

    Args:
        metric: Name of the gap.
        concepts: All that it is asked of.
        about: Their suite.
        most: Largest that a gap can be.
        corrected: Whether shares are corrected by labels.
        level: Confidence level of the interval.
    """
    gaps = [abs(gap) for concept in concepts if (gap := concept.value(metric)) is not None]
    mean = _over_concepts(np.array(gaps, dtype=float), level=level, bounds=(0.0, most))
    if corrected:
        mean = replace(mean, remark=f"shares of concepts {CORRECTED}, but for what they share of it")
    n = size(read_as_either(pd.concat([concept.rows for concept in concepts])))
    silent = {concept.name for concept in concepts if concept.value(metric) is None}
    told = sum(len(one.rows if one.name in silent else read_or_undetermined(one.rows)) for one in concepts)
    remark = f"Mean absolute gap of {len(gaps)} concepts."
    return about.finding(_CARD[metric], mean, level=level, n=n, remark=remark, asked=told)


def _suite_leans(concepts: tuple[_Concept, ...], about: Subject, known: _Known) -> tuple[Finding, ...]:
    """Return the mean of every lean and scale over concepts, and the mean size of the leans."""
    asked = {found.metric for concept in concepts for found in concept.findings}
    found = []
    for metric in _MEANS:
        if metric in asked:
            mean, ends = _suite_mean(concepts, metric, known), None
            if metric.startswith("gender.scale_"):
                ends = _ends_asked(_asked_with_scale(concepts, about.suite, known))
            n = _sizes(concepts, metric)
            found.append(about.finding(_CARD[metric], mean, level=known.level, n=n, asked=ends))
    if _MEANS[0] in asked:
        found += [_size_finding(concepts, about, known), _offset_finding(concepts, about, known)]
    every, read_off = sum(len(concept.rows) for concept in concepts), {"gender.lean", "gender.lean_size"}
    return tuple(_without_others(one, every) if one.metric in read_off else one for one in found)


def _asked_with_scale(concepts: tuple[_Concept, ...], suite: str, known: _Known) -> list[pd.DataFrame]:
    """Return the images of each concept that was asked with a scale, whether or not the scale could be read."""
    return [concept.rows for concept in concepts if (suite, concept.name) in known.leans.asked]


def _ends_asked(every: Sequence[pd.DataFrame]) -> int:
    """Return the number of ends that the scales of some concepts have: two of each prompt."""
    return 2 * sum(int(rows["prompt_id"].nunique()) for rows in every)


def _size_finding(concepts: tuple[_Concept, ...], about: Subject, known: _Known) -> Finding:
    """Return the mean absolute lean, less what noise adds to it."""
    readings = [known.leans.read(concept.rows, level=known.level).near for concept in concepts]
    size_of = mean_size(readings, known.error, level=known.level)
    return about.finding(_CARD["gender.lean_size"], size_of, level=known.level, n=_sizes(concepts, _MEANS[0]))


def _offset_finding(concepts: tuple[_Concept, ...], about: Subject, known: _Known) -> Finding:
    """Return how far from 0 the middle of a scale lies at most, with an interval that holds for all concepts.

    The scales of a concept that could not be read are taken to lie at either end: one concept of which much is lost is
    a small share of the suite, and can be the one that lies farthest.
    """
    asked = _asked_with_scale(concepts, about.suite, known)
    every = [_middles(known.leans.scale_of(rows)) for rows in asked]
    unread = [1 - len(its) / rows["prompt_id"].nunique() for its, rows in zip(every, asked, strict=True)]
    n_read = sum(len(its) > 0 for its in every)
    together = 1 - (1 - known.level) / max(1, n_read)
    each = [cluster_mean(its, singles(its), level=together, bounds=_LEANS) for its in every]
    sizes = [abs(one.value) for one in each if one.value is not None]
    ends = [
        ((1 - lost) * one.low - lost, (1 - lost) * one.high + lost)
        for one, lost in zip(each, unread, strict=True)
        if one.low is not None and one.high is not None
    ]
    count = sum(map(len, every))
    found = ClusterEstimate(
        value=max(sizes, default=None),
        low=max((max(low, -high, 0.0) for low, high in ends), default=None),
        high=max((max(high, -low) for low, high in ends), default=None),
        method=Method.T if ends else Method.NOTHING,
        n=2 * count,
        n_clusters=count,
        remark=f"Bonferroni over {n_read} concepts",
    )
    if len(ends) < len(asked):  # one without a scale that was read, or without an interval, may lie anywhere
        found = replace(found, low=None, high=None, method=Method.FEW)
    n = (2 * count, count)
    return about.finding(_CARD["gender.scale_offset"], found, level=known.level, n=n, asked=_ends_asked(asked))


def _middles(scales: pd.DataFrame) -> np.ndarray:
    """Return the middle between the two ends of each scale."""
    return scales.to_numpy(dtype=float)[:, [0, -1]].mean(axis=1) if len(scales.columns) else np.array([])


def _suite_mean(concepts: tuple[_Concept, ...], metric: str, known: _Known) -> ClusterEstimate:
    """Return the mean of a metric over concepts, with what templates do to all of them where that is known."""
    if metric not in ("gender.lean", "gender.raw_lean"):
        values = np.array([v for concept in concepts if (v := concept.value(metric)) is not None], dtype=float)
        return _over_concepts(values, level=known.level, bounds=_LEANS if _CARD[metric].is_mean else None)
    rows = pd.concat([concept.rows for concept in concepts])
    used = rows[rows["usable"]]
    values = numbers(used, "signed")
    if metric == "gender.lean":
        places: dict[str, float] = {}
        for concept in concepts:
            places |= known.leans.places(concept.rows, level=known.level)
        used = rows[rows["prompt_id"].isin(places.keys())].drop_duplicates("prompt_id")
        values = np.array([places[prompt] for prompt in names(used, "prompt_id")], dtype=float)
    return crossed_mean(
        values,
        names(used, "prompt_id"),
        concepts=names(used, "concept"),
        templates=names(used, "template"),
        level=known.level,
        bounds=_LEANS if metric == "gender.raw_lean" else None,
    )


def _sizes(concepts: tuple[_Concept, ...], metric: str) -> tuple[int, int]:
    """Return the numbers of images and prompts behind the values of a metric that concepts have."""
    rest = [one.estimate for concept in concepts for one in concept.findings if one.metric == metric]
    measured = [one for one in rest if one.value is not None]
    return sum(one.n_images for one in measured), sum(one.n_prompts for one in measured)


def _without_others(found: Finding, images: int) -> Finding:
    """Return a lean that counts every image of its subject that it does not rest on, as for want of a scale."""
    return replace(found, n_unscored=images - found.estimate.n_images)


def _error_findings(shown: Sequence[Mapping[str, object]], suite: str, known: _Known) -> tuple[Finding, ...]:
    """Return the instrument's own error, and how often neutralised subjects of a suite are called a lean."""
    error, rows = known.error, known.neutral_images(suite)
    if error is None or not shown:
        return ()
    note = missing_note(rows, known.judge)
    about = Subject(lens=LENS.name, suite=suite, name=WHOLE_SUITE, n_unscored=not_usable(rows), note=note)
    n = size(rows[rows["usable"]])
    spread = ClusterEstimate(
        value=error.sd,
        low=error.low,
        high=error.high,
        method=Method.NEUTRALISED,
        n=n[0],
        n_clusters=error.n_concepts,
        over="concepts",
    )
    alarms = [bool(row["alarm"]) for row in shown if row["alarm"] is not None]
    share = cluster_share(np.array(alarms, dtype=float), singles(alarms), level=known.level, unit="concepts")
    remark = f"{sum(alarms)} of {len(alarms)} neutralised subjects."
    return (
        about.finding(_CARD["gender.instrument_error"], spread, level=known.level, n=n, remark=_freedom(error)),
        about.finding(_CARD["gender.false_alarms"], share, level=known.level, n=n, remark=remark),
    )


def _freedom(error: InstrumentError) -> str:
    """Say how many neutralised subjects an error was read in, and how well that is known."""
    known = f"From {error.n_concepts} neutralised subjects"
    if error.variance == 0.0:
        return f"{known}, which differ by no more than their prompts do."
    return f"{known}; its square has {2 * error.variance**2 / error.uncertainty:.1f} degrees of freedom."


def _neutral_rows(suite: str, known: _Known) -> list[dict[str, object]]:
    """Return what was read of each neutralised subject of a suite, with its interval as a lean would have it."""
    rows: list[dict[str, object]] = []
    for (of, concept), found in known.neutral.items():
        if of != suite:
            continue
        others = {key: one for key, one in known.neutral.items() if key != (of, concept)}
        wide = widen(found.estimate, error_of(others, known.neutral, level=known.level))
        alarm = None if wide.low is None or wide.high is None else not wide.low <= 0.0 <= wide.high
        rows.append(
            {
                "concept": concept,
                "n_prompts": wide.n_clusters,
                "lean": as_real(wide.value),
                "lean_low": as_real(wide.low),
                "lean_high": as_real(wide.high),
                "method": wide.method_text,
                "alarm": alarm,
            }
        )
    return rows


def _labour_correlation(concepts: tuple[_Concept, ...], about: Subject, *, level: float) -> Finding:
    scaled = any(found.metric == "gender.lean" for concept in concepts for found in concept.findings)
    pairs = [
        (concept.women, -lean, concept.rows)
        for concept in concepts
        if concept.women is not None
        and (lean := concept.value("gender.lean" if scaled else "gender.raw_lean")) is not None
    ]
    found = spearman(
        np.array([women for women, _, _ in pairs], dtype=float),
        np.array([lean for _, lean, _ in pairs], dtype=float),
        level=level,
    )
    used = pd.concat([rows[rows["usable"]] for _, _, rows in pairs]) if pairs else concepts[0].rows.iloc[:0]
    remark = f"{'Leans' if scaled else 'Raw leans'} of {found.n} concepts with a labour share."
    asked = sum(len(concept.rows) for concept in concepts if concept.women is not None)
    n = size(used)
    return about.finding(_CARD["gender.labour_correlation"], found, level=level, n=n, remark=remark, asked=asked)


def _adjust(concepts: tuple[_Concept, ...]) -> tuple[_Concept, ...]:
    """Correct the p-values of the leans of one suite, and of its raw leans: each a family of tests."""
    every = {concept.name: concept.findings for concept in concepts}
    for metric in ("gender.lean", "gender.raw_lean"):
        every = adjusted(every, _CARD[metric])
    return tuple(replace(concept, findings=every[concept.name]) for concept in concepts)


def _over_concepts(means: np.ndarray, *, level: float, bounds: tuple[float, float] | None) -> ClusterEstimate:
    return cluster_mean(means, singles(means), level=level, bounds=bounds, unit="concepts")


def _mirrored(share: ClusterEstimate) -> ClusterEstimate:
    """Return the share of what the share is not of."""

    def rest(end: float | None) -> float | None:
        return None if end is None else 1.0 - end

    return replace(share, value=rest(share.value), low=rest(share.high), high=rest(share.low))


def _shifted(found: ClusterEstimate, by: float) -> ClusterEstimate:
    def less(end: float | None) -> float | None:
        return None if end is None else end - by

    return replace(found, value=less(found.value), low=less(found.low), high=less(found.high))


def with_reading(every: pd.DataFrame) -> pd.DataFrame:
    """Return all images with ``is_woman``: 1.0 or 0.0 where an image reads as woman or man, else NaN; and ``untold``.

    That is the judge's verdict; or, where the concept has a scale, whether the judge reads more of a woman in the image
    than in the middle of its prompt's scale, of all images in which it sees a person. ``untold`` are those that might
    be of a woman or a man, and are called neither: since the judge cannot tell, or since their prompt has lost the
    scale that its concept has.
    """
    scaled = every["zero"].notna().groupby([every["suite"], every["role"], every["concept"]]).transform("any")
    person = every["usable"] & (every["verdict"] != "no_person")
    by_scale = (every["signed"] < every["zero"]).astype(float).where(person & every["zero"].notna())
    by_verdict = (every["verdict"] == "woman").astype(float).where(every["verdict"].isin(["woman", "man"]))
    is_woman = by_verdict.where(~scaled, by_scale)
    untold = is_woman.isna() & ((scaled & person) | (every["verdict"] == UNDETERMINED))
    return every.assign(is_woman=is_woman, untold=untold)


def read_as_either(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the images that read as woman or man."""
    return rows[rows["is_woman"].notna()]


def read_or_undetermined(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the images that read as woman or man, and those that might have, if they had been read."""
    return rows[rows["is_woman"].notna() | rows["untold"]]


def woman_bounds(rows: pd.DataFrame) -> Interval | None:
    """Return what the share of woman could be, however the images had been read that are called neither.

    Args:
        rows: The images of one concept, with their reading.
    """
    counts: defaultdict[str, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    for prompt, is_woman, untold in zip(
        names(rows, "prompt_id"), numbers(rows, "is_woman"), rows["untold"], strict=True
    ):
        if not math.isnan(is_woman):
            counts[prompt][0 if is_woman else 1] += 1
        elif untold:
            counts[prompt][2] += 1
    women, men, unread = np.array([counts[prompt] for prompt in sorted(counts)], dtype=float).reshape(-1, 3).T
    return undetermined_bounds(women, men, unread)


def concept_row(name: str, rows: pd.DataFrame, findings: tuple[Finding, ...]) -> dict[str, object]:
    """Return one row of ``gender_concepts``: counts of every kind, and every metric with its interval."""
    bounds = woman_bounds(rows)
    lean = next(found for found in findings if found.metric in {"gender.lean", "gender.raw_lean"})
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
