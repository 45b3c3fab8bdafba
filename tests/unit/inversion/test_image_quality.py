"""How good an image is, against values worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from audit.inversion.draws import noise_tiles
from audit.inversion.image_quality import (
    References,
    assess,
    contrast,
    fresh_views,
    high_frequency_share,
    lie_too_near,
)
from audit.records import Status

OWN = torch.tensor([1.0, 0.0])


def unit(cosine: float) -> list[float]:
    return [cosine, math.sqrt(1 - cosine**2)]


def references(*cosines: float, concepts: tuple[str, ...] | None = None) -> References:
    names = concepts or tuple(f"other {k}" for k in range(len(cosines)))
    return References(embeddings=torch.tensor([unit(c) for c in cosines]), concepts=names)


def judged(reference: References, *, sharpness: float = 0.1, spread: float = 0.2, own: float = 1.0):
    """Assess one image whose views all point at ``OWN``, and whose text is at cosine ``own`` of it."""
    views, target = OWN.expand(1, 8, 2), torch.tensor([unit(own)])
    return assess(views, torch.tensor([sharpness]), torch.tensor([spread]), target, ["nurse"], reference)[0]


def test_own_cosine_percentile_and_distance_are_those_of_the_formulas():
    quality = judged(references(0.1, 0.2, 0.3, 0.95), own=0.9)
    unmatched = torch.tensor([0.1, 0.2, 0.3, 0.95])
    assert quality.own_cosine == pytest.approx(0.9)
    assert quality.own_percentile == pytest.approx(75.0)
    assert quality.own_z == pytest.approx((0.9 - float(unmatched.mean())) / float(unmatched.std()), rel=1e-4)


def test_texts_of_the_same_concept_are_no_strangers():
    own = references(0.1, 0.2, 0.3, 0.99, 0.99, concepts=("a", "b", "c", "nurse", "nurse"))
    assert judged(own, own=0.9).own_z == pytest.approx(judged(references(0.1, 0.2, 0.3), own=0.9).own_z)


def test_an_image_that_is_told_from_others_has_converged_and_one_that_is_not_has_stalled():
    assert judged(references(0.1, 0.2, 0.3), own=0.9).status is Status.CONVERGED
    assert judged(references(0.1, 0.2, 0.24), own=0.25).status is Status.STALLED
    assert judged(references(0.8, 0.85, 0.899), own=0.9).status is Status.STALLED


def test_an_image_that_is_not_told_apart_and_matches_another_text_better_is_misaligned():
    assert judged(references(0.1, 0.2, 0.3), own=0.25).status is Status.MISALIGNED
    assert judged(references(0.8, 0.85, 0.99), own=0.9).status is Status.MISALIGNED


def test_an_image_that_is_told_apart_has_converged_though_another_text_matches_better():
    crowd = references(*[0.1, 0.2] * 20, 0.95)
    assert judged(crowd, own=0.9).status is Status.CONVERGED


def test_an_image_of_high_frequencies_is_noise_however_well_it_matches():
    assert judged(references(0.1, 0.2, 0.3), own=0.9, sharpness=0.8).status is Status.NOISE


@pytest.mark.parametrize(
    ("spread", "status"), [(0.0, Status.STALLED), (0.019, Status.STALLED), (0.021, Status.CONVERGED)]
)
def test_an_image_in_which_nothing_is_to_be_seen_has_stalled_however_well_it_matches(spread, status):
    told = judged(references(0.1, 0.2, 0.3), own=0.9)
    flat = judged(references(0.1, 0.2, 0.3), own=0.9, spread=spread)
    assert flat.status is status
    assert flat.own_z == told.own_z


def test_noise_and_what_is_not_told_apart_keep_their_status_without_contrast():
    assert judged(references(0.1, 0.2, 0.3), own=0.9, sharpness=0.8, spread=0.0).status is Status.NOISE
    assert judged(references(0.1, 0.2, 0.24), own=0.25, spread=0.0).status is Status.STALLED


def test_an_empty_sheet_has_stalled_whatever_it_matches():
    assert judged(references(0.1, 0.2, 0.3), own=0.25, spread=0.0).status is Status.STALLED


def test_contrast_is_the_spread_about_the_mean_of_each_channel():
    white, red = torch.ones((3, 8, 8)), torch.zeros((3, 8, 8))
    red[0] = 1.0
    board = (torch.arange(8)[:, None] + torch.arange(8)[None, :]).remainder(2).expand(3, 8, 8) * 0.1 + 0.4
    stripe = torch.zeros((3, 8, 8))
    stripe[0, :, :2] = 1.0  # variance 1/4 * 3/4 in one channel of three
    found = contrast(torch.stack([white, red, board, stripe])).tolist()
    assert found == pytest.approx([0.0, 0.0, 0.05, math.sqrt(3 / 16 / 3)], abs=1e-6)


def test_a_high_cosine_is_not_enough_where_all_cosines_are_high():
    assert judged(references(0.95, 0.979, 0.97), own=0.98).status is Status.STALLED


@pytest.mark.parametrize("broken", ["views", "sharpness", "target"])
def test_what_is_not_finite_is_said_so_without_numbers(broken):
    views, sharpness, target = OWN.repeat(2, 8, 1), torch.tensor([0.1, 0.1]), OWN.repeat(2, 1)
    {"views": views, "sharpness": sharpness, "target": target}[broken][0] = torch.nan
    spreads = torch.tensor([0.2, 0.2])
    bad, good = assess(views, sharpness, spreads, target, ["nurse", "nurse"], references(0.1, 0.2, 0.3))
    assert bad.status is Status.NON_FINITE
    assert all(math.isnan(n) for n in (bad.own_cosine, bad.own_percentile, bad.own_z, bad.sharpness))
    assert good.status is Status.CONVERGED


def test_a_flat_image_has_no_high_frequencies_and_white_noise_has_them():
    generator = torch.Generator().manual_seed(0)
    flat, noise = torch.full((3, 64, 64), 0.7), torch.rand((3, 64, 64), generator=generator)
    shares = high_frequency_share(torch.stack([flat, noise]))
    assert float(shares[0]) == 0
    assert float(shares[1]) == pytest.approx(1 - math.pi / 16, abs=0.02)  # the square less the disc of radius 1/4


@pytest.mark.parametrize(("cycles", "share"), [(2, 0.0), (15, 0.0), (17, 1.0), (32, 1.0)])
def test_the_border_lies_at_a_quarter_of_the_sampling_rate(cycles, share):
    wave = torch.cos(2 * math.pi * cycles * torch.arange(64) / 64) * 0.4 + 0.5
    assert float(high_frequency_share(wave.expand(1, 3, 64, 64))) == pytest.approx(share, abs=1e-5)


def test_fresh_views_of_an_image_depend_on_its_seed_alone():
    images = torch.rand((2, 3, 16, 16), generator=torch.Generator().manual_seed(0))
    tiles = noise_tiles(16, torch.device("cpu"))
    together = fresh_views(images, [7, 8], tiles).unflatten(0, (2, -1))
    alone = fresh_views(images[1:], [8], tiles)
    assert torch.allclose(together[1], alone, atol=1e-6)
    assert not torch.allclose(fresh_views(images[1:], [9], tiles), alone, atol=1e-3)
    assert len(alone) > 1
    assert not torch.allclose(alone[0], alone[1], atol=1e-3)


def test_an_image_that_there_is_no_text_to_compare_with_has_stalled():
    nothing = References(embeddings=torch.zeros(0, 2), concepts=())
    quality = judged(nothing)
    assert (quality.status, quality.own_percentile, quality.own_z) == (Status.STALLED, 0.0, 0.0)


def test_a_text_that_lies_among_those_of_other_concepts_can_have_no_image_of_its_own():
    alike = [unit(0.9 + 0.001 * k) for k in range(10)]
    apart = [[0.0, sign] for sign in (1.0, -1.0)] * 5
    names = tuple(f"alike {k}" for k in range(10)) + tuple(f"apart {k}" for k in range(10))
    crowded = References(embeddings=torch.tensor([*alike, *apart]), concepts=names)
    assert lie_too_near(crowded)[:10].all()
    one_concept = References(embeddings=crowded.embeddings, concepts=("nurse",) * 10 + names[10:])
    assert not lie_too_near(one_concept)[:10].any()


def test_what_a_text_is_called_near_of_is_what_its_own_image_is_measured_by():
    cosines = torch.randn(60, 8, generator=torch.Generator().manual_seed(1)) + 1.5
    vectors = torch.nn.functional.normalize(cosines, dim=-1)
    names = tuple(f"concept {k % 20}" for k in range(60))
    every = References(embeddings=vectors, concepts=names)
    at_best = assess(vectors[:, None], torch.full((60,), 0.1), torch.full((60,), 0.2), vectors, names, every)
    near = lie_too_near(every).tolist()
    assert near == [quality.status is not Status.CONVERGED for quality in at_best]
    assert set(near) == {True, False}
