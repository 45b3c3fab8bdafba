"""Does a text lean in other languages as it does in English, where the checkpoint can read them at all?

An entry of a suite of this lens carries the facts ``language`` (as "de"), ``as_man`` and ``as_woman``: what it would
say of a man and of a woman. These two take its place in the template and are the ends of its scale. A tokenizer that
cuts the words of a language into shreds gives embeddings that say nothing of it: such a language is out of scope, by
counts of tokens, and no lean of it is reported.
"""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass, replace
from typing import Final, final

import numpy as np
import pandas as pd

from audit.evidence import Evidence
from audit.lenses.common.cards import LensCard, MetricCard
from audit.lenses.common.protocol import LensAnswer, Subject, as_real, corrected, make_answer
from audit.lenses.common.references import place_between
from audit.lenses.common.verdicts import names, numbers
from audit.records import Finding, Method
from audit.stats import ClusterEstimate, cluster_mean, group_means, spearman, t_test

MOST_TOKENS: Final = 2.0
"""Tokens per word, as a multiple of English's, from which on a tokenizer shreds a language: a word becomes pieces that
carry no meaning of their own. English words take 1.0 to 1.3 tokens of the vocabularies of CLIP and XLM-RoBERTa."""

LANGUAGES_METRICS: Final = (
    MetricCard(
        name="languages.text_lean",
        title="Lean of the text by language",
        sides=("towards woman", "towards man"),
        neutral_word="parity",
        signed=True,
        drawn=True,
        unit="place on the scale",
        neutral=0.0,
        direction="neutral",
        span=(-1.5, 1.5),
        is_mean=False,
        reads="texts",
        meaning="Where the embedding of a profession's text lies between those of the texts that name a woman (-1) and "
        "a man (+1) in the same language. Over a language, the mean over its professions.",
    ),
    MetricCard(
        name="languages.tokens_per_word",
        title="Tokens per word",
        unit="tokens per word",
        neutral=None,
        direction="lower",
        span=(0.0, 100.0),
        reads="texts",
        meaning="Tokens of the texts of a language, start and end left out, per word; in a script without spaces, two "
        "letters count as a word. The subject 'group:NAME' is a language.",
    ),
    MetricCard(
        name="languages.in_scope",
        title="Language in scope",
        unit="1 for yes, 0 for no",
        neutral=None,
        direction="higher",
        reads="texts",
        meaning="Whether the tokenizer reads the language: at most twice the tokens per word of English, no unknown "
        "word, and no text that is cut. Where it does not, nothing is said of leans in that language.",
    ),
    MetricCard(
        name="languages.lean_agreement",
        title="Agreement with English",
        signed=True,
        unit="correlation",
        neutral=None,
        direction="neutral",
        span=(-1.0, 1.0),
        is_mean=False,
        reads="texts",
        meaning="Rank correlation over professions of the leans in a language with those in English.",
    ),
)


ENGLISH: Final = "en"
_CARD: Final = {card.name: card for card in LANGUAGES_METRICS}
_SLOT: Final = re.compile(r"\{[^{}]*\}")
_SPECIAL: Final = 2
"""Start and end, which every tokenizer of a CLIP adds."""
_UNSPACED: Final = ("CJK", "HIRAGANA", "KATAKANA", "THAI")
_LETTERS_OF_A_WORD: Final = 2
_ENDS: Final = ("as_man", "as_woman")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Language:
    """The texts of one language in one suite, and whether the checkpoint can read them."""

    suite: str
    name: str
    rows: pd.DataFrame
    """Columns concept, prompt_id, tokens_per_word, unknown, cut and lean."""
    limit: float | None
    """Most tokens per word; ``None`` where the suite has no English to compare with."""

    @property
    def why_not(self) -> str:
        """Why the language is out of scope; empty where it is not."""
        found = float(self.rows["tokens_per_word"].mean())
        if self.limit is not None and found > self.limit:
            return f"{found:.1f} tokens per word, more than {self.limit:.1f}"
        if self.rows["unknown"].any():
            return f"unknown words in {int((self.rows['unknown'] > 0).sum())} of {len(self.rows)} texts"
        if self.rows["cut"].any():
            return f"{int(self.rows['cut'].sum())} of {len(self.rows)} texts are cut"
        return ""

    def about(self, name: str, note: str) -> Subject:
        """Return a subject of findings in this language."""
        return Subject(lens=LENS.name, suite=self.suite, name=name, n_unscored=0, note=note)


