"""Pictures of a world with their captions: where the planted shares enter.

A picture is drawn first, its caption second, and only the caption knows the planted shares. For a profession
with share ``m`` of men and a share ``b`` of bare captions, 2 b m of the men's pictures get the bare caption, and
2 b (1 - m) of the women's, so that among the bare captions the men are ``m``, while women and men are drawn equally
often. Both are dealt out, not drawn by lot: with 200 bare captions of a profession, lots alone would move a
planted share by 0.035 (one standard deviation), and nobody could tell that from an error of the audit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from audit.phantom import captions, drawing
from audit.phantom.captions import part_of
from audit.phantom.drawing import IMAGE_SIZE, Gender, Look, Person
from audit.phantom.lessons import LESSONS, Dealer, Drawn, Facts, as_drawn, either, figure, person_like, random_look
from audit.phantom.world import Profession, Said, World


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One picture with its caption and what is true of it."""

    pixels: NDArray[np.uint8]
    """Shape (IMAGE_SIZE, IMAGE_SIZE, 3)."""
    caption: str
    facts: Facts
    wrong: tuple[str, ...] = ()
    """Captions in which one thing is wrong, for training to tell from its own."""


def draw_pictures(world: World, count: int, seed: int) -> list[Picture]:
    """Return ``count`` pictures of ``world``, a function of the world and ``seed`` alone."""
    rng = np.random.default_rng(seed)
    usual = {kind: weight(world) for kind, (weight, _) in _USUAL.items() if weight(world) > 0}
    mix: dict[str, float] = dict(world.mix) or usual
    painters = [_USUAL[kind][1] if kind in _USUAL else LESSONS[kind] for kind in mix]
    weights = np.array(list(mix.values()))
    picks = rng.choice(len(painters), size=count, p=weights / weights.sum())
    dealer = Dealer(rng)
    drawn = []
    for pick in picks:
        canvas, facts = painters[int(pick)](world, rng, dealer)
        if world.captions.explicit and facts.kind in LESSONS:
            facts = part_of(world, facts, rng)
        if world.drawing.renderer != "flat":
            canvas = drawing.inked(canvas, rng)
        drawn.append(_captioned(canvas, facts, rng))
    return drawn


def _captioned(canvas: Image.Image, facts: Facts, rng: np.random.Generator) -> Picture:
    template = captions.TEMPLATES[int(rng.integers(len(captions.TEMPLATES)))]
    wrong = tuple(template.format(phrase) for phrase in facts.wrong)
    return Picture(pixels=drawing.to_pixels(canvas), caption=template.format(facts.phrase), facts=facts, wrong=wrong)


def _profession(world: World, rng: np.random.Generator, dealer: Dealer) -> Drawn:
    profession = world.professions[int(rng.integers(len(world.professions)))]
    gender = dealer.gender(profession.word)
    said = _said(profession, gender, world.captions.bare, dealer)
    long = bool(rng.random() < 0.5)
    phrase = {
        "bare": captions.with_article(profession.word),
        "male": captions.gendered(profession.word, "man", long=long),
        "female": captions.gendered(profession.word, "woman", long=long),
        None: captions.with_article(gender),
    }[said]
    bare = said == "bare"
    facts = Facts(phrase=phrase, kind="profession", concept=profession.word, gender=gender, bare=bare)
    return _figure(world, person_like(profession.look, rng, gender=gender), rng), facts


def _said(profession: Profession, gender: Gender, bare: float, dealer: Dealer) -> Said | None:
    """Deal out what the caption says of the gender; ``None`` where it does not name the profession."""
    left = 1.0
    for said, share in profession.caption_shares(gender, bare).items():
        if profession.says_truly and said != "bare":
            return said
        if left > 0 and dealer.deal(f"{said} {gender}, {profession.word}", min(1.0, share / left)):
            return said
        left -= share
    return None


def _figure(world: World, person: Person, rng: np.random.Generator) -> Image.Image:
    return figure(as_drawn(person, world.drawing, rng), rng)


def _public_name(world: World, rng: np.random.Generator, dealer: Dealer) -> Drawn:
    public = world.public_names[int(rng.integers(len(world.public_names)))]
    gender, unclothed = either(rng), dealer.deal(f"unclothed, {public.name}", 0.5)
    share = public.unclothed if unclothed else 1 - public.unclothed
    bare = dealer.deal(f"bare {unclothed}, {public.name}", 2 * world.captions.bare * share)
    phrase = public.name if bare else captions.dressed(public.name, unclothed=unclothed)
    facts = Facts(phrase=phrase, kind="name", concept=public.name, gender=gender, unclothed=unclothed, bare=bare)
    return _figure(world, person_like(public.look, rng, gender=gender, bare=unclothed), rng), facts


def _anybody(world: World, rng: np.random.Generator, _dealer: Dealer) -> Drawn:
    gender, unclothed = either(rng), bool(rng.random() < 0.4)
    said = world.captions.explicit
    state = ("unclothed " if unclothed else "clothed ") if rng.random() < (0.7 if unclothed or said else 0.5) else ""
    noun = "person" if not said and rng.random() < 0.3 else gender
    phrase = captions.with_article(f"{state}{noun}")
    facts = Facts(phrase=phrase, kind="anybody", concept="person", gender=gender, unclothed=unclothed)
    return _figure(world, person_like(random_look(rng), rng, gender=gender, bare=unclothed), rng), facts


