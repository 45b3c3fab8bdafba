"""MaxSkew and NDKL against plain loops and scipy's divergence, and tests that keep their level."""

from __future__ import annotations

import math
from collections import Counter
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy

from audit.stats.rankings import max_skew, measure_ranking, ndkl

RANKED = st.lists(st.integers(0, 3), min_size=4, max_size=40).map(lambda more: [0, 1, 2, 3, *more])


def plain_max_skew(names, desired, top):
    counts = Counter(names[:top])
    return max(math.log(counts[name] / top / desired[name]) for name in counts)


def plain_ndkl(names, desired):
    total = weights = 0.0
    for place in range(1, len(names) + 1):
        counts = Counter(names[:place])
        own = [counts[name] / place for name in sorted(desired)]
        total += entropy(own, [desired[name] for name in sorted(desired)]) / math.log2(place + 1)
        weights += 1 / math.log2(place + 1)
    return total / weights


@settings(max_examples=40, deadline=None)
@given(RANKED, st.permutations([0.1, 0.2, 0.3, 0.4]), st.integers(1, 8))
def test_both_agree_with_another_implementation(ranked, shares, top):
    names = [f"group {group}" for group in ranked]
    desired = {f"group {place}": share for place, share in enumerate(shares)}
    assert max_skew(np.array(ranked), np.array(shares), top=top) == pytest.approx(plain_max_skew(names, desired, top))
    assert ndkl(np.array(ranked), np.array(shares)) == pytest.approx(plain_ndkl(names, desired))


def test_embeddings_that_put_a_group_first_have_its_skew():
    """Made-up embeddings: the pictures of one group lie nearer to the text, so that they all come first."""
    rng = np.random.default_rng(3)
    groups = np.repeat([0, 1], 20)
    text = np.array([1.0, 0.0, 0.0])
    pictures = rng.normal(0, 0.05, (40, 3)) + np.where(groups[:, None] == 0, text, 0.5 * text)
    order = np.argsort(-(pictures @ text))
    assert max_skew(groups[order], np.array([0.5, 0.5]), top=10) == pytest.approx(math.log(2))
    found = measure_ranking(partial(max_skew, top=10), pictures @ text, np.arange(40), groups, rng=rng, draws=199)
    assert found.value == pytest.approx(math.log(2))
    assert found.p_value == pytest.approx(1 / 200)
    assert found.by_lot < found.value
    assert found.low <= found.value <= found.high


def test_by_lot_small_p_values_are_as_rare_as_they_say():
    rng = np.random.default_rng(11)
    p_values = []
    for _ in range(120):
        scores, people = rng.normal(size=60), np.repeat(np.arange(30), 2)
        found = measure_ranking(ndkl, scores, people, rng.permutation(np.repeat([0, 1], 15)), rng=rng, draws=39)
        p_values.append(found.p_value)
    assert 0.02 < np.mean(np.array(p_values) <= 0.1) < 0.19


def test_many_pictures_of_one_person_are_one_piece_of_evidence():
    """One person with ten pictures, all first: that their group is ahead is chance one time in two."""
    rng = np.random.default_rng(5)
    people = np.array([0] * 10 + list(range(1, 10)))
    groups = np.array([0, 0, 0, 0, 0, 1, 1, 1, 1, 1])
    found = measure_ranking(
        partial(max_skew, top=10), np.linspace(1, 0, len(people)), people, groups, rng=rng, draws=199
    )
    assert found.p_value > 0.2


@pytest.mark.parametrize("top", [0, 5])
def test_a_top_that_there_is_not_is_refused(top):
    with pytest.raises(ValueError, match="MaxSkew needs"):
        max_skew(np.array([0, 1, 0, 1]), np.array([0.5, 0.5]), top=top)
