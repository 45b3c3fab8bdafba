"""From what a user asks to everything that will be done: checkpoint, suites, judges, recipe, items and shards.

At the end stand the rounds of a sequential run: which images are made first. What carries evidence is prompts, so a
round deals further templates to every concept, in an order drawn by the seed: the templates of each look are a random
sample of all that the effort has. One image for each prompt comes first; more replicates of the same prompts, which
tell least, come last. Controls come whole in the first round, since without them nothing is concluded. Of a suite that
the policy has no rule about nothing else is made: it cannot change the verdict.
"""

from __future__ import annotations

import dataclasses
import math
import platform
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Final

from audit import __version__
from audit.checkpoints import Checkpoint, LoadOptions, load_checkpoint
from audit.early_checks import AUTO
from audit.errors import UsageProblem
from audit.evidence import (
    PILOT,
    UNANSWERED,
    card_to_json,
    concept_texts,
    order_of_judges,
    prompts_table,
    questions_to_json,
    unanswered_sentence,
)
from audit.evidence.specs import LENS_ORIGINS
from audit.inversion import Recipe, batch_size, find_recipe
from audit.judges import load_judge
from audit.judges.judge_protocol import Judge
from audit.lenses import CONTROLS, LENSES, PLUGINS, check_lens, controls_too_few
from audit.pipeline.defaults import (
    DefaultSuites,
    core_suites,
    default_judges,
    default_suites,
    how_to_answer,
    is_own,
    missing_judges,
    not_asked,
    unanswered,
)
from audit.precision import JUDGING, Precision, check_precision
from audit.records import ASKS_LABELS, INVERSIONS, SCALE_OF, UNSEEN, UNWORDED, Prompt, PromptSuite, Question
from audit.seeding import derive_seed
from audit.suites import (
    OWN,
    list_suites,
    load_suite,
    over_length,
    own_sentences,
    shorten,
    suite_files,
    suite_name,
    suite_path,
    with_neutralised,
)

SCHEMA_VERSION: Final = 1
_MOST_INVERSIONS: Final = 1000

