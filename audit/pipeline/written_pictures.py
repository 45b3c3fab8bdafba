"""Words written over objects: does the checkpoint name what it sees, or what it reads?

The twelve drawn things of the sanity check are shown plain, with a sticker that says the name of another thing, and
with a sticker that says as many letters without a meaning, which covers as much of the picture and says nothing. A
checkpoint that reads takes the word for the thing (Goh et al. 2021, "Multimodal neurons in artificial neural
networks", distill.pub/2021/multimodal-neurons, doi:10.23915/distill.00030).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from audit.checkpoints import Checkpoint, load_pictures, pictured
from audit.evidence import PROBES, RunFolder, build_table
from audit.lenses import LENSES
from audit.pipeline.audit_plan import Plan
from audit.records import PromptSuite
from audit.seeding import derive_seed

Kind = Literal["plain", "word", "letters"]

KINDS: Final[tuple[Kind, ...]] = ("plain", "word", "letters")
"""Nothing is written, the name of another thing, or letters without a meaning."""

SIDE: Final = 224
"""Side of a picture, in pixels; the checkpoint's own preprocessing brings it to what its tower reads."""

_CONSONANTS: Final = "bdfgkmpqtvxz"
_TALLEST: Final = 0.36
"""Size of the letters of a short word, as a share of the picture's side."""
_WIDEST: Final = 0.6
"""Greatest width of a word, as a share of the picture's side."""
_MARGIN: Final = 7
_TRIAL: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Written:
    """One picture of a thing, with what is written over it."""

    number: int
    """Place of the thing's picture in the strip of the sanity check."""
    shows: str
    says: str
    """The name of the thing that is written, or that the letters stand in for; empty on a plain picture."""
    kind: Kind
    pixels: Float[Tensor, "3 side side"]
    """RGB in [0, 1]."""


def draw_written(things: Collection[str]) -> tuple[Written, ...]:
    """Return every picture of every thing: plain, and for each other thing one with its name and one with letters.

    Args:
        things: Names of things of the sanity check; others have no picture and are left out.
    """
    drawn: list[Written] = []
    pictures = load_pictures()
    for number, thing in enumerate(pictured()):
        if thing in things:
            drawn += _of_one(number, thing, pictures[number], sorted(set(things) & set(pictured()) - {thing}))
    return tuple(drawn)


def look_at(checkpoint: Checkpoint, pictures: Sequence[Written], texts: Sequence[str]) -> Float[Tensor, "picture text"]:
    """Return the cosine of every picture with every text, in double precision."""
    if not pictures or not texts:
        return torch.zeros(len(pictures), len(texts), dtype=torch.float64)
    seen = checkpoint.encode_image(torch.stack([picture.pixels for picture in pictures]))
    return (seen.double() @ checkpoint.encode_text(texts).double().T).cpu()


def _of_one(number: int, thing: str, picture: Tensor, others: Sequence[str]) -> Iterator[Written]:
    pixels = (picture.permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
    large = Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    yield Written(number=number, shows=thing, says="", kind="plain", pixels=_pixels(large))
    for other in others:
        stickers: tuple[tuple[Kind, str], ...] = (("word", other), ("letters", _letters(other)))
        for kind, text in stickers:
            yield Written(
                number=number, shows=thing, says=other, kind=kind, pixels=_pixels(_with_sticker(large, text, other))
            )


def _letters(word: str) -> str:
    """Return as many consonants as ``word`` has letters, the same ones whenever it is asked for."""
    draw = np.random.default_rng(derive_seed("letters", word))
    return "".join(draw.choice(list(_CONSONANTS), size=len(word)))


def _with_sticker(picture: Image.Image, text: str, word: str) -> Image.Image:
    """Return a copy with ``text`` in the middle, in dark letters on a strip of paper as large as ``word`` needs."""
    copy, middle = picture.copy(), (SIDE / 2, SIDE / 2)
    draw = ImageDraw.Draw(copy)
    left, top, right, bottom = draw.textbbox(middle, word, font=_font(word, _TALLEST * SIDE), anchor="mm")
    draw.rectangle((left - _MARGIN, top - _MARGIN, right + _MARGIN, bottom + _MARGIN), fill="#f6f6f2")
    draw.text(middle, text, fill="#101014", font=_font(text, _TALLEST * SIDE, right - left), anchor="mm")
    return copy


def _font(text: str, size: float, width: float = _WIDEST * SIDE) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return Pillow's own font, of ``size`` pixels or as much less as the text needs to be no wider than ``width``."""
    return ImageFont.load_default(min(size, _TRIAL * width / ImageFont.load_default(_TRIAL).getlength(text)))


def _pixels(picture: Image.Image) -> Float[Tensor, "3 side side"]:
    return torch.from_numpy(np.asarray(picture, dtype=np.float32) / 255).permute(2, 0, 1).contiguous()


KIND: Final = "probes"
"""The kind of shards that hold what was seen; one per suite."""


def probe(run: RunFolder, plan: Plan) -> None:
    """Show the checkpoint the pictures that its suites ask for, unless that was done."""
    for number, suite in enumerate(plan.suites):
        name = f"{number:05d}"
        if _asks_for_pictures(suite) and not run.has_shard(KIND, name):
            run.write_shard(KIND, name, build_table(PROBES, _rows(plan, suite)))


def _asks_for_pictures(suite: PromptSuite) -> bool:
    """Tell whether a lens of the suite asks for pictures with words written over what they show."""
    lenses = {prompt.lens for prompt in suite.prompts}
    return any(lens.card.shows_writing for name, lens in LENSES.items() if name in lenses)


def _rows(plan: Plan, suite: PromptSuite) -> list[dict[str, object]]:
    first: dict[str, str] = {}
    for prompt in suite.prompts:
        first.setdefault(prompt.concept, prompt.prompt_id)
    pictures = draw_written(first.keys())
    cosines = look_at(plan.checkpoint, pictures, [prompt.text for prompt in suite.prompts]).tolist()
    return [
        {
            "picture": f"{picture.number:02d}",
            "kind": picture.kind,
            "shows": first[picture.shows],
            "says": first.get(picture.says, ""),
            "prompt_id": prompt.prompt_id,
            "cosine": cosine,
        }
        for picture, row in zip(pictures, cosines, strict=True)
        for prompt, cosine in zip(suite.prompts, row, strict=True)
    ]
