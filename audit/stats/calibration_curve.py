"""Reading a value off a calibration curve: what is measured on standards of known grade tells what a reading means."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float
from scipy.optimize import brentq, isotonic_regression
from scipy.special import stdtrit

from audit.records import Method
from audit.stats.clusters import ClusterEstimate, half_width, has_spread, no_interval, variance_of_mean
from audit.stats.hypotheses import TestResult, t_test
from audit.stats.intervals import check_finite, check_level

_SURELY: Final = 2.0
"""Standard errors by which the slope of the standards has to be above 0, for them to be a scale at all."""

_NEAR: Final = 0.25
"""Distance on either side of a value over which the slope of the curve is taken for its standard error."""

_FARTHEST: Final = 4.0
"""Lengths of the scale, counted from its middle, within which the ends of an interval are looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOff:
    """A grade that was read off, and the test that it is 0."""

    estimate: ClusterEstimate
    test: TestResult
    near: ClusterEstimate
    """The same value with the interval of its standard error there, which is for comparing it with other readings: the
    end of Fieller's interval can lie far off where a scale is short, and says little of the variance of the value."""
    places: tuple[float, ...] = ()
    """The value, and what each prompt adds to it: to the first order, places of their own. Empty without a value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Curve:
    """Straight between its knots, and beyond the outer ones with the least-squares slope of all standards."""

    shares: Float[np.ndarray, "knots grades"]
    """What each standard adds to each knot."""
    grades: Float[np.ndarray, " grades"]

    def weights(self, grade: float) -> Float[np.ndarray, " grades"]:
        """Return what each standard adds to the height of the curve at ``grade``."""
        knots = self.shares @ self.grades
        inside = float(np.clip(grade, knots[0], knots[-1]))
        at_knots = np.array([np.interp(inside, knots, one) for one in np.eye(len(knots))])
        return np.asarray(at_knots @ self.shares + (grade - inside) * _slope_weights(self.grades))

    def grade_of(self, reading: float, heights: Float[np.ndarray, " grades"]) -> float:
        """Return where the curve has the height ``reading``."""
        levels = self.shares @ heights
        inside = float(np.clip(reading, levels[0], levels[-1]))
        slope = float(heights @ _slope_weights(self.grades))
        return float(np.interp(inside, levels, self.shares @ self.grades)) + (reading - inside) / slope


def read_off(
    readings: Float[np.ndarray, " prompts"],
    standards: Float[np.ndarray, "_ _"],
    grades: Float[np.ndarray, " grades"],
    *,
    level: float = 0.95,
) -> ReadOff:
    """Grade that a mean reading stands for, by a calibration curve that was measured beside it.

    Formula: the curve is the isotonic regression of the mean readings of the standards on their grades; runs of
    grades that it pools are one knot, at their mean. The value is the grade at which the curve has the height of the
    mean reading. At a grade g, each prompt differs from its own standards by ``d_i(g) = x_i - sum_j w_j(g) y_ij``,
    w(g) being what each standard adds to the height of the curve; the interval holds the grades that a t test of
    ``mean d(g) = 0`` over prompts does not reject, and the test is that at g = 0.
    Source: Barlow, Bartholomew, Bremner and Brunk (1972), Statistical Inference under Order Restrictions, chapter 1;
    Fieller (1954), J. Royal Statistical Society B 16(2):175-185, doi:10.1111/j.2517-6161.1954.tb00159.x, whose
    interval this is on each straight piece; Osborne (1991), International Statistical Review 59(3):309-336,
    doi:10.2307/1403690.

    Args:
        readings: Mean reading of every prompt, in the unit of the judge.
        standards: Mean reading of every prompt's own standards (prompts x grades), in the same unit.
        grades: Grades of the standards, rising, without unit.
        level: Confidence level, in (0, 1).

    The interval of ``near`` is ``g +- t * s(d(g)) / sqrt(G) / slope``, with the slope of the curve about the value
    (delta method).

    Returns:
        The grade; it may lie beyond those of the standards. Without value where there is no prompt, or where the mean
        least-squares slope of the prompts' standards is not above twice its standard error (above 0, for a single
        prompt); without interval below two prompts.

    Raises:
        ValueError: If shapes do not fit, a number is not finite, grades do not rise, or ``level`` is outside (0, 1).

    Example:
        >>> standards = np.array([[-0.6, 0.0, 0.6], [-0.5, 0.1, 0.7], [-0.7, 0.0, 0.4]])
        >>> found = read_off(np.array([0.3, 0.5, 0.2]), standards, np.array([-1.0, 0.0, 1.0])).estimate
        >>> round(found.value, 4), round(found.low, 4), round(found.high, 4)
        (0.5625, 0.1756, 0.7967)
    """
    check_level(level)
    _check(readings, standards, grades)
    count = len(readings)
    if not count:
        return _nothing(Method.NOTHING, count)
    slopes = standards @ _slope_weights(grades)
    error = math.sqrt(variance_of_mean(slopes)) if count > 1 else 0.0
    if slopes.mean() <= _SURELY * error:
        return _nothing(Method.NOT_RISING, count)
    heights = standards.mean(axis=0)
    curve = _isotonic(heights, grades)
    value = curve.grade_of(float(readings.mean()), heights)

    def differences(grade: float) -> Float[np.ndarray, " prompts"]:
        return np.asarray(readings - standards @ curve.weights(grade))

    rise = (curve.weights(value + _NEAR) - curve.weights(value - _NEAR)) @ heights / (2 * _NEAR)
    return ReadOff(
        estimate=_with_interval(value, differences, level, grades),
        test=t_test(differences(0.0), 0.0),
        near=_near(value, differences(value), float(rise), level),
        places=tuple((value + differences(value) / slopes.mean()).tolist()),
    )


def _slope_weights(grades: Float[np.ndarray, " grades"]) -> Float[np.ndarray, " grades"]:
    """Return what each standard adds to the least-squares slope; above 0, it leaves an isotonic curve two knots."""
    centred = grades - grades.mean()
    return np.asarray(centred / (centred @ centred))


def _isotonic(heights: Float[np.ndarray, " grades"], grades: Float[np.ndarray, " grades"]) -> _Curve:
    edges = isotonic_regression(heights).blocks
    places = np.arange(len(grades))
    blocks = [(places >= first) & (places < last) for first, last in itertools.pairwise(edges)]
    return _Curve(shares=np.array([block / block.sum() for block in blocks]), grades=grades)


def _with_interval(
    value: float,
    differences: Callable[[float], Float[np.ndarray, " prompts"]],
    level: float,
    grades: Float[np.ndarray, " grades"],
) -> ClusterEstimate:
    residuals = differences(value)
    count = len(residuals)
    if count < 2 or not has_spread(residuals):
        return no_interval(value, Method.FEW_OR_ALIKE, count)
    quantile = float(stdtrit(count - 1, 0.5 + level / 2))

    def excess(grade: float) -> float:
        """Return how far a grade is from being rejected, negative while it is not."""
        found = differences(grade)
        return abs(float(found.mean())) - quantile * math.sqrt(variance_of_mean(found))

    reach = _FARTHEST * float(grades[-1] - grades[0])
    middle = float(grades.mean())
    outer = min(value, middle - reach), max(value, middle + reach)
    if min(map(excess, outer)) <= 0:
        return no_interval(value, Method.FLAT, count)
    low, high = sorted(float(brentq(excess, value, end)) for end in outer)
    return ClusterEstimate(value=value, low=low, high=high, method=Method.CURVE, n=count, n_clusters=count)


def _near(value: float, residuals: Float[np.ndarray, " prompts"], slope: float, level: float) -> ClusterEstimate:
    count = len(residuals)
    if count < 2 or not has_spread(residuals) or slope <= 0.0:
        return no_interval(value, Method.FEW_OR_ALIKE, count)
    half = half_width(variance_of_mean(residuals), count - 1, level) / slope
    return ClusterEstimate(value=value, low=value - half, high=value + half, method=Method.T, n=count, n_clusters=count)


def _nothing(why: Method, count: int) -> ReadOff:
    nothing = no_interval(None, why, count)
    return ReadOff(estimate=nothing, test=TestResult(p_value=None, method=f"not tested: {why}", n=count), near=nothing)


def _check(readings: np.ndarray, standards: np.ndarray, grades: np.ndarray) -> None:
    if standards.shape != (len(readings), len(grades)):
        raise ValueError(
            f"{len(readings)} readings and {len(grades)} grades need standards of that shape; got {standards.shape}."
        )
    if len(grades) < 2 or not (np.diff(grades) > 0).all():
        raise ValueError(f"At least two grades, rising, make a scale; got {grades.tolist()}.")
    check_finite("number", readings, standards, grades)
