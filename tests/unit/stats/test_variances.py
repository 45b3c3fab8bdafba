import itertools
import math

import numpy as np
import pytest
from scipy import stats

from audit.stats import wording_share

WHERE = np.indices((6, 4, 3))
WHERE_MANY = np.indices((9, 7, 3))[0]


def share(values, *, level=0.95, keep=None):
    rows, columns, _ = np.indices(values.shape)
    keep = np.ones(values.size, dtype=bool) if keep is None else keep
    names = [
        np.array([f"{letter}{place}" for place in axis.ravel()])[keep] for letter, axis in (("t", columns), ("c", rows))
    ]
    return wording_share(values.ravel()[keep], list(names[0]), list(names[1]), level=level)


def noise(size=(6, 4, 3), seed=3):
    return np.random.default_rng(seed).normal(0, 1, size)


def test_shares_are_parts_of_one():
    found = share(noise() + WHERE[0] + WHERE[1])
    assert found.wording.value + found.concept + found.seed == pytest.approx(1)
    assert found.wording.low <= found.wording.value <= found.wording.high
    assert (found.wording.n, found.wording.n_clusters) == (72, 24)
    assert found.wording.method_text == "variance of pairs, jackknife over templates and concepts"


def test_unit_and_zero_do_not_matter():
    values = noise() + WHERE[0] + WHERE[1]
    plain, other = share(values), share(100 + 7 * values)
    assert (other.wording.value, other.wording.low, other.wording.high) == pytest.approx(
        (plain.wording.value, plain.wording.low, plain.wording.high)
    )


def test_only_the_wording_differs():
    found = share(WHERE[1].astype(float))
    assert (found.wording.value, found.concept, found.seed) == pytest.approx((1.0, 0.0, 0.0))


def test_only_the_concept_differs():
    found = share(WHERE[0].astype(float))
    assert (found.wording.value, found.concept, found.seed) == pytest.approx((0.0, 1.0, 0.0))


def test_only_the_seed_differs_and_what_fell_below_0_is_said():
    found = share(WHERE[2].astype(float))
    assert (found.wording.value, found.concept, found.seed) == pytest.approx((0.0, 0.0, 1.0))
    assert found.wording.method_text.endswith("variance of wording estimated below 0, counted as 0")
    assert (found.wording.low, found.wording.high) == (None, None)


def test_concept_below_0_is_said_too():
    values = (
        noise() + 3 * np.where(np.arange(4) < 2, 1, -1)[None, :, None] * np.array([1, -1, 1, -1, 1, -1])[:, None, None]
    )
    found = share(values)
    assert found.concept == 0.0
    assert found.wording.method_text.endswith("variance of concept estimated below 0, counted as 0")


def test_one_concept_has_no_share_of_the_concept():
    found = share(noise((1, 5, 3)) + np.arange(5)[None, :, None])
    assert found.concept is None
    assert found.wording.value + found.seed == pytest.approx(1)
    assert found.wording.low is not None


def test_prompts_weigh_the_same_however_many_images_they_have():
    values = noise() + WHERE[0] + WHERE[1]
    copied = np.concatenate([values.ravel()] * 2 + [values[0].ravel()])
    names = [[f"{place}" for place in axis.ravel()] for axis in (WHERE[1], WHERE[0])]
    names = [axis * 2 + axis[:12] for axis in names]
    once = wording_share(np.concatenate([values.ravel()] * 2), *[axis[:144] for axis in names])
    often = wording_share(copied, *names)
    assert often.wording.n_clusters == once.wording.n_clusters == 24
    assert often.wording.value == pytest.approx(once.wording.value, rel=0.02)


def test_missing_prompt_is_left_out():
    values = noise() + 2 * WHERE[0] + WHERE[1]
    keep = ~((WHERE[0] == 0) & (WHERE[1] == 0)).ravel()
    found = share(values, keep=keep)
    assert found.wording.n_clusters == 23
    assert found.wording.low is not None


def test_templates_of_one_concept_each_are_nested():
    values = noise() + WHERE[0] + 2 * noise((6, 4, 1), seed=4)
    nested = [f"{row} {column}" for row, column in zip(WHERE[0].ravel(), WHERE[1].ravel(), strict=True)]
    found = wording_share(values.ravel(), nested, list(WHERE[0].ravel().astype(str)))
    assert found.wording.low is not None
    assert found.wording.value > 0.3


@pytest.mark.parametrize("size", [(6, 4, 1), (6, 1, 3), (0, 0, 0)])
def test_what_cannot_be_told_apart_has_no_value(size):
    found = share(noise(size))
    assert (found.wording.value, found.wording.low, found.concept, found.seed) == (None, None, None, None)
    assert found.wording.method_text.startswith("not told apart")


def test_no_spread_has_no_value():
    assert share(np.zeros((6, 4, 3))).wording.value is None


@pytest.mark.parametrize("size", [(6, 2, 3), (2, 4, 3), (1, 2, 3)])
def test_few_templates_or_concepts_have_a_value_and_no_interval(size):
    found = share(noise(size) + np.arange(size[1])[None, :, None])
    assert found.wording.value is not None
    assert (found.wording.low, found.wording.high) == (None, None)
    assert found.wording.method_text.startswith("no interval: fewer than three templates, or two concepts")


def test_three_templates_and_concepts_are_enough():
    assert share(noise((3, 3, 2))).wording.low is not None


