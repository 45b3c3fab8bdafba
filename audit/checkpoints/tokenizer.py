"""Texts to token ids: open_clip's byte-pair tokenizer, or the ``tokenizer.json`` of a checkpoint's folder.

``transformers.AutoTokenizer`` is never used: it takes options from the folder that make it run code from there.
A ``tokenizer.json`` is read by the tokenizers library, which runs none.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol, final, runtime_checkable

import open_clip.tokenizer as bundled
import torch
from jaxtyping import Int64
from tokenizers import Encoding, Tokenizer
from torch import Tensor

from audit.checkpoints.config import ModelConfig, TextConfig
from audit.checkpoints.safe_files import read_json
from audit.checkpoints.text_towers import padding_token, text_vocabulary
from audit.checkpoints.transformers_models import TransformersConfig
from audit.errors import RefusedProblem

_MAX_TOKENIZER_BYTES: Final = 64 << 20


@runtime_checkable
class TextTokenizer(Protocol):
    """Turns texts into what a text tower reads."""

    @property
    def digest(self) -> str:
        """SHA-256 of the vocabulary file, in hex."""
        ...

    def encode(self, texts: Sequence[str]) -> Int64[Tensor, "text context"]:
        """Return token ids, padded and cut to the context length; the last token of a cut text stays its end."""
        ...

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens before anything is cut, start and end included."""
        ...

    def unknown_words(self, text: str) -> tuple[str, ...]:
        """Return the words that the vocabulary does not hold, each once; empty if it can spell anything."""
        ...


