"""What a process on any machine needs to make shards of a run, or to judge them, for the one that has its lock.

It is carried there as bytes, and what it returns is a digest: images go through the run folder, which all machines
share, and nowhere else. A process that would make other images than the driver, for its versions, its checkpoint or its
judges are other ones, makes none.
"""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from audit.carriers import carrier_of
from audit.checkpoints import LoadOptions, load_checkpoint
from audit.engines import Job
from audit.errors import EnvironmentProblem
from audit.evidence import ConceptTexts, RunFolder, concept_texts, join_run, prompts_table
from audit.evidence.files import file_digest
from audit.evidence.specs import SPEC_NAME
from audit.evidence.working_copies import working_copy
from audit.inversion import Inverter, Recipe
from audit.judges import load_judge
from audit.opening import working_folder
from audit.pipeline.audit_plan import Plan, PlannedItem, program_versions
from audit.pipeline.execute import embed_references, image_shard, judge_shard, score_kind
from audit.precision import Precision
from audit.records import CheckpointCard, Prompt, Question

_HELD: Final = contextlib.ExitStack()
"""The copies here of runs behind a URL, for as long as the process lives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Site:
    """Where the work is, seen from any machine."""

    folder: Path
    url: str | None
    """Of the run, where it lies behind one."""
    spec: str
    """Digest of the spec of the run."""
    working: str
    """The folder that paths of the command begin in."""

    @classmethod
    def of(cls, run: RunFolder) -> _Site:
        """Return where a run is."""
        folder, carrier = run.path.absolute(), carrier_of(run.path)
        url = None if carrier is None else carrier.url_of(folder)
        return cls(folder=folder, url=url, spec=run.spec_digest, working=str(working_folder()))

    def join(self) -> RunFolder:
        """Open the run in this process.

        Raises:
            EnvironmentProblem: If it is not there, or its numbers would be others here.
        """
        with contextlib.suppress(OSError):
            os.chdir(self.working)
        folder = self.folder
        if self.url is not None:
            folder = _HELD.enter_context(working_copy(self.url, only=[SPEC_NAME]))
        run = join_run(folder, self.spec)
        theirs, ours = run.spec.get("versions"), program_versions()
        if theirs != ours:
            known = theirs if isinstance(theirs, dict) else {}
            other = [f"{name} {ours[name]} for {known.get(name)}" for name in ours if ours[name] != known.get(name)]
            raise _unlike(f"it has {', '.join(other)}", "Install the same versions on all machines (constraints.txt).")
        return run


def _unlike(what: str, remedy: str) -> EnvironmentProblem:
    return EnvironmentProblem(f"The machine {platform.node()} cannot make a part of this run: {what}.", remedy=remedy)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageOrder:
    """What makes shards of images; called once in each process that does."""

    site: _Site
    checkpoint: CheckpointCard
    options: LoadOptions
    device: str
    recipe: Recipe
    precision: Precision
    prompts: Sequence[Prompt]
    shards: Mapping[str, Sequence[PlannedItem]]

    def __call__(self) -> Job:
        """Load the checkpoint, and return what makes a shard by its name and returns the digest of its file.

        Raises:
            AuditProblem: If the checkpoint cannot be loaded, or this process would make other images.
        """
        run = self.site.join()
        loaded = load_checkpoint(self.checkpoint.name, options=self.options, device=self.device)
        if loaded.card.digest != self.checkpoint.digest:
            raise _unlike(
                f"{self.checkpoint.name} is another checkpoint there", "Name one that all machines have alike."
            )
        inverter = Inverter(loaded, self.recipe, self.precision)
        references = embed_references(inverter, self.prompts)

        def make(name: str, halvings: int) -> str:
            if not run.has_shard("images", name):
                items, steps = self.shards[name], self.recipe.steps
                run.write_shard("images", name, image_shard(items, inverter, references, steps, halvings=halvings))
            digest = file_digest(run.shard_path("images", name))
            run.let_go_of_shard("images", name)
            return digest

        return make


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreOrder:
    """What judges shards of images; called once in each process that does."""

    site: _Site
    judges: Mapping[str, str]
    """The digest of each, by the name that it is loaded by."""
    device: str
    audited: CheckpointCard
    questions: Sequence[Question]
    concepts: Sequence[ConceptTexts]

    def __call__(self) -> Job:
        """Load the judges, and return what judges a shard by its name and returns the digests of the files.

        Raises:
            AuditProblem: If a judge cannot be loaded, or is another one here.
        """
        run = self.site.join()
        judges = []
        for name, digest in self.judges.items():
            judge = load_judge(
                name, device=self.device, audited=self.audited, questions=self.questions, concepts=self.concepts
            )
            if judge.card.digest != digest:
                raise _unlike(f"the judge {name} is another one there", "Name judges that all machines have alike.")
            judges.append(judge)

        def look(name: str, _halvings: int) -> str:
            run.bring_shard("images", name)
            for judge in judges:
                if not run.has_shard(score_kind(judge), name):
                    judge_shard(run, judge, name)
            digests = " ".join(file_digest(run.shard_path(score_kind(judge), name)) for judge in judges)
            run.let_go_of_shard("images", name)
            return digests

        return look


def order_images(run: RunFolder, plan: Plan, names: Sequence[str]) -> ImageOrder:
    """Return what makes some shards of a run in another process; the sanity of the checkpoint is known already."""
    return ImageOrder(
        site=_Site.of(run),
        checkpoint=plan.checkpoint.card,
        options=replace(plan.request.options, waive_sanity=True),
        device=plan.request.device,
        recipe=plan.recipe,
        precision=plan.precision,
        prompts=plan.prompts,
        shards={name: plan.shards[name] for name in names},
    )


def order_scores(run: RunFolder, plan: Plan) -> ScoreOrder:
    """Return what lets the judges of a run look at its shards in another process."""
    return ScoreOrder(
        site=_Site.of(run),
        judges={name: judge.card.digest for name, judge in plan.judges.items()},
        device=plan.request.device,
        audited=plan.checkpoint.card,
        questions=plan.questions,
        concepts=concept_texts(prompts_table(plan.prompts)),
    )
