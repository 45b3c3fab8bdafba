"""What ``clip-audit plan --sequential`` says of a run in rounds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from audit.cli.progress_bars import show_seconds
from audit.cli.talk import Talk

if TYPE_CHECKING:
    from audit.gate import LinePower
    from audit.pipeline import Forecast
    from audit.pipeline.plan_power import Course


def show_rounds(course: Course, powers: Sequence[LinePower], times: Sequence[Forecast], talk: Talk) -> None:
    """Show what each look takes, and when the rules will have passed if the checkpoint is clearly good.

    Args:
        course: Of the plan.
        powers: Of every line of the policy.
        times: By each look, and last the mean; nothing where none was measured.
        talk: Where to.
    """
    images, seconds = course.by_look, [show_seconds(one.seconds) for one in times]
    talk.show(
        f"\nIn rounds, if every suite that has a rule goes on; a run of fixed size makes {course.fixed:,} images:"
    )
    titles = ("look", "images so far", "of those", *(("time so far",) if times else ()))
    talk.table(
        titles,
        [
            (str(look), f"{count:,}", f"{count / course.fixed:.0%}", *seconds[look - 1 : look])
            for look, count in enumerate(images, start=1)
        ],
    )
    share = course.expected / course.fixed
    mean = f"{course.expected:,.0f} images are expected ({share:.0%}{f', {seconds[-1]}' if seconds else ''})"
    talk.show(f"\nIf all that the rules ask about lies well inside, {mean}. Rule by rule:")
    talk.table(("rule", *(f"by look {look}" for look in range(1, len(images) + 1)), "images"), _rows(course, powers))


def rounds_document(course: Course, powers: Sequence[LinePower], times: Sequence[Forecast]) -> dict[str, object]:
    """Return the same as plain numbers; seconds are ``None`` where none were measured."""
    seconds: list[float | None] = [round(one.seconds, 3) for one in times]
    seconds = seconds or [None] * (len(course.by_look) + 1)
    return {
        "fixed_images": course.fixed,
        "looks": [
            {"look": look, "images": count, "seconds": seconds[look - 1]}
            for look, count in enumerate(course.by_look, start=1)
        ],
        "well_inside": {
            "images": round(course.expected, 1),
            "seconds": seconds[-1],
            "images_by_rule": {power.line.name: round(course.alone(power), 1) for power in powers},
        },
    }


def _rows(course: Course, powers: Sequence[LinePower]) -> list[tuple[str, ...]]:
    """Return a row for every rule, and more where its subjects differ: the chance that it has passed by each look."""
    rows = [
        (power.line.rule.rule_id, *(f"{chance:.0%}" for chance in power.passed_by), f"{course.alone(power):,.0f}")
        for power in powers
    ]
    return list(dict.fromkeys(rows))
