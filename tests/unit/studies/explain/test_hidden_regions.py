"""The region that a score rests on."""

import numpy as np
import torch

from audit.studies.explain.explaining import hide_parts


def test_a_score_of_one_corner_rests_on_that_corner():
    picture = torch.zeros((3, 32, 32), dtype=torch.uint8)
    picture[:, :8, :8] = 200
    weights = hide_parts(picture, lambda batch: batch[:, :, :8, :8].float().mean(dim=(1, 2, 3)).tolist())
    assert weights.shape == (32, 32)
    assert weights[:4, :4].min() > 10 * np.abs(weights[16:, 16:]).max()


def test_what_lowers_the_score_has_a_negative_weight():
    picture = torch.zeros((3, 32, 32), dtype=torch.uint8)
    picture[:, 24:, 24:] = 200
    weights = hide_parts(picture, lambda batch: (-batch[:, :, 24:, 24:].float().mean(dim=(1, 2, 3))).tolist())
    assert weights[28, 28] < 0


def test_a_score_that_sees_nothing_rests_nowhere():
    picture = torch.randint(0, 255, (3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    assert not hide_parts(picture, lambda batch: [0.5] * len(batch)).any()


def test_a_pixel_has_the_mean_fall_over_the_squares_that_cover_it():
    """A score of the top left pixel, in a picture of 8: squares of 2 in steps of 1, one of which covers that pixel."""
    picture = torch.zeros((3, 8, 8), dtype=torch.uint8)
    picture[:, 0, 0] = 128
    weights = hide_parts(picture, lambda batch: batch[:, 0, 0, 0].float().tolist())
    fall = 128 - 2  # the mean of the picture is 128 / 64
    assert weights[0, 0] == fall
    assert weights[0, 1] == fall / 2
    assert weights[1, 1] == fall / 4
    assert not weights[2:].any()


def test_squares_that_do_not_fit_are_cut_at_the_edge():
    picture = torch.zeros((3, 9, 10), dtype=torch.uint8)
    picture[:, 8, 9] = 90
    weights = hide_parts(picture, lambda batch: batch[:, 0, 8, 9].float().tolist())
    assert weights[8, 9] == 90 - 1
    assert np.isfinite(weights).all()
