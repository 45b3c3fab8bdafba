"""More than two runs: every one against the first, what rises or falls over all of them, and ``trends.json``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from scipy.stats import linregress

from audit.codec import SCHEMA_VERSION, pretty_json, record_document
from audit.errors import UsageProblem
from audit.evidence import Evidence, load_evidence, read_run, write_folder
from audit.lenses import LENSES, WHOLE_SUITE
from audit.lenses.common.protocol import as_real
from audit.pairing.both_examined import Fold, OnFold, folds_by_concept, leave_out
from audit.pairing.image_pairs import KEY, as_read, keep_images, pair_images
from audit.records import Estimate, Finding, Method
from audit.stats import benjamini_hochberg, jackknife_difference, jackknife_test, spearman
from audit.studies.compare.two_runs import ComparedRun, Comparison, changes_document, check_folder, compare_runs

_OVER: Final = "concepts"
FEWEST: Final = 3
"""Runs from which there is something over all of them."""

ONE_TRAINING: Final = (
    "A slope rests on one checkpoint at each place of the axis: its interval covers other concepts, not another "
    "training."
)

_Found = dict[str, Finding]


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """What runs are set against."""

    name: str
    places: tuple[float, ...]
    """One per run; a slope is per step of one of these."""
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ManyRuns:
    """What becomes of findings over several checkpoints."""

    runs: tuple[ComparedRun, ...]
    axis: Axis
    level: float
    trends: tuple[Trend, ...]
    comparisons: tuple[Comparison, ...]
    """Every run but the first, compared with the first."""

    @property
    def is_conclusive(self) -> bool:
        """Whether every comparison is."""
        return all(one.is_conclusive for one in self.comparisons)


def axis_of(scale: Sequence[float] | None, runs: int) -> Axis:
    """Return the axis of a number of runs.

    Args:
        scale: Training images of each checkpoint, whose doublings are the steps; ``None`` takes the order of the runs.
        runs: How many there are.

    Raises:
        UsageProblem: If there are not as many numbers as runs, one is not above 0, or all are the same.

    Example:
        >>> axis_of([1000, 4000, 16000], 3).places[1] - axis_of([1000, 4000, 16000], 3).places[0]
        2.0
    """
    if scale is None:
        return Axis(
            name="run", places=tuple(map(float, range(runs))), labels=tuple(str(place + 1) for place in range(runs))
        )
    sound = all(math.isfinite(number) and number > 0 for number in scale)
    if len(scale) != runs or not sound or len(set(scale)) < 2:
        told = ", ".join(f"{number:g}" for number in scale)
        raise UsageProblem(
            f"A scale is one number above 0 for each of the {runs} runs, not all the same; got {told}.",
            remedy="Write the numbers of training images in the order of the runs, as in --scale 1000,4000,16000.",
        )
    return Axis(
        name="doubling of training images",
        places=tuple(math.log2(number) for number in scale),
        labels=tuple(f"{number:,.0f}" for number in scale),
    )


def compare_many(
    folders: Sequence[Path],
    *,
    scale: Sequence[float] | None = None,
    level: float = 0.95,
    margin: float | None = None,
    on_fold: OnFold = lambda _done, _all: None,
) -> ManyRuns:
    """Compare finished runs: each with the first, as two runs are, and all over an axis.

    Args:
        folders: Of the runs, at least ``FEWEST``, in the order of the axis or in any.
        scale: As for :func:`axis_of`.
        level: Confidence level of every interval, in (0, 1).
        margin: As for :func:`audit.studies.compare.compare_runs`.
        on_fold: Shows how far each comparison, and then the table over all of them, is.

    Raises:
        UsageProblem: If a folder is no run, more than the checkpoint differs, or an option is wrong.
        InconclusiveProblem: If a run is not finished or has nothing in it.
        EnvironmentProblem: If a file of a run is not as the run left it.
    """
    axis = axis_of(scale, len(folders))
    first, *others = folders
    comparisons = tuple(compare_runs(first, one, level=level, margin=margin, on_fold=on_fold) for one in others)
    evidence = common_evidence([load_evidence(read_run(folder, finished=True)) for folder in folders])
    return ManyRuns(
        runs=(comparisons[0].baseline, *(one.candidate for one in comparisons)),
        axis=axis,
        level=level,
        trends=trends_over(evidence, axis, level=level, on_fold=on_fold),
        comparisons=comparisons,
    )


def common_evidence(runs: Sequence[Evidence]) -> tuple[Evidence, ...]:
    """Return every run with the images that all have.

    Raises:
        UsageProblem: If an image did not start from the same seed everywhere, or none is common.
    """
    keys = [pair_images(runs[0], other).usable[KEY] for other in runs[1:]]
    common: pd.DataFrame = reduce(lambda one, other: one.merge(other, on=KEY), keys)
    if common.empty:
        raise UsageProblem(
            "The runs have no image of the same prompt in common.", remedy="Make all with the same suites and --seed."
        )
    return tuple(keep_images(as_read(run), common) for run in runs)


def trends_over(
    runs: Sequence[Evidence], axis: Axis, *, level: float = 0.95, on_fold: OnFold = lambda _done, _all: None
) -> tuple[Trend, ...]:
    """Return the trend of every finding that all runs have about a whole suite, in the order of the lenses.

    Formula: the slope of the least-squares line through the values over the axis, with the interval of
    :func:`~audit.stats.jackknife.jackknife_difference` from the slopes without each concept in turn, left out of all
    runs; so what a concept adds to every run alike cancels. A concept counts if the finding of any run is another
    without it. p-values of all trends are corrected after Benjamini and Hochberg.

    Args:
        runs: Evidence of the same images, as :func:`common_evidence` returns it.
        axis: Their places.
        level: Confidence level of every interval, in (0, 1).
        on_fold: Shows how far the work is.
    """
    whole = [_findings(run, level) for run in runs]
    wanted = [name for name in whole[0] if all(name in found for found in whole)]
    left: dict[str, list[list[Estimate | None]]] = {name: [] for name in wanted}
    folds = folds_by_concept(runs[0].prompts)
    for done, one in enumerate(folds):
        on_fold(done, len(folds))
        without = [_without(run, one, level) for run in runs]
        for name in wanted:
            if whole[0][name].suite in one.suites:
                left[name].append([found[name].estimate if name in found else None for found in without])
    on_fold(len(folds), len(folds))
    trends = [_trend([found[name] for found in whole], left[name], axis, level) for name in wanted]
    adjusted = benjamini_hochberg([trend.p_value for trend in trends]).p_values
    return tuple(replace(trend, p_adjusted=p) for trend, p in zip(trends, adjusted, strict=True))


def _findings(run: Evidence, level: float) -> _Found:
    """Return what the lenses find about whole suites, by id."""
    every = [found for lens in LENSES.values() for found in lens.examine(run, level=level).findings]
    return {one.finding_id: one for one in every if one.subject == WHOLE_SUITE and one.suite != WHOLE_SUITE}


def _without(run: Evidence, one: Fold, level: float) -> _Found:
    return _findings(leave_out(run, one.unit | one.apart), level)


def _trend(findings: Sequence[Finding], left: Sequence[Sequence[Estimate | None]], axis: Axis, level: float) -> Trend:
    first, values = findings[0], tuple(one.estimate for one in findings)
    slope, p_value, note = _slope(values, left, axis, level)
    numbers = [one.value for one in values if one.value is not None]
    whole = len(numbers) == len(values)
    order = spearman(np.array(axis.places), np.array(numbers), level=level).value if whole else None
    return Trend(
        lens=first.lens,
        suite=first.suite,
        metric=first.metric,
        unit=first.unit,
        values=values,
        slope=slope,
        order=order,
        p_value=p_value,
        p_adjusted=None,
        note=note,
    )


def _slope(
    values: Sequence[Estimate], left: Sequence[Sequence[Estimate | None]], axis: Axis, level: float
) -> tuple[Estimate, float | None, str]:
    """Return the slope with its interval, its p-value, and how that was found."""
    images, prompts = (min(getattr(one, name) for one in values) for name in ("n_images", "n_prompts"))

    def found(value: float | None, low: float | None, high: float | None, method: Method) -> Estimate:
        return Estimate(
            value=value, low=low, high=high, level=level, method=method, n_images=images, n_prompts=prompts, over=_OVER
        )

    whole = _line(values, axis)
    if whole is None:
        return found(None, None, None, Method.NOTHING_IN_ONE), None, "not tested"
    units = [one for one in left if any(_differs(*pair) for pair in zip(values, one, strict=True))]
    slopes = [slope for one in units if (slope := _line(one, axis)) is not None]
    if len(slopes) < len(units) or len(units) < 2:
        why = Method.FEW if len(units) < 2 else Method.NOT_WITHOUT
        return found(whole, None, None, why), None, "not tested"
    numbers = np.array(slopes, dtype=float)
    spread = jackknife_difference(whole, numbers, level=level, unit=_OVER)
    tested = jackknife_test(whole, numbers, unit=_OVER)
    return found(whole, spread.low, spread.high, spread.method), tested.p_value, tested.method


def _line(values: Sequence[Estimate | None], axis: Axis) -> float | None:
    numbers = [None if one is None else one.value for one in values]
    if any(number is None for number in numbers):
        return None
    return float(linregress(axis.places, np.array(numbers, dtype=float)).slope)


def _differs(whole: Estimate, left: Estimate | None) -> bool:
    return left is None or (whole.value, whole.low, whole.high) != (left.value, left.low, left.high)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """A finding about a whole suite in every run, and its slope over them."""

    lens: str
    suite: str
    metric: str
    unit: str
    values: tuple[Estimate, ...]
    """One per run, in the order in which the runs were given."""
    slope: Estimate
    """Change of the value per step of the axis, in the unit of the metric."""
    order: float | None
    """Spearman's correlation of the values with the axis; ``None`` where a value is missing or all are equal."""
    p_value: float | None
    """Of no slope, two-sided."""
    p_adjusted: float | None
    note: str

    @property
    def finding_id(self) -> str:
        """Name of the finding in every run."""
        return f"{self.metric}:{self.suite}:*"


