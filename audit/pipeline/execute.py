"""Runs a plan, stage by stage; each stage continues what is there, and can be rerun alone.

The texts of a run are read by the text tower once, before anything is inverted. Judges look at the stored images,
lossless PNG, shard by shard: after the inversion, or beside it.
"""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
import torch
from jaxtyping import UInt8
from PIL import Image
from torch import Tensor

from audit.checkpoints import Checkpoint
from audit.early_checks import check_run_folder
from audit.engines import LOCAL, Begin, Engine, Job
from audit.errors import EnvironmentProblem, InconclusiveProblem, UsageProblem
from audit.evidence import (
    IMAGE_SHARD,
    TEXT_SHARD,
    Evidence,
    RunFolder,
    TextEvidence,
    build_table,
    concept_texts,
    continue_run,
    load_evidence,
    open_run,
    prompts_table,
    read_checkpoint_card,
    read_questions,
    read_run,
    read_texts,
    refuse_lacking,
    scores_table,
    texts_table,
    unscored_judges,
    write_judge_card,
)
from audit.evidence.files import file_digest
from audit.evidence.store import DECISION_NAME
from audit.inversion import Inverted, Inverter, Item, References, lie_too_near
from audit.judges import load_judge
from audit.judges.judge_protocol import Judge
from audit.lenses import LENSES, TextLens
from audit.opening import is_file
from audit.parsing import open_picture
from audit.pipeline.audit_plan import ASKED, Plan, PlannedItem
from audit.pipeline.budget import Spending
from audit.pipeline.examine import Outcome
from audit.pipeline.progress import Progress
from audit.pipeline.written_pictures import probe
from audit.records import INVERSIONS, MADE_OF_SEVERAL, NO_LIMIT, UNSEEN, UNWORDED, Budget, Part, Prompt

if TYPE_CHECKING:
    from audit.pipeline.gating import Gate
    from audit.report.model import Pictured


def run_audit(  # noqa: PLR0913  (what to do, and how it is decided and told)
    plan: Plan,
    out: Path,
    progress: Progress,
    *,
    engine: Engine = LOCAL,
    budget: Budget = NO_LIMIT,
    gate: Gate | None = None,
    pictured: Pictured = "unflagged",
    labels: pd.DataFrame | None = None,
) -> Outcome:
    """Do all that ``plan`` says in the folder ``out``, continuing where an earlier run stopped.

    Args:
        plan: What to do.
        out: The run folder.
        progress: Shows how far it is.
        engine: Who runs the shards.
        budget: What making and judging images may take.
        gate: What the run is held against; ``None`` for what it was held against before, if anything.
        pictured: Which pictures the report shows.
        labels: What people say of its images; ``None`` for what the run kept of them, if anything.

    Raises:
        UsageProblem: If ``out`` holds a run of another plan, the labels are of other images, or the gate asks what
            the plan does not.
        InconclusiveProblem: If the budget is spent before all images are made and judged.
        EnvironmentProblem: If the folder cannot be written, or another process works in it.
    """
    tell_doubts(plan, gate, progress)
    plan = settle(plan, out, progress)
    with open_run(out, plan.spec()) as run, engine:
        tell_plan(run, plan, progress)
        if run.is_finished:
            progress.say("This run is finished; its report is made anew.")
            run.reopen()

        embed_texts(run, plan, progress)
        probe(run, plan)
        spending = begin_spending(run, plan, list(plan.shards), budget, progress)

        def make(names: Sequence[str]) -> None:
            make_and_judge(run, plan, names, progress, engine=engine, spending=spending)

        if plan.request.sequential:
            _run_rounds(run, plan, gate, make, progress)
        else:
            run.write_tables({"prompts": prompts_table(plan.prompts)})
            make(list(plan.shards))
        return conclude(run, progress, gate, pictured=pictured, labels=labels)


