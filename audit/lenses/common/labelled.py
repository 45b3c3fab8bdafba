"""What judges of labels say: the answers to the questions of a suite, image by image.

A lens of such a suite reads the images of that suite alone. Prompts whose answer is known ("a scene at the beach") are
its references: they state it among their facts, under the name of the question, and show whether the judge reads it.

The cosines of a judge have offsets of their own: some answers fit everything, and an image of two things fits every
text less. So from each cosine the mean of the cosines of its image with all answers is taken off, and what is left is
measured by the references: 0 is how well other references fit an answer, 1 how well its own do. A concept that has
references of its own for every answer ("an old farmer") is measured by these alone, so that a look which the judge
takes for an answer cancels; any other by the references of the whole suite.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.special import softmax

from audit.evidence import Evidence
from audit.lenses.common.protocol import Subject, as_real
from audit.lenses.common.verdicts import (
    READ_FROM,
    UNDETERMINED,
    judges_asking,
    missing_note,
    names,
    not_usable,
    numbers,
    plain_images,
    size,
    with_scores,
)
from audit.records import ASKS_LABELS, Question
from audit.stats import ClusterEstimate, cluster_share, group_means, singles, two_level_means


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ruler:
    """What one answer is measured by, in cosines less the mean of their image."""

    own: Mapping[str, float]
    """Prompt of a reference of the answer -> mean of its images."""
    others: Mapping[str, float]
    """Every other answer -> mean of the images of its references."""

    def place(self, cosine: float, *, without: str = "") -> float:
        """Return where a cosine lies; NaN where there is no ruler.

        Args:
            cosine: Of an image with the answer, less the mean of the image.
            without: Prompt, or other answer, that is not to be measured by itself.
        """
        one, zero = _mean_without(self.own, without), _mean_without(self.others, without)
        return (cosine - zero) / (one - zero) if one > zero else math.nan


def places(rows: pd.DataFrame, cosines: pd.DataFrame) -> pd.DataFrame:
    """Return the place of every image for every answer; no reference is measured by itself.

    Args:
        rows: Images, with ``usable``, ``prompt_id``, ``concept``, and ``known``, the known answer of a reference or
            nothing.
        cosines: With the same index, a column per answer.

    Returns:
        Columns as ``cosines``; NaN where an image is not usable, or an answer has no reference of its own or none of
        another.
    """
    above = cosines.sub(cosines.mean(axis=1), axis=0)
    references = rows[rows["usable"] & rows["known"].isin(cosines.columns)]
    answers = [str(answer) for answer in cosines.columns]
    found = _measured(rows, above, references, answers)
    for concept, own in references.groupby("concept", sort=True):
        if own["known"].nunique() == len(answers):
            mine = rows[rows["concept"] == concept]
            found.loc[mine.index] = _measured(mine, above, own, answers)
    return found


def _measured(rows: pd.DataFrame, above: pd.DataFrame, references: pd.DataFrame, answers: list[str]) -> pd.DataFrame:
    """Return the places of some images by some references."""
    cosines = above.loc[references.index]
    known, prompts, usable = names(rows, "known"), names(rows, "prompt_id"), rows["usable"].tolist()
    found = {}
    for answer in answers:
        ruler = _ruler(references, numbers(cosines, answer), answer)
        found[answer] = [
            ruler.place(cosine, without=prompt if own == answer else own) if is_usable else math.nan
            for cosine, own, prompt, is_usable in zip(
                numbers(above.loc[rows.index], answer).tolist(), known, prompts, usable, strict=True
            )
        ]
    return pd.DataFrame(found, index=rows.index, columns=answers, dtype=float)


def _ruler(references: pd.DataFrame, cosines: np.ndarray, answer: str) -> _Ruler:
    prompts, known = names(references, "prompt_id"), names(references, "known")
    answer_of = dict(zip(prompts, known, strict=True))
    by_prompt = dict(zip(sorted(set(prompts)), group_means(cosines, prompts).tolist(), strict=True))
    by_answer = dict(zip(sorted(set(known)), two_level_means(cosines, prompts, known).tolist(), strict=True))
    return _Ruler(
        own={prompt: mean for prompt, mean in by_prompt.items() if answer_of[prompt] == answer},
        others={other: mean for other, mean in by_answer.items() if other != answer},
    )


def _mean_without(means: Mapping[str, float], without: str) -> float:
    kept = [mean for name, mean in means.items() if name != without]
    return math.fsum(kept) / len(kept) if kept else math.nan


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Labelled:
    """The images of one suite, and what one judge of labels says of them to one question."""

    judge: str
    primary: bool
    """Whether the judge is the first of the run that answers questions: its answers are the findings."""
    suite: str
    question: str
    answers: tuple[str, ...]
    rows: pd.DataFrame
    """:func:`plain_images` of the suite with ``reason``, ``scored``, ``usable``, ``known`` (the answer that the facts
    state; empty where they state none) and ``answer``: the one whose place is farthest, or "undetermined" where none
    reaches ``READ_FROM`` or the image is not usable. Where some answer has no place, none can be compared with it, and
    the softmax of the cosines at the judge's scale decides instead."""
    places: pd.DataFrame
    """A row per image, with the index of ``rows``, and a column per answer: 0 as the references of other answers, 1 as
    those of the answer itself; NaN where the image is not usable, or the references draw no line for the answer."""

    @property
    def subjects(self) -> pd.DataFrame:
        """The images that the suite asks about."""
        return self.rows[self.rows["role"] == "subject"]

    @property
    def references(self) -> pd.DataFrame:
        """The images whose answer is known."""
        return self.rows[self.rows["known"].isin(self.answers)]

    @property
    def label(self) -> dict[str, object]:
        """The first columns of a table row."""
        return {"judge": self.judge, "primary": self.primary, "suite": self.suite, "question": self.question}

    def about(self, lens: str, name: str, rows: pd.DataFrame) -> Subject:
        """Return what findings about some images share; the note says how far the judge can be believed."""
        known = self.references[self.references["usable"]]
        note = missing_note(rows, self.judge)
        if len(known):
            hits = int((known["answer"] == known["known"]).sum())
            note += f" It reads {hits} of {len(known)} images right whose answer is known."
        return Subject(lens=lens, suite=self.suite, name=name, n_unscored=not_usable(rows), note=note)


