"""Texts with one word left out."""

from __future__ import annotations


def without_each_word(text: str) -> tuple[tuple[str, str], ...]:
    """Return every word of a text with the text that is left without it; a text of one word has nothing to leave out.

    A word that stands twice is left out at each of its places.

    Example:
        >>> without_each_word("a photo of nurses")[1]
        ('photo', 'a of nurses')
        >>> without_each_word("nurses")
        ()
    """
    words = text.split()
    if len(words) < 2:
        return ()
    return tuple((word, " ".join([*words[:place], *words[place + 1 :]])) for place, word in enumerate(words))