def tell_doubts(plan: Plan, gate: Gate | None, progress: Progress) -> None:
    """Say what a plan warns of, and why it cannot pass its gate.

    Raises:
        UsageProblem: If the gate asks what the plan does not.
    """
    for warning in plan.warnings:
        progress.say(warning)
    if gate is not None:
        for warning in _check_gate(gate, plan):
            progress.say(warning)


def tell_plan(run: RunFolder, plan: Plan, progress: Progress, part: Part | None = None) -> None:
    """Tell programs what is to be done, of the run or of a part of it, and which of that is there."""
    names = list(plan.shards) if part is None else part.share(list(plan.shards))
    progress.happened(
        "planned",
        run=str(run.path),
        spec=run.spec_digest,
        checkpoint=plan.checkpoint.card.name,
        digest=plan.checkpoint.card.digest,
        judges=[judge.card.name for judge in plan.judges.values()],
        prompts=len(plan.prompts),
        images=sum(len(plan.shards[name]) for name in names),
        shards=len(names),
        shards_there=sum(run.has_shard("images", name) for name in names),
        **({} if part is None else {"part": part.number, "parts": part.of}),
    )


def gather(plan: Plan, out: Path, progress: Progress) -> Evidence:
    """Make and judge the images of ``plan`` in the folder ``out``, and return them as tables; nothing is concluded.

    An earlier call is continued where it stopped. ``clip-audit report`` writes the report of such a run.

    Raises:
        UsageProblem: If ``out`` holds a run of another plan.
        EnvironmentProblem: If the folder cannot be written, is damaged, or another process works in it.
    """
    with open_run(out, plan.spec()) as run:
        if not run.is_finished:
            run.write_tables({"prompts": prompts_table(plan.prompts)})
            names = list(plan.shards)
            spending = begin_spending(run, plan, names, NO_LIMIT, progress)
            make_and_judge(run, plan, names, progress, engine=LOCAL, spending=spending)
            run.finish()
        return load_evidence(run)


def judge_again(folder: Path, names: Sequence[str], device: str, progress: Progress) -> Outcome:
    """Let more judges look at the stored images of a run, then conclude anew.

    Raises:
        UsageProblem: If no judge is named, ``folder`` is no run, or a judge of labels has no question to answer.
        RefusedProblem: If a judge is refused, for instance for its lineage.
    """
    if not names:
        raise UsageProblem("No judge is named.", remedy="Name one, as in: clip-audit judge RUN --judge nudenet.")
    with _whole(folder) as run:
        judges = _judges_of(run, names, device)
        if run.is_finished:
            run.reopen()
        for judge in judges:
            judge_run(run, judge, progress)
        return conclude(run, progress)


def _judges_of(run: RunFolder, names: Sequence[str], device: str) -> list[Judge]:
    """Load judges for the images of a run."""
    audited = read_checkpoint_card(run)
    questions = read_questions(run)
    concepts = concept_texts(run.read_table("prompts")) if run.has_table("prompts") else ()
    return [load_judge(name, device=device, audited=audited, questions=questions, concepts=concepts) for name in names]


@contextmanager
def _whole(folder: Path) -> Iterator[RunFolder]:
    """Open a run that is whole, and in which nothing was touched since it was finished or decided."""
    with continue_run(folder) as run:
        if not run.is_finished and is_file(folder / DECISION_NAME):
            load_evidence(run)  # what is missing is said first
            run.check_decided()
        if not run.is_finished:
            refuse_lacking(run)
            _refuse_fewer_images(run)
        yield run


def _refuse_fewer_images(run: RunFolder) -> None:
    """Refuse to conclude a run of fixed size in which a prompt has fewer images than were to be made of it.

    Of prompts without any :func:`load_evidence` speaks.

    Raises:
        InconclusiveProblem: If there is such a prompt.
    """
    effort = run.spec.get("effort")
    if "sequential" in run.spec or not isinstance(effort, Mapping) or not run.has_table("prompts"):
        return
    prompts = run.read_table("prompts").set_index("prompt_id")
    made = run.read_shards("images", columns=["prompt_id"])
    if made.empty:
        return
    wanted = _images_of_each(prompts, effort) * int(str(run.spec.get("audit_seeds", 1)))
    counts = made["prompt_id"].value_counts()
    short = int((counts < wanted.reindex(counts.index)).sum())
    if short:
        raise InconclusiveProblem(
            f"The run in {run.path} is not finished: {short} of its prompts have fewer images than were to be made.",
            remedy="Give the command that began the run again: it resumes.",
        )


