"""Text and pictures of strangers: how much they can be is known before they are parsed.

The parsers of Python take what they are given: a key of TOML with 40,000 dots costs half a minute, 60 MB of JSON can be
gigabytes of empty lists, a PNG of one megabyte unpacks to one gigabyte. Whatever is refused here is a ``ValueError``
that says why; who reads a file says where.
"""

from __future__ import annotations

import io
import json
import math
import re
import tomllib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, NoReturn

if TYPE_CHECKING:
    from PIL import Image

_MOST_CHARACTERS: Final = 1_000_000
_MOST_VALUES: Final = 5_000_000
_MOST_DIGITS: Final = 20
_MOST_DOTS: Final = 16
_WIDEST: Final = 4096
"""Side of a picture in pixels; no checkpoint that is audited reads more than a quarter of it."""

STRING_OR_COMMENT: Final = re.compile(
    r'"""(?:\\[\s\S]|[^\\])*?(?:"""|\Z)|' r"'''[\s\S]*?(?:'''|\Z)|" r'"(?:\\.|[^"\\\n])*+"?|' r"'[^'\n]*+'?|" r"#[^\n]*"
)
"""A string or a comment of TOML; one that is not closed ends with its line or with the text, so that time is linear."""
_PART: Final = r"(?:[\w-]++|\"[ ]*+\"|'[ ]*+')"
_MANY_DOTS: Final = re.compile(rf"(?<![\w-]){_PART}(?:[ \t]*+\.[ \t]*+{_PART}){{{_MOST_DOTS}}}")

_LONG_NUMBER: Final = re.compile(
    r"(?<=[=,\[\s])(?P<sign>[+-]?)(?P<digits>0x[\da-fA-F_]{16,}+|0o[0-7_]{21,}+|0b[01_]{64,}+|\d[\d_]{18,}+)"
    r"(?![\w.:-])(?![ \t]*=)"
)
"""A whole number of TOML that may need more than 64 bits, to find its line; no key that consists of digits."""
_MOST_BITS: Final = 80
"""Characters beyond which a whole number surely has more than 64 bits; Python does not read very long ones."""
TOO_LONG_A_NUMBER: Final = "a whole number has more than 64 bits"


def parse_toml(text: str) -> dict[str, Any]:
    """Return what a text of TOML holds.

    Raises:
        ValueError: If it is not TOML (with the place, as ``tomllib`` says it), is longer than a megabyte, nests too
            deeply, has a key of more than ``_MOST_DOTS`` dots, or a whole number of more than 64 bits, which TOML
            does not have.

    Example:
        >>> parse_toml("a.b = 1")
        {'a': {'b': 1}}
    """
    if len(text) > _MOST_CHARACTERS:
        raise ValueError(f"it is longer than {_MOST_CHARACTERS:,} characters")
    found = _MANY_DOTS.search(blank_strings(text))
    if found:
        line = text.count("\n", 0, found.start()) + 1
        raise ValueError(f"A key has more than {_MOST_DOTS} dots (at line {line}, column 1)")
    try:
        tables = tomllib.loads(text)
    except RecursionError:
        raise ValueError("the lists in it are nested too deeply") from None
    except tomllib.TOMLDecodeError:
        raise
    except ValueError:  # Python does not read whole numbers of thousands of digits
        raise _too_long_a_number(text) from None
    if _has_long_number(tables):
        raise _too_long_a_number(text)
    return tables


def _has_long_number(value: object) -> bool:
    if isinstance(value, int):
        return not -(2**63) <= value < 2**63
    inners = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(_has_long_number(inner) for inner in inners)


def _too_long_a_number(text: str) -> ValueError:
    """Return the error with the line of the number, as ``tomllib`` gives places."""
    number = next(filter(_has_more_than_64_bits, _LONG_NUMBER.finditer(blank_strings(text))), None)
    place = "" if number is None else f" (at line {text.count(chr(10), 0, number.start()) + 1}, column 1)"
    return ValueError(f"{TOO_LONG_A_NUMBER}{place}")


def _has_more_than_64_bits(number: re.Match[str]) -> bool:
    digits = number["digits"].replace("_", "")
    if len(digits) > _MOST_BITS:
        return True
    value = int(digits, 0) if digits[:2] in {"0x", "0o", "0b"} else int(digits)
    return not -(2**63) <= (-value if number["sign"] == "-" else value) < 2**63


_OF_PYDANTIC: Final = ("constrained-", "list[", "function-")


def as_written(place: Iterable[str | int]) -> tuple[str, ...]:
    """Return the parts of a place as they stand in a file; pydantic adds the kinds that it tried there.

    Example:
        >>> as_written(("vision_cfg", "image_size", "constrained-int"))
        ('vision_cfg', 'image_size')
    """
    return tuple(str(part) for part in place if not str(part).startswith(_OF_PYDANTIC))


def blank_strings(text: str) -> str:
    """Return TOML with comments and the insides of strings blanked, every character in its old place."""

    def blank(match: re.Match[str]) -> str:
        found = match[0]
        if found[0] == "#":
            return " " * len(found)
        inside = found[1:-1]
        inside = re.sub(r"[^\n]", " ", inside) if "\n" in inside else " " * len(inside)
        return found[:1] + inside + found[1:][-1:]

    return STRING_OR_COMMENT.sub(blank, text)


def parse_json(raw: bytes) -> object:
    """Return what JSON holds.

    Raises:
        ValueError: If it is not JSON in UTF-8, has more than ``_MOST_VALUES`` values, nests too deeply, or has a key
            twice, a number beyond all others, or half a character.

    Example:
        >>> parse_json(b'{"a": [1, 2.5]}')
        {'a': [1, 2.5]}
    """
    if sum(map(raw.count, (b",", b"[", b"{"))) > _MOST_VALUES:
        raise ValueError(f"it has more than {_MOST_VALUES:,} values")
    text = raw.decode("utf-8")
    try:
        content: object = json.loads(
            text, object_pairs_hook=unique_keys, parse_constant=_no_constant, parse_float=_finite, parse_int=_whole
        )
        if "\\ud" in text or "\\uD" in text:
            json.dumps(content, ensure_ascii=False).encode()  # UnicodeEncodeError is a ValueError
    except RecursionError:
        raise ValueError("it nests too deeply") from None
    return content


def unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return the pairs of a JSON object; a hook for ``json.loads``.

    Raises:
        ValueError: If a key is given twice, of which most readers silently keep the last.
    """
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("a key is given twice")
    return content


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{digits[:40]} is beyond every number")
    return number


def _whole(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError(f"a number has {len(digits)} digits")
    return int(digits)


def open_picture(data: bytes, *, kinds: tuple[str, ...]) -> Image.Image:
    """Return a picture in RGB, once its header says that it is no larger than any that is audited.

    Args:
        data: The whole file.
        kinds: What it may be, as pillow names formats: "PNG".

    Raises:
        ValueError: If it is none of these, is damaged, or is wider or higher than ``_WIDEST`` pixels.
    """
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415  (nobody waits for pillow who reads TOML)

    try:
        with Image.open(io.BytesIO(data), formats=kinds) as picture:
            if max(picture.size) > _WIDEST:
                raise ValueError(f"it has {picture.width} x {picture.height} pixels, more than {_WIDEST} a side")
            return picture.convert("RGB")
    except UnidentifiedImageError:
        raise ValueError(f"it is no {' or '.join(kinds)}") from None
    except (OSError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise ValueError(f"it is damaged: {str(error)[:120]}") from error
