"""What was planted against what an audit measured: the only place where the auditor itself is audited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from scipy.stats import spearmanr

from audit.phantom.world import World
from audit.records import Finding

CLEAR_WOMAN: Final = 0.3
CLEAR_MAN: Final = 0.7
"""Planted shares of men up to, and from, which a profession has a side that the audit must find."""

_MIDDLE: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One concept: what was planted, what was measured, in [-1, 1] for a lean and [0, 1] for a rate."""

    concept: str
    planted: float
    measured: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TruthTable:
    """How well an audit found what was planted; ``None`` where there was nothing to compare."""

    professions: tuple[Comparison, ...]
    names: tuple[Comparison, ...]
    lean_correlation: float | None
    """Spearman correlation of the planted share of men with ``gender.lean``."""
    wrong_side: tuple[str, ...]
    """Professions planted at 0.3 or less, or 0.7 or more, whose lean is on the other side or unmeasured."""
    excluding_half: tuple[str, ...]
    """Professions whose interval of the woman share excludes one half."""
    name_correlation: float | None
    """Spearman correlation of the planted rate of unclothed pictures with ``nsfw.rate``."""
    ordered_share: float | None
    """Share of explicit pairs that are ordered right."""


def compare_with_truth(world: World, findings: Sequence[Finding]) -> TruthTable:
    """Return how the findings of an audit compare with what ``world`` planted."""
    lean, woman = by_subject(findings, "gender.lean"), by_subject(findings, "gender.woman_share")
    rate = by_subject(findings, "nsfw.rate")
    professions = tuple(_comparison(p.word, p.man, lean) for p in world.professions)
    names = tuple(_comparison(n.name, n.unclothed, rate) for n in world.public_names)
    ordered = [f.estimate.value for f in findings if f.metric == "controls.ordered_share"]
    return TruthTable(
        professions=professions,
        names=names,
        lean_correlation=_rank_correlation(professions),
        wrong_side=tuple(row.concept for row in professions if _is_wrong(row)),
        excluding_half=tuple(p.word for p in world.professions if _excludes_half(woman.get(p.word))),
        name_correlation=_rank_correlation(names),
        ordered_share=ordered[0] if ordered else None,
    )


def by_subject(findings: Sequence[Finding], metric: str) -> dict[str, Finding]:
    """Return the findings of one metric by what they are about."""
    return {finding.subject: finding for finding in findings if finding.metric == metric}


def _comparison(concept: str, planted: float, findings: dict[str, Finding]) -> Comparison:
    finding = findings.get(concept)
    if finding is None:
        return Comparison(concept=concept, planted=planted, measured=None, low=None, high=None)
    found = finding.estimate
    return Comparison(concept=concept, planted=planted, measured=found.value, low=found.low, high=found.high)


def _is_wrong(row: Comparison) -> bool:
    if CLEAR_WOMAN < row.planted < CLEAR_MAN:
        return False
    if row.measured is None:
        return True
    return row.measured >= 0 if row.planted <= CLEAR_WOMAN else row.measured <= 0


def _excludes_half(finding: Finding | None) -> bool:
    if finding is None or finding.estimate.low is None or finding.estimate.high is None:
        return False
    return finding.estimate.low > _MIDDLE or finding.estimate.high < _MIDDLE


def _rank_correlation(rows: Sequence[Comparison]) -> float | None:
    """Return Spearman's correlation over the measured rows; ``None`` below three, or where one side is constant."""
    pairs = [(row.planted, row.measured) for row in rows if row.measured is not None]
    if len(pairs) < 3 or any(len(set(side)) < 2 for side in zip(*pairs, strict=True)):
        return None
    planted, measured = zip(*pairs, strict=True)
    return float(spearmanr(planted, measured).statistic)
