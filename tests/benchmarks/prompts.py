"""On which prompts: those of the phantom suites, split by concept into a set for tuning and one for testing."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence
from typing import Final, Literal

from audit.errors import UsageProblem
from audit.records import Prompt
from audit.seeding import derive_seed
from audit.suites import load_suite, suite_path

PromptSet = Literal["tuning", "test"]

_SUITES: Final = ("phantom/professions", "phantom/names", "phantom/controls")


def every_prompt() -> tuple[Prompt, ...]:
    """Return the prompts of the phantom suites, each text once; what has no one text to invert is left out."""
    found: dict[str, Prompt] = {}
    for name in _SUITES:
        for prompt in load_suite(suite_path(name)).prompts:
            if prompt.role not in {"noise", "graded"}:
                found.setdefault(prompt.text, prompt)
    return tuple(found.values())


def split(prompts: Sequence[Prompt]) -> dict[PromptSet, tuple[Prompt, ...]]:
    """Return the prompts of both sets: of each kind of concept, a third is for tuning, by the hash of its name.

    A concept with all that is asked of it, bare or explicit, is in one set only.
    """
    kinds: dict[tuple[str, str], set[str]] = defaultdict(set)
    home: dict[str, tuple[str, str]] = {}
    for prompt in prompts:
        kind = home.setdefault(prompt.concept, (prompt.suite, "object" if prompt.role == "object" else ""))
        kinds[kind].add(prompt.concept)
    tuning = {concept for concepts in kinds.values() for concept in _hashed(concepts)[: len(concepts) // 3]}
    return {
        "tuning": tuple(prompt for prompt in prompts if prompt.concept in tuning),
        "test": tuple(prompt for prompt in prompts if prompt.concept not in tuning),
    }


def choose(prompts: Sequence[Prompt], count: int) -> tuple[Prompt, ...]:
    """Return ``count`` prompts, spread evenly over concepts; more of them never changes which come first."""
    by_concept: dict[str, list[Prompt]] = defaultdict(list)
    for prompt in prompts:
        by_concept[prompt.concept].append(prompt)
    columns = [
        sorted(by_concept[concept], key=lambda prompt: derive_seed("bench order", prompt.text))
        for concept in _hashed(by_concept)
    ]
    rounds = itertools.zip_longest(*columns)
    return tuple(prompt for one in rounds for prompt in one if prompt is not None)[:count]


def how_many(words: str) -> int:
    """Return a number of prompts from the words that a user gave.

    Raises:
        UsageProblem: If they are not a whole number above 0.
    """
    if not (words.isascii() and words.isdigit() and int(words) > 0):
        raise UsageProblem(f"{words!r} is not a number of prompts.", remedy="Give a whole number above 0.")
    return int(words)


def _hashed(names: Sequence[str] | set[str] | dict[str, list[Prompt]]) -> list[str]:
    return sorted(names, key=lambda name: derive_seed("bench split", name))
