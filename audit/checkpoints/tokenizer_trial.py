"""Tries a tokenizer out, in a process of its own that may end: run as a file, it loads nothing but tokenizers.

It reads one JSON object from its standard input and writes one to its standard output. What a file of a stranger can
do to the library (panic, abort, take all memory, never end) happens here, under limits of the operating system.
"""

from __future__ import annotations

import json
import resource
import sys
from typing import Any

MEMORY = 1 << 30
"""Bytes of memory that it may take, Python included; one of 256,000 pieces and 580,000 merges takes 0.6 GiB."""


def main() -> None:
    """Encode every caption of the object on standard input; answer with ``problem`` or with ``ok``."""
    asked = json.load(sys.stdin)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (asked["seconds"], asked["seconds"]))
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    from tokenizers import Tokenizer  # noqa: PLC0415  (after the limits)

    answer: dict[str, object] = {"problem": "", "pad": [0, ""], "sep": None}
    try:
        answer |= _try_out(Tokenizer.from_str(asked["content"]), asked)
    except BaseException as error:  # noqa: BLE001  (a panic of the library is a BaseException)
        answer["problem"] = f"{type(error).__name__}: {error}"[:300]
    json.dump(answer, sys.stdout)


def _try_out(tokenizer: Any, asked: Any) -> dict[str, object]:  # noqa: ANN401  (what the library has no types for)
    sep = None if asked["sep_token"] is None else tokenizer.token_to_id(asked["sep_token"])
    pad = _padding(tokenizer, asked)
    answer = {"pad": pad, "sep": sep}
    captions, context = asked["captions"], asked["context"]
    whole = [tokenizer.encode(caption) for caption in captions]
    bare = [tokenizer.encode(caption, add_special_tokens=False) for caption in captions]
    tokenizer.enable_truncation(context)
    tokenizer.enable_padding(length=context, pad_id=pad[0], pad_token=pad[1])
    padded = tokenizer.encode_batch(captions)
    for caption, *encodings in zip(captions, padded, whole, bare, strict=True):
        if len(encodings[0].ids) != context:
            return {**answer, "problem": f"{len(encodings[0].ids)} tokens, where the text tower reads {context}"}
        largest = max(number for encoding in encodings for number in (0, *encoding.ids))
        if largest >= asked["vocab_size"]:
            told = f"the token {largest} for {caption[:40]!a}, where the text tower knows {asked['vocab_size']}"
            return {**answer, "problem": told}
    return answer


def _padding(tokenizer: Any, asked: Any) -> tuple[int, str]:  # noqa: ANN401
    token = asked["pad_token"]
    if token is not None and (known := tokenizer.token_to_id(token)) is not None:
        return known, token
    if asked["pad"] is not None:
        return tuple(asked["pad"])
    return asked["pad_id"], tokenizer.id_to_token(asked["pad_id"]) or "[PAD]"


if __name__ == "__main__":
    main()
