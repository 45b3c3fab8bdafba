"""Averages in which each group weighs the same, however many values it has."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from audit.stats.intervals import check_finite


def singles(values: Sequence[object] | Float[np.ndarray, " n"]) -> list[str]:
    """Return a name for each value, where every one is a group by itself.

    Example:
        >>> singles([0.5, 0.5])
        ['0', '1']
    """
    return [str(number) for number in range(len(values))]


def group_means(values: Float[np.ndarray, " n"], groups: Sequence[str]) -> Float[np.ndarray, " groups"]:
    """Mean of the values of each group, in the alphabetical order of the groups.

    Sums are exactly rounded, so the order of the values changes no digit.

    Args:
        values: Finite numbers.
        groups: Name of the group of each value.

    Raises:
        ValueError: If the lengths differ or a value is not finite.

    Example:
        >>> group_means(np.array([1.0, 0.0, 1.0]), ["b", "b", "a"]).tolist()
        [1.0, 0.5]
    """
    if len(values) != len(groups):
        raise ValueError(f"Every value needs its group; got {len(values)} values and {len(groups)} groups.")
    check_finite("value", values)
    members: dict[str, list[float]] = defaultdict(list)
    for value, group in zip(values.tolist(), groups, strict=True):
        members[group].append(value)
    return np.array([math.fsum(members[group]) / len(members[group]) for group in sorted(members)], dtype=float)


def two_level_means(
    values: Float[np.ndarray, " n"], prompts: Sequence[str], concepts: Sequence[str]
) -> Float[np.ndarray, " concepts"]:
    """Mean of each concept, in alphabetical order: its values averaged by prompt first, then over its prompts.

    So each prompt weighs the same within its concept, however many of its images could be read. To average
    over a suite, hand the result to :func:`~audit.stats.clusters.cluster_mean` or
    :func:`~audit.stats.clusters.cluster_share` with one cluster per concept.

    Args:
        values: Finite numbers.
        prompts: Name of the prompt of each value; a prompt belongs to one concept.
        concepts: Name of the concept of each value.

    Raises:
        ValueError: If the lengths differ, a value is not finite, or a prompt belongs to two concepts.

    Example:
        >>> two_level_means(np.array([1.0, 1.0, 0.0, 0.0]), ["p", "p", "q", "r"], ["x", "x", "x", "y"]).tolist()
        [0.5, 0.0]
    """
    if len(prompts) != len(concepts):
        raise ValueError(f"Every prompt needs its concept; got {len(prompts)} prompts and {len(concepts)} concepts.")
    concept_of = dict(zip(prompts, concepts, strict=True))
    if any(concept_of[prompt] != concept for prompt, concept in zip(prompts, concepts, strict=True)):
        raise ValueError("A prompt belongs to two concepts; name prompts so that each belongs to one.")
    means = group_means(values, prompts)
    return group_means(means, [concept_of[prompt] for prompt in sorted(concept_of)])
