"""What the validation study measures on a table of planted and measured values, what is asked, and what was missed.

The table has a row for every training, audit seed, judge and concept: ``kind`` (lean or rate), ``planted``, ``value``,
``low`` and ``high`` as the audit has them, and ``text``, the place of the checkpoint's own text.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import chdtri
from scipy.stats import spearmanr

from audit.phantom.planted import CLEAR_MAN, CLEAR_WOMAN
from audit.stats import cluster_mean, cluster_share, wilson

NEUTRAL = {"lean": 0.5, "rate": 0.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One thing that is asked, and what was measured of it."""

    asked: str
    measured: float | None
    low: float | None
    high: float | None
    n: int
    trainings: int
    bound: str = ""
    met: bool | None = None
    """Whether the measured value keeps to the bound; ``None`` where nothing is asked or nothing was measured."""


def lines(table: pd.DataFrame, asked: Mapping[str, float]) -> list[Line]:
    """Return everything that the study asks, of the rows of one judge."""
    leans, rates = table[table["kind"] == "lean"], table[table["kind"] == "rate"]
    every, clear = leans, leans[(leans["planted"] <= CLEAR_WOMAN) | (leans["planted"] >= CLEAR_MAN)]
    leans, rates = _with_interval(leans), _with_interval(rates)
    even, still = leans[leans["planted"] == NEUTRAL["lean"]], rates[rates["planted"] == NEUTRAL["rate"]]
    towards = np.where(clear["planted"] > NEUTRAL["lean"], 1.0, -1.0)
    far = asked["smallest_effect"]
    told = leans[leans["text"].notna()]
    return [
        _share(
            "nothing planted: leans whose interval leaves out 0", even, outside(even, 0.0), most=asked["false_leans"]
        ),
        _share(
            "no unclothed picture: rates above their references", still, still["low"] > 0, most=asked["false_rates"]
        ),
        _share(
            f"nothing planted: leans beyond {far:g} with their whole interval",
            even,
            (even["low"] > far) | (even["high"] < -far),
            most=asked["beyond"],
        ),
        _share(
            "intervals that hold the place of the checkpoint's own text",
            told,
            ~outside(told, told["text"]),
            least=asked["coverage"],
        ),
        _share("clearly planted: found on its side", clear, _beyond_zero(clear, towards), least=asked["found"]),
        _share(
            "clearly planted: found on the other side", clear, _beyond_zero(clear, -towards), most=asked["reversed"]
        ),
        _order(every, least=asked["order"]),
        _share(
            "leans without an interval, which say nothing of the first, third and fourth line", every, ~_known(every)
        ),
    ]


def outside(rows: pd.DataFrame, truth: object) -> pd.Series:
    """Whether the interval of each row leaves out the truth."""
    return (rows["low"] > truth) | (rows["high"] < truth)


def _known(rows: pd.DataFrame) -> pd.Series:
    return rows["low"].notna() & rows["high"].notna()


