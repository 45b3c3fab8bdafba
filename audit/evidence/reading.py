"""From a run folder to the tables that lenses read, and to single pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from audit.errors import EnvironmentProblem, InconclusiveProblem
from audit.evidence.columns import build_table
from audit.evidence.schemas import IMAGES, PROBES, Evidence, score_columns
from audit.evidence.store import RunFolder
from audit.evidence.stored_cards import read_checkpoint_card, read_judge_cards
from audit.evidence.texts import TEXT_SHARD, TextEvidence, no_texts, read_texts
from audit.records import UNSEEN, JudgeCard

_RESUME = "Give the command that began the run again: it resumes."


def load_evidence(run: RunFolder) -> Evidence:
    """Read prompts, images (without the pictures) and scores as tables.

    Images and scores stand in the order of the prompts, then by replicate, however the work was cut into shards.

    Args:
        run: A run whose prompts were written with ``write_tables({"prompts": prompts_table(...)})``.

    Raises:
        InconclusiveProblem: If prompts have no image yet, images no score (unscored is a score), or texts that are only
            read no embedding.
        UsageProblem: If a file belongs to another run, or a table is not as its schema says.
        EnvironmentProblem: If a file is damaged.
    """
    if not run.has_table("prompts"):
        raise InconclusiveProblem(f"The run in {run.path} has no prompts yet.", remedy=_RESUME)
    prompts = run.read_table("prompts")
    images = _images(run)
    pictured = prompts.loc[~prompts["role"].isin(UNSEEN), "prompt_id"]
    without = len(pictured) if images.empty else int((~pictured.isin(images["prompt_id"])).sum())
    if without or prompts.empty:
        raise InconclusiveProblem(
            f"The run in {run.path} is not finished: {without} of its {len(pictured)} prompts have no image.",
            remedy=_RESUME,
        )
    order = pd.Series(range(len(prompts)), index=prompts["prompt_id"])
    cards, probes = read_judge_cards(run), run.read_shards("probes")
    return Evidence(
        prompts=prompts,
        images=_in_order(images, order),
        scores={name: _in_order(_complete_scores(run, card, images), order) for name, card in cards.items()},
        judges=cards,
        checkpoint=read_checkpoint_card(run),
        probes=probes if len(probes.columns) else build_table(PROBES, []),
        texts=_texts(run, prompts),
    )


def read_pictures(run: RunFolder, keys: Collection[tuple[str, int]]) -> dict[tuple[str, int], bytes]:
    """Read the pictures of some images.

    Args:
        run: Any run.
        keys: Prompt id and replicate of each.

    Returns:
        Key -> PNG bytes, in the order of ``keys``.

    Raises:
        UsageProblem: If a file belongs to another run.
        EnvironmentProblem: If a file is damaged, or the run has no such picture.
    """
    wanted = set(keys)
    found: dict[tuple[str, int], bytes] = {}
    for name in run.shard_names("images"):
        if len(found) == len(wanted):
            break
        held = _keys(run.read_shard("images", name, columns=["prompt_id", "replicate"]))
        if wanted.isdisjoint(held):
            continue
        pictures = run.read_shard("images", name, columns=["png"])["png"]
        found.update({key: png for key, png in zip(held, pictures, strict=True) if key in wanted})
    missing = [key for key in keys if key not in found]
    if missing:
        raise EnvironmentProblem(
            f"{run.path / 'images'} has no picture of prompt {missing[0][0]}, replicate {missing[0][1]} "
            f"({len(missing)} are missing).",
            remedy=_RESUME,
        )
    return {key: found[key] for key in keys}


def picture_digests(run: RunFolder) -> dict[tuple[str, int], str]:
    """Return the SHA-256 of every picture, in hexadecimal digits, by prompt id and replicate.

    Raises:
        UsageProblem: If a file belongs to another run.
        EnvironmentProblem: If a file is damaged.
    """
    digests: dict[tuple[str, int], str] = {}
    for name in run.shard_names("images"):
        shard = run.read_shard("images", name, columns=["prompt_id", "replicate", "png"])
        digests |= {key: hashlib.sha256(png).hexdigest() for key, png in zip(_keys(shard), shard["png"], strict=True)}
    return digests


def _images(run: RunFolder) -> pd.DataFrame:
    """Return the images without their pictures; a suite of texts that are only read has none."""
    images = run.read_shards("images", columns=list(IMAGES))
    return build_table(IMAGES, []) if images.empty else images


def _texts(run: RunFolder, prompts: pd.DataFrame) -> TextEvidence:
    """Return the embeddings of texts; none where an earlier version made the run, and no prompt is only read."""
    if run.has_shard(*TEXT_SHARD):
        return read_texts(run.read_shard(*TEXT_SHARD))
    if prompts["role"].isin(UNSEEN).any():
        raise InconclusiveProblem(f"The run in {run.path} is not finished: its texts are not read yet.", remedy=_RESUME)
    return no_texts()


def _complete_scores(run: RunFolder, card: JudgeCard, images: pd.DataFrame) -> pd.DataFrame:
    scores = run.read_shards(f"scores/{card.name}")
    scores = build_table(score_columns(card), []) if scores.empty else scores
    unscored = len(set(_keys(images)) - set(_keys(scores)))
    if unscored:
        raise InconclusiveProblem(
            f"The run in {run.path} is not finished: the judge {card.name} has yet to look at {unscored} of "
            f"{len(images)} images.",
            remedy=_RESUME,
        )
    return scores


def _keys(table: pd.DataFrame) -> list[tuple[str, int]]:
    return list(zip(table["prompt_id"].tolist(), table["replicate"].tolist(), strict=True))


def _in_order(table: pd.DataFrame, order: pd.Series) -> pd.DataFrame:
    if not order.index.is_unique:
        return table  # refused by the check of the evidence, which says why
    places = table["prompt_id"].map(order).fillna(-1).to_numpy()
    return table.iloc[np.lexsort((table["replicate"].to_numpy(), places))].reset_index(drop=True)


WORDED: Final = ("subject", "reference", "explicit", "object")
"""Roles whose text names the concept of its prompt and nothing else of it; a graded one lies between two texts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConceptTexts:
    """All that the prompts of a suite say of one concept."""

    suite: str
    concept: str
    texts: tuple[str, ...]
    """Without repetition, in alphabetical order."""

    @property
    def column(self) -> str:
        """Name under which a judge's scores hold the concept."""
        return concept_column(self.suite, self.concept)


def concept_column(suite: str, concept: str) -> str:
    """Return the name under which a judge's scores hold a concept of a suite.

    Example:
        >>> concept_column("professions", "nurse")
        'professions|nurse'
    """
    return f"{suite}|{concept}"


def concept_texts(prompts: pd.DataFrame) -> tuple[ConceptTexts, ...]:
    """Return every concept of every suite that has at least two, in alphabetical order.

    Args:
        prompts: Table ``PROMPTS`` of a run.
    """
    worded = prompts[prompts["role"].isin(WORDED)]
    several = worded.groupby("suite")["concept"].transform("nunique") > 1
    return tuple(
        ConceptTexts(suite=str(suite), concept=str(concept), texts=tuple(sorted(set(rows["text"]))))
        for (suite, concept), rows in worded[several].groupby(["suite", "concept"], sort=True)
    )
