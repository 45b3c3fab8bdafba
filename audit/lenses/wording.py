"""How much hangs on the choice of words?

A suite holds groups of paraphrases: the same thing said in several ways, each in several sentences. How far do
paraphrases lie apart in the text embedding, as a part of how far other groups lie apart? How much do a judge's readings
differ between them, beyond what the sentence and the seed do? And which share of all variance is due to the wording?
The first and the last are also asked of suites about gender, whose templates are the wordings of their concepts.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final, final

import numpy as np
import pandas as pd
from jaxtyping import Float

from audit.evidence import Evidence
from audit.lenses.common.cards import CausesFigure, LensCard, MetricCard
from audit.lenses.common.phrases import distances, embedded, mean_where, prompts_asking, same, unit_vectors
from audit.lenses.common.protocol import WHOLE_SUITE, LensAnswer, Subject, flat_row, make_answer
from audit.lenses.common.verdicts import judges_asking, missing_note, names, not_usable, numbers, scored_images, size
from audit.records import ASKS_GENDER, Finding
from audit.stats import (
    ClusterEstimate,
    cluster_mean,
    group_means,
    repeated_variance,
    singles,
    two_level_means,
    wording_share,
)

_EMBEDDING: Final = MetricCard(
    name="wording.embedding_spread",
    title="Spread of paraphrases as texts",
    drawn=True,
    unit="ratio",
    neutral=0.0,
    direction="lower",
    span=(0.0, 2.0),
    is_mean=False,
    reads="texts",
    meaning="Mean distance (1 - cosine) of a text from its paraphrases in the same sentence, as a part of its mean "
    "distance from texts of other groups: 0 where the wording changes nothing, 1 where a paraphrase is as far as an "
    "unrelated text. In a suite about gender, a concept is a group, and its templates are the paraphrases.",
)
_VERDICT: Final = MetricCard(
    name="wording.verdict_spread",
    title="Spread of readings over paraphrases",
    drawn=True,
    unit="signed score",
    neutral=0.0,
    direction="lower",
    span=(0.0, 1.5),
    is_mean=False,
    asks=ASKS_GENDER,
    meaning="Standard deviation over the paraphrases of a group of the mean signed score that the primary judge of "
    "gender reads in their images, from -1 (woman) to +1 (man), with what the sentence and the seed add taken off. "
    "Over a suite, the root of the mean variance of its groups.",
)
_VARIANCE: Final = MetricCard(
    name="wording.variance_share",
    title="Share of variance by wording",
    unit="share",
    neutral=0.0,
    direction="lower",
    is_mean=False,
    asks=ASKS_GENDER,
    meaning="Share of the variance of the primary judge's signed score over all images of a suite that is due to the "
    "wording: paraphrases within a group; in a suite about gender, templates within a concept. The rest is due to the "
    "concept, and to the sentence and the seed.",
)
_CARDS: Final = (_EMBEDDING, _VERDICT, _VARIANCE)
_CARD: Final = {card.name: card for card in _CARDS}
_APART: Final = "\x1f"  # between the parts of a name; no suite can hold it


LENS: Final = LensCard(
    name="wording",
    question="How much of an answer hangs on the choice of words?",
    metrics=_CARDS,
    place="main",
    causes=CausesFigure(
        metric="wording.variance_share",
        cause="the wording",
        table="wording_suites",
        others={"concept_share": "the concept", "seed_share": "the rest"},
        rest="The rest is the seed, and the sentence where that is not the wording.",
    ),
    about_words=True,
)


@final
@dataclass(frozen=True, slots=True)
class WordingLens:
    """Sensitivity to wording: of texts, of readings, by group of paraphrases and by suite."""

    also: Collection[str] = ()
    """Lenses about subjects whose suites are read too: their templates are the wordings of their concepts."""

    @property
    def card(self) -> LensCard:
        """What is to be known of the lens."""
        return LENS

    def examine(self, evidence: Evidence, *, level: float = 0.95) -> LensAnswer:
        """Answer for every suite of paraphrases, and over each suite about gender with several templates.

        Tables: ``wording_groups`` and ``wording_suites``.
        """
        findings: list[Finding] = []
        group_rows: list[dict[str, object]] = []
        suite_rows: list[dict[str, object]] = []
        for look in _looks(evidence, self.also):
            groups = look.groups(level) if look.paraphrased else {}
            for concept, found in groups.items():
                group_rows.append({"suite": look.suite, "concept": concept, **flat_row(found, _CARD)})
                findings += found
            shares = look.shares(level)
            whole = (*look.whole(level), shares.finding)
            suite_rows.append({"suite": look.suite, **flat_row(whole, _CARD), **shares.others})
            findings += whole
        return make_answer(findings, {"wording_groups": group_rows, "wording_suites": suite_rows})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shares:
    finding: Finding
    """The share of the wording."""
    others: dict[str, float]
    """The shares of the concept, and of sentence and seed; NaN where they are not told apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """One suite: texts with their distances, and images with the readings of the primary judge of gender."""

    suite: str
    paraphrased: bool
    """Whether it is a suite of paraphrases, and not one whose templates are the wordings."""
    texts: pd.DataFrame
    """``concept``, ``wording`` and ``spread`` of every text that can be compared."""
    images: pd.DataFrame
    """As ``scored_images``, with ``wording`` and ``frame``."""
    judge: str | None

    def groups(self, level: float) -> dict[str, tuple[Finding, ...]]:
        """Return what was found of every group of paraphrases."""
        concepts = sorted({*names(self.texts, "concept"), *names(self.images, "concept")})
        return {concept: self._group(concept, level) for concept in concepts}

    def _group(self, concept: str, level: float) -> tuple[Finding, ...]:
        texts = self.texts[self.texts["concept"] == concept]
        spread = cluster_mean(numbers(texts, "spread"), names(texts, "wording"), level=level, unit="wordings")
        found = [self._about(concept).finding(_EMBEDDING, spread, level=level, n=(0, len(texts)))]
        if self.judge is not None:
            rows = self.images[self.images["concept"] == concept]
            variance = _variance(rows, level)
            usable = rows[rows["usable"]]
            found.append(self._about(concept, rows).finding(_VERDICT, _root(variance), level=level, n=size(usable)))
        return tuple(found)

    def whole(self, level: float) -> tuple[Finding, ...]:
        """Return the spreads over the suite."""
        within = [
            f"{concept}{_APART}{wording}"
            for concept, wording in zip(self.texts["concept"], self.texts["wording"], strict=True)
        ]
        means = two_level_means(numbers(self.texts, "spread"), within, names(self.texts, "concept"))
        spread = cluster_mean(means, singles(means), level=level, unit="groups")
        found = [self._about(WHOLE_SUITE).finding(_EMBEDDING, spread, level=level, n=(0, len(self.texts)))]
        if self.paraphrased:
            each = [_variance(rows, level).value for _, rows in self.images.groupby("concept", sort=True)]
            known = np.array([value for value in each if value is not None], dtype=float)
            mean = _root(cluster_mean(known, singles(known), level=level, unit="groups"))
            usable = self.images[self.images["usable"]]
            found.append(self._about(WHOLE_SUITE, self.images).finding(_VERDICT, mean, level=level, n=size(usable)))
        return tuple(found)

    def shares(self, level: float) -> _Shares:
        """Return the share of the variance that is due to the wording, and the others."""
        usable = self.images[self.images["usable"]]
        wordings = names(usable, "wording")
        if self.paraphrased:  # the first paraphrase of one group has nothing in common with that of another
            wordings = [
                f"{concept}{_APART}{wording}" for concept, wording in zip(usable["concept"], wordings, strict=True)
            ]
        found = wording_share(numbers(usable, "signed"), wordings, names(usable, "concept"), level=level)
        finding = self._about(WHOLE_SUITE, self.images).finding(_VARIANCE, found.wording, level=level, n=size(usable))
        others = {
            "concept_share": math.nan if found.concept is None else found.concept,
            "seed_share": math.nan if found.seed is None else found.seed,
        }
        return _Shares(finding=finding, others=others)

    def _about(self, name: str, images: pd.DataFrame | None = None) -> Subject:
        """Return the subject of findings; of texts alone where there are no images to speak of."""
        note = "Texts alone."
        if images is not None:
            note = "No judge of gender looked." if self.judge is None else missing_note(images, self.judge)
        n_unscored = 0 if images is None else not_usable(images)
        return Subject(lens=LENS.name, suite=self.suite, name=name, n_unscored=n_unscored, note=note)


