"""Does the checkpoint read the order of words, or a bag of them?

A suite holds pairs of texts of the same words in another order: who does what, which colour is whose, what stands
where. On the text side, a text is compared with its swap, with shuffles of its own words, and with the texts of other
pairs in the same sentence: what a swap or a shuffle moves the embedding by is told as a part of what an unrelated text
moves it by. On the image side, a judge of labels says which of the two captions an image fits better.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

import numpy as np
import pandas as pd
from jaxtyping import Float

from audit.evidence import Evidence
from audit.lenses.common.cards import LensCard, MetricCard
from audit.lenses.common.phrases import (
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
from audit.lenses.common.verdicts import missing_note, names, numbers
from audit.records import ASKS_LABELS, Finding
from audit.seeding import derive_seed
from audit.stats import cluster_mean, group_means, singles, two_level_means

COMPOSITION_METRICS: Final = (
    MetricCard(
        name="composition.order_sensitivity",
        title="Sensitivity to word order",
        drawn=True,
        unit="ratio",
        neutral=0.0,
        direction="higher",
        span=(0.0, 2.0),
        is_mean=False,
        reads="texts",
        meaning="Distance (1 - cosine) of a text from random orders of its own words, as a part of its mean distance "
        "from texts of other pairs in the same sentence: 0 for a checkpoint that reads a bag of words.",
    ),
    MetricCard(
        name="composition.swap_sensitivity",
        title="Sensitivity to a swap",
        drawn=True,
        unit="ratio",
        neutral=0.0,
        direction="higher",
        span=(0.0, 2.0),
        is_mean=False,
        reads="texts",
        meaning="Distance (1 - cosine) of a text from its swap, as a part of its mean distance from texts of other "
        "pairs in the same sentence: 0 for a checkpoint that reads a bag of words.",
    ),
    MetricCard(
        name="composition.caption_accuracy",
        title="Own caption picked",
        drawn=True,
        unit="share",
        neutral=0.5,
        direction="higher",
        asks=ASKS_LABELS,
        meaning="Images that a judge of labels finds closer to the caption they were made for than to its swap, half a "
        "one for a tie; both captions of a pair weigh the same, so that a judge's liking for one of them leaves 0.5.",
    ),
    MetricCard(
        name="composition.swap_similarity",
        title="Similarity to the swapped text",
        unit="cosine",
        neutral=None,
        direction="lower",
        span=(-1.0, 1.0),
        reads="texts",
        meaning="Cosine of the embedding of a text with that of its swap: the same words in another order. It is 1 for "
        "a checkpoint that reads a bag of words.",
    ),
    MetricCard(
        name="composition.unrelated_similarity",
        title="Similarity to unrelated texts",
        unit="cosine",
        neutral=None,
        direction="lower",
        span=(-1.0, 1.0),
        reads="texts",
        meaning="Cosine of a text with those of the other pairs in the same sentence: what the similarity of a swap is "
        "to be compared with.",
    ),
)


SHUFFLES: Final = 4
"""Random orders of the words of each text."""

_TRIES: Final = 50
"""Draws after which no further order of the words is looked for: two words have one other."""

_ACCURACY: Final = next(card for card in COMPOSITION_METRICS if card.name == "composition.caption_accuracy")
_CARD: Final = {card.name: card for card in COMPOSITION_METRICS}
_COSINES: Final = (-1.0, 1.0)
_ARMS: Final = ("original", "swapped")
_APART: Final = "\x1f"  # between the parts of a name; no suite can hold it


LENS: Final = LensCard(
    name="composition",
    question="Does the checkpoint read the order of words, or a bag of them?",
    metrics=COMPOSITION_METRICS,
    place="main",
    about_words=True,
)


@final
@dataclass(frozen=True, slots=True)
class CompositionLens:
    """Word order in texts and in images, by pair and by suite."""

    @property
    def card(self) -> LensCard:
        """What is to be known of the lens."""
        return LENS

    def wants(self, prompts: pd.DataFrame) -> tuple[str, ...]:
        """Return the shuffles of every text of a pair, to be embedded."""
        mine = prompts[(prompts["lens"] == LENS.name) & prompts["role"].isin(["subject", "text"])]
        return tuple(sorted({shuffle for text in names(mine, "text") for shuffle in shuffles(text)}))

    def examine(self, evidence: Evidence, *, level: float = 0.95) -> LensAnswer:
        """Answer for every suite of pairs. Tables: ``composition_pairs`` and ``composition_suites``."""
        findings: list[Finding] = []
        pair_rows: list[dict[str, object]] = []
        suite_rows: list[dict[str, object]] = []
        for name, prompts in prompts_asking(evidence, LENS.name).groupby("suite", sort=True):
            suite = str(name)
            judge = judge_of_labels(evidence, suite)
            pairs = _compare_pairs(evidence, prompts)
            images = picked_images(evidence, judge, prompts)
            by_pair = _pair_findings(suite, prompts, pairs, images, judge=judge, level=level)
            whole = _suite_findings(suite, pairs, images, judge=judge, level=level)
            for concept, found in by_pair.items():
                kind = {"suite": suite, "concept": concept, "n_templates": int((pairs["concept"] == concept).sum())}
                pair_rows.append({**kind, **flat_row(found, _CARD)})
                findings += found
            suite_rows.append({"suite": suite, "pairs": len(by_pair), **flat_row(whole, _CARD)})
            findings += whole
        return make_answer(findings, {"composition_pairs": pair_rows, "composition_suites": suite_rows})


def shuffles(text: str) -> tuple[str, ...]:
    """Return up to ``SHUFFLES`` other orders of the words of a text, drawn from seeds that are names.

    Example:
        >>> shuffles("red ball"), shuffles("ball")
        (('ball red',), ())
    """
    words = text.split()
    found: dict[str, None] = {}
    for number in range(_TRIES):
        rng = np.random.default_rng(derive_seed("shuffle", text, number))
        order = " ".join(words[place] for place in rng.permutation(len(words)).tolist())
        if order != " ".join(words):
            found[order] = None
        if len(found) == SHUFFLES:
            break
    return tuple(found)


def _compare_pairs(evidence: Evidence, prompts: pd.DataFrame) -> pd.DataFrame:
    """Return a row per pair and sentence: ``swap_similarity``, ``unrelated_similarity`` and both sensitivities.

    A sensitivity is NaN where the unrelated texts lie on the text itself.
    """
    rows = embedded(evidence, prompts)
    vectors = unit_vectors(evidence, names(rows, "text"))
    apart = distances(vectors, vectors)
    beside = same(names(rows, "frame")) & same(names(rows, "group"))
    unrelated = mean_where(apart, beside & ~same(names(rows, "concept")))
    shuffled = np.array([_shuffled(evidence, text, vector) for text, vector in zip(rows["text"], vectors, strict=True)])
    table = []
    for (concept, frame), pair in rows.groupby(["concept", "frame"], sort=True):
        places = [pair.index[pair["group"] == arm] for arm in _ARMS]
        if any(len(place) != 1 for place in places):
            continue
        both = np.array([place[0] for place in places])
        swap, others = float(apart[both[0], both[1]]), float(unrelated[both].mean())
        table.append(
            {
                "concept": concept,
                "frame": frame,
                "swap_similarity": 1.0 - swap,
                "unrelated_similarity": 1.0 - others,
                "swap_sensitivity": _part(swap, others),
                "order_sensitivity": _part(float(shuffled[both].mean()), others),
            }
        )
    columns = ["concept", "frame", *_TEXT_COLUMNS]
    return pd.DataFrame(table, columns=columns).astype(dict.fromkeys(_TEXT_COLUMNS, float))


_TEXT_COLUMNS: Final = ("swap_similarity", "unrelated_similarity", "swap_sensitivity", "order_sensitivity")


def _shuffled(evidence: Evidence, text: str, vector: Float[np.ndarray, " embedding"]) -> float:
    """Return the mean distance of a text from its shuffles; NaN where none was embedded."""
    there = [shuffle for shuffle in shuffles(text) if shuffle in evidence.texts]
    if not there:
        return float("nan")
    return float(distances(vector[None, :], unit_vectors(evidence, there)).mean())


def _part(distance: float, of: float) -> float:
    return distance / of if of > 0 else float("nan")


def _pair_findings(
    suite: str, prompts: pd.DataFrame, pairs: pd.DataFrame, images: pd.DataFrame, *, judge: str | None, level: float
) -> dict[str, tuple[Finding, ...]]:
    by_pair: dict[str, tuple[Finding, ...]] = {}
    for concept in sorted(set(names(prompts, "concept"))):
        texts, looks = pairs[pairs["concept"] == concept], images[images["concept"] == concept]
        found = [_text_finding(suite, concept, texts, column, level=level) for column in _TEXT_COLUMNS]
        if judge is not None:
            found.append(_accuracy(suite, concept, looks, judge=judge, level=level))
        by_pair[concept] = tuple(found)
    return adjusted(by_pair, _ACCURACY)


def _text_finding(suite: str, concept: str, texts: pd.DataFrame, column: str, *, level: float) -> Finding:
    """Return what was found of one pair, or over all of them where ``concept`` is ``WHOLE_SUITE``."""
    known = texts[texts[column].notna()]
    values, bounds = numbers(known, column), _COSINES if column.endswith("similarity") else None
    if concept == WHOLE_SUITE:
        means = group_means(values, names(known, "concept"))
        found = cluster_mean(means, singles(means), level=level, bounds=bounds, unit="pairs")
    else:
        found = cluster_mean(values, names(known, "frame"), level=level, bounds=bounds, unit="templates")
    about = Subject(lens=LENS.name, suite=suite, name=concept, n_unscored=0, note="Texts alone.")
    return about.finding(_CARD[f"composition.{column}"], found, level=level, n=(0, 2 * len(known)))


def _accuracy(suite: str, concept: str, images: pd.DataFrame, *, judge: str | None, level: float) -> Finding:
    """Return how often the judge picks the own caption; a sentence counts only where both of its arms were read."""
    usable = images[images["usable"]]
    both = usable.groupby(["concept", "frame"])["group"].transform("nunique") == len(_ARMS)
    read = usable[both.to_numpy(dtype=bool)]
    about = Subject(
        lens=LENS.name,
        suite=suite,
        name=concept,
        n_unscored=len(images) - len(read),
        note="No judge of labels looked." if judge is None else missing_note(images, judge),
    )
    units = [f"{one}{_APART}{frame}" for one, frame in zip(read["concept"], read["frame"], strict=True)]
    arms = [f"{unit}{_APART}{arm}" for unit, arm in zip(units, read["group"], strict=True)]
    means = two_level_means(numbers(read, "picked"), arms, units)
    if concept == WHOLE_SUITE:
        means = group_means(means, [unit.partition(_APART)[0] for unit in sorted(set(units))])
    unit = "pairs" if concept == WHOLE_SUITE else "templates"
    return picked_share(about, _ACCURACY, means, read, level=level, unit=unit)


def _suite_findings(
    suite: str, pairs: pd.DataFrame, images: pd.DataFrame, *, judge: str | None, level: float
) -> tuple[Finding, ...]:
    texts = [_text_finding(suite, WHOLE_SUITE, pairs, column, level=level) for column in _TEXT_COLUMNS]
    return (*texts, _accuracy(suite, WHOLE_SUITE, images, judge=judge, level=level))
