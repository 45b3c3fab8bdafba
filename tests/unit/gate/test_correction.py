"""Holm's procedure by intervals, against statsmodels and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from audit.gate.ruling import corrected, failures
from audit.seeding import derive_seed


def by_p_values(p_values: list[float], level: float, correction: str = "holm") -> set[int]:
    def breaks_at(asked: float) -> set[int]:
        return {place for place, p in enumerate(p_values) if p < 1 - asked}

    suspects = breaks_at(level)
    return set(failures(suspects, breaks_at, lines=len(p_values), level=level, correction=correction))


def drawn(size: int, number: int) -> list[float]:
    rng = np.random.default_rng(derive_seed("holm", size, number))
    return (rng.random(size) ** rng.uniform(1, 8)).tolist()


@pytest.mark.parametrize(("size", "level"), [(2, 0.95), (5, 0.8), (17, 0.95), (60, 0.99)])
def test_failures_are_those_of_holm_in_statsmodels(size, level):
    p_values = drawn(size, 0)
    expected = multipletests(p_values, alpha=1 - level, method="holm")[0]
    assert by_p_values(p_values, level) == set(np.flatnonzero(expected).tolist())


@pytest.mark.parametrize("size", [1, 2, 5, 17, 60])
def test_failures_are_those_of_holm_one_by_one(size):
    for number in range(200):
        p_values = drawn(size, number)
        order, expected = sorted(range(size), key=p_values.__getitem__), set()
        for place, line in enumerate(order):  # Holm (1979): stop at the first that is not small enough
            if p_values[line] > 0.05 / (size - place):
                break
            expected.add(line)
        assert by_p_values(p_values, 0.95) == expected


def test_step_down_reaches_what_bonferroni_does_not():
    # by hand: 0.01 <= 0.05/4, 0.015 <= 0.05/3, 0.02 <= 0.05/2, and 0.06 > 0.05/1
    assert by_p_values([0.01, 0.02, 0.015, 0.06], 0.95) == {0, 1, 2}


def test_one_line_needs_no_correction():
    assert by_p_values([0.049], 0.95) == {0}
    assert corrected(0.95, 1) == 0.95
    assert corrected(1 - 1e-13, 1) == 1 - 1e-13


def test_without_a_correction_every_suspect_fails_at_the_policys_level():
    assert failures({1, 2}, lambda _: set(), lines=90, level=0.9, correction="none") == {1: 0.9, 2: 0.9}


def test_each_failure_knows_the_level_that_decided():
    p_values = [0.001, 0.02, 0.5]

    def breaks_at(level: float) -> set[int]:
        return {place for place, p in enumerate(p_values) if p < 1 - level}

    found = failures({0, 1}, breaks_at, lines=3, level=0.95, correction="holm")
    assert found == pytest.approx({0: 1 - 0.05 / 3, 1: 0.975})


def test_nothing_fails_that_would_not_fail_alone_nested_or_not():
    assert failures({0}, lambda _: {0, 1, 2}, lines=3, level=0.95, correction="holm").keys() == {0}
    assert failures(set(), lambda _: {0}, lines=1, level=0.95, correction="holm") == {}


def test_a_level_among_very_many_stays_below_one():
    assert 0.95 < corrected(0.95, 10**9) < 1
    assert corrected(1 - 1e-9, 10**9) < 1
