"""Coverage of the intervals of changes, by real lenses over seeded pairs of runs with a known difference."""

import pytest
from comparison_worlds import Design, concept_coverage
from scipy import stats


def least(worlds: int) -> float:
    """What a 95 % interval misses less than once in 1,000 tests."""
    return float(stats.binom.ppf(0.001, worlds, 0.95)) / worlds


@pytest.mark.slow
@pytest.mark.parametrize(
    ("design", "concepts"),
    [
        (Design(before=0.0, after=0.5, prompts=4), 80),
        (Design(before=-0.8, after=0.4, prompts=8), 40),
    ],
)
def test_changes_of_concepts_are_covered(design, concepts):
    share, lean = concept_coverage(design, concepts)
    assert share >= least(concepts)
    assert lean >= least(concepts)