def column_parts(column: str) -> tuple[str, str, str]:
    """Return suite, question and answer of a column of a judge of labels: what ``Question.column`` put together.

    Example:
        >>> column_parts("contexts|place|beach")
        ('contexts', 'place', 'beach')
    """
    suite, question, answer = column.split("|", 2)
    return suite, question, answer


def labelled_suites(evidence: Evidence, lens: str) -> Iterator[Labelled]:
    """Return what every judge of labels says to every question of the suites that are written for a lens.

    The primary judge comes first; suites stand in alphabetical order, the questions of one in its own.
    """
    suites = sorted({str(suite) for suite in evidence.prompts.loc[evidence.prompts["lens"] == lens, "suite"]})
    for judge in judges_asking(evidence, ASKS_LABELS):
        columns = [column_parts(name) for name in evidence.judges[judge].classes]
        for suite in suites:
            for question in dict.fromkeys(parts[1] for parts in columns if parts[0] == suite):
                yield label_scores(evidence, judge, suite, question)


def label_scores(evidence: Evidence, judge: str, suite: str, question: str) -> Labelled:
    """Return the images of a suite with what a judge of labels says of them to a question.

    Raises:
        ValueError: If the judge does not answer the question, or its card has no scale.
    """
    asked = Question(suite=suite, name=question, answers={})
    card, start = evidence.judges[judge], asked.column("")
    answers = tuple(name.removeprefix(start) for name in card.classes if name.startswith(start))
    if not answers or card.scale is None:
        raise ValueError(f"The judge {judge} answers no question {question!r} of {suite}, or has no scale.")
    columns = [asked.column(answer) for answer in answers]
    every = plain_images(evidence)
    every = every[every["suite"] == suite].reset_index(drop=True)
    table = with_scores(every, evidence.scores[judge], columns)
    facts = table["facts"].map(lambda facts: str(json.loads(facts).get(question, ""))).astype(object)
    table = table.assign(known=facts.where(table["role"] == "reference", ""))
    cosines = table[columns].set_axis(list(answers), axis=1)
    measured = places(table, cosines)
    told = measured
    if measured[table["usable"]].isna().any(axis=None):
        shares = softmax(card.scale * cosines.to_numpy(), axis=1)
        told = pd.DataFrame(shares, index=table.index, columns=list(answers)).where(table["usable"])
    read = table["usable"] & (told.max(axis=1) >= READ_FROM)
    farthest = told.fillna(-np.inf).idxmax(axis=1).astype(object)
    return Labelled(
        judge=judge,
        primary=judges_asking(evidence, ASKS_LABELS)[0] == judge,
        suite=suite,
        question=question,
        answers=answers,
        rows=table.drop(columns=columns).assign(answer=farthest.where(read, UNDETERMINED)),
        places=measured,
    )