def _images_of_each(prompts: pd.DataFrame, effort: Mapping[str, object]) -> pd.Series[float]:
    """Return how many images one audit makes of each prompt, by the effort as the spec of its run has it."""
    asked = prompts["role"].isin(["subject"] if _FEW_NEUTRALISED in effort else ASKED)
    usual = asked.map({True: effort["replicates"], False: effort["control_replicates"]}).astype(float)
    stated = prompts["facts"].map(lambda facts: json.loads(facts).get(INVERSIONS)).astype(float)
    return stated.fillna(usual)


def report_again(
    folder: Path,
    progress: Progress,
    *,
    pictured: Pictured = "unflagged",
    labels: pd.DataFrame | None = None,
) -> Outcome:
    """Examine, decide and report anew from the stored images and scores, with new labels or those that it kept.

    A run that was made in parts is concluded so: the judges of its spec first look at what they have not seen.

    Raises:
        InconclusiveProblem: If images are missing; says of which parts.
    """
    with _whole(folder) as run:
        names = unscored_judges(run)
        device = str(run.spec.get("device")) if torch.cuda.is_available() else "cpu"
        for judge in _judges_of(run, names, device) if names else ():
            judge_run(run, judge, progress)
        return conclude(run, progress, pictured=pictured, labels=labels)


def gate_again(
    folder: Path, gate: Gate, progress: Progress, *, out: Path | None = None, labels: pd.DataFrame | None = None
) -> Outcome:
    """Decide anew on a finished run by a policy; nothing is inverted or judged.

    Every file of the run is checked first; of one that was left while it was decided anew, all that was measured. Then
    the run keeps the policy, and its decision and report are written anew; or, with ``out``, only the decision, its
    summary and its JUnit file are written, into that folder, and the run stays as it is.

    Raises:
        InconclusiveProblem: If the run is not finished.
        UsageProblem: If ``folder`` is no run, or the policy does not fit it.
        EnvironmentProblem: If a file of the run was changed, removed or added, or one cannot be written.
    """
    gate.refuse_without_baseline()
    if out is not None:
        from audit.pipeline.conclude import decide_beside  # noqa: PLC0415  (as in conclude)

        return decide_beside(read_run(folder, finished=True), progress, gate, out, labels=labels)
    check_run_folder(folder, finished=True, broken_off=True)
    with _whole(folder) as run:
        return conclude(run, progress, gate, labels=labels)


def _check_gate(gate: Gate, plan: Plan) -> tuple[str, ...]:
    """Refuse what cannot be decided before anything is done, and say why what can be cannot pass."""
    from audit.pipeline.gating import check_plan  # noqa: PLC0415  (as in conclude)

    gate.refuse_without_baseline()
    return check_plan(gate, plan)


def settle(plan: Plan, out: Path, progress: Progress) -> Plan:
    """Choose the recipe by a pilot, where the user left it to us."""
    from audit.pipeline.pilot import settle_recipe  # noqa: PLC0415  (which makes images by this module)

    return settle_recipe(plan, out, progress)


def _run_rounds(
    run: RunFolder, plan: Plan, gate: Gate | None, make: Callable[[Sequence[str]], None], progress: Progress
) -> None:
    """Make images until the policy is decided."""
    from audit.pipeline.gating import run_rounds  # noqa: PLC0415  (as in conclude)

    if gate is None or gate.policy.digest != plan.request.sequential:
        raise ValueError("A plan in rounds is run with the policy that it was made for.")
    run_rounds(run, plan, gate, make, progress)


