"""Recipes beside another in pairs, on numbers made by hand and on loops of two steps."""

from __future__ import annotations

import numpy as np
import pytest

from audit.errors import UsageProblem
from audit.inversion.recipe import RECIPES, Span
from tests.benchmarks.beside import Panel, Seen, compare, lines, parser, variant


def seen(z: list[list[float]], first: list[list[float]], diversity: list[float]) -> Seen:
    return Seen(z=np.array(z), first=np.array(first), diversity=np.array(diversity))


def test_a_variant_is_a_recipe_with_some_settings_changed():
    found = variant("careful views=1 zoom=(0.7,1.2) noise=0.4,0.3 sampling=published")
    assert (found.name, found.steps) == ("careful", RECIPES["careful"].steps)
    assert (found.views, found.zoom, found.sampling) == (1, (0.7, 1.2), "published")
    assert found.noise == Span(start=0.4, end=0.3)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("slow", "no recipe 'slow'"),
        ("fast speed=1", "no setting 'speed'"),
        ("fast name=other", "no setting 'name'"),
        ("fast views=many", "'many' is not a value"),
        ("fast noise=0.4", "'0.4' is not a value"),
    ],
)
def test_what_no_recipe_has_is_refused(words, said):
    with pytest.raises(UsageProblem, match=said):
        variant(words)


def test_differences_are_paired_and_diversity_is_a_ratio_of_means():
    ours = seen([[3.0, 4.0], [2.0, 2.0]], [[1.0, 1.0], [0.5, 0.5]], [0.3, 0.1])
    theirs = seen([[2.0, 3.0], [2.0, 2.0]], [[1.0, 0.0], [0.5, 0.5]], [0.1, 0.1])
    found = compare(ours, theirs)
    assert (found.z.value, found.first.value) == (0.5, 25.0)
    assert found.diversity.value == pytest.approx(2.0)
    assert (found.z.low, found.z.high) == (0.0, 1.0)


def test_every_recipe_gets_a_row_beside_the_first(skewed, judges, tmp_path):
    given = parser().parse_args(["fast", "--prompts", "2", "--seeds", "2", "--out", str(tmp_path)])
    rows = lines(Panel(skewed, judges, given), ["fast steps=2", "fast steps=2 rate=0.1"])
    assert [row.split(" | ")[0] for row in rows] == ["| fast steps=2", "| fast steps=2 rate=0.1"]
    assert [row.split(" | ")[1] for row in rows] == ["2", "2"]
