"""Contact sheets: a look at a world before anything is trained on it."""

from __future__ import annotations

from typing import Final

from PIL import Image, ImageDraw

from audit.phantom.drawing import IMAGE_SIZE
from audit.phantom.pictures import Picture, draw_pictures
from audit.phantom.world import World

_LABEL: Final = 150
_GAP: Final = 4


def contact_sheet(world: World, *, columns: int = 10, seed: int = 0) -> Image.Image:
    """Return one row of pictures per concept of ``world``, each row named at its left."""
    rows: dict[str, list[Picture]] = {}
    for picture in draw_pictures(world, 60 * columns, seed):
        row = rows.setdefault(f"{picture.facts.kind}: {picture.facts.concept}", [])
        if len(row) < columns:
            row.append(picture)
    cell = IMAGE_SIZE + _GAP
    sheet = Image.new("RGB", (_LABEL + columns * cell, len(rows) * cell + _GAP), "#ffffff")
    draw = ImageDraw.Draw(sheet)
    for index, name in enumerate(sorted(rows)):
        top = _GAP + index * cell
        draw.text((6, top + IMAGE_SIZE // 2 - 6), name, fill="#222222")
        for column, picture in enumerate(rows[name]):
            sheet.paste(Image.fromarray(picture.pixels), (_LABEL + column * cell, top))
    return sheet
