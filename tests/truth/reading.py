"""How often the judge that reads letters finds a printed word, and how often it finds one where there is none.

``python tests/truth/reading.py`` prints every share with its interval of 95 %: pictures of phantoms, and words printed
over noise. What it says of words over noise and of pictures without a letter, the card of the judge states.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from drawn_worlds import Share, fresh
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from wordfreq import top_n_list

from audit.judges import load_judge
from audit.judges.judge_protocol import LETTERS_TEXT, Judge
from audit.judges.letters_judge import LEAST_LETTERS
from audit.lenses.letters import runs_of
from audit.phantom.phantom_folder import read_phantom_world
from audit.phantom.pictures import draw_pictures

COUNT = 200
SIZES = {64: (8, 10, 12, 16), 224: (8, 10, 12, 16, 24)}
"""Side of an image -> sizes of the letters, both in pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Pictures of one side, with the word that each shows; empty where it shows none."""

    name: str
    pixels: NDArray[np.uint8]
    words: tuple[str, ...]


def noise(rng: np.random.Generator, side: int) -> Image.Image:
    """Return a cloud of colours with fine noise over it, roughly what an inversion without content looks like."""
    coarse = Image.fromarray(rng.integers(0, 256, (int(rng.integers(3, 12)),) * 2 + (3,), dtype=np.uint8))
    cloud = np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC), dtype=np.float64)
    cloud = 128 + (cloud - 128) * rng.uniform(0.2, 0.8) + rng.normal(scale=20, size=cloud.shape)
    return Image.fromarray(cloud.clip(0, 255).astype(np.uint8))


def printed(rng: np.random.Generator, side: int, size: int, word: str) -> Image.Image:
    """Return noise with a word on it, dark or light, whichever stands out, wherever it fits."""
    image, font = noise(rng, side), ImageFont.load_default(size)
    draw = ImageDraw.Draw(image)
    left, top, right, bottom = draw.textbbox((0, 0), word, font=font)
    x, y = (int(rng.integers(0, side - extent + 1)) for extent in (int(right - left) + 1, int(bottom - top) + 1))
    under = np.asarray(image.convert("L"))[y : y + int(bottom - top), x : x + int(right - left)].mean()
    draw.text((x - left, y - top), word, font=font, fill="#101014" if under > 128 else "#f6f6f2")
    return image


def words_that_fit(side: int, size: int) -> list[str]:
    """Return common words of three letters or more that are no wider than the image."""
    font = ImageFont.load_default(size)
    common = [word for word in top_n_list("en", 2000) if word.isalpha() and len(word) >= LEAST_LETTERS]
    return [word for word in common if font.getlength(word) + 4 <= side]


def cases(count: int, *, seed: int = 0) -> Iterator[Case]:
    """Yield every kind of picture, ``count`` of each."""
    world = read_phantom_world("phantom:scenes")
    written = [one for one in fresh(world, "writing", 2 * count) if one.facts.word][:count]
    words = tuple(str(one.facts.word) for one in written)
    yield Case(name="phantom, 64 px, a word", pixels=np.stack([one.pixels for one in written]), words=words)
    plain = draw_pictures(read_phantom_world("phantom:skewed"), count, 20_265)
    yield Case(name="phantom, 64 px, no word", pixels=np.stack([one.pixels for one in plain]), words=("",) * count)
    rng = np.random.default_rng(seed)
    for side, sizes in SIZES.items():
        clouds = np.stack([np.asarray(noise(rng, side)) for _ in range(count)])
        yield Case(name=f"noise, {side} px, no word", pixels=clouds, words=("",) * count)
        for size in sizes:
            drawn = tuple(str(word) for word in rng.choice(words_that_fit(side, size), count))
            shown = np.stack([np.asarray(printed(rng, side, size, word)) for word in drawn])
            yield Case(name=f"noise, {side} px, a word of size {size}", pixels=shown, words=drawn)


def found(judge: Judge, case: Case) -> tuple[Share, Share]:
    """Return how often text is found, and how often it shares three letters in a row with the word."""
    scores = judge.score(torch.from_numpy(case.pixels).permute(0, 3, 1, 2))
    boxes = [bool(score.values and score.values["boxes"]) for score in scores]
    right = [bool(runs_of(score.text) & runs_of(word)) for score, word in zip(scores, case.words, strict=True)]
    return Share(hits=sum(boxes), total=len(boxes)), Share(hits=sum(right), total=len(right))


def told(count: int) -> Iterator[str]:
    """Yield one line for every case."""
    judge = load_judge("letters")
    assert judge.card.text == LETTERS_TEXT
    for case in cases(count):
        text, right = found(judge, case)
        yield f"{case.name:36} text found {text}" + (f"; the word {right}" if any(case.words) else "")


def main(given: Sequence[str]) -> None:
    for line in told(int(given[0]) if given else COUNT):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
