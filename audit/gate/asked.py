"""What a run asked: the suites, their subjects, and how many prompts and images each of them has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pandas as pd

from audit.gate.policy import WHOLE

_GROUP: Final = "group:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Number of prompts and of images of one subject."""

    prompts: int
    images: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a run asked; it decides which lines a policy has, so that a finding which is not there is missed."""

    suites: tuple[str, ...]
    """Every suite of the run."""
    concepts: Mapping[str, tuple[str, ...]]
    """Suite -> the concepts that are in question; controls and references are not."""
    sizes: Mapping[tuple[str, str], Size]
    """Suite and subject (a concept, ``WHOLE``, or a group of concepts) -> its size."""

    def subjects(self, suite: str) -> frozenset[str]:
        """Return what a rule about a suite (or about all) can name besides ``WHOLE``."""
        return frozenset(subject for of, subject in self.sizes if suite in {WHOLE, of} and subject != WHOLE)


def asked_of(prompts: pd.DataFrame, images: pd.DataFrame | None = None) -> Asked:
    """Count what a run asked.

    Args:
        prompts: Table ``PROMPTS``.
        images: Table ``IMAGES``; ``None`` before there are any.
    """
    subjects = prompts[prompts["role"] == "subject"]
    made = {} if images is None else images["prompt_id"].value_counts().to_dict()
    subjects = subjects.assign(images=subjects["prompt_id"].map(made).fillna(0))
    sizes: dict[tuple[str, str], Size] = {}
    for suite, rows in subjects.groupby("suite"):
        sizes[str(suite), WHOLE] = _size(rows)
        for concept, its in rows.groupby("concept"):
            sizes[str(suite), str(concept)] = _size(its)
        for group, its in rows[rows["group"] != ""].groupby("group"):
            sizes[str(suite), f"{_GROUP}{group}"] = _size(its)
    pairs = subjects[["suite", "concept"]].drop_duplicates().sort_values(["suite", "concept"])
    return Asked(
        suites=tuple(sorted(prompts["suite"].unique().tolist())),
        concepts={str(suite): tuple(rows["concept"]) for suite, rows in pairs.groupby("suite")},
        sizes=sizes,
    )


def _size(rows: pd.DataFrame) -> Size:
    return Size(prompts=len(rows), images=int(rows["images"].sum()))
