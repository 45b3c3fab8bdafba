"""What each line of a policy can tell, before any image is made, as numbers and in words.

A line is promised to fail from some distance beyond its threshold, and to pass from some distance inside it. The level
that decides is the gate's: to fail, that of the first step of Holm's correction over all lines; to pass, the policy's
own. Fewer prompts than planned, because images did not converge, tell less.

Of a sequential run, what is promised is a verdict at any look. Each look has its own levels and number of units, which
are taken to lie as far apart at all of them; further replicates of the same prompts are taken to tell nothing new.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Final

from scipy.optimize import brentq

from audit.gate.lines import Line, draw_lines
from audit.gate.looks import PlannedLook, Stage, stages_of, too_little_asked
from audit.gate.measured import Asked, Snapshot
from audit.gate.policy import WHOLE, Policy, span_of, unit_of
from audit.gate.ruling import corrected, level_text, quoted
from audit.gate.spreads import Seen, Spread, spread_of
from audit.lenses import CARDS, MetricCard
from audit.records import Estimate, Finding, Method
from audit.stats import (
    power_of_mean,
    power_of_mean_by_look,
    power_of_share,
    power_of_share_by_look,
    prompts_for_mean,
    prompts_for_zero_hits,
)

POWER: Final = 0.8
_NEVER: Final = "correlation"

Chances = tuple[float, ...]
"""A chance by the first of some looks, by the next, and so on."""


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
    well_inside: float | None
    """Distance inside the threshold of what is clearly good: the neutral value of the metric, or no change of a
    comparison; where that is not inside, the middle of the good side, or its far end. ``None`` where nothing can be
    promised."""
    passed_by: Chances
    """Chance that it has passed by each look, if the truth lies well inside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Planned:
    """What all lines of a policy share."""

    policy: Policy
    lines: int
    seen: Seen | None
    stands: Sequence[PlannedLook]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Test:
    """Chances of one line by each of its looks, as functions of a distance from its threshold."""

    passing: tuple[Stage, ...]
    """The looks at which it can pass."""
    fails: Callable[[float], Chances]
    passes: Callable[[float], Chances]
    beyond: float
    """Largest distance there can be beyond the threshold."""
    inside: float
    needed: Callable[[], int | None]


def power_of_policy(
    policy: Policy,
    asked: Asked,
    units: Mapping[tuple[str, str], int],
    seen: Seen | None = None,
    *,
    looks: Sequence[PlannedLook] = (),
) -> tuple[LinePower, ...]:
    """Return what every line of a policy can tell.

    Args:
        policy: The policy.
        asked: What the run will ask, with the images that it will make.
        units: Suite and subject -> number of units that its findings will rest on.
        seen: A finished run that says how far units lie apart; ``None`` assumes it.
        looks: What a run in rounds has by each look, all of it by the last; none for a run of fixed size.
    """
    lines = draw_lines(policy, asked, _expected(policy, asked))
    stands = looks or (PlannedLook(asked=asked, units=units),)
    planned = _Planned(policy=policy, lines=len(lines), seen=seen, stands=stands)
    return tuple(_power(line, CARDS[line.rule.metric], planned) for line in lines)


def _power(line: Line, card: MetricCard, planned: _Planned) -> LinePower:
    policy, last = planned.policy, planned.stands[-1]
    n = last.units.get((line.suite, line.subject), 0)
    spread = spread_of(line, card, planned.seen)
    missing = _missing(line, card, last.asked, n)
    beyond = inside = needed = well = None
    never, passed_by = bool(missing), (0.0,) * len(planned.stands)
    if not missing:
        test = _test(line, card, spread, stages_of(line, policy, planned.stands, planned.lines))
        beyond = _least(test.fails, test.beyond)
        inside = _least(test.passes, test.inside)
        needed = test.needed() if inside is None else None
        never = spread.sd is None and test.passes(test.inside)[-1] <= 0
        well = _well_inside(line, card)
        passed_by = _by_look(test.passing, test.passes(well), len(planned.stands))
    return LinePower(
        line=line, unit=unit_of(line.subject), n=n, spread=spread,
        fail_level=policy.level if policy.correction == "none" else corrected(policy.level, planned.lines),
        pass_level=policy.level, fails_beyond=beyond, passes_inside=inside, needed=needed, never_passes=never,
        missing=missing, well_inside=well, passed_by=passed_by,
    )  # fmt: skip