def first_questions(every: Iterable[Labelled]) -> Iterator[Labelled]:
    """Return the first question of each suite by each judge, for lenses that read one."""
    seen: set[tuple[str, str]] = set()
    for labelled in every:
        if (labelled.judge, labelled.suite) not in seen:
            seen.add((labelled.judge, labelled.suite))
            yield labelled


def read_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the images with an answer."""
    return rows[rows["answer"] != UNDETERMINED]


def answer_shares(read: pd.DataFrame, answers: tuple[str, ...]) -> Float[np.ndarray, "prompts answers"]:
    """Return the share of each answer among the images of each prompt, in the order of the prompts' ids.

    Args:
        read: Images with an answer.
        answers: Every answer that there can be.
    """
    hits = pd.DataFrame({answer: (read["answer"] == answer).astype(float) for answer in answers})
    return hits.groupby(read["prompt_id"], sort=True).mean().to_numpy(dtype=float).reshape(-1, len(answers))


def recognised_share(labelled: Labelled, *, level: float) -> tuple[ClusterEstimate, tuple[int, int]]:
    """Return the share of known answers that the judge reads right, and the numbers of images and prompts behind it."""
    known = labelled.references
    known = known[known["usable"]]
    hits = (known["answer"] == known["known"]).to_numpy(dtype=float)
    shares = two_level_means(hits, names(known, "prompt_id"), names(known, "known"))
    return over_concepts(shares.tolist(), level=level), size(known)


def answer_estimates(labelled: Labelled, rows: pd.DataFrame, *, level: float) -> dict[str, ClusterEstimate]:
    """Return the share of each answer among the images that have one, with the prompt as the unit."""
    read = read_rows(rows)
    prompts = names(read, "prompt_id")
    return {
        answer: cluster_share((read["answer"] == answer).to_numpy(dtype=float), prompts, level=level)
        for answer in labelled.answers
    }


def estimate_rows(shares: Mapping[str, ClusterEstimate], n: tuple[int, int]) -> list[dict[str, object]]:
    """Return a table row per answer: its share, both ends, how they were got, and the numbers they rest on."""
    return [
        {
            "answer": answer,
            "share": as_real(found.value),
            "share_low": as_real(found.low),
            "share_high": as_real(found.high),
            "method": found.method_text,
            "n_images": n[0],
            "n_prompts": n[1],
        }
        for answer, found in shares.items()
    ]


def over_concepts(values: Sequence[float], *, level: float) -> ClusterEstimate:
    """Return the mean of shares that concepts have, each weighing the same."""
    return cluster_share(np.array(values, dtype=float), singles(values), level=level, unit="concepts")
