"""Where an image lies between the images of other answers and those of an answer alone.

A judge's cosines have offsets of their own: some answers fit everything, and an image of two things fits every text
less. So from each cosine the mean of the image's cosines with all answers is taken off, and what is left is measured by
the references of the run, whose answers are known: 0 is how well other references fit an answer, 1 how well its own do.
A concept that has references of its own for every answer ("an old farmer") is measured by these alone, so that a look
which the judge takes for an answer cancels; any other by the references of the whole suite.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from audit.lenses.common.verdicts import names, numbers
from audit.stats import group_means, two_level_means


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
