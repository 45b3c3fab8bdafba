"""``clip-audit plan``: what a run would do, and how long it would take here, without doing it."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audit.cli import options as o
from audit.cli.progress_bars import show_seconds
from audit.cli.talk import Talk, clean, paragraph
from audit.early_checks import ENGINE_NAMES, check_choice, check_run_folder
from audit.errors import UsageProblem
from audit.opening import entries, is_folder
from audit.records import NO_LIMIT, Budget

if TYPE_CHECKING:
    from audit.evidence import RunFolder
    from audit.gate import LinePower
    from audit.pipeline import Forecast, Plan
    from audit.pipeline.budget import Fit
    from audit.pipeline.forecast import Costs, Work
    from audit.pipeline.gating import Gate
    from audit.pipeline.plan_power import Course

ProbeOption = Annotated[
    bool, typer.Option("--probe/--no-probe", help="Time a little of the work, to say how long the run will take here.")
]
PriceOption = Annotated[
    float | None,
    typer.Option("--price-per-hour", metavar="P", help="What a worker of Ray costs an hour, in any currency."),
]
LikeOption = Annotated[
    Path | None,
    typer.Option(
        "--like",
        metavar="RUN",
        help="A finished run to take the spread between prompts from; without it that of --baseline, else an assumed "
        "one.",
    ),
]


def plan(
    *,
    checkpoint: o.CheckpointArgument = None,
    named: o.CheckpointOption = None,
    suite: o.SuiteOption = None,
    judge: o.JudgeOption = None,
    recipe: o.RunRecipeOption = "auto",
    effort: o.EffortOption = "standard",
    out: o.OutOption = None,
    probe: ProbeOption = True,
    policy: o.PolicyOption = None,
    baseline: o.BaselineOption = None,
    like: LikeOption = None,
    sequential: o.SequentialOption = False,
    device: o.DeviceOption = "auto",
    precision: o.PrecisionOption = "auto",
    seed: o.SeedOption = 0,
    audit_seeds: o.AuditSeedsOption = 1,
    arch: o.ArchOption = None,
    preprocess: o.PreprocessOption = None,
    allow_pickle: o.PickleOption = False,
    waive_sanity: o.WaiveOption = False,
    max_images: o.MaxImagesOption = None,
    max_gradients: o.MaxGradientsOption = None,
    max_hours: o.MaxHoursOption = None,
    engine: o.EngineOption = "local",
    workers: o.WorkersOption = None,
    price_per_hour: PriceOption = None,
    as_json: o.JsonOption = False,
) -> None:
    """Count what a run would do, and say how long it would take here.

    Loads and checks the checkpoint, the suites and the judges, so what is refused here would be refused by run. Then
    times a few steps and the judges. Where the run has begun, only what is left of it counts. With --policy,
    says from which value on each rule would fail, and pass, with a chance of 80 % (its power); with --sequential, at
    any interim look, and how many images each takes. With --engine ray, says how long --workers of Ray take, each
    like this machine with one thread, and with --price-per-hour what they cost.
    """
    began = time.perf_counter()
    name = o.pick_checkpoint(checkpoint, named)
    settings = o.Settings(
        recipe=recipe,
        effort=effort,
        device=device,
        precision=precision,
        seed=seed,
        audit_seeds=audit_seeds,
        arch=arch,
        preprocess=preprocess,
        allow_pickle=allow_pickle,
        waive_sanity=waive_sanity,
    )
    o.check_names(name, settings, suite, judge)
    crew = pick_workers(engine, workers, price_per_hour)
    budget = Budget(images=max_images, gradients=max_gradients, hours=max_hours)
    gate = _gate(policy, baseline, like)
    rounds_by = o.pick_rounds(gate, sequential=sequential, audit_seeds=audit_seeds)
    talk = Talk(as_json=as_json)
    talk.say(f"Loading {name}")
    from audit.pipeline import make_plan, predict, work_left
    from audit.pipeline.budget import fit_of
    from audit.pipeline.pilot import keep_recipe
    from audit.pipeline.plan_power import foresee, foresee_time

    request = o.make_request(name, settings, suites=suite, judges=judge, gate=gate, rounds_by=rounds_by)
    folder = o.pick_folder(out, name, effort)
    made = keep_recipe(make_plan(request), folder)
    loading = time.perf_counter() - began
    for warning in made.warnings:
        talk.warn(warning)
    powers = () if gate is None else _powers(made, gate, like or baseline, talk)
    counts = count(made)
    course = foresee(made, powers) if sequential else None
    begun = _begun(made, folder, talk)
    work = work_left(made, begun, None if course is None else course.all_shards)
    costs = _costs(made, talk, one_thread=crew is not None) if probe else None
    forecast = None if costs is None else predict(work, costs, loading=loading)
    times = () if costs is None or course is None else foresee_time(made, begun, course, costs, loading)
    wanted = [name for name in made.shards if course is None or name in course.all_shards]
    fit = fit_of(made, budget, wanted, begun, forecast)
    _show_plan(made, counts, talk)
    _show(forecast, work, talk)
    shared = _share(crew, work, costs, forecast, talk)
    _show_budget(fit, budget, talk)
    if course is not None:
        show_rounds(course, powers, times, talk)
    _show_powers(powers, talk)
    talk.answer(
        {
            **_plan_document(made, counts),
            "forecast": None if forecast is None else _document(forecast, work),
            **shared,
            "budget": _budget_document(fit, budget),
            **_power_document(powers, gate),
            **({} if course is None else {"sequential": rounds_document(course, powers, times)}),
            "warnings": talk.warnings,
        }
    )


def _show_plan(plan: Plan, counts: Mapping[str, int], talk: Talk) -> None:
    talk.table(("what", "how many"), [(key.replace("_", "-"), f"{value:,}") for key, value in counts.items()])
    talk.show("")
    talk.table(
        ("suite", "version", "prompts"),
        [(one.name, one.version, str(len(one.prompts))) for one in plan.suites],
    )
    talk.show(f"\nJudges: {', '.join(plan.judges) or 'none'}. Recipe: {plan.recipe.name}, {plan.recipe.steps} steps x "
              f"{plan.recipe.views} views. Device: {plan.checkpoint.device}, {plan.precision}.")  # fmt: skip
    if plan.is_open:
        talk.show(_open_recipe(plan))


def _open_recipe(plan: Plan) -> str:
    """Say what the run may cost, where its recipe is not chosen yet."""
    from audit.pipeline.pilot import ladder, pilot_cost

    cost, dearest = pilot_cost(plan), ladder(plan)[-1]
    if not cost:
        return (
            "No pilot can choose another recipe: there are too few texts whose answer is known, or no judge for them."
        )
    return (
        f"The run begins with a pilot of at most {cost:,} image-gradients, which may choose {dearest.name} instead: "
        f"{dearest.image_gradients / plan.recipe.image_gradients:.3g} times the image-gradients."
    )


def _plan_document(plan: Plan, counts: Mapping[str, int]) -> dict[str, object]:
    return {
        "checkpoint": {"name": plan.checkpoint.card.name, "digest": plan.checkpoint.card.digest},
        **counts,
        "suites": {one.name: len(one.prompts) for one in plan.suites},
        "judges": list(plan.judges),
        "recipe": {"name": plan.recipe.name, "steps": plan.recipe.steps, "views": plan.recipe.views},
        **({"pilot": _pilot_document(plan)} if plan.is_open else {}),
        "effort": plan.request.effort,
        "device": str(plan.checkpoint.device),
        "precision": plan.precision,
    }


def _pilot_document(plan: Plan) -> dict[str, object]:
    from audit.pipeline.pilot import ladder, pilot_cost

    return {"image_gradients_at_most": pilot_cost(plan), "recipes": [recipe.name for recipe in ladder(plan)]}


def _gate(policy: str | None, baseline: Path | None, like: Path | None) -> Gate | None:
    if policy is None and like is not None:
        raise UsageProblem(
            "--like is for the power of rules, and no policy is named.", remedy="Name one with --policy."
        )
    if like is not None:
        check_run_folder(like, finished=True)
    return o.pick_gate(policy, baseline)


def _powers(plan: Plan, gate: Gate, like: Path | None, talk: Talk) -> tuple[LinePower, ...]:
    from audit.pipeline.plan_power import power_on

    if like is not None:
        talk.say(f"Reading {like}, for the spread between its prompts")
    return power_on(plan, gate.policy, like)


def _show_powers(powers: tuple[LinePower, ...], talk: Talk) -> None:
    from audit.gate import power_sentences

    if powers:
        talk.show("\nPower of each rule:")
    for sentence in power_sentences(powers):
        talk.show(f"  {paragraph(sentence)}")


def _power_document(powers: tuple[LinePower, ...], gate: Gate | None) -> dict[str, object]:
    from audit.gate import power_document

    if gate is None:
        return {}
    return {"policy": gate.policy.name, "power": [power_document(power) for power in powers]}


def _begun(plan: Plan, folder: Path, talk: Talk) -> RunFolder | None:
    """Return what the folder of the run holds of it."""
    from audit.pipeline import earlier_run

    run = earlier_run(plan, folder)
    if run is not None:
        talk.say(f"{folder} holds some of this run already.")
    elif is_folder(folder) and any(entries(folder)):
        talk.warn(f"{folder} holds something else: a run needs another --out.")
    return run


def _costs(plan: Plan, talk: Talk, *, one_thread: bool) -> Costs:
    import torch

    from audit.pipeline import probe

    talk.say("Timing a little of the work; --no-probe leaves this out.")
    if one_thread:  # as a worker has
        torch.set_num_threads(1)
    return probe(plan)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """The workers of Ray that a plan is asked about."""

    count: int
    price: float | None
    """Of one of them, an hour."""

    def share(self, work: Work, costs: Costs, forecast: Forecast) -> dict[str, object]:
        """Return what they take, as plain values and as a sentence."""
        from audit.pipeline.forecast import share_out

        shared = share_out(work, costs, forecast, self.count)
        hours = self.count * shared.seconds / 3600
        cost = None if self.price is None else hours * self.price
        sentence = (
            f"With --engine ray and {self.count:,} workers, each as fast as this machine on one thread: about "
            f"{show_seconds(shared.seconds)}, which is {hours:,.3g} hours of workers, of which {shared.efficiency:.0%} "
            "goes into images and judging"
        )
        return {
            "workers": self.count,
            "seconds": round(shared.seconds, 3),
            "efficiency": round(shared.efficiency, 4),
            "worker_hours": round(hours, 4),
            "cost": None if cost is None else round(cost, 4),
            "sentence": f"{sentence}{'' if cost is None else f', and costs {cost:,.4g}'}.",
        }


def _share(
    crew: Workers | None, work: Work, costs: Costs | None, forecast: Forecast | None, talk: Talk
) -> dict[str, object]:
    """Say what workers take, where a plan is asked about them and something was timed."""
    if crew is None or costs is None or forecast is None:
        return {}
    shared = crew.share(work, costs, forecast)
    talk.show(f"\n{shared['sentence']}")
    return {"ray": shared}


def pick_workers(engine: str, workers: int | None, price: float | None) -> Workers | None:
    """Return the workers that a plan is asked about; ``None`` where one process does all.

    Raises:
        UsageProblem: If there is no such engine, it is Ray and its workers are not counted, or it is not and they are.
    """
    check_choice("engine", engine, ENGINE_NAMES)
    if engine == "ray" and workers is not None and (price is None or price >= 0):
        return Workers(count=workers, price=price)
    if engine == "ray":
        raise UsageProblem(
            "A plan for workers needs their number, and a price from 0 on if any.",
            remedy="Give --workers N, and --price-per-hour P of each.",
        )
    if workers is not None or price is not None:
        raise UsageProblem("--workers and --price-per-hour are for workers of Ray.", remedy="Add --engine ray.")
    return None


def _show(forecast: Forecast | None, work: Work, talk: Talk) -> None:
    if forecast is None:
        return
    talk.show("")
    parts = dataclasses.asdict(forecast).items()
    talk.table(("part", "seconds"), [(name.replace("_", "-"), f"{value:.1f}") for name, value in parts])
    left = "" if not work.shards else f", {len(work.shards):,} shards left"
    talk.show(f"\nExpected on this machine as it is now: {show_seconds(forecast.seconds)}{left}.")


def _document(forecast: Forecast, work: Work) -> dict[str, object]:
    parts = {name: round(value, 3) for name, value in dataclasses.asdict(forecast).items()}
    return {"seconds": round(forecast.seconds, 3), "parts": parts, "shards_left": len(work.shards)}


def _show_budget(fit: Fit, budget: Budget, talk: Talk) -> None:
    """Say what of the run fits, where there is a budget."""
    if budget == NO_LIMIT:
        return
    if fit.is_whole:
        talk.show("\nAll of it fits into the budget.")
    elif fit.is_whole is None:
        talk.show("\nWhether it fits into the hours is not known without a probe (--no-probe).")
    else:
        images, whole = f"{fit.images:,} of {fit.needed.images:,} images", f"--max-images {fit.needed.images}"
        hours = "" if fit.hours is None else f", --max-hours {fit.hours:.3g} for what is left"
        talk.show(
            f"\nThe budget is too small: {images} fit, and the run will end unfinished (exit code 3). All of it takes "
            f"{whole}, --max-gradients {fit.needed.gradients}{hours}."
        )


def _budget_document(fit: Fit, budget: Budget) -> dict[str, object] | None:
    if budget == NO_LIMIT:
        return None
    needs = {"images": fit.needed.images, "gradients": fit.needed.gradients, "hours": fit.hours}
    return {"fits": fit.is_whole, "images": fit.images, "needs": needs}


def count(plan: Plan) -> dict[str, int]:
    """Return the numbers of prompts, images, image-gradients and shards of a plan, and of images neutralised."""
    from audit.pipeline.budget import cost_of

    return {
        "prompts": len(plan.prompts),
        "images": len(plan.items),
        "neutralised_images": sum(item.prompt.role == "neutralised" for item in plan.items),
        "image_gradients": cost_of(plan, plan.shards).gradients,
        "shards": len(plan.shards),
    }


def describe(plan: Plan) -> str:
    """Say in a line what a run does."""
    counts = count(plan)
    shards = f"{counts['shards']:,} {'shard' if counts['shards'] == 1 else 'shards'}"
    return clean(
        f"{plan.checkpoint.card.name}: {counts['prompts']:,} prompts, {counts['images']:,} images in {shards}, "
        f"{counts['image_gradients']:,} image-gradients; judged by {', '.join(plan.judges) or 'nobody'}; "
        f"on {plan.checkpoint.device} in {plan.precision}"
    )


def show_rounds(course: Course, powers: Sequence[LinePower], times: Sequence[Forecast], talk: Talk) -> None:
    """Show what each look takes, and when the rules will have passed if the checkpoint is clearly good.

    Args:
        course: Of the plan.
        powers: Of every line of the policy.
        times: By each look, and last the mean; nothing where none was measured.
        talk: Where to.
    """
    images, seconds = course.by_look, [show_seconds(one.seconds) for one in times]
    talk.show(
        f"\nBy interim look, if every suite with a rule goes on; a run of fixed size makes {course.fixed:,} images:"
    )
    titles = ("look", "images so far", "of those", *(("time so far",) if times else ()))
    talk.table(
        titles,
        [
            (str(look), f"{count:,}", f"{count / course.fixed:.0%}", *seconds[look - 1 : look])
            for look, count in enumerate(images, start=1)
        ],
    )
    share = course.expected / course.fixed
    mean = f"{course.expected:,.0f} images are expected ({share:.0%}{f', {seconds[-1]}' if seconds else ''})"
    talk.show(f"\nIf every value lies well inside its rule, {mean}. Rule by rule:")
    talk.table(("rule", *(f"by look {look}" for look in range(1, len(images) + 1)), "images"), _rows(course, powers))


def rounds_document(course: Course, powers: Sequence[LinePower], times: Sequence[Forecast]) -> dict[str, object]:
    """Return the same as plain numbers; seconds are ``None`` where none were measured."""
    seconds: list[float | None] = [round(one.seconds, 3) for one in times]
    seconds = seconds or [None] * (len(course.by_look) + 1)
    return {
        "fixed_images": course.fixed,
        "looks": [
            {"look": look, "images": count, "seconds": seconds[look - 1]}
            for look, count in enumerate(course.by_look, start=1)
        ],
        "well_inside": {
            "images": round(course.expected, 1),
            "seconds": seconds[-1],
            "images_by_rule": {power.line.name: round(course.alone(power), 1) for power in powers},
        },
    }


def _rows(course: Course, powers: Sequence[LinePower]) -> list[tuple[str, ...]]:
    """Return a row for every rule, and more where its subjects differ: the chance that it has passed by each look."""
    rows = [
        (power.line.rule.rule_id, *(f"{chance:.0%}" for chance in power.passed_by), f"{course.alone(power):,.0f}")
        for power in powers
    ]
    return list(dict.fromkeys(rows))
