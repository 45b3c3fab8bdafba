"""A word-level tokenizer: every word of the world is one token, every other word is unknown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors
from tokenizers.models import WordLevel

PAD, UNKNOWN, START, END = "[PAD]", "[UNK]", "[START]", "[END]"
SPECIALS: Final = (PAD, UNKNOWN, START, END)
CONTEXT_LENGTH: Final = 20
"""Tokens per text: the longest caption of a world has 16 words, with START and END."""


def word_tokenizer(words: Sequence[str]) -> Tokenizer:
    """Return a tokenizer that lowercases, splits at white space and wraps each text in START and END."""
    vocabulary = {word: index for index, word in enumerate([*SPECIALS, *words])}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{START} $A {END}",
        special_tokens=[(START, vocabulary[START]), (END, vocabulary[END])],
    )
    return tokenizer
