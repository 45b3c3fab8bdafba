"""What each line of a policy can tell, before any image is made.

A line is promised to fail from some distance beyond its threshold, and to pass from some distance inside it. The level
that decides is the gate's: to fail, that of the first step of Holm's correction over all lines; to pass, the policy's
own. Fewer prompts than planned, because images did not converge, tell less.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from scipy.optimize import brentq

from audit.gate.asked import Asked
from audit.gate.correction import corrected
from audit.gate.lines import Line, draw_lines
from audit.gate.measured import Snapshot
from audit.gate.policy import Policy
from audit.gate.spreads import Seen, Spread, span_of, spread_of, unit_of
from audit.lenses import MetricCard, metric_cards
from audit.records import Estimate, Finding
from audit.stats import power_of_mean, power_of_share, prompts_for_mean, prompts_for_zero_hits

POWER: Final = 0.8
_NEVER: Final = "correlation"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinePower:
    """What one line of a policy can tell at a number of units."""

    line: Line
    unit: str
    """What its interval counts: "prompts" or "concepts"."""
    n: int
    spread: Spread
    fail_level: float
    pass_level: float
    fails_beyond: float | None
    """Distance beyond the threshold from which the line fails with a chance of ``POWER``; ``None`` where no value that
    the metric can take is far enough."""
    passes_inside: float | None
    """Distance inside the threshold from which it passes with that chance; ``None`` where none is far enough."""
    needed: int | None
    """Number of units at which there is such a distance, where there is none; ``None`` where no number would do."""
    never_passes: bool
    """Whether the line cannot pass at all at ``n`` units, however good the checkpoint is."""
    missing: str
    """Why nothing can be promised, whatever the distance; empty where something can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Test:
    """Chances of one line, as functions of a distance from its threshold."""

    fails: Callable[[float], float]
    passes: Callable[[float], float]
    beyond: float
    """Largest distance there can be beyond the threshold."""
    inside: float
    needed: Callable[[], int | None]


def power_of_policy(
    policy: Policy, asked: Asked, units: Mapping[tuple[str, str], int], seen: Seen | None = None
) -> tuple[LinePower, ...]:
    """Return what every line of a policy can tell.

    Args:
        policy: The policy.
        asked: What the run will ask, with the images that it will make.
        units: Suite and subject -> number of units that its findings will rest on.
        seen: A finished run that says how far units lie apart; ``None`` assumes it.
    """
    cards = {card.name: card for card in metric_cards()}
    lines = draw_lines(policy, asked, _expected(policy, asked))
    fail_level = policy.level if policy.correction == "none" else corrected(policy.level, len(lines))
    levels = (fail_level, policy.level)
    return tuple(
        _power(line, cards[line.rule.metric], asked, units.get((line.suite, line.subject), 0), seen, levels)
        for line in lines
    )


def _power(
    line: Line,
    card: MetricCard,
    asked: Asked,
    n: int,
    seen: Seen | None,
    levels: tuple[float, float],
) -> LinePower:
    spread = spread_of(line, card, seen)
    missing = _missing(line, card, asked, n)
    beyond = inside = needed = None
    never = bool(missing)
    if not missing:
        test = _test(line, card, n, spread, levels)
        beyond = _least(test.fails, test.beyond)
        inside = _least(test.passes, test.inside)
        needed = test.needed() if inside is None else None
        never = spread.sd is None and test.passes(test.inside) <= 0
    return LinePower(
        line=line, unit=unit_of(line.subject), n=n, spread=spread, fail_level=levels[0], pass_level=levels[1],
        fails_beyond=beyond, passes_inside=inside, needed=needed, never_passes=never, missing=missing,
    )  # fmt: skip


