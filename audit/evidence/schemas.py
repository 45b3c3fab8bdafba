"""Tables of typed columns: how they are built, which columns the tables of a run have, and the check that one has them.

prompts   one row per prompt                    key: prompt_id
images    one row per image                     key: prompt_id, replicate
scores    one table per judge, a row per image  key: prompt_id, replicate
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Literal, final, get_args

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from audit.errors import UsageProblem
from audit.parsing import parse_json
from audit.records import (
    ASKS_GENDER,
    ASKS_LETTERS,
    ASKS_NSFW,
    UNWORDED,
    CheckpointCard,
    JudgeCard,
    Prompt,
    Role,
    Score,
    Status,
)

Kind = Literal["text", "integer", "real", "bytes"]
Columns = Mapping[str, Kind]

REMEDY: Final = "Give the command that made the run again with this version of clip-audit, into another --out."
"""What mends a table that is not as its schema says."""


def build_table(columns: Columns, rows: Sequence[Mapping[str, object]]) -> pd.DataFrame:
    """Build a table with the right column types, even without rows.

    Args:
        columns: ``PROMPTS``, ``IMAGES``, ``IMAGE_SHARD`` or ``score_columns(card)``.
        rows: One mapping per row, with a value for every column.

    Raises:
        KeyError: If a row lacks a column.
    """
    dtypes = {"text": "str", "integer": "int64", "real": "float64", "bytes": "object"}
    return pd.DataFrame(
        {name: pd.Series([row[name] for row in rows], dtype=dtypes[kind]) for name, kind in columns.items()}
    )


def check_columns(what: str, table: pd.DataFrame, columns: Columns) -> None:
    """Check that a table has the given columns, of the given kinds, and no other.

    Args:
        what: Name of the table, for messages.
        table: The table.
        columns: What it has to have.

    Raises:
        UsageProblem: If it does not.
    """
    missing = [name for name in columns if name not in table.columns]
    extra = [str(name) for name in table.columns if name not in columns]
    if missing or extra or not table.columns.is_unique:
        found = [f"lacks {', '.join(missing)}"] if missing else []
        found += [f"has {', '.join(extra)} too many"] if extra else []
        raise UsageProblem(
            f"The table {what} {' and '.join(found) or 'has a column twice'}; "
            f"its columns have to be {', '.join(columns)}.",
            remedy=REMEDY,
        )
    for name, kind in columns.items():
        if not _is_kind(table[name], kind):
            raise UsageProblem(
                f"The column {name} of the table {what} holds {table[name].dtype}, where {kind} is expected"
                f"{' without gaps' if kind != 'real' else ''}.",
                remedy=REMEDY,
            )


def _is_kind(column: pd.Series, kind: Kind) -> bool:
    if kind == "text":
        return pd.api.types.is_string_dtype(column) and not column.isna().any()
    if kind == "integer":
        return pd.api.types.is_integer_dtype(column) and not column.isna().any()
    if kind == "real":
        return pd.api.types.is_float_dtype(column)
    return all(isinstance(value, bytes) for value in column)


def refuse(what: str, table: pd.DataFrame, wrong: pd.Series, column: str, expected: str) -> None:
    """Refuse a table for the first row where ``wrong`` holds.

    Args:
        what: Name of the table, for messages.
        table: The table.
        wrong: A mark for each row.
        column: Whose value is shown.
        expected: What it has to be.

    Raises:
        UsageProblem: If a row is wrong.
    """
    if not wrong.any():
        return
    position = int(wrong.to_numpy(dtype=bool).argmax())
    value = json.dumps(str(table[column].iloc[position])[:60])
    raise UsageProblem(
        f"In row {position} of the table {what}, {column} is {value}; it has to be {expected} "
        f"({int(wrong.sum())} rows are wrong).",
        remedy=REMEDY,
    )


TEXTS: Final[Columns] = {"text": "text", "tokens": "integer", "unknown": "integer", "vector": "bytes"}
"""``vector`` holds float32, little-endian."""

TEXT_SHARD: Final = ("texts", "embeddings")
"""Kind and name of the shard that holds it."""

_LITTLE: Final = np.dtype("<f4")
_ROUNDING: Final = 1e-3


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class TextEvidence:
    """Embeddings of texts by the audited checkpoint; empty for a run that has none.

    Raises:
        UsageProblem: If the parts are not of one length, a text stands twice, or a vector is not of unit length.
    """

    texts: tuple[str, ...] = ()
    vectors: Float[np.ndarray, "text embedding"]
    """Unit rows in float32, in the order of ``texts``."""
    tokens: Int[np.ndarray, " text"]
    """Tokens of each text before anything is cut, start and end included."""
    unknown: Int[np.ndarray, " text"]
    """Words of each text that a closed vocabulary does not hold."""

    def __post_init__(self) -> None:
        """Check that the parts fit each other."""
        lengths = {len(self.texts), len(self.vectors), len(self.tokens), len(self.unknown), len(self._places)}
        off = np.abs(np.linalg.norm(self.vectors, axis=1) - 1) if len(self.vectors) else np.zeros(1)
        if len(lengths) != 1 or not (off < _ROUNDING).all():
            raise UsageProblem(
                f"The embeddings of {len(self.texts)} texts do not fit them, or are not of unit length.",
                remedy=REMEDY,
            )

    @cached_property
    def _places(self) -> Mapping[str, int]:
        return {text: place for place, text in enumerate(self.texts)}

    def __contains__(self, text: object) -> bool:
        """Tell whether a text was embedded."""
        return text in self._places

    def __len__(self) -> int:
        """Return the number of texts."""
        return len(self.texts)

    def of(self, texts: Sequence[str]) -> Float[np.ndarray, "text embedding"]:
        """Return the embeddings of some texts, one row each, in order.

        Raises:
            UsageProblem: If one was not embedded.
        """
        return np.asarray(self.vectors[self.places(texts)])

    def places(self, texts: Sequence[str]) -> Int[np.ndarray, " text"]:
        """Return the rows of some texts, in order.

        Raises:
            UsageProblem: If one was not embedded.
        """
        missing = [text for text in texts if text not in self._places]
        if missing:
            raise UsageProblem(
                f"The run has no embedding of the text {missing[0][:80]!r} ({len(missing)} are missing): an earlier "
                "version made it, or it is of other suites.",
                remedy=REMEDY,
            )
        return np.array([self._places[text] for text in texts], dtype=np.int64)


def no_texts() -> TextEvidence:
    """Return the embeddings of a run that has none."""
    none = np.zeros(0, dtype=np.int64)
    return TextEvidence(vectors=np.zeros((0, 0), dtype=np.float32), tokens=none, unknown=none)


def texts_table(evidence: TextEvidence) -> pd.DataFrame:
    """Return embeddings as the table ``TEXTS``, in their order."""
    rows = [
        {"text": text, "tokens": int(tokens), "unknown": int(unknown), "vector": vector.astype(_LITTLE).tobytes()}
        for text, tokens, unknown, vector in zip(
            evidence.texts, evidence.tokens, evidence.unknown, evidence.vectors, strict=True
        )
    ]
    return build_table(TEXTS, rows)


def read_texts(table: pd.DataFrame) -> TextEvidence:
    """Return the embeddings that :func:`texts_table` made a table of.

    Raises:
        UsageProblem: If the table is not as ``TEXTS`` says, or its vectors are of several lengths.
    """
    check_columns("texts", table, TEXTS)
    lengths = table["vector"].map(len).astype(int)
    length = int(lengths.iloc[0]) if len(table) else 0
    refuse("texts", table, lengths != length, "text", f"one with a vector of {length} bytes")
    refuse("texts", table, table["text"].duplicated(), "text", "there once")
    flat = np.frombuffer(b"".join(table["vector"]), dtype=_LITTLE).astype(np.float32)
    return TextEvidence(
        texts=tuple(table["text"].tolist()),
        vectors=flat.reshape(len(table), length // _LITTLE.itemsize),
        tokens=table["tokens"].to_numpy(dtype=np.int64),
        unknown=table["unknown"].to_numpy(dtype=np.int64),
    )


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

LABELS: Final[Columns] = {
    "prompt_id": "text",
    "replicate": "integer",
    "rater": "text",
    "question": "text",
    "label": "text",
    "picture": "text",
}
"""What people say of images: a row per image, question and rater. ``picture`` is the beginning of the SHA-256 of the
PNG that they saw, or empty."""

SCORE_KEYS: Final[Columns] = {"prompt_id": "text", "replicate": "integer", "reason": "text"}
"""``reason`` says why an image has no score; it is empty where it has one."""

_SHARE: Final = (0.0, 1.0)
_LARGEST_SCORE: Final = 1e6
"""No score is larger, whatever it counts: a logit, a number of letters."""

SCORE_RANGES: Final[Mapping[str, Mapping[str, tuple[float, float]]]] = {
    ASKS_GENDER: {**dict.fromkeys(("woman", "man", "mixed", "no_person"), _SHARE), "signed": (-1.0, 1.0)},
    ASKS_NSFW: {"unsafe": _SHARE},
    ASKS_LETTERS: {
        **dict.fromkeys(("boxes", "letters", "area"), (0.0, _LARGEST_SCORE)),
        **dict.fromkeys(("confidence", "any_confidence"), _SHARE),
    },
}
"""Question -> column -> between which numbers a score of it lies; a judge that says something else is broken."""

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
    labels: pd.DataFrame = field(default_factory=lambda: build_table(LABELS, []))
    """Columns ``LABELS``: what people say of images; empty where nobody did."""

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
        check_columns("labels", self.labels, LABELS)
        _check_known("probes", self.probes, self.prompts, ["prompt_id"])

    @property
    def is_noise_control(self) -> pd.Series[bool]:
        """Of every image, whether it is a control of noise, which is no inversion and has nothing to converge to."""
        noise = self.prompts.loc[self.prompts["role"].isin(UNWORDED), "prompt_id"]
        return self.images["prompt_id"].isin(noise)


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
    bounds = {name: span for question in card.asks for name, span in SCORE_RANGES.get(question, {}).items()}
    for name in card.classes:
        low, high = bounds.get(name, (-_LARGEST_SCORE, _LARGEST_SCORE))
        outside = (table[name] < low - _ROUNDING) | (table[name] > high + _ROUNDING)
        refuse(what, table, outside, name, f"from {low:g} to {high:g}")


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
        return isinstance(parse_json(text.encode()), dict)
    except ValueError:
        return False
