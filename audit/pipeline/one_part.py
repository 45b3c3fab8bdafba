"""One part of a run, of which other processes make the rest: images and scores, and nothing is concluded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from audit.engines import LOCAL, Engine
from audit.evidence import Beginning, Division, Lack, RunFolder, open_part, prompts_table, what_lacks
from audit.opening import is_file
from audit.pipeline.audit_plan import Plan
from audit.pipeline.execute import (
    begin_spending,
    embed_texts,
    make_and_judge,
    settle,
    tell_doubts,
    tell_plan,
)
from audit.pipeline.gating import POLICY_NAME, Gate, baseline_card
from audit.pipeline.progress import Progress
from audit.pipeline.written_pictures import probe
from audit.records import NO_LIMIT, Budget, Part


@dataclass(frozen=True, slots=True, kw_only=True)
class PartOutcome:
    """What came of one part of a run."""

    folder: Path
    part: Part
    shards: tuple[str, ...]
    """Of this part."""
    made: tuple[str, ...]
    """Those whose images were made now."""
    lacks: tuple[Lack, ...]
    """What is missing of the whole run as it is now; nothing where it can be concluded."""
    is_finished: bool = False
    """Whether the whole run was concluded before."""


def run_part(  # noqa: PLR0913  (as run_audit)
    plan: Plan,
    out: Path,
    part: Part,
    progress: Progress,
    *,
    engine: Engine = LOCAL,
    budget: Budget = NO_LIMIT,
    gate: Gate | None = None,
) -> PartOutcome:
    """Make one part of the images of a run and judge them; nothing is concluded.

    Other processes may make the other parts meanwhile. The first part also does what is done once: it reads the texts
    and shows the checkpoint the pictures that its suites ask for. :func:`report_again` concludes.

    Args:
        plan: What the whole run is.
        out: The run folder.
        part: Which part of how many.
        progress: Shows how far it is.
        engine: Who runs the shards.
        budget: What making and judging the images of this part may take.
        gate: What the run will be held against.

    Raises:
        UsageProblem: If ``out`` holds a run of another plan, of other parts or policy, or the gate asks what the plan
            does not.
        InconclusiveProblem: If the budget is spent before all images of the part are made and judged.
        EnvironmentProblem: If the folder cannot be written, or another process makes this part or the whole run.
    """
    tell_doubts(plan, gate, progress)
    settled = [plan]

    def begin() -> Beginning:
        settled[:] = [settle(plan, out, progress)]
        division = _divide(settled[0], out, part, gate)
        return Beginning(spec=settled[0].spec(), division=division)

    def wait() -> None:
        progress.say(f"Another part is beginning the run in {out}; waiting for it.")

    with open_part(out, part, begin, wait) as run, engine:
        plan, names = settled[0], part.share(list(settled[0].shards))
        if run.is_finished:
            return PartOutcome(folder=out, part=part, shards=names, made=(), lacks=(), is_finished=True)
        _keep_policy(run, gate)
        tell_plan(run, plan, progress, part)
        if part.is_first:
            embed_texts(run, plan, progress)
            probe(run, plan)
            run.write_tables({"prompts": prompts_table(plan.prompts)})
        made = tuple(name for name in names if not run.has_shard("images", name))
        spending = begin_spending(run, plan, names, budget, progress)
        make_and_judge(run, plan, names, progress, engine=engine, spending=spending, among=names)
        return PartOutcome(folder=out, part=part, shards=names, made=made, lacks=what_lacks(run, unscored=True))


def _divide(plan: Plan, out: Path, part: Part, gate: Gate | None) -> Division:
    """Return how the run is divided.

    Raises:
        UsageProblem: If the baseline of the gate is a run of the same checkpoint.
    """
    if gate is None:
        return Division(parts=part.of, shards=len(plan.shards))
    card = baseline_card(out, plan.checkpoint.card.digest, gate)
    return Division(parts=part.of, shards=len(plan.shards), policy=gate.policy.digest, baseline=card)


def _keep_policy(run: RunFolder, gate: Gate | None) -> None:
    """Keep what the run will be held against, once all of its parts are there."""
    if gate is not None and not is_file(run.path / POLICY_NAME):
        run.write_text(POLICY_NAME, gate.policy.text)
