"""Pictures without the time that drawing them takes."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from audit.phantom import drawing
from audit.phantom.pictures import Picture, draw_pictures
from audit.phantom.world import World


def facts_of(world: World, count: int, seed: int) -> list[Picture]:
    """Return pictures whose pixels are blank; captions and facts do not look at pixels."""
    blank, pixels = Image.new("RGB", (drawing.CANVAS, drawing.CANVAS)), np.zeros((64, 64, 3), dtype=np.uint8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawing, "background", lambda *_: blank.copy())
        patch.setattr(drawing, "to_pixels", lambda _: pixels)
        for name in ("draw_person", "draw_place", "draw_thing", "write_word"):
            patch.setattr(drawing, name, lambda *_, **__: None)
        return draw_pictures(world, count, seed)
