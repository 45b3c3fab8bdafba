"""How fine are the classes that the checkpoint tells apart: makes of cars, species of flowers?

A suite holds families of classes. On the text side, how far another class of the family lies from a text is told as a
part of how far the classes of other families lie: near 0 the two are one to the checkpoint. A checkpoint may hear the
difference of two words and still mean the same by both; so that their order is right, as ``text_separation`` counts it,
is not enough. On the image side, a judge of labels says whether an image fits its own class better than another one of
the family.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, final

import numpy as np
import pandas as pd
from jaxtyping import Float

from audit.evidence import Evidence
from audit.lenses.common.cards import LensCard, MetricCard
from audit.lenses.common.phrases import (
    SAME_COSINE,
    adjusted,
    distances,
    embedded,
    judge_of_labels,
    mean_where,
    picked_images,
    picked_share,
    prompts_asking,
    same,
    unit_vectors,
)
from audit.lenses.common.protocol import WHOLE_SUITE, LensAnswer, Subject, flat_row, make_answer
from audit.lenses.common.verdicts import missing_note, names, not_usable, numbers
from audit.records import ASKS_LABELS, Finding
from audit.stats import ClusterEstimate, cluster_mean, cluster_share, group_means, singles

_CLASS_SIMILARITY: Final = MetricCard(
    name="granularity.class_similarity",
    title="Similarity to other classes",
    unit="cosine",
    neutral=None,
    direction="lower",
    span=(-1.0, 1.0),
    reads="texts",
    meaning="Cosine of a text of one class with those of the other classes of its family in the same words.",
)
_WORDING_SIMILARITY: Final = MetricCard(
    name="granularity.wording_similarity",
    title="Similarity to other wordings of the class",
    unit="cosine",
    neutral=None,
    direction="higher",
    span=(-1.0, 1.0),
    reads="texts",
    meaning="Cosine of a text with the texts of its own class in other words: what the similarity of classes is to be "
    "compared with.",
)
_CONTRAST: Final = MetricCard(
    name="granularity.text_contrast",
    title="Distance of classes as texts",
    drawn=True,
    unit="ratio",
    neutral=0.0,
    direction="higher",
    span=(0.0, 2.0),
    is_mean=False,
    reads="texts",
    meaning="Mean distance (1 - cosine) of a text from those of the other classes of its family in the same words, as "
    "a part of its mean distance from classes of other families in the same words: 0 where the classes of a family are "
    "one text, 1 where they are as far apart as classes that have nothing in common.",
)
_SEPARATION: Final = MetricCard(
    name="granularity.text_separation",
    title="Class outweighs sentence",
    unit="share",
    neutral=0.5,
    direction="higher",
    reads="texts",
    meaning="How often another class in the same words lies farther from a text than its own class in other words, "
    "half a one for a tie: 1 where exchanging the class always changes a text more than rewording it, 0 where it never "
    "does.",
)
_ACCURACY: Final = MetricCard(
    name="granularity.image_accuracy",
    title="Own class picked",
    drawn=True,
    unit="share",
    neutral=0.5,
    direction="higher",
    asks=ASKS_LABELS,
    meaning="How often a judge of labels finds an image closer to its own class than to another one of its family, "
    "over all others of the family, half a one for a tie; 0.5 by chance.",
)
_TEXT_CARDS: Final = {
    "contrast": _CONTRAST,
    "separation": _SEPARATION,
    "class_similarity": _CLASS_SIMILARITY,
    "wording_similarity": _WORDING_SIMILARITY,
}
_CARDS: Final = (_CONTRAST, _ACCURACY, _SEPARATION, _CLASS_SIMILARITY, _WORDING_SIMILARITY)
_CARD: Final = {card.name: card for card in _CARDS}


LENS: Final = LensCard(
    name="granularity",
    question="How fine are the classes that the checkpoint tells apart?",
    metrics=_CARDS,
    place="main",
    about_words=True,
)


@final
@dataclass(frozen=True, slots=True)
class GranularityLens:
    """Fine classes in texts and in images: by class, by family and by suite."""

    @property
    def card(self) -> LensCard:
        """What is to be known of the lens."""
        return LENS

    def examine(self, evidence: Evidence, *, level: float = 0.95) -> LensAnswer:
        """Answer for every suite of families.

        Tables: ``granularity_classes``, ``granularity_families`` and ``granularity_suites``.
        """
        findings: list[Finding] = []
        rows: dict[str, list[dict[str, object]]] = {"classes": [], "families": [], "suites": []}
        for name, prompts in prompts_asking(evidence, LENS.name).groupby("suite", sort=True):
            suite = str(name)
            judge = judge_of_labels(evidence, suite)
            seen = _Seen(
                suite=suite,
                texts=_compare(evidence, prompts),
                images=picked_images(evidence, judge, prompts),
                judge=judge,
            )
            family_of = dict(zip(names(prompts, "concept"), names(prompts, "group"), strict=True))
            classes = {concept: seen.of(concept, "concept", level) for concept in sorted(family_of)}
            families = {family: seen.of(family, "group", level) for family in sorted(set(family_of.values()))}
            whole = seen.of_all(level)
            for concept, found in adjusted(classes, _ACCURACY).items():
                rows["classes"].append(
                    {"suite": suite, "concept": concept, "family": family_of[concept], **flat_row(found, _CARD)}
                )
                findings += found
            for family, found in adjusted(families, _ACCURACY).items():
                rows["families"].append({"suite": suite, "family": family, **flat_row(found, _CARD)})
                findings += found
            rows["suites"].append({"suite": suite, "families": len(families), **flat_row(whole, _CARD)})
            findings += whole
        return make_answer(findings, {f"granularity_{name}": table for name, table in rows.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What there is of one suite: a row per class and template, and a row per image."""

    suite: str
    texts: pd.DataFrame
    images: pd.DataFrame
    judge: str | None

    def of(self, name: str, column: str, level: float) -> tuple[Finding, ...]:
        """Return the findings of one class (``column`` "concept") or of one family ("group"), over templates."""
        texts, images = self.texts[self.texts[column] == name], self.images[self.images[column] == name]
        subject = name if column == "concept" else f"group:{name}"
        found = []
        for key, card in _TEXT_CARDS.items():
            known = texts[texts[key].notna()]
            estimate = _over(card, numbers(known, key), names(known, "frame"), level)
            found.append(self._about_texts(subject).finding(card, estimate, level=level, n=(0, len(known))))
        if len(images) and self.judge is not None:
            read = images[images["usable"]]
            means = group_means(numbers(read, "picked"), names(read, "frame"))
            found.append(self._accuracy(subject, images, means, "templates", level))
        return tuple(found)

    def of_all(self, level: float) -> tuple[Finding, ...]:
        """Return the findings of the suite, over families: classes of one family are compared with each other."""
        about = self._about_texts(WHOLE_SUITE)
        found = []
        for key, card in _TEXT_CARDS.items():
            known = self.texts[self.texts[key].notna()]
            means = _by_family(known, key)
            estimate = _over(card, means, singles(means), level, unit="families")
            found.append(about.finding(card, estimate, level=level, n=(0, len(known))))
        means = _by_family(self.images[self.images["usable"]], "picked")
        return (*found, self._accuracy(WHOLE_SUITE, self.images, means, "families", level))

    def _about_texts(self, subject: str) -> Subject:
        return Subject(lens=LENS.name, suite=self.suite, name=subject, n_unscored=0, note="Texts alone.")

    def _accuracy(
        self, subject: str, images: pd.DataFrame, means: Float[np.ndarray, " units"], unit: str, level: float
    ) -> Finding:
        note = "No judge of labels looked." if self.judge is None else missing_note(images, self.judge)
        about = Subject(lens=LENS.name, suite=self.suite, name=subject, n_unscored=not_usable(images), note=note)
        return picked_share(about, _ACCURACY, means, images[images["usable"]], level=level, unit=unit)


