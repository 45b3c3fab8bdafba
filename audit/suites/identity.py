"""What a prompt and a suite are known by: digests that survive any reordering of a file."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict

from audit.records import Prompt, Question


def prompt_id(suite: str, role: str, text: str) -> str:
    """Return the first 16 hex digits of the SHA-256 of suite, role and text (NFC), as a JSON list.

    Example:
        >>> prompt_id("professions", "subject", "a photo of a nurse")
        '63452ac0cdbdfd52'
    """
    parts = [unicodedata.normalize("NFC", part) for part in (suite, role, text)]
    return hashlib.sha256(_canonical(parts)).hexdigest()[:16]


def suite_digest(name: str, version: str, prompts: Sequence[Prompt], questions: Sequence[Question] = ()) -> str:
    """Return the SHA-256 over name, version, every prompt with all that it carries, and questions, as 64 hex digits."""
    asked = [asdict(question) for question in questions]
    whole = [name, version, [asdict(prompt) for prompt in prompts], *([asked] if asked else [])]
    return hashlib.sha256(_canonical(whole)).hexdigest()


def _canonical(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
