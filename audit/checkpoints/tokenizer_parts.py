"""What a ``tokenizer.json`` may say: an allow-list of its parts with bounds, so that none hangs, grows or panics.

The tokenizers library runs no code of the file's, but what a file makes it do is unbounded: regular expressions that
backtrack for ever, replacements that double a text forty times, templates longer than any context, ids that no text
tower has. So every part is named here with its bounds, and the rest is refused by name. Decoders are not among them:
nothing is ever decoded, so what a file says of them is dropped unread.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from audit.checkpoints.config import Strict, check
from audit.errors import RefusedProblem

_MOST_TOKENS: Final = 1_000_000
_LONGEST_TOKEN: Final = 1024
_MOST_GROWTH: Final = 64
"""How many times longer all replacements together can make a text."""
_MOST_PARTS: Final = 16
_LONGEST_REGEX: Final = 500
_MOST_REPEATS: Final = 2
"""Repeats without end in one alternative of a regular expression: a text of 500 characters then takes milliseconds."""
_HIGHEST_COUNT: Final = 64
_LONGEST_MAPPED: Final = 128
_RESERVED: Final = frozenset("bBAzZGKRXQkgyYNO")
"""Letters whose escape is no plain character or class: anchors, back references, calls and the like."""
_GROUPS: Final = ("(?:", "(?i:", "(?=", "(?!")

Word = Annotated[str, Field(max_length=_LONGEST_TOKEN)]
Affix = Annotated[str, Field(max_length=32)]
TokenId = Annotated[int, Field(ge=0, lt=_MOST_TOKENS)]


def check_regex(pattern: str) -> str:
    r"""Return a regular expression (of Oniguruma, which backtracks) that is sure to end soon on a short text.

    Alternatives, classes and look-ahead are taken; no group is repeated more than once, no reference points back, and
    an alternative has at most ``_MOST_REPEATS`` repeats without end.

    Raises:
        ValueError: If it is anything else.

    Example:
        >>> check_regex(r"'s|[\p{L}]+|[^\s\p{L}\p{N}]+")
        "'s|[\\p{L}]+|[^\\s\\p{L}\\p{N}]+"
        >>> check_regex("(a+)+")
        Traceback (most recent call last):
        ...
        ValueError: the regular expression repeats a group
    """
    if len(pattern) > _LONGEST_REGEX:
        raise ValueError(f"the regular expression is longer than {_LONGEST_REGEX} characters")
    depth, repeats, before = 0, 0, ""
    for piece in _pieces(pattern):
        if piece[0] == "(":
            depth += 1
        elif piece == ")":
            depth -= 1
        elif piece == "|" and depth == 0:
            repeats = 0
        elif piece[0] in "*+{" or piece == "?":
            if before == ")" and piece != "?":
                raise ValueError("the regular expression repeats a group")
            is_possessive = piece == "+" and before[0:1] in {"*", "+", "?", "{"}
            repeats += piece != "?" and not is_possessive
        if repeats > _MOST_REPEATS:
            raise ValueError(f"the regular expression has more than {_MOST_REPEATS} repeats in one alternative")
        before = piece
    return pattern


def _pieces(pattern: str) -> Iterator[str]:
    """Split a regular expression into groups, classes, repeats and characters; refuse what is none of these."""
    place = 0
    while place < len(pattern):
        sign = pattern[place]
        end = place + 1
        if sign == "\\":
            end = _after_escape(pattern, place)
        elif sign == "[":
            end = _after_class(pattern, place)
        elif sign == "(" and pattern[place + 1 : place + 2] in {"?", "*"}:
            opening = next((group for group in _GROUPS if pattern.startswith(group, place)), None)
            if opening is None:
                raise ValueError(f"the regular expression has a group {pattern[place : place + 4]!a}")
            end = place + len(opening)
        elif sign == "{":
            end = _after_count(pattern, place)
        yield pattern[place:end]
        place = end


def _after_escape(pattern: str, place: int) -> int:
    letter = pattern[place + 1 : place + 2]
    if not letter or letter.isdigit() or letter in _RESERVED:
        raise ValueError(f"the regular expression has the escape {pattern[place : place + 2]!a}")
    if letter in "pPxu" and pattern[place + 2 : place + 3] == "{":
        close = pattern.find("}", place)
        if close < 0 or close - place > 40:
            raise ValueError("the regular expression has an open brace")
        return close + 1
    return place + 2


def _after_class(pattern: str, place: int) -> int:
    depth, here = 0, place
    while here < len(pattern):
        if pattern[here] == "\\":
            here = _after_escape(pattern, here)
            continue
        depth += (pattern[here] == "[") - (pattern[here] == "]")
        here += 1
        if depth == 0:
            return here
    raise ValueError("the regular expression has an open class")


def _after_count(pattern: str, place: int) -> int:
    close = pattern.find("}", place)
    counts = pattern[place + 1 : max(close, 0)].split(",")
    if close < 0 or len(counts) > 2 or not all(set(count) <= set("0123456789") for count in counts):
        raise ValueError("the regular expression has a brace that is no count")
    if any(len(count) > 3 or int(count or 0) > _HIGHEST_COUNT for count in counts):
        raise ValueError(f"the regular expression counts beyond {_HIGHEST_COUNT}")
    return close + 1


class Pattern(Strict):
    """What is looked for: a text as it is, or a regular expression."""

    String: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    Regex: str | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Pattern:
        if (self.String is None) == (self.Regex is None):
            raise ValueError("it is either a String or a Regex")
        if self.Regex is not None:
            check_regex(self.Regex)
        return self


# --- normalisers --------------------------------------------------------------------------------------------------


class PlainNormalizer(Strict):
    """One without settings."""

    type: Literal["NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Nmt"]


class StripNormalizer(Strict):
    """Leaves out blanks at the ends."""

    type: Literal["Strip"]
    strip_left: bool = True
    strip_right: bool = True


class PrependNormalizer(Strict):
    """Puts something before a text."""

    type: Literal["Prepend"]
    prepend: Affix


class ReplaceNormalizer(Strict):
    """Replaces one thing by another."""

    type: Literal["Replace"]
    pattern: Pattern
    content: Annotated[str, Field(max_length=16)]

    @property
    def growth(self) -> float:
        """How many times longer it can make a text; a regular expression may find something between any two signs."""
        if self.pattern.String is None:
            return 1.0 + len(self.content)
        return max(1.0, len(self.content) / len(self.pattern.String))


class BertNormalizer(Strict):
    """That of BERT."""

    type: Literal["BertNormalizer"]
    clean_text: bool = True
    handle_chinese_chars: bool = True
    strip_accents: bool | None = None
    lowercase: bool = True


class PrecompiledNormalizer(Strict):
    """A table of characters, as sentencepiece compiles it."""

    type: Literal["Precompiled"]
    precompiled_charsmap: Annotated[str, Field(max_length=4 << 20)]

    @field_validator("precompiled_charsmap")
    @classmethod
    def _maps_to_short_texts(cls, charsmap: str) -> str:
        try:
            raw = base64.b64decode(charsmap, validate=True)
        except binascii.Error as error:
            raise ValueError(f"it is no base64 ({error})") from error
        trie = int.from_bytes(raw[:4], "little")
        if len(raw) < 4 or trie % 4 or trie > len(raw) - 4:
            raise ValueError("its table is cut off")
        if max(map(len, raw[4 + trie :].split(b"\0"))) > _LONGEST_MAPPED:
            raise ValueError(f"it maps a character to more than {_LONGEST_MAPPED} bytes")
        return charsmap


class NormalizerSequence(Strict):
    """Several, one after the other."""

    type: Literal["Sequence"]
    normalizers: Annotated[list[Normalizer], Field(max_length=_MOST_PARTS)]


Normalizer = Annotated[
    PlainNormalizer
    | StripNormalizer
    | PrependNormalizer
    | ReplaceNormalizer
    | BertNormalizer
    | PrecompiledNormalizer
    | NormalizerSequence,
    Field(discriminator="type"),
]

# --- pre-tokenisers -----------------------------------------------------------------------------------------------

Behaviour = Literal["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]


class PlainSplit(Strict):
    """One without settings."""

    type: Literal["BertPreTokenizer", "Whitespace", "WhitespaceSplit", "UnicodeScripts"]


class ByteLevel(Strict):
    """Bytes as characters; before the model, and after it."""

    type: Literal["ByteLevel"]
    add_prefix_space: bool = True
    trim_offsets: bool = True
    use_regex: bool = True


class CharDelimiterSplit(Strict):
    """Splits at one character."""

    type: Literal["CharDelimiterSplit"]
    delimiter: Annotated[str, Field(min_length=1, max_length=1)]


class DigitsSplit(Strict):
    """Splits digits from the rest."""

    type: Literal["Digits"]
    individual_digits: bool = False


class PunctuationSplit(Strict):
    """Splits at punctuation."""

    type: Literal["Punctuation"]
    behavior: Behaviour = "Isolated"


class Metaspace(Strict):
    """Blanks as a sign of their own, as in sentencepiece."""

    type: Literal["Metaspace"]
    replacement: Annotated[str, Field(min_length=1, max_length=1)]
    prepend_scheme: Literal["always", "never", "first"] | None = None
    split: bool = True
    add_prefix_space: bool | None = None
    str_rep: Annotated[str, Field(max_length=4)] | None = None


class Split(Strict):
    """Splits at a pattern."""

    type: Literal["Split"]
    pattern: Pattern
    behavior: Behaviour
    invert: bool = False


class SplitSequence(Strict):
    """Several, one after the other."""

    type: Literal["Sequence"]
    pretokenizers: Annotated[list[PreTokenizer], Field(max_length=_MOST_PARTS)]


PreTokenizer = Annotated[
    PlainSplit | ByteLevel | CharDelimiterSplit | DigitsSplit | PunctuationSplit | Metaspace | Split | SplitSequence,
    Field(discriminator="type"),
]

# --- models -------------------------------------------------------------------------------------------------------


def check_vocabulary(vocab: Mapping[str, object]) -> int:
    """Return the largest id of a vocabulary.

    Raises:
        ValueError: If an entry is no word with an id, or there are too many.
    """
    if not 1 <= len(vocab) <= _MOST_TOKENS:
        raise ValueError(f"it has {len(vocab)} entries, where 1 to {_MOST_TOKENS} are taken")
    for word, number in vocab.items():
        if type(number) is not int or not 0 <= number < _MOST_TOKENS or len(word) > _LONGEST_TOKEN:
            raise ValueError(f"it has the entry {ascii(word)[:60]}: {ascii(number)[:40]}")
    return max(vocab.values())  # type: ignore[type-var,return-value]  # they are whole numbers


class _WithVocabulary(Strict):
    vocab: dict[str, Any]
    unk_token: Word | None = None

    @field_validator("vocab")
    @classmethod
    def _is_a_vocabulary(cls, vocab: dict[str, Any]) -> dict[str, Any]:
        check_vocabulary(vocab)
        return vocab

    @property
    def largest_id(self) -> int:
        """Largest id that the model gives."""
        return check_vocabulary(self.vocab)

    def must_know_unknown(self) -> None:
        """Refuse a model whose token for unknown words is none of its words."""
        if self.unk_token not in self.vocab:
            raise ValueError("its unk_token, for what it does not know, is none of its words")


class WordLevel(_WithVocabulary):
    """Whole words."""

    type: Literal["WordLevel"]

    @model_validator(mode="after")
    def _has_unknown(self) -> WordLevel:
        self.must_know_unknown()
        return self


class WordPiece(_WithVocabulary):
    """Pieces of words, the longest first."""

    type: Literal["WordPiece"]
    continuing_subword_prefix: Affix = "##"
    max_input_chars_per_word: Annotated[int, Field(ge=1, le=1000)] = 100

    @model_validator(mode="after")
    def _has_unknown(self) -> WordPiece:
        self.must_know_unknown()
        return self


class BytePair(_WithVocabulary):
    """Pairs that are merged."""

    type: Literal["BPE"]
    merges: Annotated[list[str] | list[list[str]], Field(max_length=_MOST_TOKENS)]
    dropout: Literal[0] | None = None
    """Anything else draws at random, so that one text would have many readings."""
    continuing_subword_prefix: Affix | None = None
    end_of_word_suffix: Affix | None = None
    fuse_unk: bool = False
    byte_fallback: bool = False
    ignore_merges: bool = False

    @model_validator(mode="after")
    def _is_known(self) -> BytePair:
        if self.unk_token is not None:
            self.must_know_unknown()
        return self


class Unigram(Strict):
    """The likeliest pieces, as in sentencepiece."""

    type: Literal["Unigram"]
    vocab: Annotated[list[Any], Field(min_length=1, max_length=_MOST_TOKENS)]
    unk_id: TokenId | None = None
    byte_fallback: bool = False

    @model_validator(mode="after")
    def _is_sound(self) -> Unigram:
        for entry in self.vocab:
            piece, score = entry if isinstance(entry, list) and len(entry) == 2 else (None, None)
            is_number = (isinstance(score, float) or type(score) is int) and -1e6 < score < 1e6
            if not isinstance(piece, str) or not 0 < len(piece) <= _LONGEST_TOKEN or not is_number:
                raise ValueError(f"its vocabulary has the entry {ascii(entry)[:60]}")
        if self.unk_id is None or self.unk_id >= len(self.vocab):
            raise ValueError("its unk_id, for what it does not know, is none of its pieces")
        return self

    @property
    def largest_id(self) -> int:
        """Largest id that the model gives."""
        return len(self.vocab) - 1


Model = Annotated[WordLevel | WordPiece | BytePair | Unigram, Field(discriminator="type")]

# --- what is put around a text ------------------------------------------------------------------------------------


class Special(Strict):
    """A token of a template."""

    id: Word
    type_id: Annotated[int, Field(ge=0, le=8)]


class Sequenced(Strict):
    """The place of a text in a template."""

    id: Literal["A", "B"]
    type_id: Annotated[int, Field(ge=0, le=8)]


class Place(Strict):
    """One place of a template: a token or a text."""

    SpecialToken: Special | None = None
    Sequence: Sequenced | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Place:
        if (self.SpecialToken is None) == (self.Sequence is None):
            raise ValueError("it is either a SpecialToken or a Sequence")
        return self


class TemplateToken(Strict):
    """Which ids a token of a template has."""

    id: Word
    ids: Annotated[list[TokenId], Field(min_length=1, max_length=8)]
    tokens: Annotated[list[Word], Field(min_length=1, max_length=8)]


class TemplateProcessing(Strict):
    """A template around a text."""

    type: Literal["TemplateProcessing"]
    single: Annotated[list[Place], Field(min_length=1, max_length=64)]
    pair: Annotated[list[Place], Field(max_length=64)]
    special_tokens: Annotated[dict[str, TemplateToken], Field(max_length=64)]

    @model_validator(mode="after")
    def _is_whole(self) -> TemplateProcessing:
        texts = [place.Sequence.id for place in self.single if place.Sequence is not None]
        if texts != ["A"]:
            raise ValueError("its template `single` has not the one place for the text, A")
        named = [place.SpecialToken.id for place in (*self.single, *self.pair) if place.SpecialToken is not None]
        unknown = [name for name in named if name not in self.special_tokens]
        if unknown:
            raise ValueError(f"its template names {ascii(unknown[0])[:60]}, which is none of its special_tokens")
        return self

    @property
    def added(self) -> list[int]:
        """Ids that are put around a text."""
        names = [place.SpecialToken.id for place in self.single if place.SpecialToken is not None]
        return [number for name in names for number in self.special_tokens[name].ids]


class PairProcessing(Strict):
    """The two tokens of BERT and RoBERTa."""

    type: Literal["BertProcessing", "RobertaProcessing"]
    sep: Annotated[list[Any], Field(min_length=2, max_length=2)]
    cls: Annotated[list[Any], Field(min_length=2, max_length=2)]
    trim_offsets: bool = True
    add_prefix_space: bool = True

    @field_validator("sep", "cls")
    @classmethod
    def _is_a_token(cls, token: list[Any]) -> list[Any]:
        if not isinstance(token[0], str) or type(token[1]) is not int or not 0 <= token[1] < _MOST_TOKENS:
            raise ValueError("it is no token with its id")
        return token

    @property
    def added(self) -> list[int]:
        """Ids that are put around a text."""
        return [int(self.cls[1]), int(self.sep[1])]


class ProcessorSequence(Strict):
    """Several, one after the other."""

    type: Literal["Sequence"]
    processors: Annotated[list[Processor], Field(max_length=_MOST_PARTS)]

    @property
    def added(self) -> list[int]:
        """Ids that are put around a text."""
        return [number for one in self.processors if not isinstance(one, ByteLevel) for number in one.added]


Processor = Annotated[TemplateProcessing | PairProcessing | ByteLevel | ProcessorSequence, Field(discriminator="type")]

# --- the whole file -----------------------------------------------------------------------------------------------


class AddedToken(Strict):
    """A token beside those of the model."""

    id: TokenId
    content: Annotated[str, Field(min_length=1, max_length=_LONGEST_TOKEN)]
    single_word: bool = False
    lstrip: bool = False
    rstrip: bool = False
    normalized: bool = True
    special: bool = False


def _as_tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


class Padding(Strict):
    """What fills up a text; how far is not asked."""

    strategy: Any = None
    direction: Literal["Left", "Right"] = "Right"
    pad_to_multiple_of: int | None = None
    pad_id: TokenId
    pad_type_id: int = 0
    pad_token: Word


class TokenizerFile(Strict):
    """``tokenizer.json`` as a whole. How it cuts and fills up texts is read by nobody: the text tower says that."""

    version: Literal["1.0"] = "1.0"
    truncation: Any = None
    padding: Padding | None = None
    added_tokens: Annotated[tuple[AddedToken, ...], Field(max_length=20_000), BeforeValidator(_as_tuple)] = ()
    normalizer: Normalizer | None = None
    pre_tokenizer: PreTokenizer | None = None
    post_processor: Processor | None = None
    decoder: Any = None
    model: Model

    @model_validator(mode="after")
    def _stays_small(self) -> TokenizerFile:
        growth = math.prod(one.growth for one in _flat(self.normalizer) if isinstance(one, ReplaceNormalizer))
        if growth > _MOST_GROWTH:
            raise ValueError(f"its normalizer can make a text more than {_MOST_GROWTH} times longer")
        return self

    @property
    def added_around(self) -> list[int]:
        """Ids that are put around every text."""
        processor = self.post_processor
        return [] if processor is None or isinstance(processor, ByteLevel) else processor.added

    @property
    def largest_id(self) -> int:
        """Largest id that a text can get."""
        return max((self.model.largest_id, *(one.id for one in self.added_tokens), *self.added_around))


def _flat(normalizer: Normalizer | None) -> Iterator[object]:
    if isinstance(normalizer, NormalizerSequence):
        for one in normalizer.normalizers:
            yield from _flat(one)
    elif normalizer is not None:
        yield normalizer


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedTokenizer:
    """A ``tokenizer.json`` that is within bounds."""

    text: str
    """As the library is given it: without what it says of cutting, filling up and decoding."""
    pad: tuple[int, str] | None
    """Id and text of what fills up a text, where the file says it."""
    unknown: str | None
    """The token of what it does not know, where the file names one."""


def parse_tokenizer(content: object, *, vocab_size: int, context: int, where: str) -> CheckedTokenizer:
    """Return a ``tokenizer.json`` that is within bounds.

    Args:
        content: What the file holds.
        vocab_size: Number of tokens that the text tower knows.
        context: Number of tokens that it reads.
        where: The file, for messages.

    Raises:
        RefusedProblem: If a part is not on the allow-list or out of bounds, an id is beyond the vocabulary, or what is
            put around a text leaves no room for it.
    """
    found = check(TokenizerFile, content, where=where)
    if found.largest_id >= vocab_size:
        raise RefusedProblem(
            f"The tokenizer {where} has token ids up to {found.largest_id}, but the text tower knows {vocab_size}.",
            remedy="Use the tokenizer that the checkpoint was trained with.",
        )
    if len(found.added_around) >= context:
        raise RefusedProblem(
            f"The tokenizer {where} puts {len(found.added_around)} tokens around every text, and the text tower reads "
            f"{context} in all.",
            remedy="Use the tokenizer that the checkpoint was trained with.",
        )
    assert isinstance(content, dict)  # noqa: S101  (or it would have been refused)
    kept = {**content, "truncation": None, "padding": None, "decoder": None}
    return CheckedTokenizer(
        text=json.dumps(kept, ensure_ascii=False),
        pad=None if found.padding is None else (found.padding.pad_id, found.padding.pad_token),
        unknown=None if isinstance(found.model, Unigram) else found.model.unk_token,
    )
