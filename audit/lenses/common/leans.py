"""Leans: where images lie on the scale of their own text, as one judge reads both, and how far that can err.

What is read off is the place of a text between two opposite ones, seen through images. Where the judge takes a uniform
for a gender, it is wrong about the scale by as much, and the error cancels; so does whatever else moves all images of a
concept alike. What does not cancel is the error that concept, judge and images have together, which neutralised
subjects show: their true place is 0.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd

from audit.evidence import Evidence
from audit.lenses.common.references import read_on_own_sides, read_scales
from audit.lenses.common.verdicts import names, numbers, scored_images
from audit.records import ASKS_GENDER, QUESTION, SCALE_OF, Method
from audit.stats import ClusterEstimate, InstrumentError, ReadOff, TestResult, group_means, instrument_error, read_off

_SIGNED: Final = "signed"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Leans:
    """What one judge reads of gender, with the scales that it is read off."""

    images: pd.DataFrame
    """As :func:`audit.lenses.common.verdicts.scored_images` gives them."""
    scales: pd.DataFrame
    """As :func:`audit.lenses.common.references.read_scales` gives them: every scale that could be read."""
    trusted: pd.DataFrame
    """Those of concepts at whose ends the judge reads what the texts say."""
    asked: frozenset[tuple[str, str]]
    """Suite and concept of all that a scale was made for."""

    def scale_of(self, subjects: pd.DataFrame) -> pd.DataFrame:
        """Return the scales of the prompts of one concept, trusted or not."""
        return self.scales[self.scales.index.isin(subjects["prompt_id"])]

    def read(self, rows: pd.DataFrame, *, level: float) -> ReadOff:
        """Return where the usable ones of the images of one concept lie on its scale.

        Args:
            rows: Images of subjects, or of neutralised subjects, of one concept.
            level: Confidence level of the interval.
        """
        usable = rows[rows["usable"]]
        usable = usable.assign(owner=_owners(usable))
        placed = usable[usable["owner"].isin(self.trusted.index)]
        if placed.empty and usable["owner"].isin(self.scales.index).any():
            return _unread(Method.NOT_OWN_SIDES)
        prompts = sorted(placed["owner"].unique())
        readings = group_means(numbers(placed, _SIGNED), names(placed, "owner"))
        grades = self.trusted.columns.to_numpy(dtype=float)
        return read_off(readings, self.trusted.loc[prompts].to_numpy(), grades, level=level) if prompts else _unread()

    def places(self, rows: pd.DataFrame, *, level: float) -> dict[str, float]:
        """Return the place of every prompt of one concept that :meth:`read` rests on; their mean is the lean."""
        prompts = sorted(_owners(self.placed(rows)).unique())
        return dict(zip(prompts, self.read(rows, level=level).places, strict=False))

    def placed(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return the images that :meth:`read` rests on."""
        return rows[rows["usable"] & _owners(rows).isin(self.trusted.index)]

    def read_all(self, role: str, *, level: float) -> Mapping[tuple[str, str], ReadOff]:
        """Return what is read of the images of a role, by suite and concept, of all that a scale was made for.

        The true lean of neutralised ones is 0.
        """
        rows = self.images[self.images["role"] == role]
        return {
            (str(suite), str(concept)): self.read(its, level=level)
            for (suite, concept), its in rows.groupby(["suite", "concept"], sort=True)
            if (suite, concept) in self.asked
        }


def read_leans(evidence: Evidence, judge: str) -> Leans:
    """Return what a judge reads of gender in all images of a run, with their scales."""
    images = scored_images(evidence, judge, ASKS_GENDER)
    scales = read_scales(images, ASKS_GENDER, _SIGNED)
    facts = [json.loads(text) for text in images["facts"]]
    on_scale = np.array([SCALE_OF in fact and fact.get(QUESTION) == ASKS_GENDER for fact in facts], dtype=bool)
    asked = images.loc[on_scale, ["suite", "concept"]].drop_duplicates()
    return Leans(
        images=images,
        scales=scales,
        trusted=read_on_own_sides(images, scales),
        asked=frozenset(zip(names(asked, "suite"), names(asked, "concept"), strict=True)),
    )


def error_of(
    neutral: Mapping[tuple[str, str], ReadOff], read: Mapping[tuple[str, str], ReadOff], *, level: float
) -> InstrumentError | None:
    """Return the instrument's own error as neutralised subjects show it, for the intervals of some readings.

    How far prompts lie apart within a concept is taken from these readings: runs of earlier versions have fewer
    neutralised prompts and images.
    """
    error = instrument_error([one.near for one in neutral.values()], level=level)
    own = instrument_error([one.near for one in read.values()], level=level)
    return error if error is None or own is None else replace(error, within=own.within)


def _owners(rows: pd.DataFrame) -> pd.Series[str]:
    """Return the subject prompt on whose scale each image lies: of a neutralised one its subject, else its own."""
    pairs = zip(names(rows, "facts"), names(rows, "prompt_id"), strict=True)
    owners = [str(json.loads(facts).get(SCALE_OF, own)) for facts, own in pairs]
    return pd.Series(owners, index=rows.index, dtype=object)


def _unread(why: Method = Method.NOTHING) -> ReadOff:
    nothing = ClusterEstimate(value=None, low=None, high=None, method=why, n=0, n_clusters=0)
    return ReadOff(estimate=nothing, test=TestResult(p_value=None, method=f"not tested: {why}", n=0), near=nothing)