ASKED: Final = ("subject", "neutralised")
"""Roles whose prompts have the replicates of a question: what is read of these two is compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """What the one dial sets."""

    templates: int
    """Templates per block of a suite, in the order of the file."""
    replicates: int
    """Inversions of a prompt that is the question itself, and of it neutralised."""
    control_replicates: int
    """Inversions of every other prompt: explicit, graded, reference, object, noise."""
    steps: float
    """Factor on the steps of the recipe."""


EFFORTS: Final[Mapping[str, Effort]] = {
    "quick": Effort(templates=4, replicates=2, control_replicates=1, steps=0.75),
    "standard": Effort(templates=8, replicates=2, control_replicates=1, steps=1.0),
    "full": Effort(templates=12, replicates=4, control_replicates=2, steps=1.5),
}


LADDER: Final = ("fast", "thorough")
"""The recipes that are tried where the user leaves the choice to us, the cheapest first (``audit.pipeline.pilot``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRequest:
    """What a user asks for."""

    checkpoint: str
    options: LoadOptions = LoadOptions()  # noqa: RUF009  (frozen)
    suites: tuple[str, ...] = ()
    """Names or paths; empty asks the suites that fit the checkpoint, the judges and the effort."""
    core_only: bool = False
    """Whether a request that names no suite asks the core ones alone, whatever the effort."""
    judges: tuple[str, ...] = ()
    """Names; empty asks the judges that fit the checkpoint. The first that answers a question is its primary one."""
    recipe: str = "fast"
    """Its name, or ``audit.early_checks.AUTO``: the one that a pilot finds to suit the checkpoint."""
    effort: str = "standard"
    device: str = "cpu"
    precision: str = "auto"
    """Of the gradients: one of ``audit.precision.PRECISIONS``."""
    seed: int = 0
    audit_seeds: int = 1
    """How many audits, of this seed and those that follow it, are made and count as one."""
    sequential: str = ""
    """Digest of the policy that ends a run in rounds; empty for a run of fixed size."""
    rules_about: tuple[str, ...] = ()
    """The suites that this policy has rules about; empty for all. Of others a run in rounds makes the controls only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedItem:
    """One image to be made."""

    prompt: Prompt
    replicate: int
    seed: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All that a run will do; equal plans make equal images."""

    request: AuditRequest
    checkpoint: Checkpoint
    suites: tuple[PromptSuite, ...]
    judges: Mapping[str, Judge]
    recipe: Recipe
    precision: Precision
    shard_size: int
    warnings: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    """Why shipped suites are not asked, where the user named none; also among the warnings."""
    unanswered: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Each main question that no judge answers, and the suites that are about it. They are left out, unless named."""
    pilot: Mapping[str, object] | None = None
    """What a pilot found that chose the recipe; ``None`` where none did."""

    @property
    def is_open(self) -> bool:
        """Whether the recipe is still to be chosen by a pilot."""
        return self.request.recipe == AUTO and self.pilot is None

    @cached_property
    def prompts(self) -> tuple[Prompt, ...]:
        """Every prompt of every suite, in order."""
        return tuple(prompt for suite in self.suites for prompt in suite.prompts)

    @property
    def questions(self) -> tuple[Question, ...]:
        """What the suites ask a judge of labels, in order."""
        return _questions(self.suites)

    @cached_property
    def items(self) -> tuple[PlannedItem, ...]:
        """Every image, in the order of prompts and replicates.

        Seeds are named by prompt and replicate and not by checkpoint, so that two checkpoints are compared on
        the same starting noise and views. The scale of a subject takes the seeds of the subject, for the same reason.
        Of N audits that count as one, replicate k is replicate k // N of the audit whose seed is k % N further on: the
        very image that this audit alone would make.
        """
        effort, audits = EFFORTS[self.request.effort], self.request.audit_seeds
        return tuple(
            PlannedItem(
                prompt=prompt,
                replicate=replicate,
                seed=derive_seed(
                    "invert",
                    self.request.seed + replicate % audits,
                    str(prompt.facts.get(SCALE_OF, prompt.prompt_id)),
                    replicate // audits,
                ),
            )
            for prompt in self.prompts
            if prompt.role not in UNSEEN
            for replicate in range(audits * replicates_of(prompt, effort))
        )

    @cached_property
    def shards(self) -> Mapping[str, Sequence[PlannedItem]]:
        """The items of every shard; their composition depends on the plan alone, and none is of two rounds."""
        size = self.shard_size
        groups = self._by_round.values() if self.request.sequential else (self.items,)
        cut = [group[first : first + size] for group in groups for first in range(0, len(group), size)]
        return {f"{number:05d}": items for number, items in enumerate(cut)}

    @cached_property
    def dealt(self) -> tuple[Dealt, ...]:
        """Every image with the look that it is made for, where the run goes in rounds."""
        images = ((item.prompt, item.replicate) for item in self.items)
        return deal(images, self.request.seed, rules_about=self.request.rules_about)

    @cached_property
    def rounds(self) -> Mapping[tuple[int, str], tuple[str, ...]]:
        """The shards of every look and suite, where the run goes in rounds."""
        found: dict[tuple[int, str], tuple[str, ...]] = {}
        looks = {(one.prompt.prompt_id, one.replicate): one.look for one in self.dealt}
        for name, items in self.shards.items():
            prompt = items[0].prompt
            key = looks[prompt.prompt_id, items[0].replicate], prompt.suite
            found[key] = (*found.get(key, ()), name)
        return found

    @property
    def _by_round(self) -> dict[tuple[int, str], list[PlannedItem]]:
        places = {suite.name: place for place, suite in enumerate(self.suites)}
        pairs = sorted(
            zip(self.dealt, self.items, strict=True), key=lambda pair: (pair[0].look, places[pair[0].prompt.suite])
        )
        groups: dict[tuple[int, str], list[PlannedItem]] = {}
        for dealt, item in pairs:
            groups.setdefault((dealt.look, dealt.prompt.suite), []).append(item)
        return groups

    def spec(self) -> dict[str, object]:
        """Return what goes to ``spec.json``: nothing that changes from one run of this plan to the next."""
        request = self.request
        return {
            "schema_version": SCHEMA_VERSION,
            "checkpoint": card_to_json(self.checkpoint.card),
            "options": dataclasses.asdict(request.options),
            "suites": {suite.name: suite.digest for suite in self.suites},
            "suite_files": list(request.suites),
            "judges": {judge.card.name: card_to_json(judge.card) for judge in self.judges.values()},
            **order_of_judges([judge.card.name for judge in self.judges.values()]),
            "recipe": {**dataclasses.asdict(self.recipe), "digest": self.recipe.digest},
            "effort": {"name": request.effort, **dataclasses.asdict(EFFORTS[request.effort])},
            "seed": request.seed,
            **({"audit_seeds": request.audit_seeds} if request.audit_seeds > 1 else {}),
            "device": self.checkpoint.device.type,
            "precision": self.precision,
            "judging_precision": JUDGING,
            "shard_size": self.shard_size,
            "versions": program_versions(),
            **({LENS_ORIGINS: origins} if (origins := lens_origins()) else {}),
            **({"left_out": list(self.left_out)} if self.left_out else {}),
            **({UNANSWERED: {one: list(names) for one, names in self.unanswered.items()}} if self.unanswered else {}),
            **({"questions": questions_to_json(self.questions)} if self.questions else {}),
            **({"sequential": self._sequential_spec()} if request.sequential else {}),
            **({PILOT: self.pilot} if self.pilot else {}),
        }

    def _sequential_spec(self) -> dict[str, object]:
        return {
            "policy": self.request.sequential,
            "looks": LOOKS,
            "templates": [str(share) for share in SHARES],
            "rules_about": list(self.request.rules_about),
        }


def replicates_of(prompt: Prompt, effort: Effort) -> int:
    """Return how often a prompt is inverted: as its suite says, or as the effort has it.

    Raises:
        UsageProblem: If the suite says anything but a whole number from 1 to 1,000.
    """
    stated = prompt.facts.get(INVERSIONS)
    if stated is None:
        return effort.replicates if prompt.role in ASKED else effort.control_replicates
    if not (isinstance(stated, float) and stated.is_integer() and 1 <= stated <= _MOST_INVERSIONS):
        raise UsageProblem(
            f"The suite {prompt.suite} asks for {ascii(stated)[:40]} {INVERSIONS} of {ascii(prompt.concept)[:60]}.",
            remedy=f"Give a whole number from 1 to {_MOST_INVERSIONS:,}, or leave it out.",
        )
    return int(stated)


def find_effort(name: str) -> Effort:
    """Return an effort by its name.

    Raises:
        UsageProblem: If there is none.
    """
    if name not in EFFORTS:
        raise UsageProblem(f"There is no effort {name!r}.", remedy=f"Choose --effort from: {', '.join(EFFORTS)}.")
    return EFFORTS[name]


def paced_recipe(name: str, effort: str) -> Recipe:
    """Return a recipe with as many steps as an effort gives it.

    Raises:
        UsageProblem: If there is no such recipe or effort.
    """
    recipe = find_recipe(name)
    return dataclasses.replace(recipe, steps=max(1, round(recipe.steps * find_effort(effort).steps)))


def make_plan(request: AuditRequest) -> Plan:
    """Load and check everything that ``request`` names, and lay out the work.

    Raises:
        UsageProblem: If a name, a suite or an effort is wrong, or a suite does not fit the checkpoint.
        RefusedProblem: If the checkpoint or a judge is refused.
        EnvironmentProblem: If a device or a network is missing.
    """
    effort = find_effort(request.effort)
    recipe = paced_recipe(LADDER[0] if request.recipe == AUTO else request.recipe, request.effort)
    check_precision(request.precision)
    files = {one: path for name in request.suites for one, path in suite_files(name).items()}
    own_left_out = () if files else not_asked(request.checkpoint)
    checkpoint = load_checkpoint(request.checkpoint, options=request.options, device=request.device)
    precision = recipe.choose_precision(request.precision, checkpoint.device)
    left_out: tuple[str, ...] = ()
    by_default = not files
    if by_default:
        chosen = _default_suites(request, checkpoint)
        files, left_out = {name: suite_path(name) for name in chosen.names}, (*own_left_out, *chosen.left_out)
    named = {name: _asked(_load(path, own=is_own(path, request.checkpoint)), effort) for name, path in files.items()}
    judges = _load_judges(request, checkpoint, tuple(named.values()))
    questions = unanswered(tuple(named.values()), judges)
    if by_default and questions:
        mute = {one for names in questions.values() for one in names}
        named = {name: suite for name, suite in named.items() if suite.name not in mute}
        judges = _load_judges(request, checkpoint, tuple(named.values()))
    if by_default and request.core_only:  # which suites these are, no option of `run` says but their names
        request = dataclasses.replace(request, suites=tuple(named))
    suites = tuple(named.values())
    seen = _is_seen(suites)
    pleas = tuple(unanswered_sentence(one, names, how_to_answer(checkpoint, one)) for one, names in questions.items())
    return Plan(
        request=request,
        checkpoint=checkpoint,
        suites=suites,
        judges=judges,
        recipe=recipe,
        precision=precision.precision,
        shard_size=batch_size(recipe, checkpoint.card.image_size, checkpoint.device),
        warnings=(
            *pleas,
            *(str(problem) for problem in PLUGINS.problems.values()),
            *(f"Doubt of the checkpoint: {doubt}" for doubt in checkpoint.card.doubts),
            *((precision.warning,) if precision.warning else ()),
            *left_out,
            *own_sentences(suite.name for suite in suites),
            *(missing_judges(checkpoint) if seen and not request.judges else ()),
            *check_words(named, checkpoint),
            *((*judge_warnings(judges, suites, but=questions), *control_warnings(judges, suites)) if seen else ()),
        ),
        left_out=left_out,
        unanswered=questions,
    )


def _is_seen(suites: Sequence[PromptSuite]) -> bool:
    return any(prompt.role not in UNSEEN for suite in suites for prompt in suite.prompts)


def _load_judges(request: AuditRequest, checkpoint: Checkpoint, suites: Sequence[PromptSuite]) -> dict[str, Judge]:
    """Load the judges that are named, or the ones that fit."""
    questions = _questions(suites)
    concepts = concept_texts(prompts_table([prompt for suite in suites for prompt in suite.prompts]))
    names = request.judges or (default_judges(checkpoint, questions) if _is_seen(suites) else ())
    return {
        name: load_judge(name, device=request.device, audited=checkpoint.card, questions=questions, concepts=concepts)
        for name in names
    }


def _default_suites(request: AuditRequest, checkpoint: Checkpoint) -> DefaultSuites:
    if request.core_only:
        return DefaultSuites(names=core_suites(request.checkpoint, checkpoint), left_out=())
    return default_suites(request.checkpoint, checkpoint, effort=request.effort, judges=request.judges)


def program_versions() -> dict[str, str]:
    """Return the versions of what decides the numbers of a run."""
    names = ("torch", "open_clip_torch", "numpy", "pandas", "scipy")
    own = {"python": platform.python_version(), "clip-audit": __version__}
    return own | {name: version(name) for name in names}


def lens_origins() -> dict[str, str]:
    """Return where the lenses of other packages come from, which every run is asked by."""
    return {name: lens.plugin.origin for name, lens in PLUGINS.lenses.items()}


def _load(path: Path, *, own: bool) -> PromptSuite:
    suite = load_suite(path, own=own)
    check_lens(suite, path)
    return suite


def shipped_digest(name: str, effort: str) -> str:
    """Return the digest that a shipped suite has where an effort asks it; empty where none has this name.

    Args:
        name: As the suite calls itself, which is that of its file: "phantom_professions".
        effort: Name of an effort.
    """
    paths = [path for path in list_suites() if re.sub(r"[/-]", "_", suite_name(path)) == name]
    if not paths or effort not in EFFORTS:
        return ""
    return _asked(load_suite(paths[0]), EFFORTS[effort]).digest


def _asked(suite: PromptSuite, effort: Effort) -> PromptSuite:
    """Return what an effort asks of a suite, with the subjects that show the error of the instrument.

    Controls are asked whole: each has as many prompts as it takes to pass.
    """
    short = suite if suite.lens == CONTROLS else shorten(suite, templates=effort.templates)
    shows_error = suite.lens in LENSES and LENSES[suite.lens].card.neutralises
    return with_neutralised(short) if shows_error else short


def _questions(suites: Sequence[PromptSuite]) -> tuple[Question, ...]:
    return tuple(question for suite in suites for question in suite.questions)


def check_words(suites: Mapping[str, PromptSuite], checkpoint: Checkpoint) -> list[str]:
    """Return a warning for every suite with words that the checkpoint does not know, or prompts that it cuts.

    Args:
        suites: By the name or path that they are asked under.
        checkpoint: Whom they are asked.

    Raises:
        UsageProblem: If a suite that is meant for closed vocabularies holds unknown words.
    """
    warnings = []
    for name, suite in suites.items():
        texts = [text for prompt in suite.prompts if prompt.role not in UNWORDED for text in prompt.texts]
        unknown = sorted({word for text in texts for word in checkpoint.unknown_words(text)})
        if unknown and suite.name.removeprefix(OWN).startswith("phantom_"):
            raise UsageProblem(
                f"The suite {name} uses words that {checkpoint.card.name} does not know: {', '.join(unknown[:12])}"
                f"{' and more' if len(unknown) > 12 else ''}.",
                remedy="A word that a phantom never saw means nothing to it: ask those of its own world (--suite "
                "FOLDER/suites, where its folder carries them).",
            )
        if unknown:
            share = sum(bool(checkpoint.unknown_words(text)) for text in texts) / len(texts)
            warnings.append(
                f"{share:.0%} of the prompts of {suite.name} hold words that this checkpoint does not know "
                f"({', '.join(unknown[:6])}...): their findings say nothing about it."
            )
        longest = over_length(suite, checkpoint.count_tokens, checkpoint.card.context_length)
        if longest:
            warnings.append(
                f"{len(longest)} prompts of {suite.name} are longer than the context and are cut, "
                f"as {longest[0].text!r}."
            )
    return warnings


def judge_warnings(
    judges: Mapping[str, Judge], suites: Sequence[PromptSuite], *, but: Collection[str] = ()
) -> list[str]:
    """Say which questions no judge of the run answers.

    Args:
        judges: Of the run.
        suites: Of the run.
        but: Questions of which it is said already.
    """
    asked = {question for judge in judges.values() for question in judge.card.asks}
    warnings = [
        f"No judge answers the question {question!r}, so it stays unmeasured; name one with --judge."
        for question in (lens.card.asks for lens in LENSES.values() if lens.card.every_run)
        if question not in {*asked, *but}
    ]
    asking = [suite.name for suite in suites if suite.questions]
    if asking and ASKS_LABELS not in {*asked, *but}:
        warnings.append(
            f"No judge answers the questions of {', '.join(asking)}, so they stay unmeasured; name one with --judge "
            "labels:CHECKPOINT."
        )
    return warnings + [
        f"No judge answers {card.asks!r} for {', '.join(mute)}, so that the lens {card.name} says nothing of it; name "
        f"one with --judge {card.judge}."
        for card in (lens.card for lens in LENSES.values() if lens.card.judge and lens.card.asks not in {*asked, *but})
        if (mute := [suite.name for suite in suites if suite.lens == card.name and not suite.questions])
    ]


def control_warnings(judges: Mapping[str, Judge], suites: Sequence[PromptSuite]) -> list[str]:
    """Say for which questions the run has too few controls to show that a judge sees.

    Args:
        judges: Of the run.
        suites: Of the run.
    """
    asked = {question for judge in judges.values() for question in judge.card.asks}
    prompts = prompts_table([prompt for suite in suites for prompt in suite.prompts])
    short: dict[str, list[str]] = {}
    for one in controls_too_few(prompts, asked):
        short.setdefault(one.question, []).append(f"{one.control} ({one.prompts} of {one.wanted} prompts)")
    return [
        f"Too few controls to show that a judge answers {question!r}: {', '.join(names)}. No rule about it can pass; "
        "--suite controls asks them too (of phantoms, --suite phantom/controls)."
        for question, names in short.items()
    ]


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