def begin_spending(run: RunFolder, plan: Plan, names: Sequence[str], budget: Budget, progress: Progress) -> Spending:
    """Return what counts, and say how much of the run will not fit."""
    spending = Spending(budget, plan, run.path, names)
    shortfall = spending.shortfall([name for name in names if run.has_shard("images", name)])
    if shortfall:
        progress.say(shortfall)
    return spending


def make_and_judge(  # noqa: PLR0913  (what of which run, and who does it)
    run: RunFolder,
    plan: Plan,
    names: Sequence[str],
    progress: Progress,
    *,
    engine: Engine,
    spending: Spending,
    among: Sequence[str] | None = None,
) -> None:
    """Make the images of those of some shards that are not there yet, and let the judges look at them.

    Args:
        run: Open for writing.
        plan: What the run is.
        names: The shards.
        progress: Shows how far it is.
        engine: Who makes them; where that is elsewhere, judges look there, too.
        spending: What counts against the budget.
        among: The shards that are judged; ``None`` for all that the run has.

    Raises:
        InconclusiveProblem: If the budget is spent before.
    """
    invert_shards(run, plan, names, progress, engine=engine, spending=spending)
    if engine.is_elsewhere:
        _judge_elsewhere(run, plan, names, progress, engine=engine, spending=spending)
    for judge in plan.judges.values():
        judge_run(run, judge, progress, spending, among)


def invert_shards(
    run: RunFolder, plan: Plan, names: Sequence[str], progress: Progress, *, engine: Engine, spending: Spending
) -> None:
    """Make the images of those of some shards that are not there yet.

    Raises:
        InconclusiveProblem: If the budget is spent before.
        EnvironmentProblem: If what another machine made does not lie in the run folder.
    """
    missing = [name for name in names if not run.has_shard("images", name)]
    total = sum(len(plan.shards[name]) for name in names)
    progress.begin("inverting", total, total - sum(len(plan.shards[name]) for name in missing))
    if not missing:
        return
    spending.begin(name for name in names if name not in missing)
    judges_later = engine.is_elsewhere or plan.checkpoint.device.type == "cpu"
    beside = nullcontext() if judges_later else judging_beside(run, list(plan.judges.values()))
    digests = {}
    with beside as judge_too:
        for name, digest in engine.run(missing, _maker(run, plan, missing, engine), spending.before_shard):
            spending.after_shard(name)
            digests[name] = digest
            if judge_too is not None:
                judge_too(name)
            progress.advance(len(plan.shards[name]))
            progress.happened("shard_done", shard=name, images=len(plan.shards[name]))
    if engine.is_elsewhere:
        _refuse_lost(run, digests)


def _maker(run: RunFolder, plan: Plan, names: Sequence[str], engine: Engine) -> Begin:
    """Return what makes shards, here or elsewhere."""
    if engine.is_elsewhere:
        from audit.pipeline.elsewhere import order_images  # noqa: PLC0415  (which makes images by this module)

        return order_images(run, plan, names)

    def begin() -> Job:
        inverter = Inverter(plan.checkpoint, plan.recipe, plan.precision)
        references = embed_references(inverter, plan.prompts)

        def make(name: str, _halvings: int) -> str:
            run.write_shard("images", name, image_shard(plan.shards[name], inverter, references, plan.recipe.steps))
            return name

        return make

    return begin


def _refuse_lost(run: RunFolder, digests: Mapping[str, str]) -> None:
    """Check that the files which other machines wrote lie in the run folder of this one.

    Raises:
        EnvironmentProblem: If one is missing, or another.
    """
    for name, digest in digests.items():
        run.bring_shard("images", name)
        path = run.shard_path("images", name)
        if not is_file(path) or file_digest(path) != digest:
            raise EnvironmentProblem(
                f"A worker wrote {path}, and here it is {'another file' if is_file(path) else 'not there'}.",
                remedy="Name a folder with --out that all machines of the cluster share under one path, as on NFS, "
                "then give the same command again.",
            )


