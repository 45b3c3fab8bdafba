"""The columns of the tables of a run, and the check that a table has them.

prompts   one row per prompt                    key: prompt_id
images    one row per image                     key: prompt_id, replicate
scores    one table per judge, a row per image  key: prompt_id, replicate
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, get_args

import numpy as np
import pandas as pd

from audit.errors import UsageProblem
from audit.evidence.columns import REMEDY, Columns, Kind, build_table, check_columns, refuse
from audit.evidence.texts import TextEvidence, no_texts
from audit.records import CheckpointCard, JudgeCard, Prompt, Role, Score, Status

PROMPTS: Final[Columns] = {
    "prompt_id": "text",
    "suite": "text",
    "lens": "text",
    "text": "text",
    "template": "text",
    "concept": "text",
    "role": "text",
    "group": "text",
    "expected": "text",
    "facts": "text",
    "women": "real",
}
"""``facts`` is a JSON object; ``women`` the share of women that labour statistics give, in [0, 1], or NaN."""

IMAGES: Final[Columns] = {
    "prompt_id": "text",
    "replicate": "integer",
    "seed": "integer",
    "status": "text",
    "own_cosine": "real",
    "own_percentile": "real",
    "own_z": "real",
    "sharpness": "real",
    "steps": "integer",
}
"""``own_*`` say how well the checkpoint itself finds the image to match: cosine on fresh views, its percentile in
[0, 100] and its distance in standard deviations from unmatched pairs; NaN where the image is not finite."""

IMAGE_SHARD: Final[Columns] = {**IMAGES, "png": "bytes"}
"""A shard of images also holds each image as lossless PNG."""

PROBES: Final[Columns] = {
    "picture": "text",
    "kind": "text",
    "shows": "text",
    "says": "text",
    "prompt_id": "text",
    "cosine": "real",
}
"""What the checkpoint makes of pictures that it is shown: a row per picture and text. ``shows`` and ``says`` are the
first prompts of what is drawn and of what is written over it, the latter empty where nothing is."""

SCORE_KEYS: Final[Columns] = {"prompt_id": "text", "replicate": "integer", "reason": "text"}
"""``reason`` says why an image has no score; it is empty where it has one."""

_KEY: Final = ["prompt_id", "replicate"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evidence:
    """All that the lenses may look at; checked once, here.

    Raises:
        UsageProblem: If a table lacks a column or has one too many, or its keys do not fit the other tables.
    """

    prompts: pd.DataFrame
    """Columns ``PROMPTS``."""
    images: pd.DataFrame
    """Columns ``IMAGES``; no pictures."""
    scores: Mapping[str, pd.DataFrame]
    """Judge's name -> columns ``score_columns(card)``."""
    judges: Mapping[str, JudgeCard]
    checkpoint: CheckpointCard
    probes: pd.DataFrame = field(default_factory=lambda: build_table(PROBES, []))
    """Columns ``PROBES``."""
    texts: TextEvidence = field(default_factory=no_texts)
    """Embeddings of the texts; empty for a run that has none."""

    def __post_init__(self) -> None:
        """Check every table."""
        check_prompts(self.prompts)
        check_images(self.images)
        _check_known("images", self.images, self.prompts, ["prompt_id"])
        if self.scores.keys() != self.judges.keys():
            raise UsageProblem(
                f"There are scores of {sorted(self.scores)}, but cards of the judges {sorted(self.judges)}.",
                remedy=REMEDY,
            )
        for name, table in self.scores.items():
            check_scores(table, self.judges[name])
            _check_known(f"scores of {name}", table, self.images, _KEY)
        check_columns("probes", self.probes, PROBES)
        _check_known("probes", self.probes, self.prompts, ["prompt_id"])


def score_columns(card: JudgeCard) -> dict[str, Kind]:
    """Return the columns of the scores of a judge: the key, the reason, one real per class, and the text it reads."""
    text: dict[str, Kind] = {} if card.text is None else {card.text: "text"}
    return {**SCORE_KEYS, **dict.fromkeys(card.classes, "real"), **text}


