"""Rank, margin, robustness and diversity, on numbers worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.benchmarks.held_out import CONDITIONS, Texts, changed, diversity, margins, own_numbers, ranks

TEXTS = Texts(texts=("a nurse", "a good nurse", "a baker", "a ball", "a cup"), concepts=("n", "n", "b", "o", "c"))
COSINES = np.array([[0.5, 0.9, 0.1, 0.2, 0.3], [0.5, 0.0, 0.6, 0.1, 0.2]])
EVERY_OTHER = ~np.eye(5, dtype=bool)


def test_the_margin_is_over_texts_of_other_concepts_in_their_deviations():
    first, second = margins(COSINES, np.array([0, 2]), TEXTS.foreign())
    assert first == pytest.approx((0.5 - 0.2) / 0.1)  # 0.1, 0.2, 0.3 have mean 0.2 and deviation 0.1
    others = [0.5, 0.0, 0.1, 0.2]
    assert second == pytest.approx((0.6 - 0.2) / math.sqrt(sum((one - 0.2) ** 2 for one in others) / 3))


def test_the_rank_is_among_other_concepts_and_the_exact_rank_among_all_texts():
    own = np.array([0, 2])
    assert ranks(COSINES, own, TEXTS.foreign()).tolist() == [1, 1]
    assert ranks(COSINES, own, EVERY_OTHER).tolist() == [2, 1]  # the same nurse in other words matches better
    assert ranks(COSINES, np.array([2, 1]), TEXTS.foreign()).tolist() == [5, 4]


def test_diversity_is_one_less_the_mean_cosine_between_seeds():
    alike = [[1.0, 0.0]] * 3
    spread = [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]  # cosines 0, -1, 0
    assert diversity(np.array([alike, spread])).tolist() == pytest.approx([0.0, 4 / 3])


def test_one_seed_has_no_diversity():
    assert np.isnan(diversity(np.ones((4, 1, 2)))).all()


def test_own_numbers_are_those_of_the_prompts_texts():
    numbers = own_numbers(TEXTS, ["a ball", "a nurse"], (2, 3))
    assert numbers.shape == (2, 2, 3)
    assert numbers[:, 0, 0].tolist() == [3, 0]


@pytest.fixture
def images() -> np.ndarray:
    """Two prompts, one seed: a bright dot on black, and its negative."""
    dots = np.zeros((2, 1, 3, 64, 64), dtype=np.uint8)
    dots[0, 0, :, 32, 32] = 255
    dots[1, 0] = 255 - dots[0, 0]
    return dots


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_change_keeps_shape_and_type_and_what_is_flat(images, condition):
    after = changed(images, condition)
    assert after.shape == images.shape
    assert after.dtype == np.uint8
    assert not np.array_equal(after, images)
    flat = np.full_like(images, 128)
    assert np.abs(changed(flat, condition).astype(int) - 128).max() <= 1


def test_blur_spreads_a_dot_and_keeps_its_light(images):
    after = changed(images, "blur")[0, 0, 0].astype(float)
    assert 0 < after[32, 33] < after[32, 32] < 120
    assert after.sum() == pytest.approx(255, rel=0.1)


def test_a_shift_moves_by_an_eighth_of_the_side(images):
    after = changed(images, "shift")[0, 0, 0]
    assert np.argwhere(after == 255).tolist() == [[40, 40]]
    edge = images.copy()
    edge[0, 0, :, 0, 0] = 200
    assert (changed(edge, "shift")[0, 0, 0, :9, :9] == 200).all()
