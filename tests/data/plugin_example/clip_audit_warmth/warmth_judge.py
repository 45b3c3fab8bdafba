"""The judge ``warmth``: red less blue, averaged over the image."""

from __future__ import annotations

import hashlib
from pathlib import Path

from torch import Tensor

from audit.judges.judge_protocol import as_scores
from audit.records import JudgeCard, Score

CARD = JudgeCard(
    name="warmth",
    digest=hashlib.sha256(Path(__file__).read_bytes()).hexdigest(),
    classes=("warmth",),
    asks=("warmth",),
    unit="red less blue, of 1",
)


class WarmthJudge:
    """Knows no colour names, only channels."""

    card = CARD

    def score(self, images: Tensor) -> tuple[Score, ...]:
        """Return one score per image, in [-1, 1]."""
        red, _, blue = images.float().flatten(2).mean(dim=2).div(255).unbind(dim=1)
        return as_scores({"warmth": (red - blue).tolist()})
