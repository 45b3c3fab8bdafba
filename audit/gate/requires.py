"""What a policy is about, pinned: a run that was made otherwise cannot pass it, whatever its numbers are.

Thresholds alone can be met by asking other texts of the same name, a judge that sees little, the seed that happened to
go well. So a policy names suites by their digests, judges, recipe, least effort, precision and seeds.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from audit.gate.measured import Asked
from audit.gate.policy import EFFORTS, NO_LABELS, SHIPPED, WHOLE, Policy
from audit.records import RuleResult, Verdict
from audit.suites import own_sentences

REQUIRES: Final = "requires"
_SHOWN: Final = 16
"""Digits of a digest that are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """How a run was made, as its spec says."""

    suites: Mapping[str, str]
    """Name -> digest of what was asked."""
    shipped: Mapping[str, str]
    """Name -> digest that the shipped suite of this name has at the effort of the run."""
    judges: Mapping[str, str]
    """Name -> digest, in the order in which they are asked."""
    recipe: str
    recipe_digest: str
    effort: str
    precision: str
    """Empty where the run does not say."""
    seeds: tuple[int, ...]
    labels: str = ""
    """Digest of what people say of its images, by which shares are corrected; empty where there is none."""


def check_requirements(policy: Policy, facts: RunFacts, asked: Asked | None = None) -> tuple[RuleResult, ...]:
    """Hold how a run was made against what a policy is about.

    Args:
        policy: The policy.
        facts: Of the run, or of its plan.
        asked: What it asked; ``None`` leaves out the number of prompts and the suites of controls.

    Returns:
        A result for each requirement that is not met; where all are, one that passes.
    """
    unmet = [
        *_suites(policy, facts, () if asked is None else asked.control_suites),
        *_judges(policy, facts),
        *_settings(policy, facts),
        *_seeds(policy, facts),
        *_labels(policy, facts),
        *(() if asked is None else _prompts(policy, asked)),
    ]
    if not unmet:
        suites = ", ".join(sorted(_pins(policy))) or "no suite"
        evidence = f"The run was made as the policy asks ({suites}; {_pinned_words(policy, facts)})."
        evidence = " ".join((evidence, *own_sentences(facts.suites)))
        return (RuleResult(rule=REQUIRES, verdict=Verdict.PASS, evidence=evidence),)
    return tuple(
        RuleResult(
            rule=f"{REQUIRES}: {what}",
            verdict=Verdict.INCONCLUSIVE,
            evidence=" ".join((f"Not met: {why}", *own_sentences(facts.suites))),
        )
        for what, why in unmet
    )


def unpinned(policy: Policy) -> tuple[str, ...]:
    """Name what a policy leaves open."""
    asks = policy.requires
    given = {
        "judges": bool(asks.judges),
        "recipe": bool(asks.recipe),
        "least_effort": bool(asks.least_effort),
        "least_prompts": asks.least_prompts > 1,
        "precision": bool(asks.precision),
        "seeds": bool(asks.seeds),
    }
    return tuple(name for name, is_given in given.items() if not is_given)


def requires_text(facts: RunFacts, asked: Asked) -> str:
    """Write the block ``[requires]`` that pins a policy to how a run was made, as TOML to be pasted.

    Args:
        facts: Of the run.
        asked: What it asked.
    """
    lines = ["[requires]"]
    if facts.judges:
        lines.append("judges = [")
        lines += [f"    {{ name = {_toml(name)}, digest = {_toml(digest)} }}," for name, digest in facts.judges.items()]
        lines.append("]")
    least = _least_prompts(asked, facts.suites)
    lines += [
        f"recipe = {_toml(facts.recipe_digest)}  # {facts.recipe}, at the effort {facts.effort}",
        f"least_effort = {_toml(facts.effort)}",
        *([f"least_prompts = {least[0]}"] if least else []),
        *([f"precision = {_toml(facts.precision)}"] if facts.precision else []),
        f"seeds = [{', '.join(map(str, facts.seeds))}]",
        f"labels = {_toml(facts.labels or NO_LABELS)}",
        "",
        "[requires.suites]",
        *(f"{_toml(name)} = {_toml(digest)}" for name, digest in sorted(facts.suites.items())),
    ]
    return "\n".join(lines) + "\n"


def _pins(policy: Policy) -> dict[str, tuple[str, ...]]:
    """Return what each suite has to be; one that a rule names and nothing pins is the shipped one."""
    named = {rule.suite: (SHIPPED,) for rule in policy.rules if rule.suite != WHOLE}
    return {**named, **policy.requires.suites}


def _pinned_words(policy: Policy, facts: RunFacts) -> str:
    open_ones = [*unpinned(policy), *(["labels"] if facts.labels and not policy.requires.labels else [])]
    return f"it leaves open: {', '.join(open_ones)}" if open_ones else "it leaves nothing open"


