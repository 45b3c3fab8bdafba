"""Sensitivity, false alarms, smallest gap and coverage: by hand, and in simulations whose answer is known."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from calibration_tables import DOSES, NOTHING, linear, row, simulate
from scipy.stats import norm

from audit.stats import wilson
from audit.studies.calibrate import Calibration, calibration_text, measure
from audit.studies.calibrate.calibration_measures import (
    alarmed_worlds,
    balanced_coverage,
    detection_curve,
    dosed_coverage,
    false_alarms,
    reversals,
    sensitivity,
    smallest_gap,
)


def test_sensitivity_counts_clear_concepts_on_their_side_and_reversals_on_the_other():
    rows = [
        row(0.1, -0.9, -0.5),
        row(0.3, -0.5, 0.1),
        row(0.7, -0.4, -0.1),
        row(0.95, None, None),
        row(0.6, 0.2, 0.4),  # not clear
    ]
    found, turned = sensitivity(rows), reversals(rows, "lean")
    by_hand = wilson(1, 4)
    assert (found.value, found.n, found.n_clusters) == (0.25, 4, 1)
    assert (found.low, found.high) == (by_hand.low, by_hand.high)
    assert "single world" in found.method_text
    assert turned.value == 0.25


def test_with_more_worlds_a_world_is_one_trial_at_most():
    rows = [row(0.9, 0.1, 0.2, world=world, concept=f"{number}") for world in "abc" for number in range(10)]
    found = sensitivity(rows)
    assert (found.value, found.n, found.n_clusters) == (1.0, 30, 3)
    assert found.low == pytest.approx(0.025 ** (1 / 3))  # Clopper and Pearson's, of 3 hits in 3 trials
    assert "worlds" in found.method_text


def test_a_rate_is_clear_from_above_only_and_has_no_other_side():
    rows = [row(0.9, 0.5, 1.0, kind="rate"), row(0.1, 0.0, 0.5, kind="rate")]
    assert (sensitivity(rows).value, sensitivity(rows).n) == (1.0, 1)
    assert reversals(rows, "rate").value is None


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([], "no dosed world"),
        ([row(0.5, -1, 1)], "no dosed world"),
        ([row(0.6, -1, 1)], "clearly"),
        ([row(0.9, None, None)], "no concept has an interval"),
    ],
)
def test_there_is_no_sensitivity_out_of_thin_air(rows, reason):
    found = sensitivity(rows)
    assert (found.value, found.low, found.n) == (None, None, 0)
    assert reason in found.method_text


def test_false_alarms_and_coverage_of_balanced_worlds_by_hand():
    rows = [row(0.5, 0.1, 0.3), row(0.5, -0.3, -0.1), row(0.5, -0.1, 0.1), row(0.5, 0.0, 0.2), row(0.5, None, None)]
    rows = [dataclasses.replace(one, concept=str(place)) for place, one in enumerate(rows)]
    assert (false_alarms(rows).value, false_alarms(rows).n) == (0.5, 4)
    assert balanced_coverage(rows).value == 0.5
    dosed = [row(0.9, 0.1, 0.2, world="other")]
    assert false_alarms([*rows, *dosed]) == false_alarms(rows)


def test_a_world_is_alarmed_by_a_finding_that_survives_the_correction():
    # 0.03 of two is 0.06 after Benjamini and Hochberg; 0.02 of two is 0.04
    rows = [row(0.5, -1, 1, world="calm", p_value=0.03), row(0.5, -1, 1, world="calm", p_value=0.9, concept="b")]
    rows += [row(0.5, -1, 1, world="loud", p_value=0.02), row(0.5, -1, 1, world="loud", p_value=0.9, concept="b")]
    found = alarmed_worlds(rows, "lean")
    by_hand = wilson(1, 2)
    assert (found.value, found.low, found.high, found.n) == (0.5, by_hand.low, by_hand.high, 2)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([row(0.9, 0, 1)], "no balanced world"),
        ([row(0.5, None, None)], "no concept has an interval"),
        ([row(0.5, -1, 1)], "no p-value"),
    ],
)
def test_what_was_not_tested_raises_no_alarm_and_is_not_calm_either(rows, reason):
    found = alarmed_worlds(rows, "lean")
    assert found.value is None
    assert reason in found.method_text


def test_the_smallest_gap_is_read_off_the_rising_curve_by_hand():
    # found: 0 of 2 at 0.1, 1 of 2 at 0.2, 2 of 2 at 0.4: 0.8 lies 3/5 of the way from 0.2 (1/2) to 0.4 (1)
    hits, miss = (0.1, 0.3), (-0.1, 0.3)
    rows = [row(0.6, *miss), row(0.6, *miss, concept="b"), row(0.7, *hits), row(0.7, *miss, concept="b")]
    rows += [row(0.9, *hits), row(0.1, -0.3, -0.1)]
    found = smallest_gap(rows)
    assert found.value == pytest.approx(0.32)
    assert (found.low, found.high) == (None, None)
    assert "fewer than 4 worlds" in found.method
    assert [point.fitted for point in detection_curve(rows)] == pytest.approx([0.0, 0.5, 1.0])


def test_a_power_that_is_not_reached_is_said_and_not_made_up():
    found = smallest_gap([row(0.6, -1, 1), row(0.9, -1, 1)])
    assert found.value is None
    assert "not reached within the doses: 0% at the largest gap, 0.40" in found.method
    assert smallest_gap([row(0.9, None, None)]).n == 0
    assert smallest_gap([]).method.endswith("no dosed world")


def test_a_power_that_is_reached_at_once_is_an_upper_bound():
    found = smallest_gap([row(0.6, 0.1, 0.2), row(0.9, 0.1, 0.2)])
    assert found.value == 0.1
    assert found.method.startswith("at most")


@pytest.mark.parametrize(("power", "level"), [(0.0, 0.95), (1.0, 0.95), (0.8, 95)])
def test_powers_and_levels_are_shares(power, level):
    with pytest.raises(ValueError, match="between 0 and 1"):
        smallest_gap([row(0.9, 0, 1)], power=power, level=level)


def test_the_smallest_gap_of_a_known_instrument_is_found_with_its_interval():
    error = 0.1
    powers = norm.cdf(2 * np.array([0.10, 0.17]) / error - norm.ppf(0.975))  # of a slope of 2: 0.52 and 0.92
    expected = float(np.interp(0.8, powers, [0.10, 0.17]))
    found = smallest_gap(simulate(linear, DOSES, worlds=60, error=error, seed=1))
    assert found.value == pytest.approx(expected, abs=0.01)
    assert found.low < expected < found.high
    assert found.high - found.low < 0.06


def test_resampling_is_seeded_and_may_end_beyond_the_doses():
    rows = simulate(lambda dose: 0.62 * linear(dose), DOSES, worlds=6, error=0.2, seed=5)
    found = smallest_gap(rows)
    assert found == smallest_gap(rows)
    assert found.low is not None
    assert found.high is None


def test_intervals_that_are_right_cover_and_alarm_as_they_say():
    rows = simulate(linear, NOTHING, worlds=200, error=0.1)
    assert balanced_coverage(rows).value == pytest.approx(0.95, abs=0.013)  # three standard errors of 2800
    assert false_alarms(rows).value == pytest.approx(0.05, abs=0.013)
    assert alarmed_worlds(rows, "lean").value == pytest.approx(0.05, abs=0.047)  # three standard errors of 200


def test_a_judge_that_leans_shows_as_false_alarms():
    leaning = simulate(lambda dose: linear(dose) + 0.3, NOTHING, worlds=4, error=0.1)
    assert false_alarms(leaning).low > 0.05
    assert alarmed_worlds(leaning, "lean").value == 1.0
    assert balanced_coverage(leaning).high < 0.95


def test_intervals_cover_the_average_of_the_other_worlds_if_worlds_are_alike():
    alike = dosed_coverage(simulate(linear, DOSES, worlds=60, error=0.1))
    assert alike.value == pytest.approx(0.945, abs=0.02)
    apart = dosed_coverage(simulate(linear, DOSES, worlds=60, error=0.1, spread=0.2))
    expected = 2 * float(norm.cdf(1.96 / 5**0.5)) - 1  # an error of 0.1 where values differ by sqrt(0.05): 0.62
    assert apart.value == pytest.approx(expected, abs=0.05)


def test_leaving_one_world_out_leaves_the_world_itself_out():
    values = {"a": -1.0, "b": 0.0, "c": 2.0}  # the others' averages: 1, 0.5 and -0.5, by hand
    narrow = [
        row(dose, value - 0.4, value + 0.4, world=world) for world, value in values.items() for dose in (0.1, 0.9)
    ]
    assert dosed_coverage(narrow).value == 0.0
    wider = [row(dose, value - 0.6, value + 0.6, world=world) for world, value in values.items() for dose in (0.1, 0.9)]
    assert dosed_coverage(wider).value == pytest.approx(1 / 3)  # b's


def test_too_few_worlds_and_doses_that_no_other_world_has_give_no_coverage():
    assert "there are 2" in dosed_coverage([row(0.9, 0, 1, world=world) for world in "ab"]).method_text
    assert dosed_coverage([]).method_text.endswith("no dosed world")
    strangers = [row(dose, 0, 1, world=f"{dose}") for dose in (0.1, 0.9, 0.95)]
    found = dosed_coverage(strangers)  # only 0.9 lies between the doses of the others
    assert (found.value, found.n) == (1.0, 1)


def test_all_of_it_is_told_as_json_without_a_number_that_is_none():
    rows = [*simulate(linear, DOSES, worlds=4, error=0.1), *simulate(linear, NOTHING, worlds=2, error=0.1, name="even")]
    whole = Calibration(
        command="by hand",
        effort="quick",
        seed=0,
        level=0.95,
        worlds=(),
        rows=tuple(rows),
        lean=measure(rows, "lean"),
        rate=measure(rows, "rate"),
    )
    told = json.loads(calibration_text(whole))
    assert (told["lean"]["n_dosed"], told["lean"]["n_balanced"], told["lean"]["n_unmeasured"]) == (4, 2, 0)
    assert told["lean"]["sensitivity"]["n"] == 4 * 8  # eight clear doses
    assert len(told["rows"]) == 6 * 14
    assert told["rate"]["false_alarms"]["value"] is None
    assert told["rate"]["smallest_gap"]["method"].endswith("no dosed world")