def _with_interval(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that have an interval: one that was not read raises no false alarm, and shows nothing by it."""
    return rows[_known(rows)]


def _beyond_zero(rows: pd.DataFrame, side: np.ndarray) -> pd.Series:
    return ((side > 0) & (rows["low"] > 0)) | ((side < 0) & (rows["high"] < 0))


def _share(
    asked: str, rows: pd.DataFrame, hits: pd.Series, *, most: float | None = None, least: float | None = None
) -> Line:
    asks = most is not None or least is not None
    bound = "-" if not asks else f"at most {most:g}" if most is not None else f"at least {least:g}"
    trainings = int(rows["training"].nunique())
    if not len(rows):
        return Line(asked=asked, measured=None, low=None, high=None, n=0, trainings=0, bound=bound)
    value = float(hits.mean())
    if trainings > 1:
        found: Any = cluster_share(
            hits.to_numpy(dtype=float), list(rows["training"]), unit="trainings", replicates_count=True
        )
    else:
        found = wilson(int(hits.sum()), len(hits))
    met = None if not asks else value <= most if most is not None else value >= float(least or 0.0)
    return Line(
        asked=asked,
        measured=value,
        low=found.low,
        high=found.high,
        n=len(rows),
        trainings=trainings,
        bound=bound,
        met=met,
    )


def _order(leans: pd.DataFrame, *, least: float) -> Line:
    found = {}
    for (training, _seed), rows in leans.groupby(["training", "audit_seed"], sort=True):
        known = rows.dropna(subset=["value"])
        if known["planted"].nunique() > 1 and len(known) > 2:
            found.setdefault(training, []).append(float(spearmanr(known["planted"], known["value"]).statistic))
    means = {training: float(np.mean(each)) for training, each in found.items()}
    mean = cluster_mean(np.array(list(means.values()), dtype=float), list(means), bounds=(-1.0, 1.0), unit="trainings")
    return Line(
        asked="order of planted and measured (Spearman, mean of trainings)",
        measured=mean.value,
        low=mean.low,
        high=mean.high,
        n=len(means),
        trainings=len(means),
        bound=f"at least {least:g}",
        met=None if mean.value is None else mean.value >= least,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One part of the variance of a lean, as a standard deviation with an interval of 95 %."""

    name: str
    sd: float
    low: float
    high: float
    freedom: float


def components(leans: pd.DataFrame) -> list[Component]:
    """Return by what the leans of a crossed study differ, less the place of each checkpoint's own text.

    Model: ``y - text = m_j + a_k + b_kj + c_ks + e_kjs`` for a concept of a training k, a judge j and an audit seed s:
    what stays with judge and seed, what a judge adds to a concept, what a seed adds, and the rest. A judge's own mean
    m_j is taken off. In a complete design the moments of the analysis of variance are the estimates of REML where all
    lie above 0; below 0 they are given as 0. Intervals after Satterthwaite, of the chi-squared distribution.
    Source: Searle, Casella and McCulloch (1992), Variance Components, chapter 4.

    Args:
        leans: Rows with ``training``, ``concept``, ``judge``, ``audit_seed``, ``value`` and ``text``. Concepts without
            a value for every judge and seed are left out.
    """
    known = leans.assign(error=leans["value"] - leans["text"], cell=leans["training"] + "/" + leans["concept"])
    cube = known.pivot_table(index="cell", columns=["judge", "audit_seed"], values="error").dropna()
    judges, seeds = known["judge"].nunique(), known["audit_seed"].nunique()
    if len(cube) < 3 or judges < 2 or seeds < 2 or cube.shape[1] != judges * seeds:
        return []
    y = cube.to_numpy().reshape(len(cube), judges, seeds)
    cells = len(cube)
    y = y - y.mean(axis=(0, 2), keepdims=True)
    by_cell, by_judge, by_seed = y.mean(axis=(1, 2)), y.mean(axis=2), y.mean(axis=1)
    interaction = by_judge - by_cell[:, None]
    seeded = by_seed - by_cell[:, None]
    rest = y - by_judge[:, :, None] - by_seed[:, None, :] + by_cell[:, None, None]
    freedom = {
        "cell": cells - 1,
        "judge": (cells - 1) * (judges - 1),
        "seed": cells * (seeds - 1),
        "rest": cells * (judges - 1) * (seeds - 1),
    }
    square = {
        "cell": judges * seeds * float((by_cell**2).sum()) / freedom["cell"],
        "judge": seeds * float((interaction**2).sum()) / freedom["judge"],
        "seed": judges * float((seeded**2).sum()) / freedom["seed"],
        "rest": float((rest**2).sum()) / freedom["rest"],
    }
    parts = {
        "concept and training, whoever judges": ({"cell": 1, "judge": -1, "seed": -1, "rest": 1}, judges * seeds),
        "what a judge adds to a concept": ({"judge": 1, "rest": -1}, seeds),
        "what an audit seed adds to a concept": ({"seed": 1, "rest": -1}, judges),
        "the rest: judge, seed and images": ({"rest": 1}, 1),
    }
    return [_component(name, signs, divisor, square, freedom) for name, (signs, divisor) in parts.items()]


def _component(
    name: str, signs: Mapping[str, int], divisor: int, square: Mapping[str, float], freedom: Mapping[str, int]
) -> Component:
    variance = max(0.0, sum(sign * square[key] for key, sign in signs.items()) / divisor)
    doubt = sum((square[key] / divisor) ** 2 / freedom[key] for key in signs)
    degrees = max(1.0, variance**2 / doubt) if doubt > 0 else 1.0
    low, high = (math.sqrt(degrees * variance / float(chdtri(degrees, tail))) for tail in (0.025, 0.975))
    return Component(name=name, sd=math.sqrt(variance), low=low, high=high, freedom=degrees)


def markdown(rows: list[Line]) -> str:
    """Return the lines as a table of Markdown; what was missed is marked."""
    text = ["| asked | bound | measured | interval | n, in trainings | |", "|---|---|---|---|---|---|"]
    for row in rows:
        value = "not measured" if row.measured is None else f"{row.measured:.3f}"
        ends = "-" if row.low is None or row.high is None else f"{row.low:.2f} to {row.high:.2f}"
        told = {True: "met", False: "**missed**", None: "-"}[row.met]
        text.append(f"| {row.asked} | {row.bound} | {value} | {ends} | {row.n} in {row.trainings} | {told} |")
    return "\n".join(text)


def appendix_sentence(rows: list[Line]) -> str:
    """Return the lines that have a bound as one sentence for the appendix of a report."""
    told = {True: "met", False: "missed", None: "not decided"}
    said = [
        f"{row.asked}: {'not measured' if row.measured is None else f'{row.measured:.3f}'}"
        + ("" if row.low is None or row.high is None else f" ({row.low:.2f} to {row.high:.2f})")
        + f", {row.bound}: {told[row.met]}"
        for row in rows
        if row.met is not None
    ]
    return f"Independent study, {'; '.join(said)}."


def components_markdown(found: list[Component]) -> str:
    text = ["| leans less the place of their text differ by | standard deviation | interval | degrees of freedom |"]
    text.append("|---|---|---|---|")
    text += [f"| {one.name} | {one.sd:.3f} | {one.low:.3f} to {one.high:.3f} | {one.freedom:.0f} |" for one in found]
    return "\n".join(text)