def _suites(policy: Policy, facts: RunFacts, controls: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Compare suites; those of controls are the shipped ones too, unless pinned: a control believes what they say."""
    pins = _pins(policy)
    for name, wanted in sorted({**dict.fromkeys(controls, (SHIPPED,)), **pins}.items()):
        found = facts.suites.get(name)
        digests = {facts.shipped.get(name, "") if one == SHIPPED else one for one in wanted} - {""}
        if found is None:
            yield f"suite {name}", f"the policy is about the suite {name}, which this run does not ask."
        elif not digests:
            tried = "" if name in pins else "judges are tried on its controls; "
            why = f"{tried}{name} is no shipped suite, and the policy does not say by a digest which one it means."
            yield f"suite {name}", f"{why} `clip-audit gate RUN --pin` writes the block [requires] from a run."
        elif found not in digests:
            shown = " or ".join(sorted(one[:_SHOWN] for one in digests))
            of = "the shipped suite" if wanted == (SHIPPED,) else "the policy's"
            yield (
                f"suite {name}",
                f"the run asks another suite that is called {name} (digest {found[:_SHOWN]}; {of} has {shown}).",
            )


def _judges(policy: Policy, facts: RunFacts) -> Iterator[tuple[str, str]]:
    wanted = policy.requires.judges
    if not wanted:
        return
    names, found = [judge.name for judge in wanted], list(facts.judges)
    if names != found:
        yield "judges", f"the policy asks {', '.join(names)}, in this order; the run has {', '.join(found) or 'none'}."
    for judge in wanted:
        digest = facts.judges.get(judge.name)
        if digest is not None and judge.digest and digest != judge.digest:
            yield (
                f"judge {judge.name}",
                f"it is another one than the policy's (digest {digest[:_SHOWN]}, and not {judge.digest[:_SHOWN]}).",
            )


def _settings(policy: Policy, facts: RunFacts) -> Iterator[tuple[str, str]]:
    asks = policy.requires
    if asks.recipe and asks.recipe not in {facts.recipe, facts.recipe_digest}:
        yield "recipe", f"the policy asks {asks.recipe}; the run has {facts.recipe} ({facts.recipe_digest[:_SHOWN]})."
    if asks.least_effort and (
        facts.effort not in EFFORTS or EFFORTS.index(facts.effort) < EFFORTS.index(asks.least_effort)
    ):
        yield "effort", f"the policy asks {asks.least_effort} at least; the run has {facts.effort or 'none'}."
    if asks.precision and asks.precision != facts.precision:
        yield "precision", f"the policy asks {asks.precision}; the run has {facts.precision or 'none that it states'}."


def _seeds(policy: Policy, facts: RunFacts) -> Iterator[tuple[str, str]]:
    wanted, found = policy.requires.seeds, ", ".join(map(str, facts.seeds))
    if wanted and wanted != facts.seeds:
        yield "seeds", f"the policy asks {', '.join(map(str, wanted))}; the run has {found}."


def _labels(policy: Policy, facts: RunFacts) -> Iterator[tuple[str, str]]:
    wanted, found = policy.requires.labels, facts.labels
    if wanted == NO_LABELS and found:
        yield (
            "labels",
            f"the policy takes shares as judges read them; the run's are corrected by labels ({found[:_SHOWN]}).",
        )
    elif wanted not in {"", NO_LABELS} and not found.startswith(wanted):
        has = f"the run is corrected by others ({found[:_SHOWN]})" if found else "the run has none"
        yield "labels", f"the policy asks the labels {wanted[:_SHOWN]}; {has}."


def _prompts(policy: Policy, asked: Asked) -> Iterator[tuple[str, str]]:
    least = _least_prompts(asked, _pins(policy))
    if least is not None and least[0] < policy.requires.least_prompts:
        count, concept = least
        yield "prompts", f"the policy asks {policy.requires.least_prompts} a concept; {concept} has {count}."


def suites_with_too_few(policy: Policy, asked: Asked) -> frozenset[str]:
    """Return the suites of which a concept has fewer prompts than the policy requires.

    Args:
        policy: The policy.
        asked: What a run asked so far.
    """
    pins = _pins(policy)
    counts = {suite: _least_prompts(asked, {suite}) for suite in asked.concepts if suite in pins}
    return frozenset(
        suite for suite, least in counts.items() if least is not None and least[0] < policy.requires.least_prompts
    )


def _least_prompts(asked: Asked, suites: Collection[str]) -> tuple[int, str] | None:
    counts = [
        (asked.sizes[suite, concept].prompts, concept)
        for suite, concepts in asked.concepts.items()
        for concept in concepts
        if suite in suites and (suite, concept) in asked.sizes
    ]
    return min(counts, default=None)


def _toml(text: str) -> str:
    """Write a string as TOML; JSON's escapes are TOML's."""
    return json.dumps(text, ensure_ascii=False)
