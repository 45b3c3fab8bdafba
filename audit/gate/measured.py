"""What a run asked, and what a gate may look at: findings and changes at any level, the values of single prompts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pandas as pd

from audit.gate.policy import WHOLE
from audit.lenses import CONTROLLED, LENSES, QUESTIONS, control_suites
from audit.records import Change, Estimate, Finding, JudgeCard


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptValue:
    """The value that one prompt of a subject has by itself; ``None`` where none of its images could be read."""

    suite: str
    subject: str
    text: str
    value: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The answers of one run; each callable is pure, and gives the same findings at every level but for intervals."""

    asked: Asked
    findings_at: Callable[[float], Sequence[Finding]]
    changes_at: Callable[[float], Sequence[Change]] | None = None
    """``None`` where there is no baseline."""
    no_changes: str = "no baseline was named"
    """Why there is none."""
    prompt_values: Callable[[str], Sequence[PromptValue]] = lambda _metric: ()
    """Values of a metric by single prompts of concepts; nothing for a metric that has none."""
    doubts: Mapping[str, str] = field(default_factory=dict)
    """Question -> why nothing can be decided about it; under "" what stands against every metric of images."""

    def doubt(self, metric: str) -> str:
        """Say why nothing can be decided about a metric; nothing where nothing stands against it."""
        question = QUESTIONS.get(metric)
        if question is None:
            return ""
        return self.doubts.get("", "") or self.doubts.get(question, "")


def doubts_of(controls: pd.DataFrame | None, judges: Iterable[JudgeCard]) -> dict[str, str]:
    """Say for each question why a run can decide nothing about it: no judge answers it, or a control has not passed.

    Args:
        controls: The table ``controls`` of the controls lens; ``None`` where there is none.
        judges: Of the run.
    """
    asked = {question for judge in judges for question in judge.asks}
    wanted = {lens.card.asks for lens in LENSES.values()} | set(QUESTIONS.values())
    doubts = {one: f"no judge of the run answers {one!r}; --judge names one" for one in wanted - asked - {""}}
    for question in (*sorted(CONTROLLED & asked), ""):
        rows = controls if controls is None else controls[controls["question"] == question]
        if rows is None or rows.empty:
            doubts[question] = "no control of it was measured, so that nobody knows whether the judge sees"
            continue
        bad = rows[~rows["passed"].map(is_true)]
        said = [f"{row['control']}: {row['state']}, {row['reason']}" for row in bad.to_dict("records")]
        if said:
            doubts[question] = f"its controls have not passed ({'; '.join(said)})"
    return doubts


def is_true(value: object) -> bool:
    """Tell whether something is true, and not only like it."""
    return isinstance(value, bool | np.bool_) and bool(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All findings, and all changes where there is a baseline, at one level, by their ids."""

    findings: Mapping[str, Finding]
    changes: Mapping[str, Change] | None
    no_changes: str = "no baseline was named"


def look(measured: Measured, level: float) -> Snapshot:
    """Return everything at one level.

    Raises:
        ValueError: If an interval has another level than was asked, or an id stands twice.
    """
    every = measured.findings_at(level)
    findings = {finding.finding_id: finding for finding in every}
    _check([finding.estimate for finding in every], level, twice=len(every) - len(findings))
    if measured.changes_at is None:
        return Snapshot(findings=findings, changes=None, no_changes=measured.no_changes)
    compared = measured.changes_at(level)
    changes = {change.finding_id: change for change in compared}
    worsenings = [change.worsening for change in compared if change.worsening is not None]
    _check(worsenings, level, twice=len(compared) - len(changes))
    return Snapshot(findings=findings, changes=changes)


def _check(estimates: Sequence[Estimate], level: float, *, twice: int) -> None:
    other = next((one.level for one in estimates if not math.isclose(one.level, level)), None)
    if other is not None:
        raise ValueError(f"An interval of level {level} was asked for; got one of {other}.")
    if twice:
        raise ValueError(f"{twice} ids stand twice; an id names one finding.")


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
    control_suites: tuple[str, ...] = ()
    """The suites that judges are tried on: a control rests on what its suite calls known."""

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
        control_suites=control_suites(prompts),
    )


def _size(rows: pd.DataFrame) -> Size:
    return Size(prompts=len(rows), images=int(rows["images"].sum()))
