"""What each metric of the lens of languages means."""

from __future__ import annotations

from typing import Final

from audit.lenses.common.protocol import MetricCard

MOST_TOKENS: Final = 2.0
"""Tokens per word, as a multiple of English's, from which on a tokenizer shreds a language: a word becomes pieces that
carry no meaning of their own. English words take 1.0 to 1.3 tokens of the vocabularies of CLIP and XLM-RoBERTa."""

LANGUAGES_METRICS: Final = (
    MetricCard(
        name="languages.tokens_per_word",
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
        unit="1 for yes, 0 for no",
        neutral=None,
        direction="higher",
        reads="texts",
        meaning="Whether the tokenizer reads the language: at most twice the tokens per word of English, no unknown "
        "word, and no text that is cut. Where it does not, nothing is said of leans in that language.",
    ),
    MetricCard(
        name="languages.text_lean",
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
        name="languages.lean_agreement",
        unit="correlation",
        neutral=None,
        direction="neutral",
        span=(-1.0, 1.0),
        is_mean=False,
        reads="texts",
        meaning="Rank correlation over professions of the leans in a language with those in English.",
    ),
)
