"""Verdicts of whole audits, on findings made by hand."""

from __future__ import annotations

import dataclasses

import pytest

from audit.records import Estimate, Finding, Method
from tests.benchmarks.audits import compare, lost, verdict


def finding(subject: str, value: float | None, low: float | None, high: float | None) -> Finding:
    estimate = Estimate(value=value, low=low, high=high, level=0.95, method=Method.T, n_images=8, n_prompts=4)
    return Finding(
        lens="gender",
        suite="suite",
        subject=subject,
        metric="gender.lean",
        unit="lean",
        neutral=0.0,
        estimate=estimate,
    )


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0.1, 0.3, "above"), (-0.3, -0.1, "below"), (-0.1, 0.3, "open"), (0.0, 0.3, "open"), (None, None, "open")],
)
def test_a_verdict_is_the_side_of_the_whole_interval(low, high, expected):
    assert verdict(finding("nurse", 0.2, low, high)) == expected


def test_a_finding_without_a_neutral_value_is_open():
    assert verdict(dataclasses.replace(finding("nurse", 0.2, 0.1, 0.3), neutral=None)) == "open"


def test_audits_are_compared_on_what_both_could_measure():
    one = [finding("nurse", -0.5, -0.7, -0.3), finding("baker", 0.1, -0.1, 0.3), finding("pilot", 0.4, 0.2, 0.6)]
    other = [finding("nurse", -0.4, -0.6, -0.2), finding("baker", 0.3, 0.1, 0.5), finding("pilot", -0.5, -0.7, -0.3)]
    extra = [finding("farmer", None, None, None), finding("doctor", 0.1, 0.0, 0.2)]
    found = compare({f.finding_id: f for f in [*one, extra[0]]}, {f.finding_id: f for f in [*other, *extra]})
    assert (found.findings, found.same, found.settled, found.opposite) == (3, 1, 2, 1)
    assert found.correlation == pytest.approx(-0.5)  # ranks 1 2 3 against 2 3 1, by hand: 1 - 6 * 6 / 24 = -0.5


def audited(sides: str) -> dict[str, Finding]:
    """Return one finding for each letter: above, below or open."""
    ends = {"a": (0.1, 0.3), "b": (-0.3, -0.1), "o": (-0.1, 0.1)}
    return {str(k): finding(str(k), sum(ends[side]) / 2, *ends[side]) for k, side in enumerate(sides)}


def test_what_a_recipe_loses_is_counted_against_the_other_seed_of_its_yardstick():
    # the yardstick has its own verdict 3 of 4 times; the recipe has that of the other seed 2 and 1 of 4 times
    found = lost([audited("aaob"), audited("aboo")], [audited("aaaa"), audited("aaao")])
    assert found.value == pytest.approx(3 / 4 - (2 / 4 + 1 / 4) / 2)
    assert found.low <= found.value <= found.high


def test_a_recipe_beside_itself_loses_nothing():
    audits = [audited("abo"), audited("aab")]
    assert lost(audits, audits).value == 0.0