LENS: Final = LensCard(
    name="languages",
    question="Does a text lean in other languages as in English, where the tokenizer can read them?",
    metrics=LANGUAGES_METRICS,
)


@final
@dataclass(frozen=True, slots=True)
class LanguagesLens:
    """Tokens per word, and leans of texts in the languages that a checkpoint can read."""

    @property
    def card(self) -> LensCard:
        """What is to be known of the lens."""
        return LENS

    def wants(self, prompts: pd.DataFrame) -> tuple[str, ...]:
        """Return the two ends of the scale of every text."""
        own = _texts_of(prompts)
        return tuple(end for row in _ends(own) for end in row)

    def examine(self, evidence: Evidence, *, level: float = 0.95) -> LensAnswer:
        """Answer for every language of its suites.

        Tables: ``languages_scope`` (a row per suite and language) and ``languages_leans`` (a row per suite,
        language and concept, in the languages that are in scope).
        """
        findings: list[Finding] = []
        scope: list[dict[str, object]] = []
        leans: list[dict[str, object]] = []
        for suite, prompts in _texts_of(evidence.prompts).groupby("suite", sort=True):
            languages = _read_languages(str(suite), prompts, evidence)
            english = _means(languages[ENGLISH]) if ENGLISH in languages and not languages[ENGLISH].why_not else {}
            for language in languages.values():
                findings += [
                    *_scope_findings(language, level=level),
                    *_lean_findings(language, level=level),
                    *([] if language.name == ENGLISH else [_agreement(language, english, level=level)]),
                ]
                scope.append(_scope_row(language))
                leans += [
                    {"suite": str(suite), "language": language.name, "concept": concept, "text_lean": lean}
                    for concept, lean in ({} if language.why_not else _means(language)).items()
                ]
        return make_answer(findings, {"languages_scope": scope, "languages_leans": leans})


def count_words(text: str) -> float:
    """Return the number of words: runs of signs between spaces, or half the letters of a script without spaces.

    Example:
        >>> count_words("Foto: ein Koch"), count_words("一张护士的照片")
        (3.0, 3.5)
    """
    unspaced = [sign for sign in text if unicodedata.name(sign, "").startswith(_UNSPACED)]
    rest = "".join(" " if sign in unspaced else sign for sign in text)
    spaced = sum(any(sign.isalnum() for sign in word) for word in rest.split())
    return spaced + len(unspaced) / _LETTERS_OF_A_WORD


def _texts_of(prompts: pd.DataFrame) -> pd.DataFrame:
    """Return the prompts of this lens with their language and ends, in an order that depends on names only."""
    own = prompts[(prompts["lens"] == LENS.name) & (prompts["role"] == "text")]
    facts = own["facts"].map(json.loads)
    columns = {name: facts.map(lambda fact, name=name: str(fact.get(name, ""))) for name in ("language", *_ENDS)}
    own = own.assign(**columns)
    complete = (own[["language", *_ENDS]] != "").all(axis=1)
    return own[complete].sort_values(["suite", "language", "concept", "prompt_id"], ignore_index=True)


def _ends(rows: pd.DataFrame) -> list[tuple[str, str]]:
    """Return what each template says of a man and of a woman."""
    return [
        (_SLOT.sub(man, template), _SLOT.sub(woman, template))
        for template, man, woman in zip(
            names(rows, "template"), names(rows, "as_man"), names(rows, "as_woman"), strict=True
        )
    ]


def _read_languages(suite: str, rows: pd.DataFrame, evidence: Evidence) -> dict[str, _Language]:
    texts = names(rows, "text")
    places = evidence.texts.places(texts)
    words = np.array([count_words(text) for text in texts])
    tokens = evidence.texts.tokens[places]
    measured = rows.assign(
        tokens_per_word=(tokens - _SPECIAL) / words,
        unknown=evidence.texts.unknown[places],
        cut=tokens > evidence.checkpoint.context_length,
        lean=_leans(texts, _ends(rows), evidence),
    )
    english = measured.loc[measured["language"] == ENGLISH, "tokens_per_word"]
    limit = MOST_TOKENS * float(english.mean()) if len(english) else None
    return {
        str(name): _Language(suite=suite, name=str(name), rows=its, limit=limit)
        for name, its in measured.groupby("language", sort=True)
    }


