"""``clip-audit plan``: what a run would do, without doing it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit.cli import options as o
from audit.cli.talk import Talk, clean

if TYPE_CHECKING:
    from audit.pipeline import Plan


def plan(
    *,
    checkpoint: o.CheckpointArgument = None,
    named: o.CheckpointOption = None,
    suite: o.SuiteOption = None,
    judge: o.JudgeOption = None,
    recipe: o.RecipeOption = "fast",
    effort: o.EffortOption = "standard",
    device: o.DeviceOption = "auto",
    seed: o.SeedOption = 0,
    arch: o.ArchOption = None,
    allow_pickle: o.PickleOption = False,
    waive_sanity: o.WaiveOption = False,
    as_json: o.JsonOption = False,
) -> None:
    """Count what a run would do.

    Loads and checks the checkpoint, the suites and the judges, so what is refused here would be refused by run.
    """
    name = o.pick_checkpoint(checkpoint, named)
    talk = Talk(as_json=as_json)
    talk.say(f"Loading {name}")
    from audit.pipeline import make_plan

    request = o.make_request(
        name,
        suites=suite,
        judges=judge,
        settings=(recipe, effort, device, seed),
        load=(arch, allow_pickle, waive_sanity),
    )
    made = make_plan(request)
    for warning in made.warnings:
        talk.warn(warning)
    counts = count(made)
    talk.table(("what", "how many"), [(key.replace("_", "-"), f"{value:,}") for key, value in counts.items()])
    talk.show("")
    talk.table(
        ("suite", "version", "prompts"),
        [(one.name, one.version, str(len(one.prompts))) for one in made.suites],
    )
    talk.show(f"\nJudges: {', '.join(made.judges)}. Recipe: {made.recipe.name}, {made.recipe.steps} steps x "
              f"{made.recipe.views} views. Device: {made.checkpoint.device}, {made.precision}.")  # fmt: skip
    talk.answer(
        {
            "checkpoint": {"name": made.checkpoint.card.name, "digest": made.checkpoint.card.digest},
            **counts,
            "suites": {one.name: len(one.prompts) for one in made.suites},
            "judges": list(made.judges),
            "recipe": {"name": made.recipe.name, "steps": made.recipe.steps, "views": made.recipe.views},
            "effort": effort,
            "device": str(made.checkpoint.device),
            "precision": made.precision,
            "warnings": talk.warnings,
        }
    )


def count(plan: Plan) -> dict[str, int]:
    """Return the numbers of prompts, images, image-gradients and shards of a plan."""
    inverted = sum(item.prompt.role != "noise" for item in plan.items)
    return {
        "prompts": len(plan.prompts),
        "images": len(plan.items),
        "image_gradients": inverted * plan.recipe.image_gradients,
        "shards": len(plan.shards),
    }


def describe(plan: Plan) -> str:
    """Say in a line what a run does."""
    counts = count(plan)
    shards = f"{counts['shards']:,} {'shard' if counts['shards'] == 1 else 'shards'}"
    return clean(
        f"{plan.checkpoint.card.name}: {counts['prompts']:,} prompts, {counts['images']:,} images in {shards}, "
        f"{counts['image_gradients']:,} image-gradients; judged by {', '.join(plan.judges)}; "
        f"on {plan.checkpoint.device} in {plan.precision}"
    )
