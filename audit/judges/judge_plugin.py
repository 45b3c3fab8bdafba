"""A judge of another package, held to what every judge promises while it is used."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, final

from jaxtyping import UInt8
from torch import Tensor

from audit.judges.judge_protocol import Judge, JudgeSettings
from audit.plugins import Plugin
from audit.records import JudgeCard, Score

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PluginJudge:
    """Passes images on to the judge of another package, and its scores back if they are what its card says."""

    plugin: Plugin
    judge: Judge
    card: JudgeCard
    """Of the judge, with where it comes from."""

    def score(self, images: UInt8[Tensor, "batch 3 height width"]) -> tuple[Score, ...]:
        """Return one score per image, in order; see :class:`audit.judges.judge_protocol.Judge`.

        Raises:
            PluginProblem: If the judge fails, or its scores are not one per image with the classes of its card.
        """
        with self.plugin.guarded("was asked to score images"):
            scores = self.judge.score(images)
            fit = len(scores) == len(images) and all(
                one.values is None or set(one.values) == set(self.card.classes) for one in scores
            )
        if not fit:
            raise self.plugin.problem(f"gave no score with the classes of its card for each of {len(images)} images")
        return tuple(scores)


def load_plugin_judge(
    plugin: Plugin, load: Callable[[str, JudgeSettings], Judge], target: str, settings: JudgeSettings
) -> PluginJudge:
    """Load a judge of another package.

    Args:
        plugin: Where it comes from.
        load: Of its ``JudgeKind``.
        target: What stands behind the first colon of its name.
        settings: What judges are loaded with.

    Raises:
        PluginProblem: If it cannot be loaded, or has no card, or one of another name or without a digest.
    """
    with plugin.guarded("was to be loaded"):
        judge = load(target, settings)
        card = judge.card
        if not isinstance(card, JudgeCard):
            raise TypeError(f"its card is {type(card).__name__}, where a JudgeCard is expected")
    if card.name.partition(":")[0] != plugin.name or not _DIGEST.fullmatch(card.digest) or not card.asks:
        raise plugin.problem("has a card of another name, without a SHA-256, or that answers nothing")
    return PluginJudge(plugin=plugin, judge=judge, card=replace(card, origin=plugin.origin))
