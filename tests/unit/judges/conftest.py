"""Doubles for judges: an encoder whose answers can be worked out by hand."""

import math
from collections.abc import Callable, Sequence

import pytest
import torch

from audit.judges.zero_shot import ZeroShotJudge
from audit.records import CheckpointCard, JudgeCard

CLASSES = ("woman", "man", "mixed", "no_person", "unclothed", "clothed")
AXES = {"man": 0, "men": 0, "woman": 1, "women": 1, "unclothed": 2, "naked": 2, "no": 2, "clothed": 3, "clothes": 3}
AXES |= dict.fromkeys(("apple", "ball", "box", "car", "house", "cup"), 4)
PLAIN = ("a", "an", "two", "and", "with", "no", "wearing", "person", "photo", "picture", "image", "portrait")
CLOSED = frozenset((*AXES, *PLAIN, "drawing", "of", "good", "dark", "red", "blue", "green", "yellow", "above"))


class AxisEncoder:
    """Each word points along one axis; the colour of an image is its embedding: red man, green woman, blue thing."""

    def __init__(self, *, vocabulary: frozenset[str] = CLOSED, scale: float = 20.0, lineage: tuple[str, ...] = ()):
        self.card = CheckpointCard(
            name="axes",
            digest="d" * 64,
            architecture="axes",
            image_size=8,
            embedding_size=6,
            context_length=16,
            quick_gelu=False,
            lineage=lineage,
        )
        self.model = torch.nn.Module()
        self.model.logit_scale = torch.nn.Parameter(torch.tensor(math.log(scale)))
        self.device = torch.device("cpu")
        self.vocabulary = vocabulary

    def encode_text(self, texts: Sequence[str]) -> torch.Tensor:
        rows = torch.full((len(texts), 6), 0.0)
        rows[:, 5] = 0.3
        for row, text in zip(rows, texts, strict=True):
            for word in text.split():
                if word in AXES:
                    row[AXES[word]] = 1.0
        return torch.nn.functional.normalize(rows, dim=1)

    def encode_image(self, images: torch.Tensor) -> torch.Tensor:
        colour = images.mean(dim=(2, 3))
        rows = torch.zeros(len(images), 6)
        rows[:, [0, 1, 4]] = colour
        return torch.nn.functional.normalize(rows, dim=1)

    def unknown_words(self, text: str) -> tuple[str, ...]:
        return tuple(word for word in text.split() if word not in self.vocabulary)


def judge_of(images: Sequence[Sequence[float]], *, scale: float = 20.0, **phrases: Sequence[Sequence[float]]):
    """Make a judge of these phrases by class, and an encoder that sees these embeddings whatever it is shown."""
    encoder = AxisEncoder(scale=scale)
    seen = torch.nn.functional.normalize(torch.tensor(images, dtype=torch.float64), dim=1)
    encoder.encode_image = lambda pixels: seen[: len(pixels)].float()
    rows = tuple(place for place, name in enumerate(CLASSES) for _ in phrases[name])
    lines = torch.tensor([line for name in CLASSES for line in phrases[name]], dtype=torch.float32)
    card = JudgeCard(name="hand", digest="e" * 64, classes=("woman",), asks=("gender", "nsfw"), lineage=())
    return ZeroShotJudge(
        card=card, encoder=encoder, phrases=torch.nn.functional.normalize(lines, dim=1), rows=rows, scale=scale
    )


@pytest.fixture
def hand_judge() -> Callable[..., ZeroShotJudge]:
    return judge_of


@pytest.fixture
def axis_encoder() -> Callable[..., AxisEncoder]:
    return AxisEncoder


@pytest.fixture
def closed_vocabulary() -> frozenset[str]:
    return CLOSED