TRENDS_NAME: Final = "trends.json"


def many_document(found: ManyRuns) -> dict[str, object]:
    """Return many runs as plain lists and dictionaries."""
    return {
        "schema_version": SCHEMA_VERSION,
        "conclusive": found.is_conclusive,
        "level": found.level,
        "axis": {"name": found.axis.name, "places": list(found.axis.places), "labels": list(found.axis.labels)},
        "runs": [
            {
                "folder": str(run.folder),
                "spec_digest": run.spec_digest,
                "checkpoint": {"name": run.checkpoint.name, "digest": run.checkpoint.digest},
            }
            for run in found.runs
        ],
        "trends": [{"id": one.finding_id, **record_document(one)} for one in found.trends],
        "comparisons": [changes_document(one) for one in found.comparisons],
    }


def write_many(folder: Path, found: ManyRuns, texts: Mapping[str, str]) -> None:
    """Write ``trends.json``, the table ``trends``, and ``texts`` (the page and its figure).

    Raises:
        UsageProblem: If the folder holds anything but such a comparison.
        EnvironmentProblem: If it cannot be written.
    """
    check_folder(folder, mark=TRENDS_NAME)
    write_folder(
        folder,
        source=" ".join(run.spec_digest for run in found.runs),
        texts={TRENDS_NAME: pretty_json(many_document(found)), **texts},
        tables={"trends": trends_table(found)},
    )


def trends_table(found: ManyRuns) -> pd.DataFrame:
    """Return one row per trend and run; missing numbers are NaN."""
    rows = []
    for trend in found.trends:
        about = {"lens": trend.lens, "suite": trend.suite, "metric": trend.metric, "unit": trend.unit}
        ends = {"slope": trend.slope.value, "slope_low": trend.slope.low, "slope_high": trend.slope.high}
        for place, label, run, one in zip(found.axis.places, found.axis.labels, found.runs, trend.values, strict=True):
            rows.append(
                {
                    **about,
                    "checkpoint": run.checkpoint.name,
                    "label": label,
                    "place": place,
                    "value": as_real(one.value),
                    "low": as_real(one.low),
                    "high": as_real(one.high),
                    **{name: as_real(end) for name, end in ends.items()},
                    "order": as_real(trend.order),
                    "p_value": as_real(trend.p_value),
                    "p_adjusted": as_real(trend.p_adjusted),
                    "method": trend.slope.method_text,
                }
            )
    return pd.DataFrame(rows)
