"""Texts to token ids: open_clip's byte-pair tokenizer, or the ``tokenizer.json`` of a checkpoint's folder.

``transformers.AutoTokenizer`` is never used: it takes options from the folder that make it run code from there.
A ``tokenizer.json`` is read by the tokenizers library, which runs none, once its parts are known to be on a list
(``tokenizer_parts``) and once a process that may end has survived it (``tokenizer_trial``).
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
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
from audit.checkpoints.tokenizer_parts import CheckedTokenizer, parse_tokenizer
from audit.checkpoints.transformers_models import TransformersConfig
from audit.errors import RefusedProblem
from audit.opening import LARGEST, is_file, os_problem, read_regular, read_text

_MAX_TOKENIZER_BYTES: Final = 40_000_000
"""The largest in use, of 256,000 pieces and 580,000 merges (Gemma, SigLIP 2), has some 34 million."""
_PANIC: Final = "PanicException"
_OTHER_TOKENIZER: Final = "Use the tokenizer that the checkpoint was trained with."


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
        return hashlib.sha256(read_regular(Path(bundled.default_bpe()), most=LARGEST)).hexdigest()

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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    """What a file's tokenizer is made with."""

    checked: CheckedTokenizer
    pad: tuple[int, str]
    """Id and text of the token that fills up to the context length."""
    blanked: int | None = None
    """Id that is replaced by 0 (open_clip's ``strip_sep_token``), or None."""
    context: int
    """Tokens that a text is filled up or cut to."""
    clean: str | None
    """What is done to a text first, as open_clip names it; None for nothing."""


@contextmanager
def _without_panic(text: str) -> Iterator[None]:
    """Turn what the library does not survive into a refusal: its panics are no ``Exception``.

    Raises:
        RefusedProblem: If it panics, or fails.
    """
    try:
        yield
    except BaseException as error:
        if not (isinstance(error, Exception) or type(error).__name__ == _PANIC):
            raise
        raise RefusedProblem(
            f"The checkpoint's tokenizer fails on {text[:80]!a}: {str(error)[:200]}.", remedy=_OTHER_TOKENIZER
        ) from error


@final
class FileTokenizer:
    """The ``tokenizer.json`` of a checkpoint's folder, with the options that open_clip would give it."""

    def __init__(self, *, content: str, options: _Options) -> None:
        """Prepare the tokenizer.

        Args:
            content: Text of ``tokenizer.json``.
            options: What was checked of it, and what the text tower wants.
        """
        self._content = content
        self._blanked = options.blanked
        self._clean: Callable[[str], str] = str if options.clean is None else bundled.get_clean_fn(options.clean)
        self._plain = Tokenizer.from_str(options.checked.text)
        self._padded = Tokenizer.from_str(options.checked.text)
        self._padded.enable_truncation(options.context)
        self._padded.enable_padding(length=options.context, pad_id=options.pad[0], pad_token=options.pad[1])
        unknown = options.checked.unknown
        self._unknown = None if unknown is None else self._plain.token_to_id(unknown)

    @property
    def digest(self) -> str:
        """SHA-256 of ``tokenizer.json``, in hex."""
        return hashlib.sha256(self._content.encode()).hexdigest()

    def encode(self, texts: Sequence[str]) -> Int64[Tensor, "text context"]:
        """Return token ids, padded with the pad token; the special tokens survive the cut."""
        with _without_panic(" ".join(texts[:1])):
            encodings = self._padded.encode_batch([self._clean(text) for text in texts])
        tokens = torch.tensor([encoding.ids for encoding in encodings], dtype=torch.int64)
        return tokens if self._blanked is None else tokens.masked_fill(tokens == self._blanked, 0)

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens before anything is cut, special tokens included."""
        with _without_panic(text):
            return len(self._plain.encode(self._clean(text)).ids)

    def unknown_words(self, text: str) -> tuple[str, ...]:
        """Return the words that become the unknown token, each once, in their order."""
        if self._unknown is None:
            return ()
        cleaned = self._clean(text)
        with _without_panic(text):
            encoding: Encoding = self._plain.encode(cleaned, add_special_tokens=False)
        spans = [span for token, span in zip(encoding.ids, encoding.offsets, strict=True) if token == self._unknown]
        return tuple(dict.fromkeys(cleaned[start:end] for start, end in spans))


# --- tried out, in a process that may end -------------------------------------------------------------------------

_TRIAL: Final = Path(__file__).with_name("tokenizer_trial.py")
_SECONDS: Final = 5
"""Processor time of a trial, and one more for every 4 MB that are to be read."""
_PATIENCE: Final = 12
"""How many times longer it may take by the clock, on a machine that does other things as well."""
_MOST_TRIED: Final = 64
_SIGNS: Final = "".join(map(chr, range(32, 127)))
_CAPTIONS: Final = (
    "",
    "a photo of a nurse.",
    "A Photo of 12 doctors, and an engineer (2nd from left)!",
    _SIGNS,
    *(sign * 500 for sign in "aA0 .'-"),
    "ab " * 160,
    "a1" * 250,
    "caf\u00e9 na\u00efve \u2019\u201c\u2014 \u4e2d\u6587 \u0639\u0631\u0628\u064a \U0001f600 e\u0301",
)
"""Ordinary texts, every sign of ASCII, and the longest that a prompt may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trial:
    """What came of a trial."""

    problem: str
    pad: tuple[int, str]
    sep: int | None


