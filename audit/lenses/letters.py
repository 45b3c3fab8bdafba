"""Are there letters in the pictures of a text, and are they those of the text itself?

Inversions of checkpoints that learnt from the web often hold written words: a text can be matched by the picture of its
letters. A judge that reads says of every image what stands there; where a suite of this lens asks a judge of labels
whether anything is written, its answers show writing that nobody could read. Both are compared with references of the
suite that name nothing written.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, final

import numpy as np
import pandas as pd

from audit.evidence import Evidence
from audit.lenses.common.cards import AnswersTable, LensCard, MetricCard
from audit.lenses.common.labelled import Labelled, estimate_rows, first_questions, labelled_suites, recognised_share
from audit.lenses.common.protocol import WHOLE_SUITE, LensAnswer, Subject, flat_row, make_answer
from audit.lenses.common.references import Matches, match_references
from audit.lenses.common.verdicts import (
    UNDETERMINED,
    judges_asking,
    missing_note,
    names,
    not_usable,
    numbers,
    plain_images,
    size,
    suites_with_subjects,
    with_scores,
)
from audit.records import ASKS_LETTERS, Finding
from audit.stats import (
    ClusterEstimate,
    cluster_mean,
    cluster_share,
    group_means,
    singles,
    two_level_means,
    welch_difference,
)

SHARE: Final = MetricCard(
    name="letters.share",
    title="Share with text to read",
    drawn=True,
    unit="share",
    neutral=0.0,
    direction="lower",
    meaning="Images in which a judge reads text: at least three letters or digits on one place. It means that signs "
    "are there to be read, not that the checkpoint can read. Letters drawn too badly to be read, as in the images of "
    "phantoms, are not counted. Over a suite, the mean over its subject concepts.",
)
EXCESS: Final = MetricCard(
    name="letters.excess",
    title="Excess of text over its references",
    statement="In the pictures of {where}, text can be read more often than in those of its references.",
    signed=True,
    ranked=True,
    smallest_effect=0.1,
    unit="share",
    neutral=0.0,
    direction="lower",
    span=(-1.0, 1.0),
    meaning="letters.share of the subjects less that of their references, which name nothing that is written: the "
    "matched concepts where the suite names them, else those of the same group, else all of the suite.",
)
OWN_SHARE: Final = MetricCard(
    name="letters.own_share",
    title="Share with text of the prompt",
    unit="share",
    neutral=0.0,
    direction="lower",
    meaning="Images in which the text that is read has three letters in a row of a word of the image's own prompt: the "
    "checkpoint matches the text with the picture of its letters.",
)
OWN_EXCESS: Final = MetricCard(
    name="letters.own_excess",
    title="Text of the prompt, over that of other prompts",
    statement="In the pictures of {where}, letters of the prompt's own words can be read.",
    signed=True,
    drawn=True,
    ranked=True,
    smallest_effect=0.1,
    unit="share",
    neutral=0.0,
    direction="lower",
    span=(-1.0, 1.0),
    meaning="letters.own_share less the share that the same rule gives with the prompts of the other concepts of the "
    "suite in the same sentence: what chance, and words that all prompts have, would give as well.",
)
SEEN_SHARE: Final = MetricCard(
    name="letters.seen_share",
    title="Share with writing, by likeness",
    drawn=True,
    unit="share",
    neutral=None,
    direction="lower",
    meaning="Images in which a judge of labels sees something written, readable or not, among those that it could "
    "tell. It means that they resemble pictures with writing more than the plain ones; no letter is read.",
)
SEEN_EXCESS: Final = MetricCard(
    name="letters.seen_excess",
    title="Excess of writing over its references",
    statement="The pictures of {where} look written on more often than those of its references.",
    signed=True,
    ranked=True,
    smallest_effect=0.1,
    unit="share",
    neutral=0.0,
    direction="lower",
    span=(-1.0, 1.0),
    meaning="letters.seen_share of the subjects less that of their references, which name nothing that is written.",
)
RECOGNISED: Final = MetricCard(
    name="letters.recognised_share",
    title="Known writing recognised",
    unit="share",
    neutral=None,
    direction="higher",
    meaning="Images whose answer is known, with writing or without, which the judge of labels reads as that; "
    "seen_share and seen_excess are worth no more than this.",
)
LETTERS_METRICS: Final = (SHARE, EXCESS, OWN_SHARE, OWN_EXCESS, SEEN_SHARE, SEEN_EXCESS, RECOGNISED)


_CARD: Final = {card.name: card for card in LETTERS_METRICS}


LENS: Final = LensCard(
    name="letters",
    question="Do the pictures of a text hold letters, and are they those of the text itself?",
    metrics=LETTERS_METRICS,
    asks=ASKS_LETTERS,
    judge="letters",
    answers=(
        AnswersTable(
            table="letters_read",
            is_read=True,
            answer="Text read",
            caption="Texts read most often in the pictures of the concepts of {suite}, as the judge spelt them.",
        ),
    ),
)


@final
@dataclass(frozen=True, slots=True)
class LettersLens:
    """How often images hold text, and how often it is the prompt's own."""

    but: Callable[[], Collection[str]] = tuple
    """Names the lenses whose suites are not read."""

    @property
    def card(self) -> LensCard:
        """What is to be known of the lens."""
        return LENS

    def examine(self, evidence: Evidence, *, level: float = 0.95) -> LensAnswer:
        """Answer for every suite with subjects by each judge that reads, and for the lens's own by judges of labels.

        Tables: ``letters_concepts`` (a row per judge, suite, role and concept) and ``letters_read`` (a row per text
        that was read in images of a subject).
        """
        findings: list[Finding] = []
        concept_rows: list[dict[str, object]] = []
        read_rows: list[dict[str, object]] = []
        asked = tuple(first_questions(labelled_suites(evidence, LENS.name)))
        for pool in (*pools_read(evidence, self.but()), *pools_seen(asked)):
            label: dict[str, object] = {"judge": pool.judge, "primary": pool.primary, "suite": pool.suite}
            for (role, concept), rows in pool.rows.groupby(["role", "concept"], sort=True):
                found = _concept_findings(pool, str(concept), str(role), rows, level=level)
                concept_rows.append({**label, **_counts(rows, str(concept), str(role)), **flat_row(found, _CARD)})
                findings += found if pool.primary and role == "subject" else ()
                read_rows += _read_rows(pool, label, str(concept), rows, level=level) if role == "subject" else ()
            for name, rows in pool.subjects.items() if pool.primary else ():
                findings += _suite_findings(pool, name, rows, level=level)
        findings += [_recognised(labelled, level=level) for labelled in asked if labelled.primary]
        return make_answer(findings, {"letters_concepts": concept_rows, "letters_read": read_rows})