def prompts_table(prompts: Sequence[Prompt]) -> pd.DataFrame:
    """Return prompts as the table ``PROMPTS``, in their order."""
    names = [name for name in PROMPTS if name not in {"facts", "women"}]
    rows = [
        {
            **{name: str(getattr(prompt, name)) for name in names},
            "facts": json.dumps(dict(prompt.facts), sort_keys=True, ensure_ascii=False),
            "women": float(prompt.facts.get("women", np.nan)),
        }
        for prompt in prompts
    ]
    return build_table(PROMPTS, rows)


def scores_table(keys: Sequence[tuple[str, int]], scores: Sequence[Score], card: JudgeCard) -> pd.DataFrame:
    """Return what a judge said of the images ``keys`` (prompt id, replicate) as the table ``score_columns(card)``.

    Raises:
        ValueError: If there is not exactly one score per key.
        KeyError: If a score lacks a class of the card.
    """
    rows = []
    for (prompt_id, replicate), score in zip(keys, scores, strict=True):
        values = dict.fromkeys(card.classes, np.nan) if score.values is None else score.values
        key = {"prompt_id": prompt_id, "replicate": replicate, "reason": score.reason}
        text = {} if card.text is None else {card.text: score.text}
        rows.append({**key, **{name: values[name] for name in card.classes}, **text})
    return build_table(score_columns(card), rows)


def check_prompts(table: pd.DataFrame) -> None:
    """Check a prompts table.

    Raises:
        UsageProblem: If its columns, keys, roles, facts or shares are not as ``PROMPTS`` says.
    """
    check_columns("prompts", table, PROMPTS)
    _check_unique("prompts", table, ["prompt_id"])
    refuse("prompts", table, ~table["role"].isin(get_args(Role)), "role", f"one of {', '.join(get_args(Role))}")
    refuse("prompts", table, ~table["facts"].map(_is_json_object).astype(bool), "facts", "a JSON object")
    refuse("prompts", table, (table["women"] < 0) | (table["women"] > 1), "women", "a share from 0 to 1, or missing")


def check_images(table: pd.DataFrame, *, pictures: bool = False) -> None:
    """Check an images table, or (with ``pictures``) a shard of images.

    Raises:
        UsageProblem: If its columns, keys or statuses are not as ``IMAGES`` or ``IMAGE_SHARD`` says.
    """
    check_columns("images", table, IMAGE_SHARD if pictures else IMAGES)
    _check_unique("images", table, _KEY)
    refuse("images", table, ~table["status"].isin(list(Status)), "status", f"one of {', '.join(Status)}")


def check_scores(table: pd.DataFrame, card: JudgeCard) -> None:
    """Check the scores of one judge: each row has finite values in all classes, or none and a reason.

    Raises:
        UsageProblem: If columns, keys or values are not as ``score_columns(card)`` says.
    """
    what = f"scores of {card.name}"
    check_columns(what, table, score_columns(card))
    _check_unique(what, table, _KEY)
    values = table[list(card.classes)].to_numpy(dtype=np.float64)
    unscored = (table["reason"] != "").to_numpy()
    sound = np.where(unscored, np.isnan(values).all(axis=1), np.isfinite(values).all(axis=1))
    refuse(what, table, pd.Series(~sound, index=table.index), "reason", "empty exactly where all classes have a score")


def _check_unique(what: str, table: pd.DataFrame, key: list[str]) -> None:
    twice = table[key].duplicated()
    refuse(what, table, twice, key[0], f"there once for each {' and '.join(key)}")
    refuse(what, table, table["prompt_id"] == "", "prompt_id", "given")


def _check_known(what: str, table: pd.DataFrame, others: pd.DataFrame, key: list[str]) -> None:
    known = pd.MultiIndex.from_frame(others[key])
    unknown = pd.Series(~pd.MultiIndex.from_frame(table[key]).isin(known), index=table.index)
    refuse(what, table, unknown, "prompt_id", "one that the run knows")


def _is_json_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False
