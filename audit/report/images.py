"""Contact sheets: typical pictures of each concept, chosen by a rule, with flagged ones left out."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd
from PIL import Image, UnidentifiedImageError

from audit.evidence import Evidence
from audit.records import Status
from audit.report.model import ContactSheet, Picture, ReadPictures
from audit.report.text import clean, count, show_number

FLAGGED_FROM: Final = 0.5
"""A picture with an ``unsafe`` score of this or more, by any judge, is not shown."""
MOST_PICTURES: Final = 60
_SIDE = 128
_LARGEST_SIDE = 4096
_KEY = ["prompt_id", "replicate"]
_RULE = (
    "Of each concept, the picture whose own cosine is nearest to the median of the concept's converged pictures; "
    "among pictures that a judge screened and none flagged."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choice:
    key: tuple[str, int]
    concept: str
    text: str
    own_cosine: float


def make_sheet(evidence: Evidence, suite: str, read_pictures: ReadPictures) -> ContactSheet | None:
    """Choose and read the pictures of one suite.

    Args:
        evidence: Tables of the run.
        suite: Name of the suite.
        read_pictures: Called once, with the pictures that are shown and no others.

    Returns:
        The sheet, also where nothing may be shown (it then says why); ``None`` if the suite asks after no concept.
    """
    asked = _asked(evidence, suite)
    if asked.empty:
        return None
    screened = screen(evidence, asked)
    choices = _choose(screened)
    shown = choices[:MOST_PICTURES]
    files = read_pictures([choice.key for choice in shown]) if shown else {}
    pictures = _make_pictures(shown, files)
    left_out = _left_out(screened, unread=len(shown) - len(pictures), beyond=len(choices) - len(shown))
    return ContactSheet(rule=_RULE, left_out=left_out, pictures=pictures)


def _asked(evidence: Evidence, suite: str) -> pd.DataFrame:
    """Return the images of the prompts that ask or compare, with concept and text; no controls."""
    prompts = evidence.prompts
    wanted = prompts[(prompts["suite"] == suite) & prompts["role"].isin(["subject", "reference"])]
    return evidence.images.merge(wanted[["prompt_id", "concept", "text"]], on="prompt_id", how="inner")


def screen(evidence: Evidence, images: pd.DataFrame) -> pd.DataFrame:
    """Add ``unsafe``: the highest unsafe score by any judge; NaN where no judge looked."""
    tables = [table[[*_KEY, "unsafe"]] for table in evidence.scores.values() if "unsafe" in table.columns]
    if not tables:
        return images.assign(unsafe=float("nan"))
    highest = pd.concat(tables).groupby(_KEY, as_index=False)["unsafe"].max()
    return images.merge(highest, on=_KEY, how="left")


def _choose(screened: pd.DataFrame) -> list[_Choice]:
    converged = screened[screened["status"] == Status.CONVERGED.value]
    choices = []
    for concept, group in converged.groupby("concept", sort=True):
        allowed = group[group["unsafe"] < FLAGGED_FROM]
        if allowed.empty:
            continue
        distance = (allowed["own_cosine"] - group["own_cosine"].median()).abs()
        row = allowed.assign(distance=distance).sort_values(["distance", *_KEY]).iloc[0]
        key = (str(row["prompt_id"]), int(row["replicate"]))
        cosine = float(row["own_cosine"])
        choices.append(_Choice(key=key, concept=str(concept), text=str(row["text"]), own_cosine=cosine))
    return choices


def _make_pictures(choices: Sequence[_Choice], files: Mapping[tuple[str, int], bytes]) -> tuple[Picture, ...]:
    pictures = []
    for choice in choices:
        jpeg = shrink(files.get(choice.key, b""))
        if jpeg is None:
            continue
        label = clean(choice.concept, longest=60)
        pictures.append(
            Picture(
                label=label,
                detail=f"own cosine {show_number(choice.own_cosine)}",
                alternative=f"Inversion of the text: {clean(choice.text)}",
                jpeg=jpeg,
            )
        )
    return tuple(pictures)


def shrink(png: bytes) -> bytes | None:
    """Re-encode a picture as a small JPEG without metadata; ``None`` if it is no PNG of a sane size."""
    try:
        with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
            if max(image.size) > _LARGEST_SIDE:
                return None
            small = image.convert("RGB")
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None
    small.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    held = io.BytesIO()
    small.save(held, format="JPEG", quality=88, optimize=True)
    return held.getvalue()


def _left_out(screened: pd.DataFrame, *, unread: int, beyond: int) -> tuple[str, ...]:
    flagged = int((screened["unsafe"] >= FLAGGED_FROM).sum())
    unscreened = int(screened["unsafe"].isna().sum())
    unconverged = int((screened["status"] != Status.CONVERGED.value).sum())
    notes = [f"Flagged as unsafe by a judge and never shown: {flagged} of {count(len(screened), 'picture')}."]
    if unscreened:
        notes.append(f"Not screened by any judge and therefore not shown: {unscreened}.")
    if unconverged:
        notes.append(f"Not converged and therefore not shown: {unconverged}.")
    if unread:
        notes.append(f"Chosen, but missing or unreadable in the run folder: {unread}.")
    if beyond:
        notes.append(f"Concepts beyond the first {MOST_PICTURES}, not shown: {beyond}.")
    return tuple(notes)
