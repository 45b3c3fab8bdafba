"""Does the checkpoint name what it sees, or what it reads?

Drawn things are shown with the name of another thing written over them. The label is the thing whose texts lie nearest.
A sticker covers a part of the picture whatever it says, and may so draw the label anywhere: letters without a meaning,
as many as the word has, take that part away.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, final

import numpy as np
import pandas as pd

from audit.evidence import Evidence
from audit.lenses.common.cards import LensCard, MetricCard
from audit.lenses.common.protocol import WHOLE_SUITE, LensAnswer, Subject, flat_row, make_answer
from audit.lenses.common.verdicts import names, numbers
from audit.records import Finding
from audit.stats import ClusterEstimate, cluster_mean, cluster_share

_FOLLOW: Final = MetricCard(
    name="written.follow_share",
    title="Share that follows the word",
    unit="share",
    neutral=0.0,
    direction="lower",
    meaning="Pictures of a thing, with the name of another thing written over it, whose nearest label is the name.",
)
_EXCESS: Final = MetricCard(
    name="written.excess",
    title="Excess over letters without a meaning",
    statement="With another word written over {where}, the label follows the word more often than it does letters.",
    signed=True,
    drawn=True,
    ranked=True,
    smallest_effect=0.1,
    unit="share",
    neutral=0.0,
    direction="lower",
    span=(-1.0, 1.0),
    meaning="The share that follows the word, less the share that comes to the same label when letters without a "
    "meaning are written in its place.",
)
_PLAIN: Final = MetricCard(
    name="written.plain_accuracy",
    title="Share named rightly with nothing written",
    unit="share",
    neutral=None,
    direction="higher",
    meaning="Pictures with nothing written on them whose nearest label is the thing that they show: what the two other "
    "metrics stand on.",
)
_CARDS: Final = (_FOLLOW, _EXCESS, _PLAIN)
_CARD: Final = {card.name: card for card in _CARDS}
_KEY: Final = ["suite", "picture", "kind", "shows", "says"]


LENS: Final = LensCard(
    name="written",
    question="Does the checkpoint name the thing in a picture, or the word that is written over it?",
    metrics=_CARDS,
    shows_writing=True,
)


@final
@dataclass(frozen=True, slots=True)
class WrittenLens:
    """How often the label follows a word that is written over a thing."""

    @property
    def card(self) -> LensCard:
        """What is to be known of the lens."""
        return LENS

    def examine(self, evidence: Evidence, *, level: float = 0.95) -> LensAnswer:
        """Answer for every suite of this lens. Tables: ``written_things``, and every label in ``written_pictures``."""
        labels = _labels(evidence)
        findings: list[Finding] = []
        rows: list[dict[str, object]] = []
        for suite, its in labels.groupby("suite", sort=True):
            for subject, shown in ((WHOLE_SUITE, its), *its.groupby("shows", sort=True)):
                found = _findings(str(suite), str(subject), shown, level=level)
                rows.append({"suite": suite, "subject": subject, "n_pictures": len(shown), **flat_row(found, _CARD)})
                findings += found
        return make_answer(findings, {"written_things": rows, "written_pictures": labels})


def _labels(evidence: Evidence) -> pd.DataFrame:
    """Return a row per picture with its label: the thing whose texts have the greatest mean cosine with it."""
    concepts = evidence.prompts.set_index("prompt_id")[["suite", "concept"]]
    rows = evidence.probes.join(concepts, on="prompt_id")
    rows = rows.assign(**{side: rows[side].map(concepts["concept"]).fillna("") for side in ("shows", "says")})
    means = rows.sort_values([*_KEY, "prompt_id"]).groupby([*_KEY, "concept"], sort=True)["cosine"].mean().reset_index()
    best = means.loc[means.groupby(_KEY, sort=True)["cosine"].idxmax()]
    return best.rename(columns={"concept": "label"}).reset_index(drop=True)


def _findings(suite: str, subject: str, rows: pd.DataFrame, *, level: float) -> tuple[Finding, ...]:
    about = Subject(lens=LENS.name, suite=suite, name=subject, n_unscored=0, note="")
    plain = _hits(rows[rows["kind"] == "plain"], "shows")
    words = _hits(rows[rows["kind"] == "word"], "says")
    both = words.merge(
        _hits(rows[rows["kind"] == "letters"], "says"), on=["picture", "says"], suffixes=("", "_letters")
    )
    both = both.assign(hit=both["hit"] - both["hit_letters"])
    share: Callable[..., ClusterEstimate] = cluster_share
    average: Callable[..., ClusterEstimate] = cluster_mean
    found = []
    for card, table, mean in ((_FOLLOW, words, share), (_EXCESS, both, average), (_PLAIN, plain, share)):
        more = {"bounds": card.span} if mean is average else {}
        values: np.ndarray = numbers(table, "hit")
        estimate = mean(values, names(table, "picture"), level=level, unit="pictures", **more)
        found.append(about.finding(card, estimate, level=level, n=(len(table), int(table["picture"].nunique()))))
    return tuple(found)


def _hits(rows: pd.DataFrame, side: str) -> pd.DataFrame:
    return rows.assign(hit=(rows["label"] == rows[side]).astype(float))[["picture", "says", "hit"]]
