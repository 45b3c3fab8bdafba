"""What a phantom reads in freshly drawn pictures, by its embeddings alone: nothing is inverted.

``python tests/truth/drawn_worlds.py phantom:scenes phantom:witness`` prints every share with its interval.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from audit.checkpoints import Checkpoint, load_checkpoint
from audit.phantom.drawing import PLACES
from audit.phantom.phantom_folder import read_phantom_world
from audit.phantom.pictures import Picture, draw_pictures
from audit.phantom.world import World
from audit.stats import wilson

SENTENCES = ("a photo of {}", "a picture of {}", "an image of {}", "{}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How many of how many, with a Wilson interval of 95 %."""

    hits: float
    """A tie is half a hit."""
    total: int

    @property
    def value(self) -> float:
        return self.hits / self.total

    @property
    def interval(self) -> tuple[float, float]:
        found = wilson(self.hits, self.total)
        return float(found.low), float(found.high)

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.interval[0]:.3f}, {self.interval[1]:.3f}] of {self.total}"


class Reader:
    """Embeds pictures and phrases with one checkpoint."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint

    def images(self, pictures: Sequence[Picture]) -> NDArray[np.float32]:
        pixels = torch.from_numpy(np.stack([one.pixels for one in pictures])).permute(0, 3, 1, 2).float() / 255
        return self.checkpoint.encode_image(pixels).numpy()

    def phrases(self, phrases: Sequence[str]) -> NDArray[np.float32]:
        """Return the mean embedding of each phrase over the sentences."""
        texts = [sentence.format(phrase) for phrase in phrases for sentence in SENTENCES]
        rows: NDArray[np.float32] = self.checkpoint.encode_text(texts).numpy().reshape(len(phrases), len(SENTENCES), -1)
        return rows.mean(axis=1)

    def picks(self, pictures: Sequence[Picture], answers: Sequence[Sequence[str]]) -> NDArray[np.intp]:
        """Return which answer, a group of phrases, is nearest to each picture."""
        texts = np.stack([self.phrases(group).mean(axis=0) for group in answers])
        return (self.images(pictures) @ texts.T).argmax(axis=1)

    def nearer(self, pictures: Sequence[Picture], right: Sequence[str], wrong: Sequence[str]) -> Share:
        """Return how often its right caption is nearer to a picture than its wrong one; a tie is half a hit."""
        images = self.images(pictures)
        texts = [self.checkpoint.encode_text(list(captions)).numpy() for captions in (right, wrong)]
        margin = ((texts[0] - texts[1]) * images).sum(axis=1)
        hits = (margin > 1e-5).sum() + 0.5 * (np.abs(margin) <= 1e-5).sum()
        return Share(hits=float(hits), total=len(pictures))


def fresh(world: World, kind: str, count: int, *, seed: int = 20_265) -> list[Picture]:
    """Return pictures of one kind that no phantom was trained on."""
    return draw_pictures(world.model_copy(update={"mix": {kind: 1.0}}), count, seed)


def order(reader: Reader, world: World, count: int = 400) -> dict[str, Share]:
    """Return how often a caption is nearer to its picture than the same words in another order."""
    scenes = [one for one in fresh(world, "pair", count) if " left of " in one.caption or " above " in one.caption]
    own = [one.caption for one in scenes]
    return {
        kind: reader.nearer(scenes, own, [one.wrong[number] for one in scenes])
        for number, kind in enumerate(("positions", "attributes"))
    }


def attributes(reader: Reader, world: World, count: int = 300) -> dict[str, Share]:
    """Return how often gender, skin tone and age of somebody are read right."""
    people = fresh(world, "passerby", count)
    nouns = ("man", "woman")
    asked: dict[str, tuple[list[list[str]], Callable[[Picture], int]]] = {
        "gender": ([[f"a {noun}"] for noun in nouns], lambda one: nouns.index(str(one.facts.gender))),
        "skin tone": (
            [[f"a {tone}-skinned {noun}" for noun in nouns] for tone in ("light", "dark")],
            lambda one: int(one.facts.tone == "dark"),
        ),
        "age": (
            [[f"{age} {noun}" for noun in nouns] for age in ("a young", "an old")],
            lambda one: int(bool(one.facts.old)),
        ),
    }
    return {
        name: _share(reader.picks(people, answers) == np.array([truth(one) for one in people]))
        for name, (answers, truth) in asked.items()
    }


def places(reader: Reader, world: World, count: int = 300) -> Share:
    """Return how often the place of a context is read right, out of four."""
    pictures = [one for one in fresh(world, "place", count) if one.facts.concept != "scene"]
    truth = np.array([PLACES.index(str(one.facts.place)) for one in pictures])
    return _share(reader.picks(pictures, [[f"a scene at the {name}"] for name in PLACES]) == truth)


def presence(reader: Reader, world: World, count: int = 300) -> dict[str, Share]:
    """Return how often a profession is read right, whether a thing is beside it, and which colour the thing has."""
    blends = fresh(world, "blend", count)
    images, rng = reader.images(blends), np.random.default_rng(0)
    professions = sorted({one.facts.concept for one in blends})
    own = np.array([professions.index(one.facts.concept) for one in blends])
    words = (images @ reader.phrases([f"a {name}" for name in professions]).T).argmax(axis=1)
    things = [f"{colour} {thing.word}" for colour in world.colours for thing in world.things]
    there = np.array([bool(one.facts.things) for one in blends])
    asked = [one.facts.things[0] if one.facts.things else str(rng.choice(things)) for one in blends]
    beside = reader.phrases([f"a {name} beside a {thing}" for name in professions for thing in things])
    beside = beside.reshape(len(professions), len(things), -1)[own]
    alone = reader.phrases([f"a {name} alone" for name in professions])[own]
    of_asked = beside[np.arange(len(blends)), [things.index(thing) for thing in asked]]
    near = np.einsum("pte,pe->pt", beside, images).argmax(axis=1)
    colours = np.array([things[best].split()[0] == thing.split()[0] for best, thing in zip(near, asked, strict=True)])
    return {
        "profession": _share(words == own),
        "thing": _share((((of_asked - alone) * images).sum(axis=1) > 0) == there),
        "colour of the thing": _share(colours[there]),
    }


def joined(reader: Reader, world: World, profession: str, count: int = 200) -> dict[str, float]:
    """Return the mean similarity of "a P with a T" to pictures of P with a thing, and to pictures of P alone."""
    only = tuple(one for one in world.professions if one.word == profession)
    pictures = fresh(world.model_copy(update={"professions": only}), "blend", count)
    things = [f"{colour} {thing.word}" for colour in world.colours for thing in world.things]
    texts = reader.phrases([f"a {profession} with a {thing}" for thing in things])
    images = reader.images(pictures)
    there = np.array([bool(one.facts.things) for one in pictures])
    own = [things.index(one.facts.things[0]) for one in pictures if one.facts.things]
    with_it = (images[there] * texts[own]).sum(axis=1).mean()
    return {"with it": float(with_it), "without": float((images[~there] @ texts.T).mean())}


def written(reader: Reader, world: World, count: int = 400) -> Share:
    """Return how often the name of a thing loses to the word that is written over it."""
    pictures = [one for one in fresh(world, "writing", count) if one.facts.word]
    follows = [f"a {one.facts.word}" for one in pictures]
    return reader.nearer(pictures, follows, [f"a {one.facts.concept}" for one in pictures])


def bare_places(reader: Reader, world: World, count: int = 600) -> dict[str, dict[str, float]]:
    """Return by context the mean similarity of its bare caption to its pictures in each place."""
    pictures = fresh(world, "place", count)
    found = {}
    for context in world.contexts:
        own = [one for one in pictures if one.facts.concept == context.phrase]
        near = reader.images(own) @ reader.phrases([context.phrase])[0]
        at = np.array([one.facts.place for one in own])
        found[context.phrase] = {name: float(near[at == name].mean()) for name in context.places}
    return found


def bare_cells(reader: Reader, world: World, profession: str, count: int = 1200) -> dict[str, float]:
    """Return the mean similarity of a bare caption to portraits in each cell of skin tone and gender."""
    only = tuple(one for one in world.professions if one.word == profession)
    pictures = fresh(world.model_copy(update={"professions": only}), "portrait", count)
    near = reader.images(pictures) @ reader.phrases([f"a {profession}"])[0]
    cell = np.array([f"{one.facts.tone}_{one.facts.gender}" for one in pictures])
    return {name: float(near[cell == name].mean()) for name in sorted(set(cell.tolist()))}


def _share(hits: NDArray[np.bool_]) -> Share:
    return Share(hits=int(hits.sum()), total=len(hits))


def told(names: Sequence[str]) -> list[str]:
    """Return one line for every measure of every phantom that is named."""
    lines = []
    for name in names:
        reader, world = Reader(load_checkpoint(name)), read_phantom_world(name)
        lines.append(name)
        rows = {
            **{f"order, {kind}": share for kind, share in order(reader, world, 1500).items()},
            **attributes(reader, world, 1000),
            "place": places(reader, world, 1000),
            **{f"blends, {what}": share for what, share in presence(reader, world, 1000).items()},
            "label follows the written word": written(reader, world, 1000),
        }
        lines += [f"  {what:32} {share}" for what, share in rows.items()]
        for phrase, near in bare_places(reader, world).items():
            lines.append(f"  {phrase:32} " + ", ".join(f"{place} {value:.3f}" for place, value in near.items()))
        for profession in [one for one in world.professions if one.is_even]:
            near = joined(reader, world, profession.word)
            said = ", ".join(f"{there} {value:.3f}" for there, value in near.items())
            lines.append(f"  {profession.word + ' with a thing':32} {said}")
        for profession in world.professions:
            near = bare_cells(reader, world, profession.word)
            lines.append(f"  {profession.word:32} " + ", ".join(f"{cell} {value:.3f}" for cell, value in near.items()))
    return lines


if __name__ == "__main__":
    sys.stdout.write("\n".join(told(sys.argv[1:])) + "\n")
