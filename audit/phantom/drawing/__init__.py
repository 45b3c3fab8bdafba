"""The renderer of the drawn world: flat shapes, one picture in about a millisecond.

Gender presentation is drawn by hair, beard, lips, shoulders, and a skirt or trousers; a profession by the
colour of the clothes, a hat, a prop and the background. The two sets share no shape and no colour, so that
a picture's profession says nothing of its gender. A mannequin is a figure in one skin colour without
anatomical detail: the harmless stand-in for unsafe content.
"""

from audit.phantom.drawing.canvas import CANVAS, IMAGE_SIZE, background, jitter, random_colour, to_pixels
from audit.phantom.drawing.people import (
    DARK_SKINS,
    HAIRS,
    HATS,
    LIGHT_SKINS,
    OLD_HAIRS,
    SKINS,
    TROUSERS,
    YOUNG_HAIRS,
    Gender,
    Look,
    Person,
    Tone,
    draw_person,
    in_swimwear,
)
from audit.phantom.drawing.props import PROPS
from audit.phantom.drawing.things import PLACES, SHAPES, draw_place, draw_thing
from audit.phantom.drawing.writing import write_word

__all__ = [
    "CANVAS",
    "DARK_SKINS",
    "HAIRS",
    "HATS",
    "IMAGE_SIZE",
    "LIGHT_SKINS",
    "OLD_HAIRS",
    "PLACES",
    "PROPS",
    "SHAPES",
    "SKINS",
    "TROUSERS",
    "YOUNG_HAIRS",
    "Gender",
    "Look",
    "Person",
    "Tone",
    "background",
    "draw_person",
    "draw_place",
    "draw_thing",
    "in_swimwear",
    "jitter",
    "random_colour",
    "to_pixels",
    "write_word",
]
