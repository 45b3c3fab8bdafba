"""What is optimised."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from audit.inversion.memory import as_pixels
from audit.inversion.parameterization import FourierImages, Parameterization, PixelImages, canvas_side, parameterize
from audit.inversion.recipe import RECIPES, Span

FOURIER = dataclasses.replace(RECIPES["fast"], canvas=1.0)
SMALLER = RECIPES["fast"]
PIXELS = RECIPES["reference"]
START = torch.randn((2, 3, 64, 64), generator=torch.Generator().manual_seed(0))


def cycles(side: int) -> torch.Tensor:
    frequencies = torch.fft.fftfreq(side, 1 / side)
    return torch.sqrt(frequencies[:, None] ** 2 + frequencies[None, :] ** 2)


def as_complex(values: torch.Tensor) -> torch.Tensor:
    """Coefficients as torch's own transform takes them: image, channel, frequency down, frequency across."""
    return torch.view_as_complex(values.permute(4, 3, 0, 2, 1).contiguous())


def power(images: torch.Tensor) -> torch.Tensor:
    return torch.fft.fft2(images - images.mean(dim=(2, 3), keepdim=True)).abs().square().sum(dim=(0, 1))


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_every_recipe_starts_from_images_in_range_that_take_gradients(recipe):
    canvas = parameterize(START, recipe)
    assert isinstance(canvas, Parameterization)
    canvas.begin(0.0)
    images = canvas.render(0.0)
    assert images.shape[:2] == (2, 3)
    low, high = float(images.detach().min()), float(images.detach().max())
    assert 0 <= low < high <= 1
    (gradient,) = torch.autograd.grad(images.square().sum(), canvas.values)
    assert gradient.shape[canvas.batch_axis] == 2
    assert float(gradient.abs().max()) > 0


@pytest.mark.parametrize("recipe", [FOURIER, PIXELS], ids=lambda recipe: recipe.name)
def test_an_image_does_not_depend_on_its_neighbours(recipe):
    together = parameterize(START, recipe).render(0.2)
    assert torch.allclose(parameterize(START[1:], recipe).render(0.2), together[1:], atol=1e-6)


def test_a_fourier_image_stays_in_range_wherever_its_coefficients_go():
    canvas = FourierImages(START, FOURIER)
    with torch.no_grad():
        canvas.values.mul_(1e4)
        images = canvas.render(1.0)
    assert float(images.min()) >= 0
    assert float(images.max()) <= 1


def test_a_fourier_image_is_the_inverse_transform_behind_its_colours():
    canvas = FourierImages(START, FOURIER)
    radius = cycles(64)[:, :33]
    low_pass = torch.sigmoid((FOURIER.cutoff.end - radius) / (0.15 * FOURIER.cutoff.end))
    gain = radius.clamp_min(1.0) ** -FOURIER.decay * low_pass * FOURIER.contrast
    with torch.no_grad():
        fields = torch.fft.irfft2(as_complex(canvas.values) * gain, s=(64, 64), norm="ortho")
        mixed = torch.einsum("ij,bjhw->bihw", canvas._colours, fields)
        assert torch.allclose(canvas.render(1.0), torch.sigmoid(mixed), atol=1e-5)


def test_fourier_images_start_from_the_field_at_the_spread_of_the_recipe():
    canvas = FourierImages(START, dataclasses.replace(FOURIER, spread=1.5))
    with torch.no_grad():
        fields = torch.fft.irfft2(as_complex(canvas.values), s=(64, 64), norm="ortho")
    assert torch.allclose(fields, 1.5 * START, atol=1e-5)


def plain_gradient(canvas: FourierImages, progress: float, weights: torch.Tensor) -> torch.Tensor:
    """The gradient once more, by torch's own way back through each operation."""
    values = canvas.values.detach().clone().requires_grad_()
    side = canvas.render(progress).shape[-1]
    mixed = torch.einsum("uvij,bjuv->biuv", canvas._gain(progress).to(torch.complex64), as_complex(values))
    images = torch.sigmoid(torch.fft.irfft2(mixed, s=(side, side), norm="ortho"))
    return torch.autograd.grad((images * weights).sum(), values)[0]