def _over(
    card: MetricCard, values: Float[np.ndarray, " n"], clusters: list[str], level: float, unit: str = "templates"
) -> ClusterEstimate:
    if card is _SEPARATION:
        return cluster_share(values, clusters, level=level, unit=unit)
    bounds = None if card is _CONTRAST else card.span
    return cluster_mean(values, clusters, level=level, bounds=bounds, unit=unit)


def _by_family(rows: pd.DataFrame, column: str) -> Float[np.ndarray, " families"]:
    """Return the mean of each family: over templates within a class first, then over its classes."""
    means = rows.groupby(["group", "concept", "frame"], sort=True)[column].mean()
    by_family = means.groupby(level=["group", "concept"], sort=True).mean().groupby(level="group", sort=True).mean()
    return np.asarray(by_family.to_numpy(dtype=float))


def _compare(evidence: Evidence, prompts: pd.DataFrame) -> pd.DataFrame:
    """Return the embedded texts with what :data:`_TEXT_CARDS` names; NaN where there is nothing to compare with."""
    rows = embedded(evidence, prompts)
    vectors = unit_vectors(evidence, names(rows, "text"))
    apart = distances(vectors, vectors)
    concept, family, frame = (same(names(rows, column)) for column in ("concept", "group", "frame"))
    reworded, exchanged = concept & ~frame, family & ~concept & frame
    near, far = mean_where(apart, exchanged), mean_where(apart, ~family & frame)
    separation = [_farther(line[exchanged[n]], line[reworded[n]]) for n, line in enumerate(apart)]
    return rows.assign(
        contrast=np.divide(near, far, out=np.full(len(rows), np.nan), where=np.nan_to_num(far) > 0),
        separation=np.array(separation, dtype=float),
        class_similarity=1.0 - near,
        wording_similarity=1.0 - mean_where(apart, reworded),
    )


def _farther(others: Float[np.ndarray, " n"], own: Float[np.ndarray, " m"]) -> float:
    """Return how often one of the others is farther than one of the own, half a one for a tie; NaN without pairs."""
    if not (len(others) and len(own)):
        return math.nan
    ahead = others[:, None] - own[None, :]
    return float(np.where(np.abs(ahead) <= SAME_COSINE, 0.5, ahead > 0).mean())
