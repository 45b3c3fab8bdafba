"""Common words, and words that are unsafe, out of maintained packages; and how an unsafe one is shown.

The common ones are the most frequent of English (package wordfreq, Robyn Speer, data CC BY-SA 4.0); the unsafe ones are
the list that the package better-profanity (MIT) censors. That list is what its maintainers made it: it also holds
anatomy, and words for groups of people that are used as abuse.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Final

from wordfreq import top_n_list

COMMON: Final = 10_000
"""Most frequent words of English that are read."""


@cache
def unsafe_words() -> tuple[str, ...]:
    """Return the unsafe words and phrases, in alphabetical order.

    Example:
        >>> len(unsafe_words()) > 500
        True
    """
    text = files("better_profanity").joinpath("profanity_wordlist.txt").read_text(encoding="utf-8")
    return tuple(sorted({line.strip().lower() for line in text.splitlines()} - {""}))


@cache
def common_words() -> tuple[str, ...]:
    """Return the common words of English that are not unsafe and hold a letter, the most frequent first.

    Example:
        >>> common_words()[:3]
        ('the', 'to', 'and')
    """
    left_out = set(unsafe_words())
    return tuple(
        word for word in top_n_list("en", COMMON) if word not in left_out and any(sign.isalpha() for sign in word)
    )


def masked(phrase: str) -> str:
    """Return a phrase with the middle of each of its words hidden.

    Example:
        >>> masked("no clothes"), masked("sunny")
        ('n* c*****s', 's***y')
    """
    return " ".join(
        f"{word[0]}{'*' * (len(word) - 2)}{word[-1]}" if len(word) > 2 else f"{word[0]}*" for word in phrase.split()
    )
