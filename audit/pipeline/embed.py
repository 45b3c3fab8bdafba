"""The texts of a run are read by the text tower, once, before anything is inverted."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from audit.checkpoints import Checkpoint
from audit.evidence import TEXT_SHARD, RunFolder, TextEvidence, prompts_table, read_texts, texts_table
from audit.lenses import LENSES, TextLens
from audit.pipeline.audit_plan import Plan
from audit.pipeline.progress import Progress
from audit.records import UNWORDED

_AT_ONCE: Final = 512
"""Texts between two reports of progress."""


def embed_texts(run: RunFolder, plan: Plan, progress: Progress) -> None:
    """Write the embeddings of every text of the plan, and of those that lenses want, unless the run has them.

    Args:
        run: Open for writing.
        plan: What is asked.
        progress: Hears of it.

    Raises:
        EnvironmentProblem: If the embeddings that are there are damaged, or cannot be written.
    """
    texts = texts_to_read(plan)
    there = run.has_shard(*TEXT_SHARD) and set(texts) <= set(read_texts(run.read_shard(*TEXT_SHARD)).texts)
    progress.begin("reading texts", len(texts), len(texts) if there else 0)
    if not there:
        run.write_shard(*TEXT_SHARD, texts_table(read_by(plan.checkpoint, texts, progress)))


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
        parts.append(checkpoint.encode_text(chunk).cpu().numpy())
        progress.advance(len(chunk))
    none = np.zeros((0, checkpoint.card.embedding_size), dtype=np.float32)
    return TextEvidence(
        texts=tuple(texts),
        vectors=np.concatenate([none, *parts]),
        tokens=np.array([checkpoint.count_tokens(text) for text in texts], dtype=np.int64),
        unknown=np.array([len(checkpoint.unknown_words(text)) for text in texts], dtype=np.int64),
    )
