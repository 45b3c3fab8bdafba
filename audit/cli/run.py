"""``clip-audit run``: a whole audit, from prompts to report."""

from __future__ import annotations

from audit.cli import options as o
from audit.cli.events import EventsOption, begin_events
from audit.cli.talk import Talk
from audit.records import Budget


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
    events: EventsOption = None,
    as_json: o.JsonOption = False,
) -> None:
    """Audit a checkpoint, from prompts to report.

    Inverts the checkpoint for every prompt, lets the judges look at the images, and writes findings, decision and
    report into a run folder. Given again, an interrupted run goes on where it stopped. With --policy, the exit code is
    that of the gate; with --sequential, the run ends at the interim look at which its verdict is settled.
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

    request = o.make_request(name, settings, suites=suite, judges=judge, rounds_by=rounds_by)
    if waive_sanity:
        talk.say(WAIVED, style="bold red")
    plan = make_plan(request)
    talk.warnings.extend(plan.warnings)
    look = None
    if own_images is not None and people is not None:
        from audit.studies.own_images.own_study import prepare_own

        look = prepare_own(plan, own_images, people)  # a wrong row is said before hours of work
    talk.say(f"{describe(plan)}; into {folder}")
    kept = f"What is complete is kept in {folder}: give the same command again and it goes on from there."
    with o.resumable(talk, kept), show_progress(talk) as progress:
        outcome = run_audit(plan, folder, progress, budget=budget, gate=gate, pictured=telling.pictured, labels=told)
        if pseudonymise:
            from audit.pipeline.export_copy import share_report

            copy = o.beside(folder, "pseudonymised")
            outcome = share_report(folder, copy, progress, pictured=telling.pictured, pseudonymise=True)
        own = None if look is None else look(outcome.findings, o.beside(folder, "own-images"), progress)
    if own is not None:
        talk.say(f"Own pictures: {own}", style="bold")
    o.write_all_pictures(talk, folder, telling)
    raise finish(talk, outcome, plan.spec(), own_images=own)