def _missing(line: Line, card: MetricCard, asked: Asked, n: int) -> str:
    size = asked.sizes.get((line.suite, line.subject))
    if card.unit == _NEVER:
        return "a correlation is no mean over units"
    if size is None:
        return "how many units it will rest on is not known beforehand"
    if size.prompts < line.rule.min_prompts:
        return f"the rule wants {line.rule.min_prompts} prompts, and the run asks {size.prompts}"
    if size.images < line.rule.min_images:
        return f"the rule wants {line.rule.min_images} images, and the run makes {size.images}"
    return "" if n > 1 else f"an interval needs two {unit_of(line.subject)}, and the run asks {n}"


def _test(line: Line, card: MetricCard, n: int, spread: Spread, levels: tuple[float, float]) -> _Test:
    low, high = _room(line, card)
    sd = spread.sd
    if sd is None:
        return _share_test(line, n, levels)
    band = high - low if line.rule.threshold.low is not None and line.rule.threshold.high is not None else None

    def passes(gap: float) -> float:
        near = power_of_mean(n, gap, sd, level=levels[1])
        return near if band is None else near + power_of_mean(n, max(0.0, band - gap), sd, level=levels[1]) - 1

    inside = (high - low) / (1 if band is None else 2)
    return _Test(
        fails=lambda gap: power_of_mean(n, gap, sd, level=levels[0]),
        passes=passes,
        beyond=_beyond(line, card),
        inside=inside,
        needed=lambda: prompts_for_mean(inside, sd, power=POWER if band is None else (1 + POWER) / 2, level=levels[1]),
    )


def _share_test(line: Line, n: int, levels: tuple[float, float]) -> _Test:
    """Return the chances of a share whose units are coin flips, at the end of its good side."""
    bounds = line.rule.threshold
    end, sign = (bounds.high, 1) if bounds.high is not None else (bounds.low, -1)
    end = end or 0.0
    room = end if sign > 0 else 1 - end
    return _Test(
        fails=lambda gap: power_of_share(n, min(1.0, max(0.0, end + sign * gap)), end, level=levels[0]),
        passes=lambda gap: power_of_share(n, min(1.0, max(0.0, end - sign * gap)), end, level=levels[1]),
        beyond=1 - room,
        inside=room,
        needed=lambda: prompts_for_zero_hits(room, level=levels[1]) if 0 < room < 1 else None,
    )


def _room(line: Line, card: MetricCard) -> tuple[float, float]:
    """Return the good side of a line, as far as the metric reaches."""
    bounds, (least, greatest) = line.rule.threshold, span_of(line, card)
    return (least if bounds.low is None else bounds.low), (greatest if bounds.high is None else bounds.high)


def _beyond(line: Line, card: MetricCard) -> float:
    """Return the largest distance that there can be beyond a threshold."""
    bounds, (least, greatest) = line.rule.threshold, span_of(line, card)
    above = 0.0 if bounds.high is None else greatest - bounds.high
    return above if bounds.low is None else max(above, bounds.low - least)


def _least(chance: Callable[[float], float], most: float) -> float | None:
    """Return the least distance, up to ``most``, at which a chance that rises with it reaches ``POWER``."""
    if most <= 0 or chance(most) < POWER:
        return None
    return float(brentq(lambda gap: chance(gap) - POWER, 0.0, most, maxiter=200)) if chance(0.0) < POWER else 0.0


def _expected(policy: Policy, asked: Asked) -> Snapshot:
    """Return a snapshot of nothing measured, in which every suite with subjects knows every metric of the policy."""
    nothing = Estimate(
        value=None, low=None, high=None, level=policy.level, method="not measured yet", n_images=0, n_prompts=0
    )
    findings = [
        Finding(
            lens=rule.metric.partition(".")[0], suite=suite, subject="*", metric=rule.metric, unit="", neutral=None,
            estimate=nothing,
        )
        for rule in policy.rules
        for suite in asked.concepts
    ]  # fmt: skip
    return Snapshot(level=policy.level, findings={one.finding_id: one for one in findings}, changes=None)