def _concept_findings(
    pool: LettersPool, concept: str, role: str, rows: pd.DataFrame, *, level: float
) -> tuple[Finding, ...]:
    about, found = pool.about(concept, rows), []
    for column, card in pool.columns:
        used = _used(rows, column)
        mean = _mean(card, numbers(used, column), names(used, "prompt_id"), "prompts", level=level)
        found.append(about.finding(card, mean, level=level, n=size(used)))
    used, compared = _used(rows, "shown"), pool.references([concept])
    others = compared[compared["usable"]]
    if role == "reference" or not pool.matches.of[concept]:
        return tuple(found)
    means = [group_means(numbers(one, "shown"), names(one, "prompt_id")) for one in (used, others)]
    over = welch_difference(means[0], means[1], level=level, shares=True, trials=(len(used), len(others)))
    remark = f"Over {len(pool.matches.of[concept])} references, by prompts."
    n, asked = size(pd.concat([used, others])), len(rows) + len(compared)
    return (*found, about.finding(pool.excess, over, level=level, n=n, remark=remark, asked=asked))


def _suite_findings(pool: LettersPool, name: str, rows: pd.DataFrame, *, level: float) -> tuple[Finding, ...]:
    about, found = pool.about(name, rows), []
    for column, card in pool.columns:
        used = _used(rows, column)
        means = np.array([*_by_concept(used, column).values()], dtype=float)
        mean = _mean(card, means, singles(means), "concepts", level=level)
        found.append(about.finding(card, mean, level=level, n=size(used), remark="Mean over concepts."))
    subjects = sorted(set(names(rows, "concept")))
    if not any(pool.matches.of[subject] for subject in subjects):
        return tuple(found)
    used, compared = _used(rows, "shown"), pool.references(subjects)
    others = compared[compared["usable"]]
    over = _excess(pool, _by_concept(used, "shown"), _by_concept(others, "shown"), level=level)
    n, asked = size(pd.concat([used, others])), len(rows) + len(compared)
    return (*found, about.finding(pool.excess, over, level=level, n=n, asked=asked))


