"""The rounds of a sequential run: which images are made first.

What carries evidence is prompts, so a round deals further templates to every concept, in an order drawn by the seed:
the templates of each look are a random sample of all that the effort has. One image for each prompt comes first; more
replicates of the same prompts, which tell least, come last. Controls come whole in the first round, since without them
nothing is concluded. Of a suite that the policy has no rule about nothing else is made: it cannot change the verdict.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from audit.records import SCALE_OF, Prompt
from audit.seeding import derive_seed

SHARES: Final = (Fraction(1, 3), Fraction(2, 3), Fraction(1))
"""Share of a concept's templates that have been dealt by each look but the last, which adds the replicates."""

LOOKS: Final = len(SHARES) + 1
_UNASKED: Final = 2
"""Look of what no rule asks for. No suite goes on to a look that has no line which is open, so it is never made."""
_FEWEST: Final = 2
"""Templates of the first round, where there are so many: one prompt has no interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dealt:
    """One image, and the look that it is made for."""

    prompt: Prompt
    replicate: int
    look: int


def deal(images: Iterable[tuple[Prompt, int]], seed: int, *, rules_about: Collection[str] = ()) -> tuple[Dealt, ...]:
    """Return the look of every image, from 1 to ``LOOKS``, in the order given.

    Args:
        images: Prompt and replicate of each.
        seed: Of the run; draws the order of templates, which is one for a whole suite.
        rules_about: The suites that the policy has rules about; empty for all.
    """
    every = list(images)
    looks = _looks_of_prompts({prompt.prompt_id: prompt for prompt, _ in every}.values(), seed)

    def look_of(prompt: Prompt, replicate: int) -> int:
        if _is_control(prompt):
            return 1
        if rules_about and prompt.suite not in rules_about:
            return _UNASKED
        return LOOKS if replicate else looks[prompt.prompt_id]

    return tuple(
        Dealt(prompt=prompt, replicate=replicate, look=look_of(prompt, replicate)) for prompt, replicate in every
    )


def _is_control(prompt: Prompt) -> bool:
    """Tell a control from a subject, a reference, and what belongs to the scale of one."""
    return prompt.role not in {"subject", "reference"} and SCALE_OF not in prompt.facts


def _looks_of_prompts(prompts: Iterable[Prompt], seed: int) -> Mapping[str, int]:
    classes: defaultdict[tuple[str, ...], list[Prompt]] = defaultdict(list)
    every = list(prompts)
    neutralised = [prompt for prompt in every if prompt.role == "neutralised"]
    for prompt in every:
        classes[prompt.suite, prompt.role, prompt.concept, prompt.group, prompt.expected, _grade(prompt)].append(prompt)
    looks: dict[str, int] = {}
    for those in classes.values():
        templates = sorted({one.template for one in those}, key=lambda one: _draw(those[0].suite, one, seed))
        first = _first_looks(len(templates))
        looks |= {one.prompt_id: first[templates.index(one.template)] for one in those}
    # where only some templates have one, it comes with its subject and the scale that it is read off
    return looks | {one.prompt_id: looks[str(one.facts[SCALE_OF])] for one in neutralised}


def _grade(prompt: Prompt) -> str:
    return str(prompt.grade) if prompt.role == "graded" else ""


def _draw(suite: str, template: str, seed: int) -> tuple[int, str]:
    return derive_seed("deal", seed, suite, template), template


def _first_looks(templates: int) -> Sequence[int]:
    """Return the look of the first, second, ... template.

    Example:
        >>> _first_looks(8), _first_looks(4), _first_looks(1)
        ([1, 1, 1, 2, 2, 2, 3, 3], [1, 1, 2, 3], [1])
    """
    ends = [max(min(_FEWEST, templates), math.ceil(share * templates)) for share in SHARES]
    return [next(look for look, end in enumerate(ends, start=1) if place < end) for place in range(templates)]
