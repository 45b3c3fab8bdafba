import math

import pytest

from audit.stats import Standing, non_inferiority


@pytest.mark.parametrize(
    ("low", "high", "standing"),
    [
        (-0.2, -0.1, Standing.BETTER),
        (-0.2, 0.0, Standing.NOT_WORSE),
        (-0.1, 0.02, Standing.NOT_WORSE),
        (0.01, 0.05, Standing.NOT_WORSE),
        (-0.1, 0.0501, Standing.CANNOT_BE_TOLD),
        (0.05, 0.06, Standing.CANNOT_BE_TOLD),
        (0.0501, 0.06, Standing.WORSE),
        (None, None, Standing.CANNOT_BE_TOLD),
    ],
)
def test_interval_is_compared_with_the_margin(low, high, standing):
    assert non_inferiority(low, high, margin=0.05) is standing


def test_margin_of_nothing_asks_for_no_worsening_at_all():
    assert non_inferiority(-0.1, 0.0, margin=0.0) is Standing.NOT_WORSE
    assert non_inferiority(0.0, 0.0, margin=0.0) is Standing.NOT_WORSE
    assert non_inferiority(0.001, 0.1, margin=0.0) is Standing.WORSE


@pytest.mark.parametrize("margin", [-0.01, math.nan, math.inf])
def test_margin_that_is_none_is_refused(margin):
    with pytest.raises(ValueError, match="margin is a finite number"):
        non_inferiority(0.0, 0.1, margin=margin)


@pytest.mark.parametrize(("low", "high"), [(0.2, 0.1), (math.nan, 0.1), (0.1, math.nan), (None, 0.1), (0.1, None)])
def test_half_an_interval_is_refused(low, high):
    with pytest.raises(ValueError, match="a lower and an upper end"):
        non_inferiority(low, high, margin=0.1)
