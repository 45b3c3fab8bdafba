"""How far the units of a finding lie apart: seen in a finished run where there is one, assumed otherwise."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from audit.gate.lines import Line
from audit.gate.policy import span_of, unit_of
from audit.lenses import MetricCard
from audit.records import Finding
from audit.stats import implied_sd

_WORDS: Final = "assumed: as on phantoms"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A standard deviation between units, and where it comes from."""

    sd: float | None
    """``None`` where units are taken for coin flips, which is the worst that a share can do."""
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a finished run says of spreads."""

    name: str
    findings: Mapping[str, Finding]
    units: Mapping[tuple[str, str], int]
    """Suite and subject -> number of units that its findings rest on at most."""


def spread_of(line: Line, card: MetricCard, seen: Seen | None) -> Spread:
    """Return how far the units of a line lie apart.

    A comparison with a baseline gets the spread of two independent runs: pairs that agree do better.

    Args:
        line: Of a policy.
        card: Of its metric.
        seen: A finished run; ``None`` where none is named.
    """
    found = (None if seen is None else _seen(line, seen)) or _assumed(line, card)
    if not line.rule.threshold.compared:
        return found
    sd = 0.5 if found.sd is None else found.sd  # of coin flips
    return Spread(sd=math.sqrt(2) * sd, source=f"{found.source}, for two runs as if they were not paired")


def _seen(line: Line, seen: Seen) -> Spread | None:
    """Return what the interval of the same finding implies; ``None`` where its units all agree or are too few."""
    finding = seen.findings.get(line.finding_id)
    if finding is None or finding.estimate.method.says_that_all_agree:
        return None
    estimate = finding.estimate
    at_most = seen.units.get((line.suite, line.subject), 0)
    units = at_most if unit_of(line.subject) == "concepts" else min(at_most, estimate.n_prompts)
    if estimate.low is None or estimate.high is None or units < 2 or estimate.high <= estimate.low:
        return None
    sd = implied_sd(estimate.low, estimate.high, units, level=estimate.level)
    return Spread(sd=sd, source=f"as the interval over {units} {unit_of(line.subject)} in {seen.name} implies")


def _assumed(line: Line, card: MetricCard) -> Spread:
    if card.assumed_sd is not None:
        return Spread(sd=card.assumed_sd[unit_of(line.subject)], source=_WORDS)
    bounds = line.rule.threshold
    both = bounds.low is not None and bounds.high is not None
    if card.unit == "share" and card.span == (0.0, 1.0) and not both:
        return Spread(sd=None, source=f"assumed, at worst: {unit_of(line.subject)} are all or nothing")
    span = card.span if bounds.compared else span_of(card, line.subject)
    at = max(_worst(span, end) for end in (bounds.low, bounds.high) if end is not None)
    return Spread(sd=at, source="assumed, at worst: every value at an end of what there can be")


def _worst(span: tuple[float, float], mean: float) -> float:
    """Return the largest standard deviation of values in a span that have this mean.

    Source: Bhatia and Davis (2000), American Mathematical Monthly 107(4):353-357, doi:10.1080/00029890.2000.12005203.
    """
    low, high = span
    return math.sqrt(max(0.0, (mean - low) * (high - mean))) or (high - low) / 2
