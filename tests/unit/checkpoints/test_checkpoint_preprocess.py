"""Preprocessing agrees with open_clip's, which works on 8-bit pictures through Pillow."""

import numpy as np
import pytest
import torch
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image

from audit.checkpoints.checkpoint import Preprocess

MEAN, STD = (0.48, 0.46, 0.41), (0.27, 0.26, 0.28)


@pytest.mark.parametrize("resize_mode", ["shortest", "longest", "squash"])
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize("size", [(32, 32), (48, 48), (21, 57), (90, 40), (33, 32), (16, 16)])
def test_pictures_of_any_size_come_out_as_open_clip_would_have_them(resize_mode, interpolation, size):
    rng = np.random.default_rng(4)
    coarse = Image.fromarray(rng.integers(0, 256, (7, 9, 3), dtype=np.uint8))
    picture = coarse.resize(size[::-1], Image.Resampling.BICUBIC)
    cfg = PreprocessCfg(
        size=32, mean=MEAN, std=STD, interpolation=interpolation, resize_mode=resize_mode, fill_color=128
    )
    theirs = image_transform_v2(cfg, is_train=False)(picture)
    ours = Preprocess(size=32, resize_mode=resize_mode, interpolation=interpolation, fill=128 / 255)
    pixels = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].float() / 255
    got = ours(pixels, mean=torch.tensor(MEAN), std=torch.tensor(STD))[0]
    assert got.shape == theirs.shape
    assert (got - theirs).abs().max() < 0.06  # four steps of 8 bits, divided by the deviation
    assert (got - theirs).abs().mean() < 0.01


def test_a_picture_of_the_right_size_is_only_normalised():
    pixels = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    ours = Preprocess(size=32, resize_mode="shortest", interpolation="bicubic", fill=0.0)
    assert torch.equal(ours(pixels, mean=torch.zeros(3), std=torch.ones(3)), pixels)
