"""Do two arms come to the same verdicts? One judge reads their images, and each prompt gets what most seeds show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from jaxtyping import Float, UInt8

from audit.judges.judge_protocol import Judge
from audit.lenses.common.verdicts import READ_FROM, SEEN_CLASSES
from tests.benchmarks.headline import Ranged, over_prompts

UNDETERMINED: Final = len(SEEN_CLASSES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Shares of prompts with equal verdicts, with intervals."""

    all_seeds: Ranged
    """Both arms, each over all its seeds."""
    other_seeds: Ranged | None
    """One half of the one arm's seeds against the other half of the other's, both ways round."""


def class_scores(judge: Judge, images: UInt8[np.ndarray, "prompts seeds 3 side side"]) -> np.ndarray:
    """Return the judge's scores of woman, man, mixed and no person, shape (prompts, seeds, 4); NaN if unscored."""
    lead = images.shape[:2]
    scores = judge.score(torch.from_numpy(images.reshape(-1, *images.shape[2:])))
    nothing = [float("nan")] * len(SEEN_CLASSES)
    rows = [[one.values[name] for name in SEEN_CLASSES] if one.values else nothing for one in scores]
    return np.array(rows).reshape(*lead, len(SEEN_CLASSES))


def majority(scores: Float[np.ndarray, "prompts seeds classes"]) -> np.ndarray:
    """Return the verdict of each prompt: the class that most seeds show, the likelier one of those that tie.

    A seed shows its likeliest class, or is undetermined where no class comes to one half, as in an audit.
    """
    known = np.nan_to_num(scores, nan=0.0)
    likeliest = known.argmax(axis=2)
    each = np.where(known.max(axis=2) >= READ_FROM, likeliest, UNDETERMINED)
    votes = np.stack([(each == one).sum(axis=1) for one in range(UNDETERMINED + 1)], axis=1).astype(float)
    votes[:, :UNDETERMINED] += 0.5 * known.mean(axis=1)  # less than one vote: it breaks ties and nothing else
    return votes.argmax(axis=1)


def agreement(one: np.ndarray, other: np.ndarray, picks: np.ndarray) -> Agreement:
    """Return how often two arms agree on a prompt, from their class scores; an arm with itself is its own yardstick."""
    same = (majority(one) == majority(other)).astype(float)
    halves = crossed(one, other)
    return Agreement(
        all_seeds=over_prompts(same, _mean, picks),
        other_seeds=None if halves is None else over_prompts(halves, _mean, picks),
    )


def agreement_lost(one: np.ndarray, yardstick: np.ndarray, picks: np.ndarray) -> Ranged | None:
    """Return how much more often the yardstick agrees with itself under other seeds than the arm agrees with it."""
    with_it, with_itself = crossed(one, yardstick), crossed(yardstick, yardstick)
    if with_it is None or with_itself is None:
        return None
    return over_prompts(with_itself - with_it, _mean, picks)


def crossed(one: np.ndarray, other: np.ndarray) -> Float[np.ndarray, " prompts"] | None:
    """Return, for each prompt, how often the halves agree: the first of one arm with the second of the other, and back.

    ``None`` where there is one seed only.
    """
    half = one.shape[1] // 2
    if half == 0:
        return None
    there = majority(one[:, :half]) == majority(other[:, half : 2 * half])
    back = majority(one[:, half : 2 * half]) == majority(other[:, :half])
    return (there.astype(float) + back.astype(float)) / 2


def _mean(values: np.ndarray) -> float:
    return float(values.mean())