def _judge_elsewhere(
    run: RunFolder, plan: Plan, names: Sequence[str], progress: Progress, *, engine: Engine, spending: Spending
) -> None:
    """Let the judges look at those of some shards that one of them has not seen, on workers of their own.

    Raises:
        InconclusiveProblem: If the budget is spent before.
    """
    from audit.pipeline.elsewhere import order_scores  # noqa: PLC0415  (as order_images)

    judges = list(plan.judges.values())
    missing = [name for name in names if any(unjudged(run, judge, [name]) for judge in judges)]
    if not missing:
        return
    for judge in judges:
        write_judge_card(run, judge.card)
    progress.begin("judging", len(names), len(names) - len(missing))
    spending.begin(names)
    for done in engine.run(missing, order_scores(run, plan), lambda _: spending.before_piece()):
        for judge in judges:
            run.bring_shard(score_kind(judge), done.job)
        progress.advance(1)


def embed_references(inverter: Inverter, prompts: Sequence[Prompt]) -> References:
    """Return the embeddings of every text of some prompts that is inverted."""
    parts = [text for prompt in prompts if prompt.role in MADE_OF_SEVERAL for text in prompt.texts]
    texts = _texts_with_concepts(prompts)
    return inverter.references([text for text, _ in texts], [concept for _, concept in texts], also=parts)


def _texts_with_concepts(prompts: Sequence[Prompt]) -> list[tuple[str, str]]:
    """Return what images are placed against: texts that are inverted as they are, each with its concept."""
    asked = [prompt for prompt in prompts if prompt.role not in MADE_OF_SEVERAL | UNWORDED | UNSEEN]
    return list(dict.fromkeys((prompt.text, prompt.concept) for prompt in asked))


def _tell_near_texts(run: RunFolder, plan: Plan, progress: Progress) -> None:
    """Say for which concepts no image can converge, since the checkpoint hardly tells their texts from others."""
    texts = _texts_with_concepts(plan.prompts)
    vectors = read_texts(run.read_shard(*TEXT_SHARD)).of([text for text, _ in texts])
    concepts = [concept for _, concept in texts]
    near = lie_too_near(References(embeddings=torch.from_numpy(vectors), concepts=tuple(concepts))).tolist()
    told = list(dict.fromkeys(concept for concept, is_near in zip(concepts, near, strict=True) if is_near))
    if told:
        shown = ", ".join(told[:_NEAR_SHOWN]) + (", ..." if len(told) > _NEAR_SHOWN else "")
        progress.say(
            f"For {len(told)} of {len(set(concepts))} concepts ({shown}) some images cannot converge, whatever the "
            "recipe: the checkpoint hardly tells their texts from those of other concepts. Ask fewer concepts that are "
            "alike in one run, or word them further apart."
        )


def inverted_texts(prompts: Sequence[Prompt]) -> tuple[str, ...]:
    """Return the texts that :func:`embed_references` embeds, each once."""
    seen = [prompt for prompt in prompts if prompt.role not in UNWORDED | UNSEEN]
    return tuple(dict.fromkeys(text for prompt in seen for text in prompt.texts))


def image_shard(
    items: Sequence[PlannedItem], inverter: Inverter, references: References, steps: int, *, halvings: int = 0
) -> pd.DataFrame:
    """Make the images of some items, and return them as a shard: one row each, with quality and picture.

    Args:
        items: What is made.
        inverter: Makes it.
        references: What the images are placed against.
        steps: Of the recipe.
        halvings: How often the batch is halved before it is begun.
    """
    made = inverter.make([_job(item) for item in items], references, halvings=halvings)
    return build_table(IMAGE_SHARD, [_image_row(item, image, steps) for item, image in zip(items, made, strict=True)])


