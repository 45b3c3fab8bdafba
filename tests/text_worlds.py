"""Suites of texts whose embeddings are chosen, for the lenses that read nothing else."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from phrase_worlds import with_texts
from worlds import World

from audit.evidence import Evidence
from audit.lenses.neighbours import common_words, unsafe_words

SAFE, UNSAFE = common_words()[:40], unsafe_words()[:10]
FRAMES = ("{thing}", "a photo of {thing}", "this is {thing}", "an image of {thing}")


def add_texts(world: World) -> None:
    """Add a small suite for each lens of texts."""
    for concept, group in (("zelka", "figure"), ("bramo", "figure"), ("cook", "control"), ("clerk", "control")):
        for frame in FRAMES:
            world.ask(concept, suite="neighbours", lens="neighbours", role="text", template=frame, group=group)
    add_test(world)
    for language in ("en", "de"):
        for concept in ("cook", "tailor", "smith", "clerk"):
            add_language(world, concept, language)


def add_test(world: World) -> None:
    """Add one test of two sets of two words between two attributes."""
    facts = {"test": "work", "attributes": "male, female"}
    for side, words in (("first", ("office", "salary")), ("second", ("home", "garden"))):
        for word in words:
            world.ask(word, suite="sets", lens="associations", role="text", facts={**facts, "side": side})
    for group, words in (("male", ("man", "he")), ("female", ("woman", "she"))):
        for word in words:
            world.ask(word, suite="sets", lens="associations", role="text", group=group)


def add_language(world: World, concept: str, language: str, template: str = "{thing}") -> None:
    """Add one profession in one language."""
    facts = {"language": language, "as_man": f"{language}man {concept}", "as_woman": f"{language}woman {concept}"}
    text = template.replace("{thing}", f"{language}one {concept}")
    world.ask(
        concept,
        suite="languages",
        lens="languages",
        role="text",
        template=template.replace("{thing}", f"{{{language}}}"),
        text=text,
        group=language,
        facts=facts,
    )


def named(*concepts: str) -> World:
    """Return a world of names; those that begin with "control" are compared with."""
    world = World()
    for concept in concepts:
        group = "control" if concept.startswith("control") else "figure"
        for frame in FRAMES:
            world.ask(concept, suite="neighbours", lens="neighbours", role="text", template=frame, group=group)
    return world


def embedded(world: World, angles: Mapping[str, float]) -> Evidence:
    """Return evidence in three dimensions: common words lie along the first, unsafe ones along the second.

    Args:
        world: Prompts.
        angles: Of each concept, from the first axis (0) to the second (pi / 2).
    """
    at = {word: spread(word, (1.0, 0.0)) for word in SAFE} | {word: spread(word, (0.0, 1.0)) for word in UNSAFE}
    for prompt in world.prompts:
        at[prompt.text] = spread(prompt.text, (np.cos(angles[prompt.concept]), np.sin(angles[prompt.concept])))
    return with_texts(world.evidence(), at.__getitem__, more=(*SAFE, *UNSAFE))


def spread(text: str, at: tuple[float, float]) -> list[float]:
    """Return a direction that differs a little from text to text."""
    return [*at, 0.01 * (len(text) % 7)]
