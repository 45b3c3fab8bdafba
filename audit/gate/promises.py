"""The power of a policy's lines in words, and as plain numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from audit.gate.policy import WHOLE
from audit.gate.power import POWER, LinePower
from audit.gate.sentences import level_text, quoted

_CHANCE: Final = f"{100 * POWER:.0f} %"


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
    metric = line.rule.metric.replace(".", " ").replace("_", " ")
    about = about or ("all" if line.subject == WHOLE else quoted(line.subject))
    where = "every suite" if line.suite == WHOLE else quoted(line.suite)
    head = f"{line.rule.rule_id}, {about} of {where}: {metric} {line.rule.threshold.words}, {power.n} {power.unit}."
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
        return f"Is not promised to fail with {_CHANCE} anywhere: no value that there can be is far enough beyond."
    values = " or ".join(f"{value:z.2f}" for value in _failing(power))
    distance = f"{power.fails_beyond:.2f} beyond the line, at {level_text(power.fail_level)}{_over(power)}"
    return f"Fails with {_CHANCE} from {values} ({distance})."


def _pass(power: LinePower) -> str:
    if power.passes_inside is None:
        needed = "no number of them would do" if power.needed is None else f"that takes {power.needed} {power.unit}"
        if power.never_passes:
            return f"Cannot pass at all with {power.n} {power.unit}, even if nothing is found: {needed}."
        return f"Is not promised to pass with {_CHANCE} anywhere: {needed}."
    ends = " to ".join(f"{value:z.2f}" for value in _passing(power))
    bounds = power.line.rule.threshold
    values = f"{ends} or more" if bounds.high is None else f"{ends} or less" if bounds.low is None else ends
    level = f"{level_text(power.pass_level)}{_over(power)}"
    return f"Passes with {_CHANCE} at {values} ({power.passes_inside:.2f} inside, at {level})."


def _over(power: LinePower) -> str:
    return f" over {len(power.passed_by)} looks" if len(power.passed_by) > 1 else ""


def _looks(power: LinePower) -> str:
    """Say when it will have passed, of a run in rounds."""
    if len(power.passed_by) < 2 or power.well_inside is None:
        return ""
    by_then = ", ".join(f"{100 * chance:.0f}" for chance in power.passed_by)
    return f"{power.well_inside:z.2f} inside, it has passed by each look with {by_then} %."


def _spread(power: LinePower) -> str:
    sd = "" if power.spread.sd is None else f"SD {power.spread.sd:.2f}, "
    return f"{(sd + power.spread.source)[0].upper()}{(sd + power.spread.source)[1:]}."
