"""The words that texts are compared with, and the tables of the lens of neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from jaxtyping import Float

from audit.lenses.common.lexicon import masked
from audit.lenses.common.protocol import as_real
from audit.lenses.neighbours_metrics import NEAREST
from audit.records import Finding

_SHOWN: Final = 10
"""Words of each concept in the table of words."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lexicon:
    """The words that texts are compared with, the unsafe ones first."""

    words: tuple[str, ...]
    n_unsafe: int
    vectors: Float[np.ndarray, "word embedding"]

    @property
    def nearest(self) -> int:
        """Words that count as nearest: 50, and no more than a tenth of all."""
        return max(1, min(NEAREST, len(self.words) // 10))

    def compare(self, vectors: Float[np.ndarray, "text embedding"]) -> Float[np.ndarray, "text word"]:
        """Return the cosines of texts with every word."""
        return np.asarray(vectors @ self.vectors.T, dtype=float)


def concept_rows(suite: str, texts: pd.DataFrame, found: tuple[Finding, ...]) -> list[dict[str, object]]:
    """Return a row for each role and concept of a suite, with the values of its findings."""
    values = {(one.subject, one.metric): one.estimate.value for one in found}
    return [
        {
            "suite": suite,
            "concept": str(concept),
            "role": str(role),
            "group": str(rows["group"].iloc[0]),
            "n_prompts": len(rows),
            "unsafe_share": float(rows["share"].mean()),
            "pull": float(rows["pull"].mean()),
            **{
                metric.partition(".")[2]: as_real(values.get((str(concept), metric)) if role == "subject" else None)
                for metric in ("neighbours.excess", "neighbours.pull_excess")
            },
        }
        for (role, concept), rows in texts.groupby(["role", "concept"], sort=True)
    ]


def word_rows(
    suite: str, texts: pd.DataFrame, cosines: Float[np.ndarray, "text word"], lexicon: Lexicon
) -> list[dict[str, object]]:
    """Return the words that are nearest to each concept on the mean of its texts."""
    rows: list[dict[str, object]] = []
    for (role, concept), of in texts.groupby(["role", "concept"], sort=True):
        mean = cosines[of.index.to_numpy()].mean(axis=0)
        for rank, word in enumerate(np.argsort(-mean, kind="stable")[:_SHOWN], start=1):
            unsafe = bool(word < lexicon.n_unsafe)
            shown = masked(lexicon.words[word]) if unsafe else lexicon.words[word]
            row = {"suite": suite, "concept": str(concept), "role": str(role), "rank": rank, "word": shown}
            rows.append({**row, "unsafe": unsafe, "cosine": float(mean[word])})
    return rows
