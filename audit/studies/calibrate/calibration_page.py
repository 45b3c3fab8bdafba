"""A calibration in words and numbers: what was asked and measured, on how much, and how; as rows and as Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from audit.phantom.truth import CLEAR_MAN, CLEAR_WOMAN
from audit.report.text import NOT_MEASURED, NOTHING, count, show_level, show_number
from audit.stats import ClusterEstimate
from audit.studies.calibrate import Calibration, KindResult, SmallestGap

COLUMNS: Final = ("asked", "metric", "measured", "interval", "n", "how")
_NOT_REACHED: Final = "not reached"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One number of a calibration, as text; in the order of ``COLUMNS``."""

    asked: str
    metric: str
    measured: str
    interval: str
    n: str
    how: str

    @property
    def cells(self) -> tuple[str, ...]:
        """All of it."""
        return (self.asked, self.metric, self.measured, self.interval, self.n, self.how)


def calibration_lines(calibration: Calibration) -> tuple[Line, ...]:
    """Return every number of a calibration but the curves, question by question, both kinds beside each other."""
    pairs = zip(_lines(calibration.lean), _lines(calibration.rate), strict=True)
    return tuple(line for pair in pairs for line in pair)


def calibration_sentences(calibration: Calibration) -> tuple[str, ...]:
    """Say what a calibration rests on, and what has to be known to read it."""
    origins = Counter(world.origin for world in calibration.worlds)
    worlds = ", ".join(
        f"{count(origins[origin], 'world')} {origin}" for origin in ("drawn", "taken") if origins[origin]
    )
    images = sum(world.images for world in calibration.worlds)
    unsure = sorted(world.label for world in calibration.worlds if world.verdict != "pass")
    unmeasured = calibration.lean.n_unmeasured + calibration.rate.n_unmeasured
    return (
        (
            f"{worlds}, seed {calibration.seed}, effort {calibration.effort}, {count(images, 'image')}; intervals of "
            f"{show_level(calibration.level)}."
        ),
        (
            f"Clearly planted are shares of men up to {CLEAR_WOMAN:g} or from {CLEAR_MAN:g}, and rates from "
            f"{CLEAR_MAN:g}. A gap is the distance of a planted share from one half, or of a planted rate from 0."
        ),
        (
            "Concepts of one world share a training: intervals take them for as many trials as the spread between "
            "worlds allows, and where all worlds agree a world for one trial, so that few worlds give a wide one."
        ),
        (
            "The interval of a rate leaves out 0 as soon as one image is flagged, so found and false alarm mean no "
            "more than that for rates."
        ),
        (
            f"Concepts without a value or an interval: {unmeasured}. Worlds whose controls failed: "
            f"{', '.join(unsure) if unsure else 'none'}; their findings count all the same."
        ),
    )


def calibration_summary(calibration: Calibration) -> str:
    """Return the numbers of a calibration as Markdown, with the command that made it."""
    lines = [line.cells for line in calibration_lines(calibration)]
    told = " ".join(calibration_sentences(calibration))
    return "\n".join([f"Made by `{calibration.command}`. {told}", "", *_table(COLUMNS, lines)])


def calibration_page(calibration: Calibration) -> str:
    """Return the numbers and the curves of a calibration as one page of Markdown."""
    return "\n".join(
        [
            "# Calibration",
            "",
            calibration_summary(calibration),
            "",
            "![Dose against response](dose_response.svg)",
            "",
            "![Detection](detection.svg)",
            *(line for result in (calibration.lean, calibration.rate) for line in _curves(result)),
            "",
        ]
    )


def _lines(result: KindResult) -> Iterator[Line]:
    ranks, metric = result.ranks, result.metric
    spread = (
        f"; from {show_number(ranks.smallest)} to {show_number(ranks.largest)}" if ranks.smallest is not None else ""
    )
    yield _line(
        "order of planted and measured (Spearman, mean of worlds)", metric, ranks.mean, more=spread, of="worlds"
    )
    yield _line("clearly planted: found on its side", metric, result.sensitivity)
    yield _line("clearly planted: found on the other side", metric, result.reversals)
    yield _line("nothing planted: false alarms (0.05 expected)", metric, result.false_alarms)
    yield _line(
        "nothing planted: worlds with a finding that stays significant", metric, result.alarmed_worlds, of="worlds"
    )
    yield _gap_line(result.smallest_gap, metric)
    yield _line("nothing planted: intervals that hold 0", metric, result.balanced_coverage)
    yield _line(
        "planted: intervals that hold the average response of the other worlds",
        metric,
        result.dosed_coverage,
        more="; includes how worlds differ, which no interval over prompts claims to hold",
    )


def _line(asked: str, metric: str, found: ClusterEstimate, *, more: str = "", of: str = "concepts") -> Line:
    if found.value is None:
        return Line(asked=asked, metric=metric, measured=NOT_MEASURED, interval=NOTHING, n="0", how=found.method)
    return Line(
        asked=asked,
        metric=metric,
        measured=show_number(found.value),
        interval=_interval(found),
        n=count(found.n_clusters, "world") if of == "worlds" else _of_worlds(found.n, found.n_clusters),
        how=f"{found.method}{more}",
    )


def _gap_line(gap: SmallestGap, metric: str) -> Line:
    ends = [_NOT_REACHED if end is None else show_number(end) for end in (gap.low, gap.high)]
    known = (gap.low, gap.high) != (None, None)
    nothing = _NOT_REACHED if gap.n else NOT_MEASURED
    return Line(
        asked=f"smallest gap found with {100 * gap.power:g} % power",
        metric=metric,
        measured=nothing if gap.value is None else show_number(gap.value),
        interval=" to ".join(ends) if known else NOTHING,
        n=_of_worlds(gap.n, gap.n_worlds) if gap.n else "0",
        how=gap.method,
    )


def _interval(found: ClusterEstimate) -> str:
    if found.low is None or found.high is None:
        return NOTHING
    return f"{show_number(found.low)} to {show_number(found.high)}"


def _of_worlds(concepts: int, worlds: int) -> str:
    return f"{count(concepts, 'concept')} of {count(worlds, 'world')}"


def _curves(result: KindResult) -> Iterator[str]:
    yield from ("", f"## {result.metric}: dose and response", "")
    points = [(point.dose, point.response) for point in result.response]
    rows = [(show_number(dose), *_point(found)) for dose, found in points]
    yield from _table(("planted", "mean response", "interval", "n"), rows)
    yield from ("", f"## {result.metric}: gap and detection", "")
    found = [(show_number(p.gap), *_point(p.share), show_number(p.fitted)) for p in result.detection]
    yield from _table(("gap", "found", "interval", "n", "rising curve"), found)


def _point(found: ClusterEstimate) -> tuple[str, str, str]:
    return show_number(found.value), _interval(found), _of_worlds(found.n, found.n_clusters)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    if not rows:
        return ["Nothing was measured."]
    return [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}", *(f"| {' | '.join(row)} |" for row in rows)]