@pytest.mark.parametrize("side", [64, 9])
@pytest.mark.parametrize("recipe", [FOURIER, SMALLER], ids=["whole", "smaller"])
def test_the_way_back_of_a_fourier_image_is_that_of_its_operations(recipe, side):
    canvas = FourierImages(START[..., :side, :side], recipe)
    images = canvas.render(0.4)
    weights = torch.randn(images.shape, generator=torch.Generator().manual_seed(1))
    (quick,) = torch.autograd.grad((images * weights).sum(), canvas.values)
    slow = plain_gradient(canvas, 0.4, weights)
    assert float((quick - slow).norm() / slow.norm()) < 1e-5


def test_on_a_smaller_canvas_the_same_image_is_rendered_and_all_of_it_is_shown():
    soft = dataclasses.replace(SMALLER, cutoff=Span(start=2.0, end=6.0))  # nothing is left at the edge of the canvas
    small, whole = FourierImages(START, soft), FourierImages(START, dataclasses.replace(soft, canvas=1.0))
    assert small.render(1.0).shape[-1] == 40
    assert small.values.numel() < 0.45 * whole.values.numel()
    for progress in (0.0, 1.0):
        shown = small.show(small.values, progress)
        assert torch.allclose(shown, whole.render(progress).detach(), atol=1e-4)
    thinned = FourierImages(START, dataclasses.replace(soft, canvas=0.5))
    every_other = thinned.show(thinned.values, 1.0)[..., ::2, ::2]
    assert torch.allclose(thinned.render(1.0).detach(), every_other, atol=1e-4)


@pytest.mark.parametrize(
    ("side", "canvas", "expected"),
    [(64, 0.625, 40), (224, 0.625, 140), (64, 1.0, 64), (9, 1.0, 9), (9, 0.95, 9), (3, 0.1, 2), (1, 0.1, 1)],
)
def test_the_side_of_a_canvas_is_an_even_share_of_the_towers_or_all_of_it(side, canvas, expected):
    assert canvas_side(side, dataclasses.replace(FOURIER, canvas=canvas)) == expected


def test_rendered_images_lie_side_by_side_in_memory():
    images = FourierImages(START, SMALLER).render(0.5).detach()
    assert as_pixels(images).data_ptr() == images.data_ptr()


def test_at_the_start_hardly_anything_is_finer_than_the_cutoff():
    canvas = FourierImages(START, FOURIER)
    with torch.no_grad():
        field = torch.logit(canvas.render(0.0).double())
    spectrum, far = power(field), cycles(64) > 3 * FOURIER.cutoff.start
    assert float(spectrum[far].sum() / spectrum.sum()) < 1e-5


def test_the_low_pass_opens_until_everything_is_let_through():
    canvas = FourierImages(START, FOURIER)
    fine = cycles(64) > 16
    shares = []
    for progress in (0.0, FOURIER.open_until / 2, FOURIER.open_until, 1.0):
        with torch.no_grad():
            spectrum = power(canvas.render(progress))
        shares.append(float(spectrum[fine].sum() / spectrum.sum()))
    assert shares[0] < 1e-5 < shares[2]
    assert shares[0] < shares[1] < shares[2] == pytest.approx(shares[3])


def test_a_recipe_that_opens_at_once_has_no_low_pass():
    canvas = FourierImages(START, dataclasses.replace(FOURIER, open_until=0.0))
    assert torch.equal(canvas.render(0.0), canvas.render(1.0))


def test_a_cutoff_that_ends_low_stays_low():
    canvas = FourierImages(START, dataclasses.replace(FOURIER, cutoff=Span(start=3.0, end=6.0)))
    with torch.no_grad():
        spectrum = power(torch.logit(canvas.render(1.0).double()))
    assert float(spectrum[cycles(64) > 18].sum() / spectrum.sum()) < 1e-5


