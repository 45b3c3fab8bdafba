"""A report from copies: what examining and reporting will cost, before there is anything to report on."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from audit.evidence import TEXT_SHARD, RunFolder, TextEvidence, open_run, prompts_table, texts_table
from audit.pipeline.embed import texts_to_read
from audit.pipeline.execute import conclude
from audit.pipeline.plan import Plan, PlannedItem
from audit.pipeline.progress import Silence
from audit.records import Status
from audit.suites import shorten

_MOST_IMAGES: Final = 800
"""Larger plans are rehearsed with fewer templates, and the rest is taken to cost in proportion."""


def rehearse(plan: Plan, probed: RunFolder, images: pd.DataFrame, folder: Path, clock: Callable[[], float]) -> float:
    """Return the seconds that examining and reporting take for a run of ``plan``.

    Args:
        plan: The plan.
        probed: A run with scores of some images by every judge.
        images: A shard of images to copy, as it was stored.
        folder: Where to write; thrown away by the caller.
        clock: Seconds.
    """
    smaller = _smaller(plan)
    with open_run(folder, plan.spec()) as run:
        run.write_tables({"prompts": prompts_table(smaller.prompts)})
        run.write_shard(*TEXT_SHARD, texts_table(_as_if_read(smaller)))
        items = smaller.items
        run.write_shard("images", "all", _as_if_converged(_spread(images, items), items))
        for judge in plan.judges.values():
            scores = probed.read_shards(f"scores/{judge.card.name}")
            run.write_shard(f"scores/{judge.card.name}", "all", _spread(scores, items))
        began = clock()
        conclude(run, Silence())
        first = clock() - began
        share = len(plan.items) / max(1, len(items))
        if share <= 1:
            return first
        run.reopen()
        began = clock()
        conclude(run, Silence())  # without what the first one had to load
        return first + (share - 1) * (clock() - began)


def _smaller(plan: Plan) -> Plan:
    """Return the plan with as many templates as keep it below the most images; with one at least."""
    smaller, templates = plan, max(len({prompt.template for prompt in suite.prompts}) for suite in plan.suites)
    while len(smaller.items) > _MOST_IMAGES and templates > 1:
        templates = templates // 2
        suites = tuple(shorten(suite, templates=templates) for suite in plan.suites)
        smaller = dataclasses.replace(plan, suites=suites)
    return smaller


def _as_if_read(plan: Plan) -> TextEvidence:
    """Return embeddings without a meaning: what is made of them takes as long."""
    texts = texts_to_read(plan)
    shape = len(texts), plan.checkpoint.card.embedding_size
    drawn = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    zeros = np.zeros(len(texts), dtype=np.int64)
    lengths = np.linalg.norm(drawn, axis=1, keepdims=True)
    return TextEvidence(texts=texts, vectors=drawn / lengths, tokens=zeros + 8, unknown=zeros)


def _spread(table: pd.DataFrame, items: Sequence[PlannedItem]) -> pd.DataFrame:
    """Return one row per item, copied in turn from those of ``table``."""
    rows = table.iloc[np.arange(len(items)) % len(table)].reset_index(drop=True)
    rows["prompt_id"] = [item.prompt.prompt_id for item in items]
    rows["replicate"] = [item.replicate for item in items]
    return rows


def _as_if_converged(table: pd.DataFrame, items: Sequence[PlannedItem]) -> pd.DataFrame:
    """Return the images as usable as they will be: after a few steps most are not, and little would be examined."""
    usual = [Status.NOISE if item.prompt.role == "noise" else Status.CONVERGED for item in items]
    return table.assign(status=[status.value for status in usual])
