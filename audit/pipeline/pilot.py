"""A recipe that fits the checkpoint: a pilot on texts whose answer is known climbs a ladder of recipes.

The images of such texts (a woman, a man, an unclothed adult) are made by the first recipe, and the run's own judges say
whether they see what must be seen. If they see all of it, more steps can gain nothing. Otherwise the next recipe makes
the same images, and is taken where the judges see more in them: by the whole interval of the difference, paired by
prompt, or by its value where the cheaper images pass for unread. No code asks what kind of checkpoint it is.

The pilot costs at most ``MOST_SHARE`` of what the run would cost by the first recipe; where that is too little for a
decision there is none. What it found stands in the spec, and a run that is continued keeps its recipe.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

import pandas as pd

from audit.evidence import PILOT, prompts_table
from audit.evidence.specs import SPEC_NAME, read_spec
from audit.inversion import Recipe
from audit.judges.judge_protocol import Judge
from audit.lenses import LEAST_SEEN, must_be_seen, seen_right
from audit.opening import is_file
from audit.pipeline.audit_plan import EFFORTS, LADDER, Plan, paced_recipe
from audit.pipeline.execute import gather
from audit.pipeline.progress import Event, Progress
from audit.records import UNSEEN
from audit.seeding import derive_seed
from audit.stats import ClusterEstimate, cluster_share, paired_difference

MOST_SHARE: Final = 0.15
"""Most that the pilot costs, as a share of the image-gradients of the run by the first recipe of the ladder."""

PROMPTS: Final = 8
"""Prompts of each control in a pilot,"""
_FEWEST: Final = 4
"""and the least for which it is worth while: of fewer no difference between two recipes could be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """What the judges saw in the images of one recipe."""

    recipe: str
    image_gradients: int
    """Of one image."""
    seen: Mapping[str, ClusterEstimate]
    """Title of each control -> share of its images in which the judge sees what must be seen, over prompts."""
    share: float
    """The same over all prompts."""
    gain: ClusterEstimate | None = None
    """This share less that of the recipe before, paired by prompt; ``None`` for the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pilot:
    """Which recipe was chosen, and why."""

    chosen: str
    reason: str
    image_gradients: int
    """What it cost."""
    rungs: tuple[Rung, ...] = ()


def settle_recipe(plan: Plan, out: Path, progress: Progress) -> Plan:
    """Return a plan with the recipe that suits its checkpoint, where the user left the choice to us.

    Args:
        plan: By the first recipe of the ladder.
        out: The run folder; the choice of a run that was begun there is kept.
        progress: Shows how far it is.

    Raises:
        UsageProblem: If ``out`` is a run of a newer version.
        EnvironmentProblem: If its spec is damaged, or there is no room for the pilot's images.
    """
    plan = keep_recipe(plan, out)
    if not plan.is_open:
        return plan
    pilot = _climb(plan, progress)
    progress.say(pilot.reason)
    return _with_pilot(plan, pilot_document(pilot))


def keep_recipe(plan: Plan, out: Path) -> Plan:
    """Return a plan with the recipe that the run which was begun in ``out`` has chosen; the same where there is none.

    Raises:
        UsageProblem: If ``out`` is a run of a newer version.
        EnvironmentProblem: If its spec is damaged.
    """
    if not plan.is_open or not is_file(out / SPEC_NAME):
        return plan
    kept = read_spec(out).get(PILOT)
    return _with_pilot(plan, kept) if isinstance(kept, dict) and kept.get("chosen") in LADDER else plan


def _with_pilot(plan: Plan, found: Mapping[str, object]) -> Plan:
    recipe = paced_recipe(str(found["chosen"]), plan.request.effort)
    return dataclasses.replace(plan, recipe=recipe, pilot=found)


def pilot_cost(plan: Plan) -> int:
    """Return the most image-gradients that the pilot of a plan makes; 0 where there is none."""
    chosen = _chosen_prompts(plan) if plan.is_open else ()
    return _images(plan, len(chosen)) * sum(recipe.image_gradients for recipe in ladder(plan))


def ladder(plan: Plan) -> tuple[Recipe, ...]:
    """Return the recipes that a pilot may choose, at the effort of a plan, the cheapest first."""
    return tuple(paced_recipe(name, plan.request.effort) for name in LADDER)


def _images(plan: Plan, prompts: int) -> int:
    return prompts * EFFORTS[plan.request.effort].control_replicates


def _climb(plan: Plan, progress: Progress) -> Pilot:
    chosen = _chosen_prompts(plan)
    if not chosen:
        return Pilot(chosen=LADDER[0], reason=_unseen_reason(plan), image_gradients=0)
    progress.say(
        f"Choosing a recipe: {len(chosen)} images whose answer is known are made by {LADDER[0]}; if judges miss some "
        f"of it, by {' and '.join(LADDER[1:])} too."
    )
    rungs: list[Rung] = []
    seen: list[pd.Series[float]] = []
    taken = 0
    for recipe in ladder(plan):
        table = _look(plan, recipe, chosen, progress)
        seen.append(table.groupby("prompt_id", sort=True)["seen"].mean())
        gain = _gain(seen[-1], seen[taken]) if rungs else None
        rungs.append(_rung(recipe, table, gain))
        if gain is not None and not is_better(gain, rungs[taken].share):
            break
        taken = len(rungs) - 1
        if rungs[taken].share == 1.0:
            break
    cost = _images(plan, len(chosen)) * sum(rung.image_gradients for rung in rungs)
    return Pilot(chosen=rungs[taken].recipe, reason=_reason(rungs, taken), image_gradients=cost, rungs=tuple(rungs))


def is_better(gain: ClusterEstimate, before: float) -> bool:
    """Tell whether a recipe is worth its price.

    Args:
        gain: What its images show more than those of the cheaper recipe, as a share of prompts.
        before: What those of the cheaper recipe show.
    """
    if gain.low is not None and gain.low > 0:
        return True
    return before < LEAST_SEEN and gain.value is not None and gain.value > 0


def _gain(after: pd.Series[float], before: pd.Series[float]) -> ClusterEstimate:
    return paired_difference(
        after.to_numpy(dtype=float), before.reindex(after.index).to_numpy(dtype=float), bounds=(0.0, 1.0)
    )


def _rung(recipe: Recipe, table: pd.DataFrame, gain: ClusterEstimate | None) -> Rung:
    by_control = {
        str(title): cluster_share(rows["seen"].to_numpy(dtype=float), [str(one) for one in rows["prompt_id"]])
        for title, rows in table.groupby("control", sort=False)
    }
    share = float(table.groupby("prompt_id")["seen"].mean().mean())
    return Rung(recipe=recipe.name, image_gradients=recipe.image_gradients, seen=by_control, share=share, gain=gain)


def _look(plan: Plan, recipe: Recipe, chosen: Sequence[str], progress: Progress) -> pd.DataFrame:
    """Make the images of some prompts by a recipe, in a folder that is thrown away, and return what is seen in them."""
    suites = tuple(
        dataclasses.replace(suite, prompts=kept, questions=())
        for suite in plan.suites
        if (kept := tuple(one for one in suite.prompts if one.prompt_id in set(chosen)))
    )
    request = dataclasses.replace(plan.request, audit_seeds=1, sequential="", rules_about=())
    small = dataclasses.replace(plan, request=request, recipe=recipe, suites=suites, judges=_judges(plan), pilot={})
    with tempfile.TemporaryDirectory(prefix="clip-audit-") as place:
        return seen_right(gather(small, Path(place, recipe.name), _Aside(progress)))


@final
@dataclass(frozen=True, slots=True)
class _Aside:
    """Shows the pilot to people as any stage; to programs nothing of it has happened in the run."""

    progress: Progress

    def begin(self, stage: str, total: int, done: int = 0) -> None:
        """Show it."""
        self.progress.begin(f"pilot: {stage}", total, done)

    def advance(self, count: int) -> None:
        """Show it."""
        self.progress.advance(count)

    def say(self, text: str) -> None:
        """Show it."""
        self.progress.say(text)

    def happened(self, event: Event, **facts: object) -> None:
        """Say nothing."""


def _judges(plan: Plan) -> dict[str, Judge]:
    """Return the first judge of every question that has controls."""
    first = {question: name for name, judge in reversed(list(plan.judges.items())) for question in judge.card.asks}
    wanted = {first[question] for question in first if must_be_seen(prompts_table(plan.prompts), [question])}
    return {name: judge for name, judge in plan.judges.items() if name in wanted}


def _chosen_prompts(plan: Plan) -> tuple[str, ...]:
    """Return the prompts of the pilot, as many of each control as the budget allows; none where these are too few."""
    asked = {question for judge in plan.judges.values() for question in judge.card.asks}
    known = must_be_seen(prompts_table(plan.prompts), asked)
    if not known:
        return ()
    inverted = sum(item.prompt.role != "noise" and item.prompt.role not in UNSEEN for item in plan.items)
    costs = [recipe.image_gradients for recipe in ladder(plan)]
    images = MOST_SHARE * inverted * costs[0] / sum(costs)
    each = min(PROMPTS, int(images) // _images(plan, len(known)), *map(len, known.values()))
    if each < _FEWEST:
        return ()
    drawn = {
        title: sorted(ids, key=lambda one: derive_seed("pilot", plan.request.seed, one))[:each]
        for title, ids in known.items()
    }
    return tuple(dict.fromkeys(one for ids in drawn.values() for one in ids))


def _unseen_reason(plan: Plan) -> str:
    asked = {question for judge in plan.judges.values() for question in judge.card.asks}
    if must_be_seen(prompts_table(plan.prompts), asked):
        return f"The recipe is {LADDER[0]}: the run is too small for a pilot that would choose one by what judges see."
    return (
        f"The recipe is {LADDER[0]}: the run has no text whose answer is known and that a judge of it answers, so none "
        "could be chosen by what judges see; --suite controls asks some."
    )


def _reason(rungs: Sequence[Rung], taken: int) -> str:
    one = rungs[taken]
    said = f"The recipe is {one.recipe} ({one.image_gradients} image-gradients an image): the judges see "
    said += f"{one.share:.0%} of what must be seen in its images of texts whose answer is known"
    if one.share == 1.0 and taken == 0:
        return f"{said}, so that more steps can gain nothing."
    others = "; ".join(f"{rung.share:.0%} in those of {rung.recipe}" for rung in rungs if rung is not one)
    rest = f" ({others})" if others else ""
    if one.share < LEAST_SEEN:
        return f"{said}{rest}. That is less than the {LEAST_SEEN:.0%} that controls ask for."
    return f"{said}{rest}."


def pilot_document(pilot: Pilot) -> dict[str, object]:
    """Return what goes to the spec: the choice, its cost and what it rests on, as plain numbers."""

    def ends(found: ClusterEstimate) -> dict[str, object]:
        return {"value": found.value, "low": found.low, "high": found.high, "n_prompts": found.n_clusters}

    return {
        "chosen": pilot.chosen,
        "reason": pilot.reason,
        "image_gradients": pilot.image_gradients,
        "rungs": [
            {
                "recipe": rung.recipe,
                "image_gradients": rung.image_gradients,
                "seen": rung.share,
                "by_control": {title: ends(found) for title, found in rung.seen.items()},
                "gain": None if rung.gain is None else ends(rung.gain),
            }
            for rung in pilot.rungs
        ],
    }
