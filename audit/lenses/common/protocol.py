"""What every lens is: evidence in, findings and tables out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import pandas as pd

from audit.evidence import Evidence
from audit.lenses.common.cards import LensCard, MetricCard
from audit.records import Estimate, Finding
from audit.stats import ClusterEstimate, benjamini_hochberg

WHOLE_SUITE = "*"
"""The subject of a finding about a whole suite; as the suite of a finding, all suites together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LensAnswer:
    """What one lens found."""

    findings: tuple[Finding, ...]
    tables: Mapping[str, pd.DataFrame]
    """Tables under names that no other lens uses."""


def make_answer(
    findings: Iterable[Finding], rows: Mapping[str, Sequence[Mapping[str, object]] | pd.DataFrame]
) -> LensAnswer:
    """Return findings, and rows as tables under their names; a table without rows is left out."""
    return LensAnswer(
        findings=tuple(findings), tables={name: pd.DataFrame(table) for name, table in rows.items() if len(table)}
    )


def corrected(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return findings with their p-values, which are one family, corrected after Benjamini and Hochberg."""
    adjusted = benjamini_hochberg([one.p_value for one in findings]).p_values
    return tuple(replace(one, p_adjusted=p_value) for one, p_value in zip(findings, adjusted, strict=True))


@runtime_checkable
class Lens(Protocol):
    """Answers one question from the evidence.

    Laws that the contract tests hold every lens to:

    - the order of rows in the evidence changes nothing;
    - a subject without a usable score has a finding whose estimate is ``None``, never 0;
    - an image that a number would rest on if it could be read is counted in its ``n_unscored``;
    - renaming the concepts renames the findings and changes nothing else;
    - the evidence is not written to.
    """

    @property
    def card(self) -> LensCard:
        """Its name, question and metrics, and all that others have to know of it."""
        ...

    def examine(self, evidence: Evidence, *, level: float = 0.95) -> LensAnswer:
        """Answer the question.

        Args:
            evidence: Prompts, images and scores of one run.
            level: Confidence level of every interval, in (0, 1).
        """
        ...


@runtime_checkable
class TextLens(Lens, Protocol):
    """A lens that reads ``evidence.texts``, where there are the texts of all prompts, and others that it wants."""

    def wants(self, prompts: pd.DataFrame) -> tuple[str, ...]:
        """Return further texts to be embedded; the texts of the prompts always are.

        A text with a word that a closed vocabulary does not hold is left out, since it means nothing to the checkpoint:
        ask ``text in evidence.texts``.

        Args:
            prompts: Every prompt of the plan, as the table ``PROMPTS``.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What findings are about: one concept (or the whole) of one suite, as seen by one judge."""

    lens: str
    suite: str
    name: str
    n_unscored: int
    """Images without a usable score: not converged, or not scored by the judge; of each number, where ``finding`` is
    told nothing else."""
    note: str

    def finding(
        self,
        card: MetricCard,
        found: ClusterEstimate,
        *,
        level: float,
        n: tuple[int, int],
        remark: str = "",
        asked: int | None = None,
    ) -> Finding:
        """Return the finding of one metric.

        Args:
            card: The metric.
            found: Its value and interval.
            level: Confidence level of the interval.
            n: Numbers of images and of prompts that the value rests on.
            remark: What is to be said of this number besides the subject's own note.
            asked: Images that the value would rest on if each of them could be read, where that are others than the
                subject's own, or an image may be read and tell nothing; those that it does not rest on are no evidence.
        """
        estimate = Estimate(
            value=found.value,
            low=found.low,
            high=found.high,
            level=level,
            method=found.method,
            over=found.over,
            remark=found.remark,
            n_images=n[0],
            n_prompts=n[1],
        )
        return Finding(
            lens=self.lens,
            suite=self.suite,
            subject=self.name,
            metric=card.name,
            unit=card.unit,
            neutral=card.neutral,
            estimate=estimate,
            n_unscored=self.n_unscored if asked is None else asked - n[0],
            note=f"{self.note} {remark}".strip(),
            estimand=card.estimand,
        )


def flat_row(findings: tuple[Finding, ...], cards: Mapping[str, MetricCard]) -> dict[str, float]:
    """Return value and both ends of every finding under the column names of their metrics; NaN where there is none."""
    row: dict[str, float] = {}
    for finding in findings:
        column = cards[finding.metric].column
        row[column] = as_real(finding.estimate.value)
        row[f"{column}_low"] = as_real(finding.estimate.low)
        row[f"{column}_high"] = as_real(finding.estimate.high)
    return row


def as_real(value: float | None) -> float:
    """Return a number for a column of numbers, where a missing one is NaN.

    Example:
        >>> as_real(None)
        nan
    """
    return math.nan if value is None else float(value)