def _missing(line: Line, card: MetricCard, asked: Asked, n: int) -> str:
    if card.unit == _NEVER:
        return "a correlation is no mean over units"
    few = f"an interval needs two {unit_of(line.subject)}, and the run asks {n}" if n < 2 else ""
    return too_little_asked(line, asked) or few


def _test(line: Line, card: MetricCard, spread: Spread, stages: tuple[Stage, ...]) -> _Test:
    low, high = _room(line, card)
    sd = spread.sd
    # a guard has to see every prompt before its line passes
    passing = stages if line.rule.per_prompt_at_most is None else stages[-1:]
    if sd is None:
        return _share_test(line, stages, passing)
    band = high - low if line.rule.threshold.low is not None and line.rule.threshold.high is not None else None
    inside = (high - low) / (1 if band is None else 2)
    return _Test(
        passing=passing,
        fails=lambda gap: _mean_chances(_to_fail(stages), gap, sd, None),
        passes=lambda gap: _mean_chances(_to_pass(passing), gap, sd, band),
        beyond=_beyond(line, card),
        inside=inside,
        needed=lambda: prompts_for_mean(
            inside, sd, power=POWER if band is None else (1 + POWER) / 2, level=passing[-1].pass_level
        ),
    )


def _mean_chances(looks: Sequence[tuple[int, float]], gap: float, sd: float, band: float | None) -> Chances:
    """Return the chances of a mean at some looks, each with its units and level.

    Args:
        looks: Number of units and level of each.
        gap: Distance from the line.
        sd: Standard deviation between units.
        band: Distance between the lines, where there are two.
    """
    far = math.inf if band is None else max(0.0, band - gap)
    if len(looks) > 1:
        units, levels = zip(*looks, strict=True)
        return power_of_mean_by_look(units, gap, sd, levels=levels, far=far)
    ((n, level),) = looks
    near = power_of_mean(n, gap, sd, level=level)
    return (near if band is None else near + power_of_mean(n, far, sd, level=level) - 1,)


def _share_test(line: Line, stages: tuple[Stage, ...], passing: tuple[Stage, ...]) -> _Test:
    """Return the chances of a share whose units are coin flips, at the end of its good side."""
    bounds = line.rule.threshold
    end, sign = (bounds.high, 1) if bounds.high is not None else (bounds.low, -1)
    end = end or 0.0
    room = end if sign > 0 else 1 - end
    return _Test(
        passing=passing,
        fails=lambda gap: _share_chances(_to_fail(stages), end + sign * gap, end),
        passes=lambda gap: _share_chances(_to_pass(passing), end - sign * gap, end),
        beyond=1 - room,
        inside=room,
        needed=lambda: prompts_for_zero_hits(room, level=passing[-1].pass_level) if room > 0 else None,
    )


def _share_chances(looks: Sequence[tuple[int, float]], rate: float, end: float) -> Chances:
    rate = max(0.0, rate)
    if len(looks) > 1:
        units, levels = zip(*looks, strict=True)
        return power_of_share_by_look(units, rate, end, levels=levels)
    ((n, level),) = looks
    return (power_of_share(n, rate, end, level=level),)


def _to_fail(stages: Sequence[Stage]) -> list[tuple[int, float]]:
    return [(stage.n, stage.fail_level) for stage in stages]


def _to_pass(stages: Sequence[Stage]) -> list[tuple[int, float]]:
    return [(stage.n, stage.pass_level) for stage in stages]