def _looks(evidence: Evidence, also: Collection[str]) -> list[_Look]:
    judge = next(iter(judges_asking(evidence, ASKS_GENDER)), None)
    others = [_of_templates(prompts_asking(evidence, lens)) for lens in also]
    asked = pd.concat([prompts_asking(evidence, LENS.name), *others])
    places = asked.assign(
        wording=asked["group"].where(asked["lens"] == LENS.name, asked["template"]),
        frame=asked["frame"].where(asked["lens"] == LENS.name, ""),
    )
    every = _readings(evidence, judge).merge(
        places[["prompt_id", "wording", "frame"]], on="prompt_id", how="inner", validate="many_to_one"
    )
    every = every.sort_values(["suite", "concept", "prompt_id", "replicate"], ignore_index=True)
    return [
        _Look(
            suite=str(suite),
            paraphrased=bool((prompts["lens"] == LENS.name).all()),
            texts=_spread(evidence, prompts),
            images=every[every["suite"] == suite],
            judge=judge,
        )
        for suite, prompts in places.groupby("suite", sort=True)
    ]


def _of_templates(prompts: pd.DataFrame) -> pd.DataFrame:
    """Return the subjects of suites with at least two templates."""
    templates = prompts.groupby("suite")["template"].transform("nunique")
    return prompts[(prompts["role"] == "subject").to_numpy() & (templates > 1).to_numpy()]


