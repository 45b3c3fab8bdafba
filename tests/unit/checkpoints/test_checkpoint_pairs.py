"""The pictures of the sanity check are what the renderer of the drawn world draws.

Run this file as a program to draw them anew.
"""

from importlib.resources import files

import numpy as np
from PIL import Image

from audit.checkpoints.sanity import PAIRS, captions, load_pictures
from audit.phantom import drawing

COLOURS = {"red": "#d5231f", "green": "#2f9e3c", "blue": "#2450d0", "yellow": "#f2c81f"}


def draw_strip():
    rng = np.random.default_rng(2026)
    tiles = []
    for colour, shape in PAIRS:
        canvas = drawing.background(f"#{3 * f'{int(rng.integers(150, 240)):02x}'}", rng)
        x, y, size = (float(value) for value in rng.uniform((58, 58, 68), (70, 72, 88)))
        drawing.draw_thing(canvas, shape, COLOURS[colour], x=x, y=y, size=size)
        tiles.append(drawing.to_pixels(canvas))
    return np.concatenate(tiles, axis=1)


def test_the_shipped_pictures_are_what_the_renderer_draws():
    with files("audit.checkpoints").joinpath("pairs.png").open("rb") as stream:
        shipped = np.array(Image.open(stream)).astype(int)
    drawn = draw_strip().astype(int)
    assert shipped.shape == drawn.shape
    assert np.abs(shipped - drawn).mean() < 2.0  # Pillow versions round edges differently


def test_there_are_twelve_pictures_of_64_pixels_with_different_captions():
    assert load_pictures().shape == (12, 3, 64, 64)
    assert 0 <= float(load_pictures().min()) < float(load_pictures().max()) <= 1
    assert len(set(captions())) == 12
    assert captions()[0] == "a photo of a red ball"


if __name__ == "__main__":
    with files("audit.checkpoints").joinpath("pairs.png").open("wb") as target:
        Image.fromarray(draw_strip()).save(target, format="PNG", optimize=True)
