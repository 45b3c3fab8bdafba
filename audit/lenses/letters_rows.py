"""The images of a suite with what judges say of letters in them: one that reads, or one of labels that sees writing."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from audit.evidence import Evidence
from audit.lenses.common.labelled import Labelled
from audit.lenses.common.matches import Matches, match_references
from audit.lenses.common.protocol import WHOLE_SUITE, MetricCard, Subject
from audit.lenses.common.verdicts import (
    UNDETERMINED,
    judges_asking,
    missing_note,
    names,
    not_usable,
    plain_images,
    suites_with_subjects,
    with_scores,
)
from audit.lenses.letters_metrics import EXCESS, OWN_EXCESS, OWN_SHARE, SEEN_EXCESS, SEEN_SHARE, SHARE

WRITTEN: Final = "written"
"""The answer to the first question of a suite of this lens that says that something is written."""

RUN: Final = 3
"""Letters in a row that two texts have to share."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LettersPool:
    """The images of one suite as one judge sees them."""

    judge: str
    primary: bool
    suite: str
    rows: pd.DataFrame
    """Subjects and references with ``usable`` and ``shown``, 1.0 where there is text; where the judge reads, also with
    ``read``, ``own`` (1.0 where it is of the prompt) and ``over`` (less the share of other concepts of which it is)."""
    share: MetricCard
    excess: MetricCard
    matches: Matches

    @property
    def reads(self) -> bool:
        """Whether the judge reads what is written."""
        return self.share is SHARE

    @property
    def columns(self) -> tuple[tuple[str, MetricCard], ...]:
        """The columns that have a mean, and the metric that this is."""
        own = (("own", OWN_SHARE), ("over", OWN_EXCESS)) if self.reads else ()
        return (("shown", self.share), *own)

    @property
    def subjects(self) -> dict[str, pd.DataFrame]:
        """The images of the subjects, of all and of each group where there is more than one."""
        rows = self.rows[self.rows["role"] == "subject"]
        wholes = {WHOLE_SUITE: rows}
        if rows["group"].nunique() > 1:
            groups = rows[rows["group"] != ""].groupby("group", sort=True)
            wholes |= {f"group:{group}": its for group, its in groups}
        return wholes

    def references(self, subjects: Iterable[str]) -> pd.DataFrame:
        """Return the usable images of what some subjects are compared with."""
        matched = {name for subject in subjects for name in self.matches.of.get(subject, ())}
        rows = self.rows[(self.rows["role"] == "reference") & self.rows["concept"].isin(sorted(matched))]
        return rows[rows["usable"]]

    def about(self, name: str, rows: pd.DataFrame) -> Subject:
        """Return what findings about some images share."""
        note = missing_note(rows, self.judge)
        return Subject(lens="letters", suite=self.suite, name=name, n_unscored=not_usable(rows), note=note)


def runs_of(text: str) -> frozenset[str]:
    """Return every three letters that stand in a row in a word of ``text``, without case and accents.

    Example:
        >>> sorted(runs_of("a Café"))
        ['afe', 'caf']
    """
    plain = unicodedata.normalize("NFKD", text.casefold())
    words = re.findall(r"[^\W\d_]+", "".join(sign for sign in plain if not unicodedata.combining(sign)))
    return frozenset(word[start : start + RUN] for word in words for start in range(len(word) - RUN + 1))


def pools_read(evidence: Evidence) -> Iterator[LettersPool]:
    """Return what every judge that reads finds in every suite."""
    for number, judge in enumerate(judges_asking(evidence, "letters")):
        column = str(evidence.judges[judge].text)
        every = with_scores(plain_images(evidence), evidence.scores[judge], ["boxes", column])
        every = every.rename(columns={column: "read"}).assign(shown=(every["boxes"] >= 1).astype(float))
        for suite in suites_with_subjects(evidence):
            rows = _with_own(_asked(every[every["suite"] == suite]))
            yield _make_pool(judge, suite, rows, primary=number == 0, cards=(SHARE, EXCESS))


def pools_seen(asked: Sequence[Labelled]) -> Iterator[LettersPool]:
    """Return what every judge of labels says of the suites that ask whether anything is written."""
    for labelled in asked:
        answer = labelled.rows["answer"]
        rows = labelled.rows.assign(usable=answer != UNDETERMINED, shown=(answer == WRITTEN).astype(float))
        cards = (SEEN_SHARE, SEEN_EXCESS)
        yield _make_pool(labelled.judge, labelled.suite, _asked(rows), primary=labelled.primary, cards=cards)


def _asked(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["role"].isin(["subject", "reference"])]


def _make_pool(
    judge: str, suite: str, rows: pd.DataFrame, *, primary: bool, cards: tuple[MetricCard, MetricCard]
) -> LettersPool:
    concepts = rows.drop_duplicates(["role", "concept"])
    references = concepts[(concepts["role"] == "reference") & ~_known_written(concepts)]
    matches = match_references(concepts[concepts["role"] == "subject"], references)
    return LettersPool(
        judge=judge, primary=primary, suite=suite, rows=rows, share=cards[0], excess=cards[1], matches=matches
    )


def _known_written(rows: pd.DataFrame) -> pd.Series[bool]:
    """Tell which references are there to show what writing looks like; nothing is compared with them."""
    return rows["known"] == WRITTEN if "known" in rows else pd.Series(data=False, index=rows.index)


def _with_own(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the images with ``own``, whether their letters are of their prompt, and ``over``, less that of others."""
    wording = rows.drop_duplicates("prompt_id")
    runs = {text: runs_of(text) for text in set(names(wording, "text"))}
    beside: dict[tuple[str, str], dict[str, str]] = {}
    for role, template, concept, text in zip(
        *(names(wording, column) for column in ("role", "template", "concept", "text")), strict=True
    ):
        beside.setdefault((role, template), {})[concept] = text
    own, over = [], []
    columns = ("role", "template", "concept", "text")
    for role, template, concept, text, read in zip(
        *(names(rows, column) for column in columns), rows["read"].fillna(""), strict=True
    ):
        seen = runs_of(str(read))
        rest = [float(bool(seen & runs[other])) for name, other in beside[role, template].items() if name != concept]
        own.append(float(bool(seen & runs[text])))
        over.append(own[-1] - math.fsum(rest) / len(rest) if rest else math.nan)
    return rows.assign(own=np.array(own, dtype=float), over=np.array(over, dtype=float))
