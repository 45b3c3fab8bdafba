"""The stages of a run, each of which continues what is there."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from jaxtyping import UInt8
from PIL import Image
from torch import Tensor

from audit.engines import ENGINES
from audit.errors import UsageProblem
from audit.evidence import (
    IMAGE_SHARD,
    Evidence,
    RunFolder,
    build_table,
    continue_run,
    load_evidence,
    open_run,
    prompts_table,
    read_checkpoint_card,
    scores_table,
    write_judge_card,
)
from audit.gate import decide, decision_text
from audit.inversion import Inverted, Inverter, Item, References
from audit.judges import Judge, load_judge
from audit.lenses import LENSES, findings_text
from audit.pipeline.plan import Plan, PlannedItem
from audit.pipeline.progress import Progress
from audit.pipeline.writing import write_report
from audit.records import Decision, Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run came to."""

    folder: Path
    findings: tuple[Finding, ...]
    decision: Decision
    evidence: Evidence


def run_audit(plan: Plan, out: Path, progress: Progress, *, engine: str = "local") -> Outcome:
    """Do all that ``plan`` says in the folder ``out``, continuing where an earlier run stopped.

    Raises:
        UsageProblem: If ``out`` holds a run of another plan.
        EnvironmentProblem: If the folder cannot be written, or another process works in it.
    """
    for warning in plan.warnings:
        progress.say(warning)
    with open_run(out, plan.spec()) as run:
        if run.is_finished:
            progress.say("This run is finished; its report is made anew.")
            run.reopen()
        run.write_tables({"prompts": prompts_table(plan.prompts)})
        _invert(run, plan, progress, engine)
        for judge in plan.judges.values():
            _judge(run, judge, progress)
        return _conclude(run, progress)


def judge_again(folder: Path, names: Sequence[str], device: str, progress: Progress) -> Outcome:
    """Let more judges look at the stored images of a run, then conclude anew.

    Raises:
        UsageProblem: If no judge is named, or ``folder`` is no run.
        RefusedProblem: If a judge is refused, for instance for its lineage.
    """
    if not names:
        raise UsageProblem("No judge is named.", remedy="Name one, as in: clip-audit judge RUN --judge nudenet.")
    with continue_run(folder) as run:
        audited = read_checkpoint_card(run)
        judges = [load_judge(name, device=device, audited=audited) for name in names]
        if run.is_finished:
            run.reopen()
        for judge in judges:
            _judge(run, judge, progress)
        return _conclude(run, progress)


def report_again(folder: Path, progress: Progress) -> Outcome:
    """Examine, decide and report anew from the stored images and scores."""
    with continue_run(folder) as run:
        if run.is_finished:
            run.reopen()
        return _conclude(run, progress)


def _invert(run: RunFolder, plan: Plan, progress: Progress, engine: str) -> None:
    missing = [name for name in plan.shards if not run.has_shard("images", name)]
    done = len(plan.items) - sum(len(plan.shards[name]) for name in missing)
    progress.begin("inverting", len(plan.items), done)
    if not missing:
        return
    inverter = Inverter(plan.checkpoint, plan.recipe, plan.precision)
    texts = {(prompt.text, prompt.concept): None for prompt in plan.prompts if prompt.role != "noise"}
    references = inverter.references([text for text, _ in texts], [concept for _, concept in texts])

    def work(name: str) -> None:
        run.write_shard("images", name, _shard(plan.shards[name], inverter, references, plan.recipe.steps))

    for name in ENGINES[engine].run(missing, work):
        progress.advance(len(plan.shards[name]))


def _shard(items: Sequence[PlannedItem], inverter: Inverter, references: References, steps: int) -> pd.DataFrame:
    jobs = [
        Item(
            text=item.prompt.text,
            concept=item.prompt.concept,
            seed=item.seed,
            blank=item.prompt.role == "noise",
        )
        for item in items
    ]
    made = inverter.make(jobs, references)
    return build_table(IMAGE_SHARD, [_image_row(item, image, steps) for item, image in zip(items, made, strict=True)])


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


def _judge(run: RunFolder, judge: Judge, progress: Progress) -> None:
    """Score every shard of images that this judge has not scored yet."""
    write_judge_card(run, judge.card)
    kind = f"scores/{judge.card.name}"
    names = run.shard_names("images")
    missing = [name for name in names if not run.has_shard(kind, name)]
    progress.begin(f"judging by {judge.card.name}", len(names), len(names) - len(missing))
    for name in missing:
        images = run.read_shard("images", name)
        pictures = torch.stack([decode_png(png) for png in images["png"]])
        keys = list(zip(images["prompt_id"].tolist(), images["replicate"].tolist(), strict=True))
        run.write_shard(kind, name, scores_table(keys, judge.score(pictures), judge.card))
        progress.advance(1)


def _conclude(run: RunFolder, progress: Progress) -> Outcome:
    """Examine, decide, report, and close the run."""
    evidence = load_evidence(run)
    progress.begin("examining", len(LENSES))
    findings: list[Finding] = []
    tables: dict[str, pd.DataFrame] = {}
    for lens in LENSES.values():
        answer = lens.examine(evidence)
        findings += answer.findings
        tables.update(answer.tables)
        progress.advance(1)
    decision = decide(findings, tables.get("controls"), waived=_waived(run.spec))
    run.write_tables({"images": evidence.images, **tables})
    run.write_text("findings.json", findings_text(findings))
    run.write_text("decision.json", decision_text(decision))
    outcome = Outcome(folder=run.path, findings=tuple(findings), decision=decision, evidence=evidence)
    progress.begin("reporting", 1)
    write_report(run, outcome.findings, decision, tables, evidence)
    run.finish()
    progress.advance(1)
    return outcome


def _waived(spec: Mapping[str, object]) -> tuple[str, ...]:
    options = spec.get("options")
    waived = isinstance(options, dict) and bool(options.get("waive_sanity"))
    return ("the sanity gate on matched pictures and captions",) if waived else ()


def encode_png(pixels: UInt8[Tensor, "3 height width"]) -> bytes:
    """Return an image as lossless PNG; the same pixels give the same bytes."""
    buffer = io.BytesIO()
    Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(buffer, format="PNG")
    return buffer.getvalue()


def decode_png(png: bytes) -> UInt8[Tensor, "3 height width"]:
    """Return the pixels of a PNG that :func:`encode_png` wrote."""
    with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
        pixels = np.array(image.convert("RGB"), dtype=np.uint8)
    return torch.from_numpy(pixels).permute(2, 0, 1)


__all__ = ["Outcome", "decode_png", "encode_png", "judge_again", "report_again", "run_audit"]
