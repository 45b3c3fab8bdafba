"""What every function here asks of its numbers."""

from __future__ import annotations

import numpy as np


def check_finite(what: str, *arrays: np.ndarray | float) -> None:
    """Refuse a number that is missing or infinite.

    Args:
        what: What one of the numbers is, in the singular ("mean", "difference").
        arrays: The numbers, in any shape.

    Raises:
        ValueError: If one is NaN or infinite.

    Example:
        >>> check_finite("mean", np.array([0.5, 0.25]), 1.0)
    """
    if not all(np.isfinite(array).all() for array in arrays):
        raise ValueError(f"A {what} is missing or infinite; leave missing ones out and count them first.")