def test_coefficients_of_zero_are_mid_grey():
    canvas = FourierImages(START, FOURIER)
    with torch.no_grad():
        canvas.values.zero_()
    assert torch.allclose(canvas.render(1.0), torch.tensor(0.5))


def test_fourier_images_keep_their_leaf():
    canvas = FourierImages(START, FOURIER)
    leaf = canvas.values
    assert not any(canvas.begin(step / 10) for step in range(10))
    canvas.settle()
    assert canvas.values is leaf
    assert leaf.is_leaf


@pytest.mark.parametrize("side", [64, 96, 224])
def test_pixels_grow_in_proportion_to_the_side(side):
    start = torch.randn((1, 3, side, side), generator=torch.Generator().manual_seed(0))
    canvas = PixelImages(start, PIXELS)
    sides, renewed = [], []
    for moment, _ in PIXELS.growth:
        renewed.append(canvas.begin(moment))
        sides.append(canvas.render(moment).shape[-1])
    assert sides == [round(side * share) for _, share in PIXELS.growth]
    assert sides[-1] == side
    assert renewed == [False, True, True]


def test_pixels_grow_once_and_keep_what_they_show():
    canvas = PixelImages(START, PIXELS)
    before = canvas.render(0.0)
    second = PIXELS.growth[1][0]
    assert not canvas.begin(second - 1e-6)
    assert canvas.begin(second)
    assert not canvas.begin(second)
    after = canvas.render(second)
    assert canvas.values.is_leaf
    assert canvas.values.requires_grad
    assert torch.allclose(after.mean(dim=(2, 3)), before.mean(dim=(2, 3)), atol=0.05)


def test_pixels_that_left_their_range_are_clamped_in_place():
    canvas = PixelImages(START, PIXELS)
    leaf = canvas.values
    with torch.no_grad():
        leaf[0, 0, 0, 0], leaf[0, 0, 0, 1], leaf[0, 0, 0, 2] = -0.5, 1.5, 0.25
    canvas.settle()
    assert canvas.values is leaf
    assert leaf[0, 0, 0, :3].tolist() == [0.0, 1.0, 0.25]


def test_pixels_grow_as_the_last_step_left_them_by_bicubic_interpolation():
    canvas = PixelImages(START, dataclasses.replace(PIXELS, growth=((0.0, 0.5), (0.25, 1.0))))
    with torch.no_grad():
        canvas.values.zero_()[..., 10] = 2.0  # one column, beyond [0, 1]
    canvas.begin(0.25)
    grown = canvas.render(0.3).detach()[0, 0, 30]
    weights = [-0.03515625, -0.10546875, 0.26171875, 0.87890625]  # at 1.75, 1.25, 0.75, 0.25 pixels, with a = -0.75
    assert grown[17:25].tolist() == pytest.approx([2 * weight for weight in (*weights, *weights[::-1])], abs=1e-6)
    assert float(grown[:17].abs().max()) == float(grown[25:].abs().max()) == 0


def test_pixels_may_outgrow_the_tower():
    beyond = dataclasses.replace(PIXELS, growth=((0.0, 1.0), (0.25, 2.0), (0.5, 3.5)))
    canvas = PixelImages(START, beyond)
    assert [canvas.begin(moment) for moment in (0.25, 0.5)] == [True, True]
    assert canvas.values.shape == (2, 3, 224, 224)


def test_pixels_start_uniform():
    canvas = PixelImages(START, dataclasses.replace(PIXELS, growth=()))
    values = canvas.render(0.0).detach()
    assert values.shape == START.shape
    quarters = torch.histc(values, bins=4, min=0, max=1) / values.numel()
    assert quarters.tolist() == pytest.approx([0.25] * 4, abs=0.02)


def test_a_side_never_falls_below_two_pixels():
    assert PixelImages(START[..., :4, :4], PIXELS).values.shape[-1] == 2