def _leans(texts: list[str], ends: list[tuple[str, str]], evidence: Evidence) -> np.ndarray:
    """Return the place of every text on its scale; NaN where an end holds a word that the checkpoint does not know."""
    read = np.array([all(end in evidence.texts for end in pair) for pair in ends], dtype=bool)
    leans = np.full(len(texts), np.nan)
    chosen = np.flatnonzero(read)
    own, men, women = (
        evidence.texts.of([side[place] for place in chosen])
        for side in (texts, [man for man, _ in ends], [woman for _, woman in ends])
    )
    leans[chosen] = place_between(own, men, women)
    return leans


def _means(language: _Language) -> dict[str, float]:
    read = language.rows[language.rows["lean"].notna()]
    means = group_means(numbers(read, "lean"), names(read, "concept"))
    return dict(zip(sorted(set(names(read, "concept"))), means.tolist(), strict=True))


def _scope_findings(language: _Language, *, level: float) -> tuple[Finding, ...]:
    rows, n = language.rows, (0, len(language.rows))
    tokens = cluster_mean(numbers(rows, "tokens_per_word"), names(rows, "concept"), level=level, unit="concepts")
    reason = language.why_not
    inside = ClusterEstimate(
        value=0.0 if reason else 1.0, low=None, high=None, method=Method.BY_COUNT, n=len(rows), n_clusters=len(rows)
    )
    about = language.about(f"group:{language.name}", f"Out of scope: {reason}." if reason else "")
    return (
        about.finding(_CARD["languages.tokens_per_word"], tokens, level=level, n=n),
        about.finding(_CARD["languages.in_scope"], inside, level=level, n=n),
    )


def _lean_findings(language: _Language, *, level: float) -> tuple[Finding, ...]:
    card, note = _CARD["languages.text_lean"], f"Out of scope: {language.why_not}." if language.why_not else ""
    read = language.rows[language.rows["lean"].notna() & (language.why_not == "")]
    found: list[Finding] = []
    for concept in sorted(set(names(language.rows, "concept"))):
        its = read[read["concept"] == concept]
        mean = cluster_mean(numbers(its, "lean"), names(its, "prompt_id"), level=level)
        test = t_test(group_means(numbers(its, "lean"), names(its, "prompt_id")), 0.0)
        about = language.about(f"{concept} ({language.name})", note)
        found.append(replace(about.finding(card, mean, level=level, n=(0, len(its))), p_value=test.p_value))
    whole = cluster_mean(numbers(read, "lean"), names(read, "concept"), level=level, unit="concepts")
    about = language.about(f"group:{language.name}", note)
    return (
        *corrected(found),
        about.finding(card, whole, level=level, n=(0, len(read))),
    )


def _agreement(language: _Language, english: dict[str, float], *, level: float) -> Finding:
    leans = {} if language.why_not else _means(language)
    both = [concept for concept in leans if concept in english]
    rho = spearman(
        np.array([leans[concept] for concept in both], dtype=float),
        np.array([english[concept] for concept in both], dtype=float),
        level=level,
    )
    note = f"Out of scope: {language.why_not}." if language.why_not else ""
    about = language.about(f"group:{language.name}", note)
    n = 0, int(language.rows["concept"].isin(both).sum())
    return about.finding(_CARD["languages.lean_agreement"], rho, level=level, n=n)


def _scope_row(language: _Language) -> dict[str, object]:
    return {
        "suite": language.suite,
        "language": language.name,
        "n_prompts": len(language.rows),
        "tokens_per_word": float(language.rows["tokens_per_word"].mean()),
        "limit": as_real(language.limit),
        "unknown": int(language.rows["unknown"].sum()),
        "cut": int(language.rows["cut"].sum()),
        "in_scope": not language.why_not,
        "why_not": language.why_not,
    }