_TRIED: Final[dict[str, _Trial]] = {}


def _try_out(checked: CheckedTokenizer, named: Mapping[str, str], tower: _Tower) -> _Trial:
    """Return what a tokenizer does with ``_CAPTIONS``; the same file is tried once a process.

    Raises:
        EnvironmentProblem: If no process can be started.
    """
    seconds = _SECONDS + len(checked.text) // (4 << 20)
    asked = {
        "content": checked.text,
        "captions": _CAPTIONS,
        "context": tower.context,
        "vocab_size": tower.vocab_size,
        "pad": checked.pad,
        "pad_token": named.get("pad_token"),
        "pad_id": tower.pad_id,
        "sep_token": named.get("sep_token"),
        "seconds": seconds,
    }
    text = json.dumps(asked)
    key = hashlib.sha256(text.encode()).hexdigest()
    if key not in _TRIED:
        if len(_TRIED) >= _MOST_TRIED:
            _TRIED.clear()
        _TRIED[key] = _answer_of(text, seconds=seconds)
    return _TRIED[key]


def _answer_of(text: str, *, seconds: int) -> _Trial:
    """Run a trial; ``seconds`` are those of the processor, of which the clock may show ``_PATIENCE`` times as many."""
    told = f"it takes more than {seconds} s of processor time, or more than 1 GiB of memory, or ends the process"
    failed = _Trial(problem=told, pad=(0, ""), sep=None)
    one_thread = {"RAYON_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "RUST_BACKTRACE": "0"}
    try:
        done = subprocess.run(  # noqa: S603  (our own file, by the interpreter that runs)
            [sys.executable, "-P", str(_TRIAL)],
            input=text.encode(),
            capture_output=True,
            check=False,
            timeout=seconds * _PATIENCE,
            env={**os.environ, **one_thread},
        )
    except subprocess.TimeoutExpired:
        return failed
    except OSError as error:
        raise os_problem(error, "Starting", sys.executable or "the interpreter") from error
    try:
        answer = json.loads(done.stdout)
        pad, sep = answer["pad"], answer["sep"]
        return _Trial(problem=str(answer["problem"]), pad=(int(pad[0]), str(pad[1])), sep=sep)
    except (ValueError, KeyError, TypeError, IndexError):
        return failed


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
        _check_ids(config.vocab_size, largest=49407, where=where)
        return tokenizer
    if tokenizer_json is None:
        raise RefusedProblem(
            f"The configuration of {where} asks for the tokenizer {text.hf_tokenizer_name}, but there is no "
            "tokenizer.json beside it, and nothing is fetched because a configuration says so.",
            remedy="Put that tokenizer's tokenizer.json and tokenizer_config.json into the folder.",
        )
    return _from_file(text, tokenizer_json, where=where)


def _of_transformers(config: TransformersConfig, tokenizer_json: Path, *, where: str) -> FileTokenizer:
    content, checked = _read(tokenizer_json, vocab_size=config.vocab_size, context=config.context_length)
    named = _special_tokens(tokenizer_json.with_name("tokenizer_config.json"))
    tower = _Tower(vocab_size=config.vocab_size, context=config.context_length, pad_id=config.pad_id, where=where)
    pad, _ = _tokens_of(checked, named, tower)
    if config.masks_padding and pad[0] != config.pad_id:
        raise RefusedProblem(
            f"{where} fills up texts with the token {pad[0]}, but its text tower leaves out the token {config.pad_id}.",
            remedy="Make pad_token of tokenizer_config.json and pad_token_id of config.json name the same token.",
        )
    options = _Options(checked=checked, pad=pad, context=config.context_length, clean=config.clean)
    made = FileTokenizer(content=content, options=options)
    if config.reads_at_end:
        _check_end(made, config.end_id, where=where)
    return made


def _from_file(config: TextConfig, tokenizer_json: Path, *, where: str) -> FileTokenizer:
    known = config.vocab_size if config.hf_model_name is None else text_vocabulary(config.hf_model_name)
    content, checked = _read(tokenizer_json, vocab_size=known, context=config.context_length)
    named = _special_tokens(tokenizer_json.with_name("tokenizer_config.json"))
    tower = _Tower(vocab_size=known, context=config.context_length, pad_id=_pad_id(config), where=where)
    pad, sep = _tokens_of(checked, named, tower)
    made = FileTokenizer(
        content=content,
        options=_Options(
            checked=checked,
            pad=pad,
            blanked=sep if config.tokenizer_kwargs.strip_sep_token else None,
            context=config.context_length,
            clean=config.tokenizer_kwargs.clean or "whitespace",
        ),
    )
    if config.hf_model_name is None and config.pool_type in {"argmax", "eos"}:
        _check_end(made, config.eos_id if config.pool_type == "eos" else None, where=where)
    return made


_ENDED: Final = ("a photo of a red ball", "nurse", "a house and a blue car")


def _check_end(tokenizer: FileTokenizer, end_id: int | None, *, where: str) -> None:
    """Refuse a tokenizer that doesn't end texts with the token whose place the text tower reads its answer from.

    Args:
        tokenizer: The one of the folder.
        end_id: The token; None if it is the one of the largest number.
        where: The checkpoint's name, for messages.

    Raises:
        RefusedProblem: If a text lacks it: the tower would read its answer at another word, without complaint.
    """
    tokens = tokenizer.encode(_ENDED)
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


def _read(tokenizer_json: Path, *, vocab_size: int, context: int) -> tuple[str, CheckedTokenizer]:
    """Return the text of a ``tokenizer.json``, and what it says once it is within bounds and fits the text tower."""
    content = read_json(tokenizer_json, max_bytes=_MAX_TOKENIZER_BYTES)
    checked = parse_tokenizer(content, vocab_size=vocab_size, context=context, where=str(tokenizer_json))
    return read_text(tokenizer_json), checked


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tower:
    """What a text tower knows."""

    vocab_size: int
    context: int
    pad_id: int
    where: str


def _tokens_of(
    checked: CheckedTokenizer, named: Mapping[str, str], tower: _Tower
) -> tuple[tuple[int, str], int | None]:
    """Try a tokenizer out on captions, and return the tokens for filling up and for separating.

    What fills up short texts is what tokenizer_config.json says, else tokenizer.json, else the text tower.

    Raises:
        RefusedProblem: If it does not survive that, or gives tokens that the text tower does not know or cannot read.
    """
    found = _try_out(checked, named, tower)
    if found.problem:
        raise RefusedProblem(
            f"The tokenizer of {tower.where} fails on ordinary captions: {found.problem}.", remedy=_OTHER_TOKENIZER
        )
    return found.pad, found.sep


def _check_ids(vocab_size: int, *, largest: int, where: str) -> None:
    if largest >= vocab_size:
        raise RefusedProblem(
            f"The tokenizer of {where} has token ids up to {largest}, but its text tower knows {vocab_size}.",
            remedy="Use the tokenizer that the checkpoint was trained with.",
        )


def _special_tokens(path: Path) -> dict[str, str]:
    """Return the special tokens that ``tokenizer_config.json`` names; everything else in it is ignored."""
    if not is_file(path):
        return {}
    content: Any = read_json(path)
    found: dict[str, str] = {}
    for kind in ("pad_token", "sep_token"):
        value = content.get(kind) if isinstance(content, dict) else None
        text = value.get("content") if isinstance(value, dict) else value
        if isinstance(text, str):
            found[kind] = text
    return found
