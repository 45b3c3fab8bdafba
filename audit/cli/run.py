"""``clip-audit run``: a whole audit, from prompts to report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from audit.cli import options as o
from audit.cli.events import EventsOption, begin_events
from audit.cli.talk import Talk
from audit.records import Budget, Part

if TYPE_CHECKING:
    from audit.engines import Engine
    from audit.pipeline import Plan
    from audit.pipeline.gating import Gate
    from audit.pipeline.one_part import PartOutcome


def run(
    *,
    checkpoint: o.CheckpointArgument = None,
    named: o.CheckpointOption = None,
    suite: o.SuiteOption = None,
    judge: o.JudgeOption = None,
    recipe: o.RunRecipeOption = "auto",
    effort: o.EffortOption = "standard",
    out: o.OutOption = None,
    device: o.DeviceOption = "auto",
    precision: o.PrecisionOption = "auto",
    seed: o.SeedOption = 0,
    audit_seeds: o.AuditSeedsOption = 1,
    policy: o.PolicyOption = None,
    baseline: o.BaselineOption = None,
    labels: o.LabelsOption = None,
    sequential: o.SequentialOption = False,
    own_images: o.OwnImagesOption = None,
    people: o.PeopleOption = None,
    images: o.ImagesOption = None,
    pseudonymise: o.PseudonymiseOption = False,
    arch: o.ArchOption = None,
    preprocess: o.PreprocessOption = None,
    allow_pickle: o.PickleOption = False,
    waive_sanity: o.WaiveOption = False,
    max_images: o.MaxImagesOption = None,
    max_gradients: o.MaxGradientsOption = None,
    max_hours: o.MaxHoursOption = None,
    shard: o.ShardOption = None,
    engine: o.EngineOption = "local",
    address: o.AddressOption = None,
    workers: o.WorkersOption = None,
    gpus_per_worker: o.GpusOption = None,
    events: EventsOption = None,
    as_json: o.JsonOption = False,
) -> None:
    """Audit a checkpoint, from prompts to report.

    Inverts the checkpoint for every prompt, lets the judges look at the images, and writes findings, decision and
    report into a run folder. Given again, an interrupted run goes on where it stopped. With --policy, the exit code is
    that of the gate; with --sequential, the run ends at the interim look at which its verdict is settled. With --shard,
    several processes share one run, each making its part; exit code 0 then says only that the part is there. With
    --engine ray, workers on this machine or a cluster make it, with the same numbers.
    """
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
    o.check_own(own_images, people)
    crew = o.pick_crew(engine, address, workers, gpus_per_worker)
    part = o.pick_part(
        shard,
        sequential=sequential,
        of_the_end={"--own-images": own_images, "--labels": labels, "--images": images, "--pseudonymise": pseudonymise},
    )
    budget = Budget(images=max_images, gradients=max_gradients, hours=max_hours)
    talk = Talk(as_json=as_json)
    folder = o.pick_folder(out, name, effort)
    begin_events(events, folder, talk)
    gate = o.pick_gate(policy, baseline)
    rounds_by = o.pick_rounds(gate, sequential=sequential, audit_seeds=audit_seeds)
    told = o.pick_labels(labels)
    telling = o.pick_telling(talk, images, pseudonymise=pseudonymise)
    talk.say(f"Loading {name}")
    from audit.cli.outcome import WAIVED, finish
    from audit.cli.plan import describe
    from audit.cli.progress_bars import show_progress
    from audit.pipeline import make_plan, run_audit

    if waive_sanity:
        talk.say(WAIVED, style="bold red")
    plan = make_plan(o.make_request(name, settings, suites=suite, judges=judge, gate=gate, rounds_by=rounds_by))
    talk.warnings.extend(plan.warnings)
    made_by = crew.make(talk.warn, plan.request.device)
    if part is not None:
        raise _run_part(talk, plan, folder, part, made_by, budget=budget, gate=gate)
    look = o.own_look(plan, own_images, people)
    talk.say(f"{describe(plan)}; into {folder}")
    with o.resumable(talk, _kept_in(folder)), show_progress(talk) as progress:
        outcome = run_audit(
            plan, folder, progress, engine=made_by, budget=budget, gate=gate, pictured=telling.pictured, labels=told
        )
        if pseudonymise:
            from audit.pipeline.export_copy import share_report

            copy = o.beside(folder, "pseudonymised")
            outcome = share_report(folder, copy, progress, pictured=telling.pictured, pseudonymise=True)
        own = None if look is None else look(outcome.findings, o.beside(folder, "own-images"), progress)
    if own is not None:
        talk.say(f"Own pictures: {own}", style="bold")
    o.write_all_pictures(talk, folder, telling)
    raise finish(talk, outcome, plan.spec(), own_images=own)


def _kept_in(folder: Path) -> str:
    return f"What is complete is kept in {folder}: give the same command again and it goes on from there."


def _run_part(
    talk: Talk, plan: Plan, folder: Path, part: Part, engine: Engine, *, budget: Budget, gate: Gate | None
) -> typer.Exit:
    """Make one part, say what is missing of the whole, and return the exit."""
    from audit.cli.plan import describe
    from audit.cli.progress_bars import show_progress
    from audit.pipeline.one_part import run_part

    talk.say(f"{describe(plan)}; part {part.number} of {part.of} into {folder}")
    with o.resumable(talk, _kept_in(folder)), show_progress(talk) as progress:
        made = run_part(plan, folder, part, progress, engine=engine, budget=budget, gate=gate)
    talk.conclude([(line, "bold") for line in _lines_of(made)])
    talk.answer(
        {
            "folder": made.folder,
            "part": made.part.number,
            "parts": made.part.of,
            "shards": list(made.shards),
            "made": list(made.made),
            "missing": {str(lack.part.number): list(lack.shards) for lack in made.lacks},
            "concluded": made.is_finished,
            "verdict": "none",
            "warnings": talk.warnings,
        }
    )
    return typer.Exit(0)


def _lines_of(made: PartOutcome) -> list[str]:
    from audit.evidence import lacking_sentence

    if made.is_finished:
        return [f"Nothing to do: the run in {made.folder} is concluded."]
    shards = f"{len(made.shards):,} {'shard' if len(made.shards) == 1 else 'shards'}"
    now = f"{len(made.made):,} of them made now" if made.made else "nothing was left to make"
    part = f"Part {made.part.number} of {made.part.of}"
    done = f"{part} is there: {shards}, {now}. That decides nothing about the checkpoint."
    if made.lacks:
        return [done, f"Of the run, {lacking_sentence(made.lacks)}."]
    return [done, f"All parts are there: clip-audit report {made.folder} judges what is not judged, decides, reports."]
