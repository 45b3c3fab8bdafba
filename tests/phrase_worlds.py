"""Texts whose embeddings are chosen, and images whose best caption is chosen: for lenses that compare words."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from worlds import World, seen

from audit.evidence import Evidence, TextEvidence, scores_table
from audit.records import JudgeCard, Question, Score
from audit.seeding import derive_seed

FRAMES = ("a photo of {}", "a drawing of {}", "an image of {}", "a picture of {}")


def text_evidence(vectors: Mapping[str, Sequence[float]]) -> TextEvidence:
    """Return embeddings in these directions."""
    rows = np.array([np.asarray(vector, dtype=float) / np.linalg.norm(vector) for vector in vectors.values()])
    counts = np.array([len(text.split()) + 2 for text in vectors], dtype=np.int64)
    return TextEvidence(
        texts=tuple(vectors), vectors=rows.astype(np.float32), tokens=counts, unknown=np.zeros_like(counts)
    )


def with_texts(evidence: Evidence, embed: Callable[[str], Sequence[float]], more: Iterable[str] = ()) -> Evidence:
    """Return evidence in which every prompt and ``more`` are embedded by a function of the text."""
    every = dict.fromkeys([*evidence.prompts["text"].tolist(), *more])
    return replace(evidence, texts=text_evidence({text: embed(text) for text in every}))


def bag_of_words(text: str, size: int = 64) -> np.ndarray:
    """Embed a text as the sum of a random direction for each of its words: blind to their order."""
    words = sorted(text.split())
    return sum(np.random.default_rng(derive_seed("word", word)).normal(size=size) for word in words)


def ordered_words(text: str, size: int = 64) -> np.ndarray:
    """Embed a text by its words and the words that follow each other."""
    words = text.split()
    pairs = [" ".join(pair) for pair in itertools.pairwise(words)]
    return bag_of_words(text, size) + sum(
        np.random.default_rng(derive_seed("pair", pair)).normal(size=size) for pair in pairs
    )


def put(world: World, concept: str, phrase: str, *scores: Score, frames: Sequence[str] = FRAMES, **more) -> None:
    """Ask a phrase in every sentence, as a suite does whose slot is named after the group."""
    slot = more.get("group", "") or "thing"
    for frame in frames:
        text = frame.format(phrase)
        world.ask(concept, *scores, text=text, template=frame.format(f"{{{slot}}}"), **more)


def put_pair(world: World, concept: str, original: str, swapped: str, *scores: Score, **more) -> None:
    """Ask both captions of a pair, stating the answer to the question of the same name."""
    for arm, phrase in (("original", original), ("swapped", swapped)):
        put(world, concept, phrase, *scores, lens="composition", group=arm, facts={concept: arm}, **more)


def with_labels(evidence: Evidence, questions: Sequence[Question], score: Callable[[str, str], float]) -> Evidence:
    """Return evidence with a judge of labels; ``score`` takes the text of an image's prompt and an answer's column."""
    columns = tuple(question.column(answer) for question in questions for answer in question.answers)
    card = JudgeCard(name="labels", digest="2" * 64, classes=columns, asks=("labels",))
    texts = dict(zip(evidence.prompts["prompt_id"], evidence.prompts["text"], strict=True))
    keys = list(zip(evidence.images["prompt_id"], evidence.images["replicate"], strict=True))
    scores = [Score(values={column: score(texts[key], column) for column in columns}) for key, _ in keys]
    return replace(
        evidence,
        judges={**evidence.judges, "labels": card},
        scores={**evidence.scores, "labels": scores_table(keys, scores, card)},
    )


def add_phrases(world: World) -> None:
    """Add a small suite for each lens of words."""
    man, woman = seen("man"), seen("woman", signed=-0.3)
    put_pair(world, "dog cat", "a dog chasing a cat", "a cat chasing a dog", man, woman, suite="pairs")
    put_pair(world, "cup box", "a red cup in a box", "a box in a red cup", woman, suite="pairs")
    for group, one, other in (("first", "a cook", "a tailor"), ("second", "somebody who cooks", "somebody who sews")):
        put(world, "cook", one, man, woman, suite="paraphrases", lens="wording", group=group)
        put(world, "tailor", other, woman, man, suite="paraphrases", lens="wording", group=group)
    for family, kinds in (("dogs", ("beagle", "poodle", "husky")), ("trees", ("oak", "elm"))):
        for kind in kinds:
            more = {"suite": "kinds", "group": family, "facts": {family: kind}}
            put(world, kind, f"a {kind}", man, lens="granularity", **more)