def test_missing_value_is_refused():
    with pytest.raises(ValueError, match="value is missing"):
        wording_share(np.array([0.1, np.nan]), ["t", "u"], ["c", "c"])


@pytest.mark.parametrize(("templates", "concepts"), [(["t"], ["c", "c"]), (["t", "u"], ["c"])])
def test_value_without_its_names_is_refused(templates, concepts):
    with pytest.raises(ValueError, match="its template and concept"):
        wording_share(np.array([0.1, 0.2]), templates, concepts)


def half_squares(values, concept, template):
    """Half the mean squared difference over pairs of values of other prompts, for all pairs of one kind."""
    rows, columns, _ = (axis.ravel() for axis in np.indices(values.shape))
    apart = (values.ravel()[:, None] - values.ravel()[None, :]) ** 2 / 2
    alike = [axis[:, None] == axis[None, :] for axis in (rows, columns)]
    return apart[(alike[0] == concept) & (alike[1] == template)].mean()


def by_hand(values):
    """Variances of wording, concept and seed."""
    seed = values.var(axis=2, ddof=1).mean()
    wording = half_squares(values, concept=True, template=False) - seed
    return wording, half_squares(values, concept=False, template=False) - wording - seed, seed


def test_shares_are_those_of_all_pairs_by_hand():
    values = noise((4, 3, 2)) + 2 * WHERE[0][:4, :3, :2] + WHERE[1][:4, :3, :2]
    parts = np.array(by_hand(values))
    assert (parts > 0).all()
    found = share(values)
    assert (found.wording.value, found.concept, found.seed) == pytest.approx(tuple(parts / parts.sum()))


@pytest.mark.parametrize(
    ("steps", "level"), [(0.6, 0.9), (1.0, 0.9), (1.5, 0.9), (2.5, 0.9), (6.0, 0.9), (0.6, 0.9999), (0.6, 0.99999)]
)
def test_interval_is_the_wider_of_two_jackknives_by_hand(steps, level):
    templates = np.random.default_rng(9).normal(size=7)[None, :, None]
    values = noise((9, 7, 3)) + WHERE_MANY / 2 + steps * templates
    whole = share(values, level=level).wording

    def shares():
        for axis in (0, 1):
            parts = [np.array(by_hand(np.delete(values, place, axis=axis))) for place in range(values.shape[axis])]
            yield np.array([part[0] / part.sum() for part in parts])

    def half(one, two):
        total = sum((len(line) - 1) / len(line) * ((line - line.mean()) ** 2).sum() for line in (one, two))
        return stats.t.ppf(0.5 + level / 2, 6) * math.sqrt(total)

    rows, columns = shares()
    plain, turned = half(rows, columns), half(*(np.arcsin(np.sqrt(line.clip(0, 1))) for line in (rows, columns)))
    angle = math.asin(math.sqrt(whole.value))
    low = min(whole.value - plain, math.sin(max(0.0, angle - turned)) ** 2)
    high = max(whole.value + plain, math.sin(min(math.pi / 2, angle + turned)) ** 2)
    assert (whole.low, whole.high) == pytest.approx((max(0.0, low), min(1.0, high)))


def test_prompts_of_other_numbers_of_images_weigh_the_same():
    values, names = [0.0, 0.2, 0.6, 0.4, 0.5, 0.9, 1.0, 1.1, 0.2, 0.6], list("ttuuuttuuv")
    concepts = ["nurse"] * 5 + ["pilot"] * 4 + ["nurse"]
    cells = {}
    for value, key in zip(values, zip(concepts, names, strict=True), strict=True):
        cells.setdefault(key, []).append(value)
    seed = np.mean([np.var(cell, ddof=1) for cell in cells.values() if len(cell) > 1])

    def pairs(alike):
        return np.mean(
            [
                np.mean([(a - b) ** 2 / 2 for a in cells[one] for b in cells[two]])
                for one, two in itertools.product(cells, cells)
                if one != two and alike(one, two)
            ]
        )

    wording = pairs(lambda one, two: one[0] == two[0]) - seed
    concept = pairs(lambda one, two: one[0] != two[0] and one[1] != two[1]) - wording - seed
    found = wording_share(np.array(values), names, concepts)
    parts = np.maximum([wording, concept, seed], 0.0)
    assert (found.wording.value, found.concept, found.seed) == pytest.approx(tuple(parts / parts.sum()))


def test_a_share_that_no_template_moves_has_no_interval():
    found = share(WHERE[1].astype(float))
    assert (found.wording.low, found.wording.high) == (None, None)
    why = "no interval: it is the same whichever template or concept is left out"
    assert found.wording.method_text == why


def test_what_cannot_be_told_apart_says_why():
    found = share(noise((6, 4, 1))).wording
    assert found.method_text == "not told apart: no prompt with two values, no concept with two templates, or no spread"
    assert (found.n, found.n_clusters) == (24, 24)


def test_wording_and_concept_that_both_fell_below_0_are_said():
    found = share(noise((5, 4, 2), seed=4))
    assert (found.wording.value, found.concept, found.seed) == (0.0, 0.0, 1.0)
    assert found.wording.method_text.endswith("variance of wording and concept estimated below 0, counted as 0")


def test_rounding_below_0_is_not_said():
    concepts = 1e8 * np.random.default_rng(0).normal(size=6)[:, None, None]
    found = share(concepts * np.ones((6, 4, 3)))
    assert found.wording.method_text == "no interval: it is the same whichever template or concept is left out"