@final
class BytePairTokenizer:
    """open_clip's own tokenizer, which spells every word."""

    def __init__(self, config: TextConfig) -> None:
        self._tokenizer = bundled.SimpleTokenizer(
            context_length=config.context_length, clean=config.tokenizer_kwargs.clean or "lower"
        )

    @property
    def digest(self) -> str:
        """SHA-256 of the vocabulary that open_clip ships, in hex."""
        return hashlib.sha256(Path(bundled.default_bpe()).read_bytes()).hexdigest()

    def encode(self, texts: Sequence[str]) -> Int64[Tensor, "text context"]:
        """Return token ids, padded with 0."""
        tokens: Tensor = self._tokenizer(list(texts))
        return tokens

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens before anything is cut, start and end included."""
        return len(self._tokenizer.encode(text)) + 2

    def unknown_words(self, text: str) -> tuple[str, ...]:  # noqa: ARG002  (every word can be spelled)
        """Return an empty tuple."""
        return ()


@final
class FileTokenizer:
    """The ``tokenizer.json`` of a checkpoint's folder, with the options that open_clip would give it."""

    def __init__(
        self, *, content: str, pad: tuple[int, str], blanked: int | None, context: int, clean: str | None
    ) -> None:
        """Prepare the tokenizer.

        Args:
            content: Text of ``tokenizer.json``.
            pad: Id and text of the token that fills up to the context length.
            blanked: Id that is replaced by 0 (open_clip's ``strip_sep_token``), or None.
            context: Tokens that a text is filled up or cut to.
            clean: What is done to a text first, as open_clip names it; None for nothing.
        """
        self._content = content
        self._blanked = blanked
        self._clean: Callable[[str], str] = str if clean is None else bundled.get_clean_fn(clean)
        self._plain = Tokenizer.from_str(content)
        self._plain.no_padding()
        self._plain.no_truncation()
        self._padded = Tokenizer.from_str(content)
        self._padded.enable_truncation(context)
        self._padded.enable_padding(length=context, pad_id=pad[0], pad_token=pad[1])
        unknown = json.loads(content)["model"].get("unk_token")
        self._unknown = None if unknown is None else self._plain.token_to_id(str(unknown))

    @property
    def digest(self) -> str:
        """SHA-256 of ``tokenizer.json``, in hex."""
        return hashlib.sha256(self._content.encode()).hexdigest()

    def encode(self, texts: Sequence[str]) -> Int64[Tensor, "text context"]:
        """Return token ids, padded with the pad token; the special tokens survive the cut."""
        encodings = self._padded.encode_batch([self._clean(text) for text in texts])
        tokens = torch.tensor([encoding.ids for encoding in encodings], dtype=torch.int64)
        return tokens if self._blanked is None else tokens.masked_fill(tokens == self._blanked, 0)

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens before anything is cut, special tokens included."""
        return len(self._plain.encode(self._clean(text)).ids)

    def unknown_words(self, text: str) -> tuple[str, ...]:
        """Return the words that become the unknown token, each once, in their order."""
        if self._unknown is None:
            return ()
        cleaned = self._clean(text)
        encoding: Encoding = self._plain.encode(cleaned, add_special_tokens=False)
        spans = [span for token, span in zip(encoding.ids, encoding.offsets, strict=True) if token == self._unknown]
        return tuple(dict.fromkeys(cleaned[start:end] for start, end in spans))


def load_tokenizer(
    config: ModelConfig | TransformersConfig, tokenizer_json: Path | None, *, where: str
) -> TextTokenizer:
    """Return the tokenizer that a configuration asks for.

    Args:
        config: The model; ``hf_tokenizer_name`` of an open_clip folder says that it brings its own tokenizer.
        tokenizer_json: The folder's file, if there is one; ``tokenizer_config.json`` is looked for beside it.
        where: The checkpoint's name, for messages.

    Raises:
        RefusedProblem: If the file is missing, damaged, or does not fit the text tower.
    """
    if isinstance(config, TransformersConfig):
        if tokenizer_json is None:
            raise RefusedProblem(
                f"{where} has no tokenizer.json, and other forms of a tokenizer are not read.",
                remedy='Make it in the folder: `python -c "from transformers import AutoTokenizer as T; '
                "T.from_pretrained('FOLDER').save_pretrained('FOLDER')\"`.",
            )
        return _of_transformers(config, tokenizer_json, where=where)
    text = config.text_cfg
    if text.hf_tokenizer_name is None:
        tokenizer = BytePairTokenizer(text)
        _check_ids(text.vocab_size, largest=49407, where=where)
        return tokenizer
    if tokenizer_json is None:
        raise RefusedProblem(
            f"The configuration of {where} asks for the tokenizer {text.hf_tokenizer_name}, but there is no "
            "tokenizer.json beside it, and nothing is fetched because a configuration says so.",
            remedy="Put that tokenizer's tokenizer.json and tokenizer_config.json into the folder.",
        )
    return _from_file(text, tokenizer_json, where=where)


def _of_transformers(config: TransformersConfig, tokenizer_json: Path, *, where: str) -> FileTokenizer:
    content, tokenizer = _read(tokenizer_json, vocab_size=config.vocab_size, where=where)
    options = _special_tokens(tokenizer_json.with_name("tokenizer_config.json"))
    pad = _padding(tokenizer, options, config.pad_id)
    if config.masks_padding and pad[0] != config.pad_id:
        raise RefusedProblem(
            f"{where} fills up texts with the token {pad[0]}, but its text tower leaves out the token {config.pad_id}.",
            remedy="Make pad_token of tokenizer_config.json and pad_token_id of config.json name the same token.",
        )
    made = FileTokenizer(content=content, pad=pad, blanked=None, context=config.context_length, clean=config.clean)
    if config.reads_at_end:
        _check_end(made, config.end_id, where=where)
    return made


def _from_file(config: TextConfig, tokenizer_json: Path, *, where: str) -> FileTokenizer:
    known = config.vocab_size if config.hf_model_name is None else text_vocabulary(config.hf_model_name)
    content, tokenizer = _read(tokenizer_json, vocab_size=known, where=where)
    options = _special_tokens(tokenizer_json.with_name("tokenizer_config.json"))
    blanked = None
    if config.tokenizer_kwargs.strip_sep_token and (sep := options.get("sep_token")) is not None:
        blanked = tokenizer.token_to_id(sep)
    made = FileTokenizer(
        content=content,
        pad=_padding(tokenizer, options, _pad_id(config)),
        blanked=blanked,
        context=config.context_length,
        clean=config.tokenizer_kwargs.clean or "whitespace",
    )
    if config.hf_model_name is None and config.pool_type in {"argmax", "eos"}:
        _check_end(made, config.eos_id if config.pool_type == "eos" else None, where=where)
    return made


_TRIED: Final = ("a photo of a red ball", "nurse", "a house and a blue car")


def _check_end(tokenizer: FileTokenizer, end_id: int | None, *, where: str) -> None:
    """Refuse a tokenizer that doesn't end texts with the token whose place the text tower reads its answer from.

    Args:
        tokenizer: The one of the folder.
        end_id: The token; None if it is the one of the largest number.
        where: The checkpoint's name, for messages.

    Raises:
        RefusedProblem: If a text lacks it: the tower would read its answer at another word, without complaint.
    """
    tokens = tokenizer.encode(_TRIED)
    ends = tokens.max(dim=1).values if end_id is None else torch.full((len(tokens),), end_id)
    if len(set(ends.tolist())) > 1 or not bool((tokens == ends[:, None]).any(dim=1).all()):
        shown = "the token of the largest number" if end_id is None else f"the token {end_id}"
        raise RefusedProblem(
            f"The tokenizer of {where} does not end texts with {shown}, where its text tower reads its answer.",
            remedy="Use the tokenizer that the checkpoint was trained with; its tokenizer.json adds the end of a text "
            "by its post_processor.",
        )


def _pad_id(config: TextConfig) -> int:
    return config.pad_id if config.hf_model_name is None else padding_token(config.hf_model_name)


def _read(tokenizer_json: Path, *, vocab_size: int, where: str) -> tuple[str, Tokenizer]:
    """Return the text of a ``tokenizer.json`` and the tokenizer that it describes, once it fits the text tower."""
    read_json(tokenizer_json, max_bytes=_MAX_TOKENIZER_BYTES)
    content = tokenizer_json.read_text(encoding="utf-8")
    try:
        tokenizer = Tokenizer.from_str(content)
    except Exception as error:  # the library raises nothing narrower
        raise RefusedProblem(
            f"{tokenizer_json} is no tokenizer: {str(error)[:200]}.", remedy="Get the file again from its source."
        ) from error
    _check_ids(vocab_size, largest=max(tokenizer.get_vocab(with_added_tokens=True).values(), default=0), where=where)
    model = json.loads(content)["model"]
    if model.get("type") == "WordLevel" and tokenizer.token_to_id(str(model.get("unk_token"))) is None:
        raise RefusedProblem(
            f"{tokenizer_json} is a list of words without a token for unknown ones.",
            remedy="Add its unk_token to the vocabulary.",
        )
    return content, tokenizer


def _check_ids(vocab_size: int, *, largest: int, where: str) -> None:
    if largest >= vocab_size:
        raise RefusedProblem(
            f"The tokenizer of {where} has token ids up to {largest}, but its text tower knows {vocab_size}.",
            remedy="Use the tokenizer that the checkpoint was trained with.",
        )


def _padding(tokenizer: Tokenizer, options: Mapping[str, str], pad_id: int) -> tuple[int, str]:
    """Return what fills short texts: as tokenizer_config.json says, else tokenizer.json, else the text tower."""
    token = options.get("pad_token")
    if token is not None and (known := tokenizer.token_to_id(token)) is not None:
        return known, token
    if tokenizer.padding is not None:
        return int(tokenizer.padding["pad_id"]), str(tokenizer.padding["pad_token"])
    return pad_id, tokenizer.id_to_token(pad_id) or "[PAD]"


def _special_tokens(path: Path) -> dict[str, str]:
    """Return the special tokens that ``tokenizer_config.json`` names; everything else in it is ignored."""
    if not path.is_file():
        return {}
    content: Any = read_json(path)
    found: dict[str, str] = {}
    for kind in ("pad_token", "sep_token"):
        value = content.get(kind) if isinstance(content, dict) else None
        text = value.get("content") if isinstance(value, dict) else value
        if isinstance(text, str):
            found[kind] = text
    return found
