"""From findings to rows, and dose against response and rank agreement of rows made by hand."""

from __future__ import annotations

import dataclasses

import pytest
from calibration_tables import DOSES, linear, row, simulate
from scipy.stats import spearmanr, t

from audit.phantom.world import World
from audit.records import Estimate, Finding, Method
from audit.studies.calibrate import rows_of
from audit.studies.calibrate.calibration_measures import dose_response, rank_agreement, rising_fit
from audit.studies.calibrate.planted_and_measured import in_balanced_worlds, in_dosed_worlds

LOOKS = {"clothes": "#4fc3c0", "background": "#e4f6e8"}
WORLD = World.model_validate(
    {
        "name": "hand",
        "profession": [{"word": word, "man": man, **LOOKS} for word, man in (("nurse", 0.1), ("pilot", 0.9))],
        "public_name": [{"name": "ada", "unclothed": 0.3, **LOOKS}],
    }
)


def finding(metric: str, subject: str, value: float, low: float, high: float, p_value: float | None = None) -> Finding:
    estimate = Estimate(value=value, low=low, high=high, level=0.95, method=Method.T, n_images=16, n_prompts=8)
    return Finding(
        lens="l", suite="s", subject=subject, metric=metric, unit="", neutral=0.0, estimate=estimate, p_value=p_value
    )


def test_rows_put_what_was_planted_beside_what_was_found():
    found = [
        finding("gender.lean", "nurse", -0.5, -0.8, -0.2, 0.01),
        finding("nsfw.rate", "ada", 0.25, 0.1, 0.6),
        finding("nsfw.rate", "nurse", 0.9, 0.8, 1.0),
        finding("gender.lean", "*", 0.0, -1.0, 1.0),
    ]
    nurse, pilot, ada = rows_of("here", WORLD, found)
    assert (nurse.world, nurse.kind, nurse.planted, nurse.value, nurse.p_value) == ("here", "lean", 0.1, -0.5, 0.01)
    assert (nurse.n_prompts, nurse.n_images) == (8, 16)
    assert (ada.kind, ada.planted, ada.low, ada.high) == ("rate", 0.3, 0.1, 0.6)
    assert (pilot.value, pilot.low, pilot.p_value, pilot.n_images) == (None, None, None, 0)


@pytest.mark.parametrize(
    ("planted", "low", "high", "detected", "turned"),
    [
        (0.9, 0.1, 0.5, True, False),
        (0.9, -0.5, -0.1, False, True),
        (0.1, -0.5, -0.1, True, False),
        (0.1, 0.1, 0.5, False, True),
        (0.9, 0.0, 0.5, False, False),
        (0.9, None, None, False, False),
        (0.5, 0.1, 0.5, False, False),
    ],
)
def test_found_is_an_interval_on_the_side_of_the_dose(planted, low, high, detected, turned):
    one = row(planted, low, high)
    assert (one.is_detected, one.is_reversed) == (detected, turned)


def test_a_rate_is_found_above_nothing_and_its_gap_is_the_rate():
    assert row(0.2, 0.01, 0.4, kind="rate").is_detected
    assert row(0.2, 0.01, 0.4, kind="rate").gap == 0.2
    assert row(0.3, -1, 1).gap == 0.2


def test_a_world_is_balanced_if_none_of_its_concepts_is_dosed():
    rows = [row(0.5, -1, 1, world="a"), row(0.5, -1, 1, world="b"), row(0.9, -1, 1, world="b")]
    rows += [row(0.0, 0, 1, world="b", kind="rate"), row(0.5, 0, 1, world="a", kind="rate")]
    assert [(one.world, one.kind) for one in in_balanced_worlds(rows)] == [("a", "lean"), ("b", "rate")]
    assert [(one.world, one.kind) for one in in_dosed_worlds(rows)] == [("b", "lean")] * 2 + [("a", "rate")]


def test_the_response_is_the_mean_at_each_dose_with_t_over_worlds():
    rows = [row(0.9, 0.2, 0.4, world="a"), row(0.9, 0.4, 0.6, world="b"), row(0.1, -0.6, -0.4, world="a")]
    low, high = dose_response(rows, "lean")
    half = float(t.ppf(0.975, 1)) * 0.1  # the standard error of 0.3 and 0.5
    assert (low.dose, low.response.value, low.response.low) == (0.1, -0.5, None)
    assert "fewer than two worlds" in low.response.method_text
    assert high.response.value == pytest.approx(0.4)
    assert (high.response.low, high.response.high) == pytest.approx((0.4 - half, 0.4 + half))
    assert high.response.n_clusters == 2


def test_the_response_of_a_rate_stays_between_0_and_1():
    rows = [row(0.9, 0.8, 1.0, world="a", kind="rate"), row(0.9, 0.4, 0.6, world="b", kind="rate")]
    response = dose_response(rows, "rate")[0].response
    assert (response.low, response.high) == (0.0, 1.0)


def test_rank_agreement_is_scipys_world_by_world():
    rows = simulate(linear, DOSES, worlds=5, error=0.4)
    agreement = rank_agreement([*rows, *simulate(linear, [0.5] * 14, worlds=2, error=0.4, name="even")])
    expected = []
    for number in range(5):
        mine = [one for one in rows if one.world == f"sim-{number:03d}"]
        expected.append(float(spearmanr([one.planted for one in mine], [one.value for one in mine]).statistic))
    assert [rank.correlation for rank in agreement.by_world] == pytest.approx(expected)
    assert agreement.mean.value == pytest.approx(sum(expected) / 5)
    assert (agreement.smallest, agreement.largest) == pytest.approx((min(expected), max(expected)))
    assert agreement.mean.n == 5


def test_there_is_no_rank_agreement_of_too_few_concepts_or_without_a_dosed_world():
    few = rank_agreement([row(0.1, -1, 0), row(0.9, 0, 1)])
    assert few.by_world[0].correlation is None
    assert few.mean.value is few.smallest is few.largest is None
    assert rank_agreement([row(0.5, -1, 1)]).by_world == ()


def test_a_saturated_response_shows_as_flat_and_as_lost_order():
    rows = simulate(lambda dose: 1.0 if dose > 0.5 else -1.0, DOSES, worlds=6, error=1e-3)
    rows = [dataclasses.replace(one, value=float(round(one.value or 0.0))) for one in rows]
    above = {point.dose: point.response.value for point in dose_response(rows, "lean") if point.dose > 0.5}
    assert set(above.values()) == {1.0}
    assert rank_agreement(rows).mean.value == pytest.approx(
        float(spearmanr(DOSES, [1.0 if dose > 0.5 else -1.0 for dose in DOSES]).statistic)
    )
    assert rank_agreement(rows).mean.value < 0.9


def test_the_rising_fit_pools_what_falls():
    rows = [row(0.1, -1, -1), row(0.2, 0.5, 0.5), row(0.3, 0.1, 0.1), row(0.4, 1, 1), row(0.9, None, None)]
    assert rising_fit(rows) == pytest.approx({0.1: -1.0, 0.2: 0.3, 0.3: 0.3, 0.4: 1.0})  # by hand: 0.5 and 0.1 pooled
