"""What do the words alone associate, and do images add anything to it?

Two questions that need no image. Tests of a suite of this lens, in the manner of WEAT: do two sets of concepts differ
in how near they lie to two sets of attributes? And, for every suite whose subjects have a scale between man and woman:
where does the text itself lie on that scale? That is the counterpart of ``gender.lean`` in the text tower alone. Where
images were judged too, the rank agreement of the two says how much of the finding the words explain.

An entry of a suite that belongs to a test carries the facts ``test`` (its name), ``side`` ("first" or "second") and
``attributes`` (two groups, as "male, female"); entries of an attribute carry its name as their group.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, final

import numpy as np
import pandas as pd
from jaxtyping import Float

from audit.evidence import Evidence
from audit.lenses.common.cards import LensCard, MetricCard
from audit.lenses.common.leans import read_leans
from audit.lenses.common.protocol import WHOLE_SUITE, LensAnswer, Subject, as_real, corrected, make_answer
from audit.lenses.common.references import place_between
from audit.lenses.common.verdicts import judges_asking, names, numbers
from audit.records import ASKS_GENDER, GRADE, QUESTION, SCALE_OF, Finding
from audit.seeding import derive_seed
from audit.stats import (
    ClusterEstimate,
    cluster_mean,
    effect_size,
    group_means,
    spearman,
    t_test,
    two_level_means,
    two_sample_test,
)

ASSOCIATIONS_METRICS: Final = (
    MetricCard(
        name="associations.text_lean",
        title="Lean of the text alone",
        sides=("towards woman", "towards man"),
        neutral_word="parity",
        signed=True,
        drawn=True,
        unit="place on the scale",
        neutral=0.0,
        direction="neutral",
        span=(-1.5, 1.5),
        is_mean=False,
        unread="by share",
        reads="texts",
        meaning="Where the embedding of the concept's text lies between those of the texts that say woman (-1) and man "
        "(+1): the counterpart of gender.lean without any image. Over a suite, the mean over its concepts.",
    ),
    MetricCard(
        name="associations.effect_size",
        title="Association of word sets",
        statement="In words alone, before any picture: {note}.",
        signed=True,
        ranked=True,
        smallest_effect=0.2,
        unit="standard deviations",
        neutral=0.0,
        direction="neutral",
        span=(-2.0, 2.0),
        is_mean=False,
        reads="texts",
        meaning="How much nearer the first set of concepts lies to the first set of attributes than to the second, "
        "less the same of the second set of concepts, in standard deviations over all concepts (WEAT, on sentences "
        "as in SEAT). The subject 'group:NAME' is one test of a suite.",
    ),
    MetricCard(
        name="associations.image_agreement",
        title="Agreement of images with words",
        signed=True,
        unit="correlation",
        neutral=None,
        direction="higher",
        span=(-1.0, 1.0),
        is_mean=False,
        asks=ASKS_GENDER,
        meaning="Rank correlation over concepts of the lean of the texts with the lean of the images: near 1, images "
        "say the same as words.",
    ),
    MetricCard(
        name="associations.image_part",
        title="What words leave to images",
        unit="share",
        neutral=None,
        direction="lower",
        is_mean=False,
        asks=ASKS_GENDER,
        meaning="Share of the variance of the ranks of image leans that the ranks of text leans leave unexplained: the "
        "most that the image tower, the inversion and the judge together can add to the words.",
    ),
)


_CARD: Final = {card.name: card for card in ASSOCIATIONS_METRICS}
_SIDES: Final = ("first", "second")
_MOST_NAMED: Final = 3
"""Concepts of a set that a note names."""
_KEYS: Final = ("test", "side", "attributes")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Test:
    """One test of a suite: how much nearer each concept lies to the first attribute than to the second."""

    name: str
    first: Mapping[str, float]
    second: Mapping[str, float]
    n_prompts: int
    attributes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """Leans of the images of a suite by concept, and the images that they rest on."""

    leans: Mapping[str, float]
    n_images: int = 0
    n_asked: int = 0
    """Images that they would rest on if each could be read."""


LENS: Final = LensCard(
    name="associations",
    question="What do words alone put together, and do images add anything to it?",
    metrics=ASSOCIATIONS_METRICS,
)


@final
@dataclass(frozen=True, slots=True)
class AssociationsLens:
    """Tests of sets of words, and the lean of texts beside that of images."""

    @property
    def card(self) -> LensCard:
        """What is to be known of the lens."""
        return LENS

    def examine(self, evidence: Evidence, *, level: float = 0.95) -> LensAnswer:
        """Answer for every test of its suites, and for every suite with scales of gender whose texts were read.

        Tables: ``associations_tests`` (a row per test), ``associations_words`` (a row per test and concept) and
        ``associations_leans`` (a row per suite and concept: lean of the texts, and of the images where there are any).
        """
        findings: list[Finding] = []
        rows: dict[str, list[dict[str, object]]] = {"tests": [], "words": [], "leans": []}
        for suite, prompts in evidence.prompts[evidence.prompts["lens"] == LENS.name].groupby("suite", sort=True):
            tests = _read_tests(prompts[prompts["role"] == "text"], evidence)
            answered = tuple(_test_finding(str(suite), test, level=level) for test in tests)
            findings += answered
            for test, found in zip(tests, answered, strict=True):
                rows["tests"].append(_test_row(str(suite), test, found))
                rows["words"] += _word_rows(str(suite), test)
        leans = _text_leans(evidence)
        images = _image_leans(evidence, level=level)
        for suite, texts in leans.groupby("suite", sort=True):
            seen = images.get(str(suite), _Seen(leans={}))
            findings += _lean_findings(str(suite), texts, seen, level=level)
            rows["leans"] += _lean_rows(str(suite), texts, seen.leans)
        return make_answer(findings, {f"associations_{name}": found for name, found in rows.items()})


def _read_tests(prompts: pd.DataFrame, evidence: Evidence) -> tuple[_Test, ...]:
    if prompts.empty:
        return ()
    prompts = prompts.sort_values(["concept", "prompt_id"], ignore_index=True)
    facts = prompts["facts"].map(json.loads)
    prompts = prompts.assign(**{name: facts.map(lambda fact, name=name: str(fact.get(name, ""))) for name in _KEYS})
    vectors = evidence.texts.of(names(prompts, "text")).astype(float)
    means = {
        str(group): vectors[rows.index.to_numpy()].mean(axis=0) for group, rows in prompts.groupby("group", sort=True)
    }
    tests = []
    for name, rows in prompts[prompts["test"] != ""].groupby("test", sort=True):
        attributes = tuple(part.strip() for part in str(rows["attributes"].iloc[0]).split(","))
        if len(attributes) != len(_SIDES) or not set(attributes) <= means.keys():
            continue
        nearer = vectors[rows.index.to_numpy()] @ (means[attributes[0]] - means[attributes[1]])
        measured = rows.assign(nearer=nearer)
        first, second = (_by_concept(measured[measured["side"] == side], "nearer") for side in _SIDES)
        tests.append(_Test(name=str(name), first=first, second=second, n_prompts=len(rows), attributes=attributes))
    return tuple(tests)


def _by_concept(rows: pd.DataFrame, column: str) -> dict[str, float]:
    means = two_level_means(numbers(rows, column), names(rows, "prompt_id"), names(rows, "concept"))
    return dict(zip(sorted(set(names(rows, "concept"))), means.tolist(), strict=True))


def _test_finding(suite: str, test: _Test, *, level: float) -> Finding:
    first, second = _array(test.first), _array(test.second)
    rng = np.random.default_rng(derive_seed(LENS.name, suite, test.name))
    chance = two_sample_test(first, second, rng=rng, alternative="greater")
    about = Subject(
        lens=LENS.name,
        suite=suite,
        name=f"group:{test.name}",
        n_unscored=0,
        note=f"{_in_words(test)}.",
    )
    found = about.finding(
        _CARD["associations.effect_size"],
        effect_size(first, second, level=level),
        level=level,
        n=(0, test.n_prompts),
        remark=f"p: {chance.method}, one-sided.",
    )
    return replace(found, p_value=chance.p_value)


def _in_words(test: _Test) -> str:
    """Say what a test compares and which way it came out."""
    first, second = (_array(side) for side in (test.first, test.second))
    if not (len(first) and len(second)):
        return f"{len(first)} and {len(second)} concepts, between {' and '.join(test.attributes)}"
    near, far = test.attributes if first.mean() >= second.mean() else test.attributes[::-1]
    return f"{_listed(test.first)} go with “{near}” rather than “{far}”, compared with {_listed(test.second)}"


def _listed(concepts: Mapping[str, float]) -> str:
    """Name the concepts of a set, three at most."""
    shown = list(concepts) if len(concepts) <= _MOST_NAMED else list(concepts)[: _MOST_NAMED - 1]
    more = len(concepts) - len(shown)
    listed = [", ".join(shown), f"{more} more"] if more else [", ".join(shown[:-1]), shown[-1]]
    return " and ".join(filter(None, listed))


def _text_leans(evidence: Evidence) -> pd.DataFrame:
    """Return a row per subject prompt with a scale of gender: suite, concept, prompt_id and lean."""
    prompts = evidence.prompts
    marked = prompts[prompts["role"] == "explicit"]
    facts = [json.loads(text) for text in marked["facts"]]
    ends = pd.DataFrame(
        {
            "prompt_id": [str(fact.get(SCALE_OF, "")) for fact in facts],
            "grade": [float(fact.get(GRADE, np.nan)) for fact in facts],
            "text": names(marked, "text"),
        }
    )[np.array([fact.get(QUESTION) == ASKS_GENDER for fact in facts], dtype=bool)]
    wide = ends.pivot_table(index="prompt_id", columns="grade", values="text", aggfunc="first")
    subjects = prompts[(prompts["role"] == "subject") & prompts["prompt_id"].isin(wide.index)]
    subjects = subjects.sort_values(["suite", "concept", "prompt_id"], ignore_index=True)
    if subjects.empty or not all(text in evidence.texts for text in subjects["text"]):
        return pd.DataFrame(columns=["suite", "concept", "prompt_id", "lean"])
    upper, lower = ([str(wide.loc[prompt, grade]) for prompt in subjects["prompt_id"]] for grade in (1.0, -1.0))
    own = evidence.texts.of(names(subjects, "text"))
    lean = place_between(own, evidence.texts.of(upper), evidence.texts.of(lower))
    return subjects[["suite", "concept", "prompt_id"]].assign(lean=lean)


def _image_leans(evidence: Evidence, *, level: float) -> dict[str, _Seen]:
    """Return the leans of the images of each suite, read off as ``gender.lean`` is, by the primary judge."""
    found: dict[str, _Seen] = {}
    for judge in judges_asking(evidence, ASKS_GENDER)[:1]:
        read = read_leans(evidence, judge)
        placed = read.placed(read.images[read.images["role"] == "subject"])
        for suite, images in placed.groupby("suite", sort=True):
            leans = {
                str(concept): lean
                for concept, rows in images.groupby("concept", sort=True)
                if (lean := read.read(rows, level=level).estimate.value) is not None
            }
            asked = int(((read.images["suite"] == suite) & (read.images["role"] == "subject")).sum())
            found[str(suite)] = _Seen(leans=leans, n_images=len(images), n_asked=asked)
    return found


def _lean_findings(suite: str, texts: pd.DataFrame, images: _Seen, *, level: float) -> tuple[Finding, ...]:
    card = _CARD["associations.text_lean"]
    found: list[Finding] = []
    leans: dict[str, float] = {}
    for concept, rows in texts.groupby("concept", sort=True):
        read = rows[rows["lean"].notna()]
        about = Subject(lens=LENS.name, suite=suite, name=str(concept), n_unscored=len(rows) - len(read), note="")
        mean = cluster_mean(numbers(read, "lean"), names(read, "prompt_id"), level=level)
        test = t_test(group_means(numbers(read, "lean"), names(read, "prompt_id")), 0.0)
        one = about.finding(card, mean, level=level, n=(0, len(read)), remark=f"p: {test.method}.")
        found.append(replace(one, p_value=test.p_value))
        if mean.value is not None:
            leans[str(concept)] = mean.value
    found = list(corrected(found))
    n_read = int(texts["lean"].notna().sum())
    about = Subject(lens=LENS.name, suite=suite, name=WHOLE_SUITE, n_unscored=len(texts) - n_read, note="")
    whole = cluster_mean(_array(leans), list(leans), level=level, unit="concepts")
    found.append(about.finding(card, whole, level=level, n=(0, n_read)))
    return (*found, *(_agreement(about, leans, images, n_read, level=level) if images.leans else ()))


def _agreement(
    about: Subject, texts: Mapping[str, float], images: _Seen, n_prompts: int, *, level: float
) -> tuple[Finding, ...]:
    both = [concept for concept in texts if concept in images.leans]
    rho = spearman(
        np.array([texts[concept] for concept in both], dtype=float),
        np.array([images.leans[concept] for concept in both], dtype=float),
        level=level,
    )
    n = images.n_images, n_prompts
    remark = f"Over {len(both)} concepts."
    return tuple(
        about.finding(_CARD[metric], found, level=level, n=n, remark=remark, asked=images.n_asked)
        for metric, found in (
            ("associations.image_agreement", rho),
            ("associations.image_part", _unexplained(rho)),
        )
    )


def _unexplained(rho: ClusterEstimate) -> ClusterEstimate:
    """Return one less the square of a correlation; the interval is that of the correlation, squared."""
    if rho.value is None or rho.low is None or rho.high is None:
        return replace(rho, value=None if rho.value is None else 1.0 - rho.value**2, low=None, high=None)
    least = 0.0 if rho.low <= 0.0 <= rho.high else min(rho.low**2, rho.high**2)
    return replace(rho, value=1.0 - rho.value**2, low=1.0 - max(rho.low**2, rho.high**2), high=1.0 - least)


def _test_row(suite: str, test: _Test, found: Finding) -> dict[str, object]:
    return {
        "suite": suite,
        "test": test.name,
        "attributes": " and ".join(test.attributes),
        "n_first": len(test.first),
        "n_second": len(test.second),
        "effect_size": as_real(found.estimate.value),
        "effect_size_low": as_real(found.estimate.low),
        "effect_size_high": as_real(found.estimate.high),
        "p_value": as_real(found.p_value),
    }


def _word_rows(suite: str, test: _Test) -> list[dict[str, object]]:
    return [
        {"suite": suite, "test": test.name, "side": side, "concept": concept, "nearer_to_first": value}
        for side, values in zip(_SIDES, (test.first, test.second), strict=True)
        for concept, value in values.items()
    ]


def _lean_rows(suite: str, texts: pd.DataFrame, images: Mapping[str, float]) -> list[dict[str, object]]:
    """Return the leans of each concept."""
    rows: list[dict[str, object]] = []
    for concept, its in texts.groupby("concept", sort=True):
        lean = its["lean"].dropna()
        text = float(lean.mean()) if len(lean) else np.nan
        rows.append(
            {
                "suite": suite,
                "concept": str(concept),
                "n_prompts": len(its),
                "text_lean": text,
                "image_lean": as_real(images.get(str(concept))),
            }
        )
    return rows


def _array(values: Mapping[str, float]) -> Float[np.ndarray, " concepts"]:
    return np.array(list(values.values()), dtype=float)
