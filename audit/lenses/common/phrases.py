"""Prompts as texts: which stand in the same sentence, how far their embeddings lie apart, which answer an image fits.

The lenses of word order, wording and fine classes share it; it is no lens, and takes no decision.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from audit.evidence import Evidence
from audit.lenses.common.cards import MetricCard
from audit.lenses.common.labelled import column_parts
from audit.lenses.common.protocol import Subject
from audit.lenses.common.verdicts import judges_asking, names, numbers, plain_images, size
from audit.records import ASKS_LABELS, Finding, Question
from audit.stats import benjamini_hochberg, cluster_share, singles, t_test

SAME_COSINE: Final = 1e-6
"""Cosines of single-precision vectors that differ by less are one."""

_SLOT: Final = re.compile(r"\{[^{}]*\}")
_KEY: Final = ["prompt_id", "replicate"]


def prompts_asking(evidence: Evidence, lens: str) -> pd.DataFrame:
    """Return the prompts of the suites that are written for a lens, controls left out, in an order of names only.

    Besides the columns of ``prompts`` it has ``frame``: the template with its slot taken out, which is the same in both
    arms of a contrast.
    """
    every = evidence.prompts
    mine = every[(every["lens"] == lens) & every["role"].isin(["subject", "text"])]
    frames = [_SLOT.sub("{}", template) for template in names(mine, "template")]
    return mine.assign(frame=frames).sort_values(["suite", "concept", "prompt_id"], ignore_index=True)


def embedded(evidence: Evidence, prompts: pd.DataFrame) -> pd.DataFrame:
    """Return those of some prompts whose text was embedded."""
    there = [text in evidence.texts for text in names(prompts, "text")]
    return prompts[np.array(there, dtype=bool)].reset_index(drop=True)


def unit_vectors(evidence: Evidence, texts: list[str]) -> Float[np.ndarray, "text embedding"]:
    """Return the embeddings of some texts in double precision, of length 1 in it, so that a text is at 0 from itself.

    Raises:
        UsageProblem: If one was not embedded.
    """
    vectors = evidence.texts.of(texts).astype(np.float64)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def distances(
    first: Float[np.ndarray, "n embedding"], second: Float[np.ndarray, "m embedding"]
) -> Float[np.ndarray, "n m"]:
    """Return 1 - cosine of every unit vector with every other, in [0, 2]; what is less than rounding is 0.

    Example:
        >>> distances(np.eye(2), np.eye(2)).tolist()
        [[0.0, 1.0], [1.0, 0.0]]
    """
    apart = np.clip(1.0 - first @ second.T, 0.0, 2.0)
    return np.asarray(np.where(apart < SAME_COSINE, 0.0, apart))


def mean_where(values: Float[np.ndarray, "n m"], wanted: Bool[np.ndarray, "n m"]) -> Float[np.ndarray, " n"]:
    """Return the mean of the wanted values of every row; NaN where a row has none.

    Example:
        >>> mean_where(np.array([[1.0, 3.0], [5.0, 7.0]]), np.array([[True, True], [False, False]])).tolist()
        [2.0, nan]
    """
    counts = wanted.sum(axis=1)
    sums = np.where(wanted, values, 0.0).sum(axis=1)
    return np.asarray(np.where(counts > 0, sums / np.maximum(counts, 1), np.nan))


def same(column: list[str]) -> Bool[np.ndarray, "n n"]:
    """Return which rows have the same name.

    Example:
        >>> same(["a", "b"]).tolist()
        [[True, False], [False, True]]
    """
    labels = np.array(column, dtype=str)
    return np.asarray(labels[:, None] == labels[None, :])


def judge_of_labels(evidence: Evidence, suite: str) -> str | None:
    """Return the first judge that answers a question of a suite, if there is one."""
    for judge in judges_asking(evidence, ASKS_LABELS):
        if any(column_parts(column)[0] == suite for column in evidence.judges[judge].classes):
            return judge
    return None


def picked_images(evidence: Evidence, judge: str | None, prompts: pd.DataFrame) -> pd.DataFrame:
    """Return the images of some prompts, with whether a judge of labels picks their own answer.

    The fact of a prompt that is named after a question says which answer its images should fit best.

    Args:
        evidence: What the run holds.
        judge: The judge of labels; without one, no image is usable.
        prompts: As :func:`prompts_asking` gives them.

    Returns:
        A row per image of a prompt that states an answer; of every prompt, without a judge: the columns of ``prompts``,
        ``converged``, ``usable`` (converged and scored) and ``picked``, the share of the other answers to the question
        that the image fits less than its own; half a one for a tie, NaN where it is not usable.
    """
    images = plain_images(evidence)[[*_KEY, "converged"]]
    table = images.merge(prompts, on="prompt_id", how="inner", validate="many_to_one")
    table = table.sort_values(["concept", *_KEY], ignore_index=True)
    if judge is None:
        return table.assign(usable=False, picked=np.nan)
    scores = table[_KEY].merge(evidence.scores[judge], on=_KEY, how="left", validate="one_to_one")
    facts = [json.loads(text) for text in table["facts"]]
    picked, asked = np.full(len(table), np.nan), np.zeros(len(table), dtype=bool)
    for column in evidence.judges[judge].classes:
        suite, name, answer = column_parts(column)
        own = np.array([fact.get(name) == answer for fact in facts], dtype=bool) & (table["suite"] == suite).to_numpy()
        picked[own] = _beaten(scores[own], column)
        asked |= own
    usable = table["converged"].to_numpy(dtype=bool) & np.isfinite(picked)
    return table.assign(usable=usable, picked=np.where(usable, picked, np.nan))[asked].reset_index(drop=True)


def picked_share(
    about: Subject, card: MetricCard, means: Float[np.ndarray, " units"], read: pd.DataFrame, *, level: float, unit: str
) -> Finding:
    """Return the finding that a share of images is picked, with a test of one half.

    Args:
        about: Its subject.
        card: Its metric.
        means: Share of each unit.
        read: The images that the shares rest on.
        level: Confidence level of the interval.
        unit: What a unit is, in the plural.
    """
    found = cluster_share(means, singles(means), level=level, unit=unit)
    tested = t_test(means, 0.5, unit=unit)
    remark = f"p: {tested.method}." if tested.p_value is not None else ""
    finding = about.finding(card, found, level=level, n=size(read), remark=remark)
    return replace(finding, p_value=tested.p_value)


def adjusted(found: Mapping[str, tuple[Finding, ...]], card: MetricCard) -> dict[str, tuple[Finding, ...]]:
    """Correct the p-values of one metric over all subjects, one family of tests, after Benjamini and Hochberg."""
    raw = [next((one.p_value for one in every if one.metric == card.name), None) for every in found.values()]
    corrected = benjamini_hochberg(raw).p_values
    return {
        name: tuple(replace(one, p_adjusted=p_value) if one.metric == card.name else one for one in every)
        for (name, every), p_value in zip(found.items(), corrected, strict=True)
    }


def _beaten(scores: pd.DataFrame, own: str) -> Float[np.ndarray, " n"]:
    """Return the share of the other answers to a question that lie below the own one."""
    suite, question, _ = column_parts(own)
    start = Question(suite=suite, name=question, answers={}).column("")
    others = [column for column in scores.columns if column.startswith(start) and column != own]
    mine = numbers(scores, own)[:, None]
    theirs = scores[others].to_numpy(dtype=float)
    ahead = np.where(np.abs(mine - theirs) <= SAME_COSINE, 0.5, (mine > theirs).astype(float))
    return np.where(np.isfinite(mine[:, 0]), ahead.mean(axis=1), np.nan)