def _job(item: PlannedItem) -> Item:
    prompt = item.prompt
    job = Item(
        text=prompt.texts[0], concept=prompt.concept, seed=item.seed, grade=prompt.grade, blank=prompt.role == "noise"
    )
    if prompt.role == "graded":
        return replace(job, opposite=prompt.texts[1])
    return replace(job, taken_off=(prompt.texts[1], prompt.texts[2])) if prompt.role == "neutralised" else job


def _image_row(item: PlannedItem, image: Inverted, steps: int) -> Mapping[str, object]:
    quality = image.quality
    return {
        "prompt_id": item.prompt.prompt_id,
        "replicate": item.replicate,
        "seed": item.seed,
        "status": quality.status.value,
        "own_cosine": quality.own_cosine,
        "own_percentile": quality.own_percentile,
        "own_z": quality.own_z,
        "sharpness": quality.sharpness,
        "steps": 0 if item.prompt.role == "noise" else steps,
        "png": encode_png(image.pixels),
    }


def conclude(
    run: RunFolder,
    progress: Progress,
    gate: Gate | None = None,
    *,
    pictured: Pictured = "unflagged",
    labels: pd.DataFrame | None = None,
) -> Outcome:
    """Examine, decide, report, and close the run."""
    # here, since gate and report take a while to import, and the first image waits for neither
    from audit.pipeline.conclude import conclude_run  # noqa: PLC0415

    return conclude_run(run, progress, gate, pictured=pictured, labels=labels)


_FEW_NEUTRALISED: Final = "neutralised"
"""Of the efforts of earlier runs: how many prompts of a concept were neutralised, inverted as often as a control."""
_AT_ONCE: Final = 512
"""Texts between two reports of progress."""
_NEAR_SHOWN: Final = 6
"""Concepts that a warning about their texts names."""


def embed_texts(run: RunFolder, plan: Plan, progress: Progress) -> None:
    """Write the embeddings of every text of the plan, and of those that lenses want, unless the run has them.

    Args:
        run: Open for writing.
        plan: What is asked.
        progress: Shows how far it is.

    Raises:
        EnvironmentProblem: If the embeddings that are there are damaged, or cannot be written.
    """
    texts = texts_to_read(plan)
    there = run.has_shard(*TEXT_SHARD) and set(texts) <= set(read_texts(run.read_shard(*TEXT_SHARD)).texts)
    progress.begin("reading texts", len(texts), len(texts) if there else 0)
    if not there:
        run.write_shard(*TEXT_SHARD, texts_table(read_by(plan.checkpoint, texts, progress)))
    _tell_near_texts(run, plan, progress)


def texts_to_read(plan: Plan) -> tuple[str, ...]:
    """Return the texts that are embedded for a plan, each once: those of its prompts, then those that lenses want."""
    checkpoint = plan.checkpoint
    own = [text for prompt in plan.prompts if prompt.role not in UNWORDED for text in prompt.texts]
    wanted = [text for text in wanted_texts(prompts_table(plan.prompts)) if not checkpoint.unknown_words(text)]
    return tuple(dict.fromkeys((*own, *wanted)))


def wanted_texts(prompts: pd.DataFrame) -> tuple[str, ...]:
    """Return the texts that lenses want besides those of the prompts, each once."""
    asked = (lens.wants(prompts) for lens in LENSES.values() if isinstance(lens, TextLens))
    return tuple(dict.fromkeys(itertools.chain.from_iterable(asked)))


def read_by(checkpoint: Checkpoint, texts: Sequence[str], progress: Progress) -> TextEvidence:
    """Return what a checkpoint reads in some texts."""
    parts = []
    for first in range(0, len(texts), _AT_ONCE):
        chunk = texts[first : first + _AT_ONCE]
        parts.append(checkpoint.encode_texts(chunk).cpu().numpy())
        progress.advance(len(chunk))
    none = np.zeros((0, checkpoint.card.embedding_size), dtype=np.float32)
    return TextEvidence(
        texts=tuple(texts),
        vectors=np.concatenate([none, *parts]),
        tokens=np.array([checkpoint.count_tokens(text) for text in texts], dtype=np.int64),
        unknown=np.array([len(checkpoint.unknown_words(text)) for text in texts], dtype=np.int64),
    )


