"""What a share could be if every undetermined image had been determined."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from audit.records import Method
from audit.stats.intervals import Interval


def undetermined_bounds(
    hits: Float[np.ndarray, " prompts"],
    misses: Float[np.ndarray, " _"],
    undetermined: Float[np.ndarray, " _"],
) -> Interval | None:
    """Smallest and largest share of hits that any reading of the undetermined images allows.

    Formula: the mean over prompts of ``hits / n`` and of ``(hits + undetermined) / n``, where n is the sum of
    the three. No assumption is made about why an image is undetermined; the bounds carry no sampling error.
    Source: Manski (1990), American Economic Review 80(2):319-323; Horowitz and Manski (2000), JASA
    95(449):77-84, doi:10.1080/01621459.2000.10473902.

    Args:
        hits: Number of images per prompt that count.
        misses: Number of images per prompt that do not.
        undetermined: Number of images per prompt of which nobody can tell.

    Returns:
        Bounds in [0, 1], around the mean over prompts of ``hits / (hits + misses)``; ``None`` without images.

    Raises:
        ValueError: If the lengths differ, or a count is negative or not finite.

    Example:
        >>> found = undetermined_bounds(np.array([3.0, 1.0]), np.array([1.0, 1.0]), np.array([0.0, 2.0]))
        >>> found.low, found.high
        (0.5, 0.75)
    """
    if not len(hits) == len(misses) == len(undetermined):
        raise ValueError(f"One count of each kind per prompt; got {len(hits)}, {len(misses)}, {len(undetermined)}.")
    counts = np.stack([hits, misses, undetermined])
    if not (np.isfinite(counts).all() and (counts >= 0).all()):
        raise ValueError("Counts are finite and not negative; at least one is not.")
    total = counts.sum(axis=0)
    there = total > 0
    if not there.any():
        return None
    low = math.fsum(hits[there] / total[there]) / int(there.sum())
    high = math.fsum((hits + undetermined)[there] / total[there]) / int(there.sum())
    return Interval(low=low, high=high, method=Method.BOUNDS)
