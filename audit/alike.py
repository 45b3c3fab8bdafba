"""What people see of a text: two that differ in nothing visible are one to them, and must not be two here.

The form is that of UTS #39 (Unicode Security Mechanisms, section 4, "skeleton") in small: compatibility characters are
resolved (NFKC), characters that nothing is drawn for are left out, and the letters of Greek and Cyrillic that are drawn
as a Latin one count as that one where a text has no others. Letters of one script that look alike (l and I) stay apart.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Final

_LETTERS: Final = str.maketrans(
    "асеорхуіјѕһԁԛԝАВЕКМНОРСТХУІЈЅԌαοενρτυχικΑΒΕΖΗΙΚΜΝΟΡΤΥΧ",
    "aceopxyijshdqwABEKMHOPCTXYIJSGaoevptuxikABEZHIKMNOPTYX",
)
"""Source: confusables.txt of UTS #39, version 16, the single letters that whole words can be written with."""
_NOTHING: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Drawn as nothing although they count as letters, marks or symbols."""


def is_drawn(sign: str) -> bool:
    """Tell whether anything is drawn for a character, a blank included; variation selectors and the like are not."""
    return unicodedata.category(sign) != "Cf" and sign not in _NOTHING and not _selects(ord(sign))


def _selects(code: int) -> bool:
    return 0x180B <= code <= 0x180F or 0xFE00 <= code <= 0xFE0F or 0xE0100 <= code <= 0xE01EF


@lru_cache(maxsize=2**16)
def visible(text: str) -> str:
    """Return a form that is the same for two texts which look the same.

    Example:
        >>> visible("nur\u200bse") == visible("nurse"), visible("nur\u0455e") == visible("nurse")
        (True, True)
        >>> visible("медсестра") == "медсестра"
        True
    """
    if text.isascii():
        return " ".join(text.split())
    drawn = "".join(filter(is_drawn, unicodedata.normalize("NFKC", text)))
    plain = " ".join("".join(filter(is_drawn, unicodedata.normalize("NFKC", drawn))).split())
    scripts = {unicodedata.name(sign, "?").partition(" ")[0] for sign in plain if sign.isalpha()}
    return plain.translate(_LETTERS) if "LATIN" in scripts or not _others(plain) else plain


def _others(text: str) -> bool:
    """Tell whether a text has a letter that is not drawn as a Latin one: then it is in a script of its own."""
    return any(sign.isalpha() and sign == sign.translate(_LETTERS) for sign in text)