def _used(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    return rows[rows["usable"] & rows[column].notna()]


def _mean(card: MetricCard, values: np.ndarray, units: list[str], unit: str, *, level: float) -> ClusterEstimate:
    """Return the mean of shares, or of differences of shares, whichever the metric is."""
    if card.span == (0.0, 1.0):
        return cluster_share(values, units, level=level, unit=unit)
    return cluster_mean(values, units, level=level, bounds=card.span, unit=unit)


def _excess(
    pool: LettersPool, shown: Mapping[str, float], others: Mapping[str, float], *, level: float
) -> ClusterEstimate:
    """Compare concepts: in pairs where every subject has references of its own, else as two independent sets."""
    if not pool.matches.paired:
        one, two = (np.array([*side.values()], dtype=float) for side in (shown, others))
        return welch_difference(one, two, level=level, shares=True)
    pairs = {name: [others[one] for one in pool.matches.of[name] if one in others] for name in shown}
    over = np.array([shown[name] - math.fsum(its) / len(its) for name, its in pairs.items() if its], dtype=float)
    return _mean(pool.excess, over, singles(over), "matched pairs", level=level)


def _by_concept(used: pd.DataFrame, column: str) -> dict[str, float]:
    """Return the mean of each concept, every prompt weighing the same."""
    concepts = names(used, "concept")
    means = two_level_means(numbers(used, column), names(used, "prompt_id"), concepts)
    return dict(zip(sorted(set(concepts)), means.tolist(), strict=True))


def _recognised(labelled: Labelled, *, level: float) -> Finding:
    share, n = recognised_share(labelled, level=level)
    return labelled.about(LENS.name, WHOLE_SUITE, labelled.rows).finding(RECOGNISED, share, level=level, n=n)


def _counts(rows: pd.DataFrame, concept: str, role: str) -> dict[str, object]:
    used = rows[rows["usable"]]
    return {
        "concept": concept,
        "role": role,
        "n_prompts": int(rows["prompt_id"].nunique()),
        "n_images": len(rows),
        "n_used": len(used),
        "n_with_letters": int(used["shown"].sum()),
    }


def _read_rows(
    pool: LettersPool, label: Mapping[str, object], concept: str, rows: pd.DataFrame, *, level: float
) -> list[dict[str, object]]:
    """Return a row per text that was read in the images of a concept, with the share of images that hold it."""
    if not pool.reads:
        return []
    used = rows[rows["usable"]]
    texts = used["read"].astype(object)
    hits = {
        text: cluster_share((texts == text).to_numpy(dtype=float), names(used, "prompt_id"), level=level)
        for text in sorted(set(texts) - {""})
    }
    about = {**label, "question": ASKS_LETTERS, "concept": concept}
    return [{**about, **row} for row in estimate_rows(hits, size(used))]


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
        """Return the images of what some subjects are compared with."""
        matched = {name for subject in subjects for name in self.matches.of.get(subject, ())}
        return self.rows[(self.rows["role"] == "reference") & self.rows["concept"].isin(sorted(matched))]

    def about(self, name: str, rows: pd.DataFrame) -> Subject:
        """Return what findings about some images share."""
        note = missing_note(rows, self.judge)
        return Subject(lens=LENS.name, suite=self.suite, name=name, n_unscored=not_usable(rows), note=note)


def runs_of(text: str) -> frozenset[str]:
    """Return every three letters that stand in a row in a word of ``text``, without case and accents.

    Example:
        >>> sorted(runs_of("a Café"))
        ['afe', 'caf']
    """
    plain = unicodedata.normalize("NFKD", text.casefold())
    words = re.findall(r"[^\W\d_]+", "".join(sign for sign in plain if not unicodedata.combining(sign)))
    return frozenset(word[start : start + RUN] for word in words for start in range(len(word) - RUN + 1))


def pools_read(evidence: Evidence, but: Collection[str]) -> Iterator[LettersPool]:
    """Return what every judge that reads finds in every suite."""
    for number, judge in enumerate(judges_asking(evidence, ASKS_LETTERS)):
        column = str(evidence.judges[judge].text)
        every = with_scores(plain_images(evidence), evidence.scores[judge], ["boxes", column])
        every = every.rename(columns={column: "read"}).assign(shown=(every["boxes"] >= 1).astype(float))
        for suite in suites_with_subjects(evidence, but=but):
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