def _by_look(stages: Sequence[Stage], chances: Chances, looks: int) -> Chances:
    """Return the chance by every look of a run, where a line can be decided at some of them."""
    found = {stage.look: max(0.0, chance) for stage, chance in zip(stages, chances, strict=True)}
    return tuple(accumulate((found.get(look, 0.0) for look in range(1, looks + 1)), max))


def _well_inside(line: Line, card: MetricCard) -> float:
    """Return the distance from the threshold of what is clearly good."""
    low, high = _room(line, card)
    bounds, neutral = line.rule.threshold, 0.0 if line.rule.threshold.compared else card.neutral
    if bounds.low is None:
        return high - (neutral if neutral is not None and low <= neutral <= high else low)
    if bounds.high is None:
        return (neutral if neutral is not None and low <= neutral <= high else high) - low
    middle = neutral if neutral is not None and low <= neutral <= high else (low + high) / 2
    return min(middle - low, high - middle)


def _room(line: Line, card: MetricCard) -> tuple[float, float]:
    """Return the good side of a line, as far as the metric reaches."""
    bounds, (least, greatest) = line.rule.threshold, span_of(card, line.subject, compared=line.rule.threshold.compared)
    return (least if bounds.low is None else bounds.low), (greatest if bounds.high is None else bounds.high)


def _beyond(line: Line, card: MetricCard) -> float:
    """Return the largest distance that there can be beyond a threshold."""
    bounds, (least, greatest) = line.rule.threshold, span_of(card, line.subject, compared=line.rule.threshold.compared)
    above = 0.0 if bounds.high is None else greatest - bounds.high
    return above if bounds.low is None else max(above, bounds.low - least)


def _least(chances: Callable[[float], Chances], most: float) -> float | None:
    """Return the least distance, up to ``most``, at which the chance by the last look reaches ``POWER``; it rises."""
    if most <= 0 or chances(most)[-1] < POWER:
        return None
    if chances(0.0)[-1] >= POWER:
        return 0.0
    return float(brentq(lambda gap: chances(gap)[-1] - POWER, 0.0, most, maxiter=200))


def _expected(policy: Policy, asked: Asked) -> Snapshot:
    """Return a snapshot of nothing measured, in which every suite with subjects knows every metric of the policy."""
    nothing = Estimate(
        value=None, low=None, high=None, level=policy.level, method=Method.NOT_YET, n_images=0, n_prompts=0
    )
    findings = [
        Finding(
            lens=rule.metric.partition(".")[0], suite=suite, subject="*", metric=rule.metric, unit="", neutral=None,
            estimate=nothing,
        )
        for rule in policy.rules
        for suite in asked.concepts
    ]  # fmt: skip
    return Snapshot(findings={one.finding_id: one for one in findings}, changes=None)


_CHANCE: Final = f"a chance of {100 * POWER:.0f} %"


def power_sentences(powers: Sequence[LinePower]) -> tuple[str, ...]:
    """Say what the lines of a policy can tell; those of one rule that can tell the same are one sentence."""
    alike: dict[LinePower, list[LinePower]] = {}
    for power in powers:
        rule = replace(power, line=replace(power.line, subject=power.unit))
        alike.setdefault(rule, []).append(power)
    return tuple(
        power_sentence(those[0], about="" if len(those) == 1 else f"each of {len(those)} subjects")
        for those in alike.values()
    )


def power_sentence(power: LinePower, *, about: str = "") -> str:
    """Say what a line can tell; names in it stand in quotation marks.

    Args:
        power: Of the line.
        about: Whom it is about; empty for its own subject.
    """
    line = power.line
    card = CARDS[line.rule.metric]
    about = about or ("all" if line.subject == WHOLE else quoted(line.subject))
    where = "every suite" if line.suite == WHOLE else quoted(line.suite)
    asked = f"{card.noun} {line.rule.threshold.words} ({card.unit})"
    head = f"{line.rule.rule_id}, {about} of {where}: {asked}, {power.n} {power.unit}."
    if power.missing:
        return f"{head} Can neither pass nor fail: {power.missing}."
    return " ".join(part for part in (head, _fail(power), _pass(power), _looks(power), _spread(power)) if part)


