"""The figure: quality against image-gradients and against seconds, a row per checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from tests.benchmarks.arms import PUBLISHED
from tests.benchmarks.headline import medians, resample
from tests.benchmarks.results import ArmReadings, CheckpointResult

_COLOURS: Final = ("#222222", "#7a7a7a", "#b08a3c", "#1f6fb4", "#b4331f", "#3c8f5a", "#7a4fa3")
_BAND_DRAWS: Final = 300


def draw(results: Sequence[CheckpointResult], path: Path) -> None:
    """Write the figure; SVG or PNG, as the name of ``path`` says. Equal results make equal bytes."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.hashsalt": "clip-audit bench", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=(9, 3.4 * len(results)), layout="constrained")
        grid = figure.subplots(len(results), 2, squeeze=False, sharey="row")
        for row, result in zip(grid, results, strict=True):
            _panels(row, result)
        path.parent.mkdir(parents=True, exist_ok=True)
        dated = {"Date": None} if path.suffix == ".svg" else {}
        figure.savefig(path, metadata=dated, dpi=150)


def _panels(row: Sequence[Any], result: CheckpointResult) -> None:
    from matplotlib.ticker import NullFormatter

    by_price, by_seconds = row
    for colour, readings in zip(_COLOURS, result.arms.values(), strict=False):
        low, high = _band(readings)
        cost = result.costs.get(readings.arm.name)
        scales = [(by_price, 1.0)]
        if cost is not None:
            scales.append((by_seconds, float(np.median(cost.seconds))))
        for panel, scale in scales:
            across = [price * scale for price in readings.arm.prices]
            panel.fill_between(across, low, high, color=colour, alpha=0.15, linewidth=0)
            panel.plot(across, medians(readings.z), marker="o", ms=3, color=colour, label=readings.arm.label)
    for panel, name in ((by_price, "image-gradients"), (by_seconds, "seconds an image")):
        if panel.lines:
            panel.set_xscale("log")
            panel.xaxis.set_minor_formatter(NullFormatter())
        panel.set_xlabel(name)
        panel.grid(alpha=0.3)
        if PUBLISHED in result.arms:
            panel.axhline(medians(result.arms[PUBLISHED].z)[-1], color=_COLOURS[0], lw=0.8, ls=":")
    by_price.set_title(f"{result.name}, {result.architecture.partition(', text')[0]}", loc="left")
    by_price.set_ylabel("z by held-out judges (median)")
    by_price.legend(frameon=False, fontsize=8)


def _band(readings: ArmReadings) -> tuple[np.ndarray, np.ndarray]:
    draws = np.stack([medians(readings.z[rows]) for rows in resample(len(readings.z), _BAND_DRAWS)])
    low, high = np.quantile(draws, [0.025, 0.975], axis=0)
    return low, high