def _readings(evidence: Evidence, judge: str | None) -> pd.DataFrame:
    """Return ``scored_images`` of the judge; without one, no image is usable."""
    if judge is not None:
        return scored_images(evidence, judge, ASKS_GENDER)
    images = evidence.images.merge(evidence.prompts, on="prompt_id", how="inner", validate="many_to_one")
    return images.assign(converged=False, usable=False, signed=np.nan)


def _spread(evidence: Evidence, prompts: pd.DataFrame) -> pd.DataFrame:
    """Return the texts that have a paraphrase and an unrelated text in the same sentence, with their ``spread``."""
    rows = embedded(evidence, prompts)
    vectors = unit_vectors(evidence, names(rows, "text"))
    apart = distances(vectors, vectors)
    concept, wording, frame = (same(names(rows, column)) for column in ("concept", "wording", "frame"))
    within, between = mean_where(apart, concept & ~wording & frame), mean_where(apart, ~concept & frame)
    known = np.isfinite(within) & (np.nan_to_num(between) > 0)
    spread = np.divide(within, between, out=np.full(len(rows), np.nan), where=known)
    return rows[["concept", "wording"]].assign(spread=spread).iloc[np.flatnonzero(known)].reset_index(drop=True)


def _variance(rows: pd.DataFrame, level: float) -> ClusterEstimate:
    """Return the variance of the readings of one group over its paraphrases; a repeat is a sentence."""
    usable = rows[rows["usable"]]
    wordings, frames = sorted(set(names(usable, "wording"))), sorted(set(names(usable, "frame")))
    values: Float[np.ndarray, "wordings frames"] = np.full((len(wordings), len(frames)), np.nan)
    for (wording, frame), cell in usable.groupby(["wording", "frame"], sort=True):
        mean = group_means(numbers(cell, "signed"), ["cell"] * len(cell))
        values[wordings.index(str(wording)), frames.index(str(frame))] = float(mean[0])
    return repeated_variance(values, level=level, unit="templates")


def _root(variance: ClusterEstimate) -> ClusterEstimate:
    """Return a standard deviation with its interval; a variance estimated below 0 is 0."""

    def root(end: float | None) -> float | None:
        return None if end is None else min(_VERDICT.span[1], math.sqrt(max(0.0, end)))

    return replace(variance, value=root(variance.value), low=root(variance.low), high=root(variance.high))