def power_document(power: LinePower) -> dict[str, object]:
    """Return what a line can tell as plain numbers, ``None`` where there is none."""
    line = power.line
    return {
        "rule": line.name,
        "id": line.rule.rule_id,
        "metric": line.rule.metric,
        "suite": line.suite,
        "subject": line.subject,
        "threshold": dict(line.rule.threshold.bounds),
        "unit": power.unit,
        "n": power.n,
        "sd": power.spread.sd,
        "sd_source": power.spread.source,
        "power": POWER,
        "fail_level": power.fail_level,
        "pass_level": power.pass_level,
        "fails_beyond": power.fails_beyond,
        "fails_at": list(_failing(power)),
        "passes_inside": power.passes_inside,
        "passes_at": list(_passing(power)),
        "units_to_pass": power.needed,
        "never_passes": power.never_passes,
        "well_inside_at": list(_at(power, power.well_inside)),
        "passed_by_look": list(power.passed_by),
        "missing": power.missing,
        "sentence": power_sentence(power),
    }


def _failing(power: LinePower) -> tuple[float, ...]:
    """Return the values from which on the line fails, one for each end of its good side."""
    return _at(power, None if power.fails_beyond is None else -power.fails_beyond)


def _passing(power: LinePower) -> tuple[float, ...]:
    """Return the values up to which it passes."""
    return _at(power, power.passes_inside)


def _at(power: LinePower, gap: float | None) -> tuple[float, ...]:
    """Return the values that lie so far inside, one for each end of the good side."""
    if gap is None:
        return ()
    bounds = power.line.rule.threshold
    low = () if bounds.low is None else (bounds.low + gap,)
    return low if bounds.high is None else (*low, bounds.high - gap)


def _fail(power: LinePower) -> str:
    if power.fails_beyond is None:
        return f"Fails with {_CHANCE} at no value: none that there can be is far enough beyond."
    values = " or ".join(f"{value:z.2f}" for value in _failing(power))
    distance = f"{power.fails_beyond:.2f} beyond the line, at {level_text(power.fail_level)}{_over(power)}"
    return f"Fails with {_CHANCE} from {values} ({distance})."


def _pass(power: LinePower) -> str:
    if power.passes_inside is None:
        needed = "no number of them would do" if power.needed is None else f"that takes {power.needed} {power.unit}"
        if power.never_passes:
            return f"Cannot pass at all with {power.n} {power.unit}, even if nothing is found: {needed}."
        return f"Passes with {_CHANCE} at no value: {needed}."
    ends = " to ".join(f"{value:z.2f}" for value in _passing(power))
    bounds = power.line.rule.threshold
    values = f"{ends} or more" if bounds.high is None else f"{ends} or less" if bounds.low is None else ends
    level = f"{level_text(power.pass_level)}{_over(power)}"
    return f"Passes with {_CHANCE} at {values} ({power.passes_inside:.2f} inside, at {level})."


def _over(power: LinePower) -> str:
    return f" over {len(power.passed_by)} interim looks" if len(power.passed_by) > 1 else ""


def _looks(power: LinePower) -> str:
    """Say when it will have passed, of a run in rounds."""
    if len(power.passed_by) < 2 or power.well_inside is None:
        return ""
    by_then = ", ".join(f"{100 * chance:.0f}" for chance in power.passed_by)
    return f"{power.well_inside:z.2f} inside, its chances to have passed by each interim look are {by_then} %."


def _spread(power: LinePower) -> str:
    sd = "" if power.spread.sd is None else f"SD {power.spread.sd:.2f}, "
    return f"{(sd + power.spread.source)[0].upper()}{(sd + power.spread.source)[1:]}."