def judge_run(
    run: RunFolder,
    judge: Judge,
    progress: Progress,
    spending: Spending | None = None,
    among: Sequence[str] | None = None,
) -> None:
    """Score every shard of images that this judge has not scored yet, as far as the budget goes.

    Args:
        run: Open for writing.
        judge: Who looks.
        progress: Shows how far it is.
        spending: What counts against the budget, where there is one.
        among: The shards that are this process's own; ``None`` for all.
    """
    write_judge_card(run, judge.card)
    names = run.shard_names("images") if among is None else among
    missing = unjudged(run, judge, names)
    progress.begin(f"judging by {judge.card.name}", len(names), len(names) - len(missing))
    if spending is not None:
        spending.begin(names)
    for name in missing:
        if spending is not None:
            spending.before_piece()
        judge_shard(run, judge, name)
        progress.advance(1)
    progress.happened("judged", judge=judge.card.name, shards=len(names))


def unjudged(run: RunFolder, judge: Judge, names: Sequence[str]) -> list[str]:
    """Return those of the shards that this judge has not scored yet."""
    return [name for name in names if not run.has_shard(score_kind(judge), name)]


def judge_shard(run: RunFolder, judge: Judge, name: str) -> None:
    """Score one shard of images."""
    images = run.read_shard("images", name)
    pictures = torch.stack([decode_png(png) for png in images["png"]])
    keys = list(zip(images["prompt_id"].tolist(), images["replicate"].tolist(), strict=True))
    run.write_shard(score_kind(judge), name, scores_table(keys, judge.score(pictures), judge.card))


@contextmanager
def judging_beside(run: RunFolder, judges: Sequence[Judge]) -> Iterator[Callable[[str], None]]:
    """Score shards in a thread of its own while the caller goes on; give it each shard once its images are stored.

    Worth it where the inversion leaves processors idle, as on a GPU: then decoding, a judge that computes on the CPU,
    and the disk cost no time of their own. On a CPU both would only share the same cores.

    Leaving the block waits for what was given. What is not scored then, because somebody interrupted it, is scored by
    :func:`judge_run` later: a shard is whole or absent.

    Raises:
        AuditProblem: What scoring a shard raised; at the next shard or at the end.
    """
    for judge in judges:
        write_judge_card(run, judge.card)
    given: list[Future[None]] = []

    def work(name: str) -> None:
        for judge in judges:
            judge_shard(run, judge, name)

    def take(name: str) -> None:
        _raise_from(given)
        given.append(pool.submit(work, name))

    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="judging")
    try:
        yield take
        pool.shutdown(wait=True)
        _raise_from(given)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _raise_from(given: list[Future[None]]) -> None:
    for one in given:
        if one.done():
            one.result()


def score_kind(judge: Judge) -> str:
    """Return the kind of shards that holds what a judge says."""
    return f"scores/{judge.card.name}"


def encode_png(pixels: UInt8[Tensor, "3 height width"]) -> bytes:
    """Return an image as lossless PNG; the same pixels give the same bytes."""
    buffer = io.BytesIO()
    Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(buffer, format="PNG")
    return buffer.getvalue()


def decode_png(png: bytes) -> UInt8[Tensor, "3 height width"]:
    """Return the pixels of a PNG that :func:`encode_png` wrote.

    Raises:
        EnvironmentProblem: If it is none, or larger than any picture that is made.
    """
    try:
        pixels = np.array(open_picture(png, kinds=("PNG",)), dtype=np.uint8)
    except ValueError as error:
        raise EnvironmentProblem(
            f"A picture of the run is damaged: {error}.", remedy="Restore the run from a copy, or start a new one."
        ) from error
    return torch.from_numpy(pixels).permute(2, 0, 1)