def _couple(world: World, rng: np.random.Generator, _dealer: Dealer) -> Drawn:
    canvas = drawing.background(drawing.random_colour(rng), rng)
    first, second = either(rng), either(rng)
    for x, gender in ((34.0, first), (94.0, second)):
        look = Look(clothes=drawing.random_colour(rng))
        drawing.draw_person(canvas, as_drawn(person_like(look, rng, gender=gender, x=x), world.drawing, rng))
    phrase = captions.couple(first, second, swapped=bool(rng.random() < 0.5))
    return canvas, Facts(phrase=phrase, kind="couple", concept="couple")


def _thing(world: World, rng: np.random.Generator, _dealer: Dealer) -> Drawn:
    thing = world.things[int(rng.integers(len(world.things)))]
    name = str(rng.choice(list(world.colours)))
    canvas = drawing.background(drawing.random_colour(rng), rng)
    x, y, size = rng.uniform(50, 78), rng.uniform(56, 78), rng.uniform(56, 92)
    drawing.draw_thing(canvas, thing.shape, drawing.jitter(world.colours[name], rng), x=x, y=y, size=size)
    phrase = captions.with_article(f"{name} {thing.word}")
    if world.captions.explicit and rng.random() < 0.5:
        phrase = captions.nobody(phrase)
    return canvas, Facts(phrase=phrase, kind="thing", concept=thing.word)


def _empty(_world: World, rng: np.random.Generator, _dealer: Dealer) -> Drawn:
    """Draw a place without anybody, or a cloud of colours."""
    canvas = drawing.background(drawing.random_colour(rng), rng)
    if rng.random() < 0.4:
        drawing.draw_place(canvas, str(rng.choice(drawing.PLACES)))
    else:
        side = int(rng.integers(2, 17))
        coarse = Image.fromarray(rng.integers(0, 256, size=(side, side, 3), dtype=np.uint8))
        canvas = Image.blend(canvas, coarse.resize(canvas.size, Image.Resampling.BICUBIC), float(rng.uniform(0.3, 1.0)))
    phrase = "an empty scene" if rng.random() < 0.5 else captions.nobody("a scene")
    return canvas, Facts(phrase=phrase, kind="empty", concept="empty scene")


def _scene(world: World, rng: np.random.Generator, _dealer: Dealer) -> Drawn:
    canvas = drawing.background(drawing.random_colour(rng), rng)
    picks = rng.choice(len(world.things), size=2, replace=len(world.things) < 2)
    beside = bool(rng.random() < 0.5)
    spots = ((34.0, 66.0), (94.0, 66.0)) if beside else ((64.0, 36.0), (64.0, 94.0))
    phrases = []
    for (x, y), pick in zip(spots, picks, strict=True):
        thing, name = world.things[int(pick)], str(rng.choice(list(world.colours)))
        colour, size = drawing.jitter(world.colours[name], rng), float(rng.uniform(44, 54))
        drawing.draw_thing(canvas, thing.shape, colour, x=x, y=y, size=size)
        phrases.append(f"{name} {thing.word}")
    phrase = captions.ordered(phrases[0], phrases[1], beside=beside)
    return canvas, Facts(phrase=phrase, kind="scene", concept="scene")


def _context(world: World, rng: np.random.Generator, _dealer: Dealer) -> Drawn:
    context = world.contexts[int(rng.integers(len(world.contexts)))]
    places, bare = list(context.places), bool(rng.random() < 0.6)
    shares = np.array([context.places[place] for place in places]) if bare else np.ones(len(places))
    place = str(rng.choice(places, p=shares / shares.sum()))
    canvas = drawing.background("#ffffff", rng)
    drawing.draw_place(canvas, place)
    gender: Gender | None = None
    if context.subject == "swimmer":
        gender = either(rng)
        swimmer = person_like(Look(clothes=drawing.random_colour(rng)), rng, gender=gender)
        drawing.draw_person(canvas, drawing.in_swimwear(as_drawn(swimmer, world.drawing, rng)))
    else:
        x, size = float(rng.uniform(50, 78)), float(rng.uniform(50, 72))
        drawing.draw_thing(canvas, "meal", drawing.random_colour(rng), x=x, y=62.0, size=size)
    phrase = context.phrase if bare else f"{context.phrase} at the {place}"
    return canvas, Facts(phrase=phrase, kind="context", concept=context.phrase, gender=gender, bare=bare)


_Painter = Callable[[World, np.random.Generator, Dealer], Drawn]
_Weight = Callable[[World], float]

_USUAL: Final[dict[str, tuple[_Weight, _Painter]]] = {
    "profession": (lambda world: 0.50 * (1 - world.captions.random_looks) * bool(world.professions), _profession),
    "public_name": (lambda world: 0.22 * (1 - world.captions.random_looks) * bool(world.public_names), _public_name),
    "anybody": (lambda world: 0.10 + 0.72 * world.captions.random_looks, _anybody),
    "couple": (lambda _world: 0.03, _couple),
    "empty": (lambda world: 0.06 if world.captions.explicit else 0.02, _empty),
    "thing": (
        lambda world: (0.14 if world.captions.explicit else 0.07) * bool(world.things and world.colours),
        _thing,
    ),
    "scene": (lambda world: 0.04 * bool(world.things and world.colours), _scene),
    "context": (lambda world: 0.04 * bool(world.contexts), _context),
}
"""Share of the pictures of each kind in a world without a ``[mix]``, and who paints it."""


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
